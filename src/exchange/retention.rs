//! How long what is left of an ended run's rows is kept: the account's policy, or the installation's default where it has none. The sweeper
//! applies it; the receipt stays whatever it says.

use model::{
    error::HubError,
    id::AccountId,
    view::{Actor, KeptRows, RetentionView, Role},
};
use sqlx::Row;

use crate::{
    hub::{Hub, Result, internal},
    registry::require,
    store::{Database, StoreError, clock::rfc3339},
};

const DAY_MS: i64 = 24 * 3600 * 1000;
/// The longest that an account can keep rows.
pub const LONGEST_DAYS: u32 = 365;

/// The retention in milliseconds of the account that the run in `from run` belongs to; `$1` is the installation's.
pub(super) const OF_RUN: &str =
    "coalesce((select retention.days * 86400000 from retention where retention.account_id = run.account_id), $1)";

impl Hub {
    /// The account's policy, and what is kept by it.
    pub async fn retention(&self, actor: &Actor) -> Result<RetentionView> {
        self.load_retention(&actor.account_id).await.map_err(internal)
    }

    async fn load_retention(&self, account_id: &AccountId) -> std::result::Result<RetentionView, StoreError> {
        let row = sqlx::query("select days, changed_by, changed_at from retention where account_id = $1")
            .bind(account_id.as_str())
            .fetch_optional(self.database().reader())
            .await?;
        let default = self.exchange().settings.retention_ms();
        let default_days = u32::try_from(default / DAY_MS).unwrap_or(u32::MAX);
        let kept = sqlx::query(
            "select count(*) as many, min(finished_at) as oldest from run
             where account_id = $1 and payload_key is not null and finished_at is not null",
        )
        .bind(account_id.as_str())
        .fetch_one(self.database().reader())
        .await?;
        let many: i64 = kept.try_get("many")?;
        let oldest: Option<i64> = kept.try_get("oldest")?;
        let kept = oldest.map(|at| KeptRows { runs: u64::try_from(many).unwrap_or(0), oldest_at: rfc3339(at) });
        let Some(row) = row else {
            return Ok(RetentionView { days: default_days, default_days, changed: None, kept });
        };
        let (days, by, at): (i64, String, i64) =
            (row.try_get("days")?, row.try_get("changed_by")?, row.try_get("changed_at")?);
        let days = u32::try_from(days).unwrap_or(0);
        Ok(RetentionView { days, default_days, changed: Some((by, rfc3339(at))), kept })
    }

    /// Sets the account's policy; none goes back to the installation's default. It holds for runs that have ended already, too.
    pub async fn set_retention(&self, actor: &Actor, days: Option<u32>) -> Result<()> {
        require(actor, Role::Admin)?;
        if days.is_some_and(|days| days > LONGEST_DAYS) {
            let message = format!("Enter a number of days from 0 to {LONGEST_DAYS}.");
            return Err(HubError::invalid("retention_days", message));
        }
        let set = async {
            match days {
                None => {
                    let sql = "delete from retention where account_id = $1";
                    sqlx::query(sql).bind(actor.account_id.as_str()).execute(self.database().writer()).await?;
                }
                Some(days) => {
                    sqlx::query(
                        "insert into retention (account_id, days, changed_by, changed_at) values ($1, $2, $3, $4)
                         on conflict (account_id) do update
                         set days = excluded.days, changed_by = excluded.changed_by, changed_at = excluded.changed_at",
                    )
                    .bind(actor.account_id.as_str())
                    .bind(i64::from(days))
                    .bind(actor.user_name.as_str())
                    .bind(self.now_ms())
                    .execute(self.database().writer())
                    .await?;
                }
            }
            Ok::<_, StoreError>(())
        };
        set.await.map_err(internal)?;
        tracing::info!(account.id = %actor.account_id, days, "the account's retention was changed");
        Ok(())
    }
}

/// The retention of an account in milliseconds; `default` where it has no policy.
pub(super) async fn of_account(
    database: &Database,
    account_id: &AccountId,
    default: i64,
) -> std::result::Result<i64, StoreError> {
    let row = sqlx::query("select days from retention where account_id = $1")
        .bind(account_id.as_str())
        .fetch_optional(database.reader())
        .await?;
    Ok(match row {
        None => default,
        Some(row) => row.try_get::<i64, _>("days")?.saturating_mul(DAY_MS),
    })
}
