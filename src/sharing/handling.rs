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
};

impl Hub {
    /// Chooses how the share's runs change the segment.
    pub async fn choose_handling(&self, actor: &Actor, id: &ShareId, handling: Handling) -> Result<ShareView> {
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
        let sql = "update share set mode = $1, duplicates = $2, shrink_limit = $3, updated_at = $4
            where id = $5 and account_id = $6 and destination_endpoint_id = $7";
        let done = sqlx::query(sql)
            .bind(handling.mode.as_str())
            .bind(handling.duplicates.within(handling.mode).as_str())
            .bind(i64::from(handling.shrink_limit.percent()))
            .bind(self.now_ms())
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .bind(destination.endpoint_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        if done.rows_affected() == 1 {
            return self.share(actor, id).await;
        }
        Err(HubError::Conflict {
            message: "The destination was changed at the same time. Look at it again.".to_owned(),
        })
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
