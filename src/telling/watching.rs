//! Looking at shares: what is the matter now, compared with what is said to be. Opens and closes alerts, and writes what is to be told.
//!
//! Looking is level-triggered: however often and by however many processes a share is looked at, the same things are open afterwards. The row of
//! the watch is the lock; what counts is read after it was taken.

use model::{
    alert::{AlertEventKind, AlertRules, Condition},
    id::{AccountId, AlertId, EndpointId, RunId, ShareId},
};
use sqlx::{Any, Row, Transaction};
use tokio_util::sync::CancellationToken;

use super::{
    LOOK_EVERY, endings,
    judging::{Sight, Verdict},
    messages, rules,
};
use crate::{
    exchange,
    hub::Hub,
    registry::parsed_id,
    sharing,
    store::{StoreError, new_id},
};

/// Shares that are looked at between two looks for others.
const BATCH: i64 = 100;

/// What an alert is about, while it is written.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    Share(&'a ShareId),
    Endpoint(&'a EndpointId),
}

impl About<'_> {
    fn id(&self) -> &str {
        match self {
            Self::Share(id) => id.as_str(),
            Self::Endpoint(id) => id.as_str(),
        }
    }
}

/// An alert that is open.
pub(super) struct Open {
    id: AlertId,
    pub(super) condition: Condition,
    cause: String,
    run_id: Option<String>,
    opened_at: i64,
}

impl Hub {
    /// Looks for what people have to be told, until `stop` is cancelled. Any number of processes may do so.
    pub async fn watch_shares(&self, stop: CancellationToken) {
        // Apart: consents that end are renewed by other servers, which may take their time, and shares must not wait for them.
        tokio::join!(self.keep_looking(&stop), self.keep_sweeping(&stop));
    }

    async fn keep_looking(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.look_at_due().await {
                tracing::error!(%error, "shares could not be looked at for what people have to be told");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn keep_sweeping(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.look_at_endings().await {
                tracing::error!(%error, "credentials that end could not be looked at");
            }
            if let Err(error) = self.forget_old_alerts().await {
                tracing::error!(%error, "what is long over could not be forgotten");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(endings::SWEEP_EVERY) => {}
            }
        }
    }

    /// Looks at every share whose moment has come; says how many there were.
    pub async fn look_at_due(&self) -> Result<u32, StoreError> {
        let mut looked = 0;
        loop {
            let rows = sqlx::query(
                "select share_id, account_id, look_at from alert_watch where look_at <= $1 order by look_at, share_id limit $2",
            )
            .bind(self.now_ms())
            .bind(BATCH)
            .fetch_all(self.database().reader())
            .await?;
            let many = rows.len();
            for row in &rows {
                let (share_id, account_id) = (parsed_id(row, "share_id")?, parsed_id(row, "account_id")?);
                if let Err(error) = self.look_at_share(&account_id, &share_id, row.try_get("look_at")?).await {
                    // One that can't be looked at must not keep the others from it; it is tried again in a while.
                    tracing::error!(share.id = %share_id, %error, "a share could not be looked at");
                    self.look_later(&share_id).await?;
                }
                looked += 1;
            }
            if many < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                return Ok(looked);
            }
        }
    }

    async fn look_later(&self, share_id: &ShareId) -> Result<(), StoreError> {
        sqlx::query("update alert_watch set look_at = $1 where share_id = $2 and look_at <= $3")
            .bind(self.now_ms().saturating_add(super::SOON_MS))
            .bind(share_id.as_str())
            .bind(self.now_ms())
            .execute(self.database().writer())
            .await?;
        Ok(())
    }

    async fn look_at_share(&self, account_id: &AccountId, share_id: &ShareId, seen: i64) -> Result<(), StoreError> {
        let mut transaction = self.database().begin().await?;
        let now = self.now_ms();
        let ours = sqlx::query("update alert_watch set look_at = null where share_id = $1 and look_at = $2")
            .bind(share_id.as_str())
            .bind(seen)
            .execute(&mut *transaction)
            .await?;
        if ours.rows_affected() == 0 {
            return Ok(());
        }
        let share = sharing::standing(&mut transaction, account_id, share_id).await?;
        let Some(share) = share.filter(|share| share.is_active) else {
            sqlx::query("delete from alert_watch where share_id = $1")
                .bind(share_id.as_str())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            return Ok(());
        };
        let rules = rules::of_share(&mut transaction, account_id, share_id).await?;
        let most = rules.size.map_or(1, |size| u32::from(size.runs) + 1);
        let runs = exchange::standing::standing(&mut transaction, account_id, share_id, most).await?;
        let about = About::Share(share_id);
        let open = open(&mut transaction, account_id, about).await?;
        let failed_since = open.iter().find(|alert| alert.condition == Condition::Failed).map(|alert| alert.opened_at);
        let sight = Sight { now, rules: &rules, share: &share, runs: &runs, failed_since };
        for (condition, verdict) in sight.verdicts() {
            let said = open.iter().find(|alert| alert.condition == condition);
            let told = Told { now, account_id, about, name: &share.name, rules: &rules };
            told.settle(&mut transaction, condition, verdict, said).await?;
        }
        if let Some(next) = sight.next_look() {
            super::look_by(&mut transaction, next, account_id, share_id).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// What is open about a share or an endpoint.
pub(super) async fn open(
    transaction: &mut Transaction<'_, Any>,
    account_id: &AccountId,
    about: About<'_>,
) -> Result<Vec<Open>, StoreError> {
    let rows = sqlx::query(
        "select id, condition, cause, run_id, opened_at from alert where account_id = $1 and subject = $2 and closed_at is null",
    )
    .bind(account_id.as_str())
    .bind(about.id())
    .fetch_all(&mut **transaction)
    .await?;
    let mut open = Vec::new();
    for row in &rows {
        // A condition that an older Usher does not know is none of its business.
        let Some(condition) = Condition::parse(&row.try_get::<String, _>("condition")?) else { continue };
        open.push(Open {
            id: parsed_id(row, "id")?,
            condition,
            cause: row.try_get("cause")?,
            run_id: row.try_get("run_id")?,
            opened_at: row.try_get("opened_at")?,
        });
    }
    Ok(open)
}

/// Whom a verdict is about, and by which rules it is told.
pub(super) struct Told<'a> {
    pub(super) now: i64,
    pub(super) account_id: &'a AccountId,
    pub(super) about: About<'a>,
    pub(super) name: &'a str,
    pub(super) rules: &'a AlertRules,
}

impl Told<'_> {
    /// Makes what is said agree with a verdict.
    pub(super) async fn settle(
        &self,
        transaction: &mut Transaction<'_, Any>,
        condition: Condition,
        verdict: Verdict,
        said: Option<&Open>,
    ) -> Result<(), StoreError> {
        match (verdict, said) {
            (Verdict::Holds { cause, run_id }, None) => self.open(transaction, condition, &cause, run_id).await,
            (Verdict::Holds { cause, run_id }, Some(alert)) => {
                let run_id = run_id.map(|id| id.to_string());
                if alert.cause == cause && alert.run_id == run_id {
                    return Ok(());
                }
                // Still the same matter: nobody is told again, and the page shows how it is now.
                sqlx::query("update alert set cause = $1, run_id = $2 where id = $3 and closed_at is null")
                    .bind(cause)
                    .bind(run_id)
                    .bind(alert.id.as_str())
                    .execute(&mut **transaction)
                    .await?;
                Ok(())
            }
            (Verdict::Well { because }, Some(alert)) => {
                self.close(transaction, alert, &because, self.rules.recovered).await
            }
            (Verdict::Over { because }, Some(alert)) => self.close(transaction, alert, &because, false).await,
            (Verdict::Unwatched, Some(alert)) => {
                self.close(transaction, alert, "It is not watched any more.", false).await
            }
            (Verdict::Well { .. } | Verdict::Over { .. } | Verdict::Unwatched, None) | (Verdict::Unknown, _) => Ok(()),
        }
    }

    async fn open(
        &self,
        transaction: &mut Transaction<'_, Any>,
        condition: Condition,
        cause: &str,
        run_id: Option<RunId>,
    ) -> Result<(), StoreError> {
        let id: AlertId = new_id(AlertId::PREFIX);
        let (share, endpoint) = match self.about {
            About::Share(id) => (Some(id.as_str()), None),
            About::Endpoint(id) => (None, Some(id.as_str())),
        };
        let opened = sqlx::query(
            "insert into alert (id, account_id, share_id, endpoint_id, subject, subject_name, condition, cause, run_id, opened_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             on conflict (subject, condition) where closed_at is null do nothing",
        )
        .bind(id.as_str())
        .bind(self.account_id.as_str())
        .bind(share)
        .bind(endpoint)
        .bind(self.about.id())
        .bind(self.name)
        .bind(condition.as_str())
        .bind(cause)
        .bind(run_id.map(|id| id.to_string()))
        .bind(self.now)
        .execute(&mut **transaction)
        .await?;
        if opened.rows_affected() == 0 {
            return Ok(());
        }
        metrics::counter!("usher_alerts_total", "condition" => condition.as_str()).increment(1);
        messages::tell(transaction, self.now, self.account_id, &id, AlertEventKind::Opened).await
    }

    async fn close(
        &self,
        transaction: &mut Transaction<'_, Any>,
        alert: &Open,
        because: &str,
        tells: bool,
    ) -> Result<(), StoreError> {
        let closed =
            sqlx::query("update alert set closed_at = $1, closed_cause = $2 where id = $3 and closed_at is null")
                .bind(self.now)
                .bind(because)
                .bind(alert.id.as_str())
                .execute(&mut **transaction)
                .await?;
        if closed.rows_affected() == 0 || !tells {
            return Ok(());
        }
        messages::tell(transaction, self.now, self.account_id, &alert.id, AlertEventKind::Recovered).await
    }
}
