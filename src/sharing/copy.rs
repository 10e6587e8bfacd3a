//! Sharing again like this: a new draft that begins as another share is.

use model::{
    id::ShareId,
    view::{Actor, Destination, DestinationSegment, MappingCause, Role},
};

use super::versions::{Change, json, note_version};
use crate::{
    hub::{Hub, Result, internal},
    registry::require,
    store::StoreError,
};

impl Hub {
    /// Begins a draft with the audience, the destination, the mapping and the handling of another share. It has no schedule and no run, and nothing of
    /// it is confirmed.
    pub async fn copy_share(&self, actor: &Actor, id: &ShareId) -> Result<ShareId> {
        require(actor, Role::Member)?;
        let share = self.share(actor, id).await?;
        let copy = self.insert_draft(actor, &share.audience.id, share.destination_endpoint.as_ref()).await?;
        let Some(Destination { segment, mode, .. }) = &share.destination else { return Ok(copy) };
        let (segment_id, segment_name) = match segment {
            DestinationSegment::New { name } => (None, name.as_str()),
            DestinationSegment::Existing { id, name } => (Some(id.as_str()), name.as_str()),
        };
        let copied = async {
            let mapping = json(&share.mapping)?;
            let now = self.now_ms();
            let version = i64::from(!share.mapping.links.is_empty());
            let mut transaction = self.database().begin().await?;
            sqlx::query(
                "update share set segment_id = $1, segment_name = $2, mode = $3, shrink_limit = $4, duplicates = $5, mapping = $6,
                    mapping_version = $7, known_fields = $8 where id = $9 and account_id = $10",
            )
            .bind(segment_id)
            .bind(segment_name)
            .bind(mode.as_str())
            .bind(i64::from(share.shrink_limit.percent()))
            .bind(share.duplicates.as_str())
            .bind(mapping.as_str())
            .bind(version)
            .bind(json(&share.both_fields())?)
            .bind(copy.as_str())
            .bind(actor.account_id.as_str())
            .execute(&mut *transaction)
            .await?;
            if version == 1 {
                let change = Change { note: Some(&share.audience.name), ..Change::of(MappingCause::Copied) };
                note_version(&mut transaction, now, actor, &copy, version, &mapping, change).await?;
            }
            transaction.commit().await?;
            Ok::<_, StoreError>(())
        };
        copied.await.map_err(internal)?;
        Ok(copy)
    }
}
