//! When the credentials end with which Usher calls endpoints: as the authorisation server says (the endpoint's own row, written with the token), or
//! as somebody noted, because applications seldom tell by themselves. The earlier of the two counts.

use model::{
    error::HubError,
    id::{AccountId, EndpointId},
    view::{Actor, CredentialEndView, Role},
};
use sqlx::Row;

use super::{parsed_id, require};
use crate::{
    hub::{Hub, Result, internal},
    store::{Database, StoreError, clock::rfc3339},
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

/// Every credential of the installation whose end is known, and comes whatever Usher does: what is renewed before ends once it has ended all the same.
pub(crate) async fn credential_ends(
    database: &Database,
    now: i64,
) -> std::result::Result<Vec<CredentialEnd>, StoreError> {
    let rows = sqlx::query(
        "select e.account_id, e.id as endpoint_id, e.name, c.ends_at,
            case when e.credential_slides = 1 and e.credential_ends_at > $1 then null else e.credential_ends_at end as credential_ends_at
         from endpoint e left join credential_end c on c.endpoint_id = e.id and c.account_id = e.account_id
         where e.disconnected_at is null and (c.ends_at is not null or e.credential_ends_at is not null)
         order by e.account_id, e.id",
    )
    .bind(now)
    .fetch_all(database.reader())
    .await?;
    let mut ends = Vec::with_capacity(rows.len());
    for row in &rows {
        let known: [Option<i64>; 2] = [row.try_get("ends_at")?, row.try_get("credential_ends_at")?];
        let Some(ends_at) = known.into_iter().flatten().min() else { continue };
        ends.push(CredentialEnd {
            account_id: parsed_id(row, "account_id")?,
            endpoint_id: parsed_id(row, "endpoint_id")?,
            endpoint_name: row.try_get("name")?,
            ends_at,
        });
    }
    Ok(ends)
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

    /// When the credential of an endpoint ends, where that is known.
    pub async fn credential_end(&self, actor: &Actor, id: &EndpointId) -> Result<CredentialEndView> {
        self.connected_endpoint(&actor.account_id, id).await?;
        let row = sqlx::query(
            "select c.ends_at, e.credential_ends_at, e.credential_slides from endpoint e
             left join credential_end c on c.endpoint_id = e.id and c.account_id = e.account_id
             where e.id = $1 and e.account_id = $2",
        )
        .bind(id.as_str())
        .bind(actor.account_id.as_str())
        .fetch_one(self.database().reader())
        .await
        .map_err(internal)?;
        let noted: Option<i64> = row.try_get("ends_at").map_err(internal)?;
        let told: Option<i64> = row.try_get("credential_ends_at").map_err(internal)?;
        let day = |ms| chrono::DateTime::from_timestamp_millis(ms).map(|end| end.date_naive().to_string());
        Ok(CredentialEndView {
            noted: noted.and_then(day),
            told: told.map(rfc3339),
            has_ended: told.is_some_and(|end| end <= self.now_ms()),
            is_renewed: row.try_get::<i64, _>("credential_slides").map_err(internal)? == 1,
        })
    }
}
