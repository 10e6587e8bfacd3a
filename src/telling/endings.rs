//! Credentials that end: looked at now and then, because nothing happens when their time draws near. And what is long over is forgotten.

use std::{collections::HashMap, time::Duration};

use model::{
    alert::{AlertRules, Condition},
    id::{AccountId, EndpointId},
};
use sqlx::Row;

use super::{
    judging::{DAY_MS, Verdict, day},
    rules,
    watching::{About, Told, open},
};
use crate::{
    hub::Hub,
    registry::{self, CredentialEnd, parsed_id},
    store::StoreError,
};

/// How often it is looked.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// How long alerts that are over, and the log of deliveries, are kept.
const KEPT_MS: i64 = 90 * DAY_MS;

impl Hub {
    /// Looks at every credential whose end is known, once those that can be renewed are.
    pub async fn look_at_endings(&self) -> Result<(), StoreError> {
        self.renew_ending_consents().await?;
        let ends = registry::credential_ends(self.database(), self.now_ms()).await?;
        let mut by_account: HashMap<AccountId, Vec<CredentialEnd>> = HashMap::new();
        for end in ends {
            by_account.entry(end.account_id.clone()).or_default().push(end);
        }
        // What is said of credentials whose end is not known any more.
        let said = sqlx::query("select distinct account_id from alert where condition = $1 and closed_at is null")
            .bind(Condition::Expiring.as_str())
            .fetch_all(self.database().reader())
            .await?;
        for row in &said {
            by_account.entry(parsed_id(row, "account_id")?).or_default();
        }
        for (account_id, ends) in by_account {
            self.look_at_endings_of(&account_id, &ends).await?;
        }
        Ok(())
    }

    /// The same, of one account, once somebody said something of one of them.
    pub(crate) async fn look_at_account_endings(&self, account_id: &AccountId) -> Result<(), StoreError> {
        let mut ends = registry::credential_ends(self.database(), self.now_ms()).await?;
        ends.retain(|end| end.account_id == *account_id);
        self.look_at_endings_of(account_id, &ends).await
    }

    async fn look_at_endings_of(&self, account_id: &AccountId, ends: &[CredentialEnd]) -> Result<(), StoreError> {
        let mut transaction = self.database().begin().await?;
        let now = self.now_ms();
        let rules = rules::of_account(&mut transaction, account_id).await?;
        let said = sqlx::query(
            "select endpoint_id, subject_name from alert where account_id = $1 and condition = $2 and closed_at is null",
        )
        .bind(account_id.as_str())
        .bind(Condition::Expiring.as_str())
        .fetch_all(&mut *transaction)
        .await?;
        let mut endpoints: HashMap<EndpointId, (String, Option<i64>)> = HashMap::new();
        for row in &said {
            endpoints.insert(parsed_id(row, "endpoint_id")?, (row.try_get("subject_name")?, None));
        }
        for end in ends {
            endpoints.insert(end.endpoint_id.clone(), (end.endpoint_name.clone(), Some(end.ends_at)));
        }
        for (endpoint_id, (name, ends_at)) in &endpoints {
            let about = About::Endpoint(endpoint_id);
            let said = open(&mut transaction, account_id, about).await?;
            let said = said.iter().find(|alert| alert.condition == Condition::Expiring);
            let told = Told { now, account_id, about, name, rules: &rules };
            told.settle(&mut transaction, Condition::Expiring, verdict(now, &rules, *ends_at), said).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Deletes what is long over: alerts with their messages, and the log of deliveries.
    pub(crate) async fn forget_old_alerts(&self) -> Result<(), StoreError> {
        let before = self.now_ms().saturating_sub(KEPT_MS);
        for sql in [
            "delete from alert where closed_at < $1",
            "delete from alert_delivery where due_at is null and created_at < $1",
            "delete from alert_message where alert_id is null and created_at < $1",
        ] {
            sqlx::query(sql).bind(before).execute(self.database().writer()).await?;
        }
        Ok(())
    }
}

fn verdict(now: i64, rules: &AlertRules, ends_at: Option<i64>) -> Verdict {
    let Some(days) = rules.expiring_days else { return Verdict::Unwatched };
    match ends_at {
        Some(end) if end <= now => {
            Verdict::Holds { cause: format!("What Usher calls it with ended on {}.", day(end)), run_id: None }
        }
        Some(end) if end.saturating_sub(i64::from(days) * DAY_MS) <= now => {
            Verdict::Holds { cause: format!("What Usher calls it with ends on {}.", day(end)), run_id: None }
        }
        Some(end) => Verdict::Well { because: format!("What Usher calls it with now ends on {}.", day(end)) },
        None => Verdict::Well { because: "No end is known any more.".to_owned() },
    }
}
