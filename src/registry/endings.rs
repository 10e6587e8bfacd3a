//! When the credentials end with which Usher calls endpoints, where somebody said so: applications seldom tell by themselves.

use model::{
    error::HubError,
    id::{AccountId, EndpointId},
    view::{Actor, Role},
};
use sqlx::Row;

use super::{parsed_id, require};
use crate::{
    hub::{Hub, Result, internal},
    store::{Database, StoreError},
};

const DAY_MS: i64 = 86_400_000;

/// A credential that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CredentialEnd {
    pub(crate) account_id: AccountId,
    pub(crate) endpoint_id: EndpointId,
    pub(crate) endpoint_name: String,
    pub(crate) ends_at: i64,
}

/// Every credential of the installation whose end is known.
pub(crate) async fn credential_ends(database: &Database) -> std::result::Result<Vec<CredentialEnd>, StoreError> {
    let rows = sqlx::query(
        "select c.account_id, c.endpoint_id, c.ends_at, e.name from credential_end c join endpoint e on e.id = c.endpoint_id
         where e.disconnected_at is null
         order by c.ends_at, c.endpoint_id",
    )
    .fetch_all(database.reader())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(CredentialEnd {
                account_id: parsed_id(row, "account_id")?,
                endpoint_id: parsed_id(row, "endpoint_id")?,
                endpoint_name: row.try_get("name")?,
                ends_at: row.try_get("ends_at")?,
            })
        })
        .collect()
}

impl Hub {
    /// Notes on which day (`2026-12-31`, UTC) the credential of an endpoint ends; nothing when that is not known, or it does not end.
    pub async fn note_credential_end(&self, actor: &Actor, id: &EndpointId, day: &str) -> Result<()> {
        require(actor, Role::Admin)?;
        self.connected_endpoint(&actor.account_id, id).await?;
        let ends_at = match day.trim() {
            "" => None,
            day => {
                let parsed = chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").ok();
                // It is taken to hold to the end of that day.
                let end = parsed.and_then(|day| day.succ_opt()).map(|next| next.and_time(chrono::NaiveTime::MIN));
                let end = end.map(|end| end.and_utc().timestamp_millis() - 1);
                let wrong = || HubError::invalid("credential_end", "Enter a day from today on, or nothing.");
                let end = end.filter(|end| *end >= self.now_ms() && *end < self.now_ms() + 100 * 366 * DAY_MS);
                Some(end.ok_or_else(wrong)?)
            }
        };
        let noted =
            match ends_at {
                None => {
                    sqlx::query("delete from credential_end where endpoint_id = $1 and account_id = $2")
                        .bind(id.as_str())
                        .bind(actor.account_id.as_str())
                        .execute(self.database().writer())
                        .await
                }
                Some(ends_at) => sqlx::query(
                    "insert into credential_end (endpoint_id, account_id, ends_at, noted_by) values ($1, $2, $3, $4)
                     on conflict (endpoint_id) do update set ends_at = excluded.ends_at, noted_by = excluded.noted_by
                     where credential_end.account_id = excluded.account_id",
                )
                .bind(id.as_str())
                .bind(actor.account_id.as_str())
                .bind(ends_at)
                .bind(actor.user_name.as_str())
                .execute(self.database().writer())
                .await,
            };
        noted.map_err(internal)?;
        self.look_at_account_endings(&actor.account_id).await.map_err(internal)
    }

    /// The day (`2026-12-31`) on which the credential of an endpoint ends, where that is known.
    pub async fn credential_end(&self, actor: &Actor, id: &EndpointId) -> Result<Option<String>> {
        self.connected_endpoint(&actor.account_id, id).await?;
        let row = sqlx::query("select ends_at from credential_end where endpoint_id = $1 and account_id = $2")
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        let Some(row) = row else { return Ok(None) };
        let ends_at: i64 = row.try_get("ends_at").map_err(internal)?;
        let day = chrono::DateTime::from_timestamp_millis(ends_at).map(|end| end.date_naive().to_string());
        Ok(day)
    }
}
