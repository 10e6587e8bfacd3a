//! How a share's runs change the segment, and what keeps them from doing harm: mode, rows of the same person, the shrink limit.

use model::{
    error::HubError,
    id::ShareId,
    run::{Duplicates, Mode, ShrinkLimit},
    view::{Actor, DestinationSegment, Handling, Role, ShareView},
};

use crate::{
    hub::{Hub, Result, internal},
    registry::require,
    sharing::schedule::{Timing, write_timing},
};

impl Hub {
    /// Chooses how the share's runs change the segment.
    pub async fn choose_handling(&self, actor: &Actor, id: &ShareId, handling: Handling) -> Result<ShareView> {
        self.choose_when(actor, id, handling, Timing::AsItIs, None).await
    }

    /// The same, and when runs come, unless somebody has chosen otherwise since it was the version `seen`: then neither is changed.
    pub async fn choose_when(
        &self,
        actor: &Actor,
        id: &ShareId,
        handling: Handling,
        timing: Timing<'_>,
        seen: Option<u32>,
    ) -> Result<ShareView> {
        require(actor, Role::Member)?;
        let share = self.share(actor, id).await?;
        let destination = share
            .destination
            .ok_or_else(|| HubError::Conflict { message: "Choose a destination first.".to_owned() })?;
        if !handling.mode.is_possible(&destination.delivery.modes) {
            let message = format!("{} does not offer this. Choose another.", destination.endpoint_name);
            return Err(HubError::invalid("mode", message));
        }
        if handling.mode == Mode::Remove && matches!(destination.segment, DestinationSegment::New { .. }) {
            let message = "A new segment has nobody to remove. Choose another way, or an existing segment.";
            return Err(HubError::invalid("mode", message));
        }
        let row = self.share_row(actor, id).await?;
        let scheduled = self.schedule_now().await.map_err(internal)?;
        let change = self.timing_change(actor, &row, timing, scheduled).await?;
        let sql = "update share set mode = $1, duplicates = $2, shrink_limit = $3, updated_at = $4, changed_by = $5,
                handling_version = handling_version + 1
            where id = $6 and account_id = $7 and destination_endpoint_id = $8 and ($9 < 0 or handling_version = $9)";
        let mut transaction = self.database().begin().await.map_err(internal)?;
        let done = sqlx::query(sql)
            .bind(handling.mode.as_str())
            .bind(handling.duplicates.within(handling.mode).as_str())
            .bind(i64::from(handling.shrink_limit.percent()))
            .bind(self.now_ms())
            .bind(actor.user_name.as_str())
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .bind(destination.endpoint_id.as_str())
            .bind(seen.map_or(-1, i64::from))
            .execute(&mut *transaction)
            .await
            .map_err(internal)?;
        if done.rows_affected() == 1 {
            if let Some(change) = &change {
                write_timing(&mut transaction, actor, &row, change, scheduled).await.map_err(internal)?;
            }
            transaction.commit().await.map_err(internal)?;
            return self.share(actor, id).await;
        }
        drop(transaction);
        let now = self.share(actor, id).await?;
        let is_same = now.destination.as_ref().is_some_and(|chosen| chosen.mode == handling.mode)
            && (now.duplicates, now.shrink_limit) == (handling.duplicates.within(handling.mode), handling.shrink_limit);
        if is_same && change.is_none() {
            return Ok(now);
        }
        let row = self.share_row(actor, id).await?;
        let mode = now.destination.map_or("", |destination| destination.mode.label());
        let schedule = self.schedule(actor, id, "UTC").await?;
        let when = schedule.map_or_else(|| "when somebody shares it".to_owned(), |kept| kept.preview.sentence);
        let says = format!("It now says: {mode}, held beyond {} %; {when}", now.shrink_limit.percent());
        Err(row.outdated(actor, "When and how", &format!("{}.", says.trim_end_matches('.'))))
    }

    /// Changes how much a run of the share may shrink the segment before it is held for approval.
    pub async fn set_shrink_limit(&self, actor: &Actor, id: &ShareId, percent: u8) -> Result<()> {
        require(actor, Role::Member)?;
        let limit = ShrinkLimit::new(percent)
            .ok_or_else(|| HubError::invalid("shrink_limit", "Enter a percentage from 0 to 100."))?;
        let sql = "update share set shrink_limit = $1, updated_at = $2 where id = $3 and account_id = $4";
        let done = sqlx::query(sql)
            .bind(i64::from(limit.percent()))
            .bind(self.now_ms())
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(HubError::not_found("share")) }
    }

    /// Changes what runs of the share do with rows of the same person.
    pub async fn set_duplicates(&self, actor: &Actor, id: &ShareId, duplicates: Duplicates) -> Result<()> {
        require(actor, Role::Member)?;
        let sql = "update share set duplicates = $1, updated_at = $2 where id = $3 and account_id = $4";
        let done = sqlx::query(sql)
            .bind(duplicates.as_str())
            .bind(self.now_ms())
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(HubError::not_found("share")) }
    }
}
