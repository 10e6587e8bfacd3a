//! Audiences that a PUSH producer declares by itself (contract, "Usher hosts"): made, changed, withdrawn and listed, one at a time.

use model::{
    contract::{MAX_COLUMNS, Movement, Page, Segment},
    error::HubError,
};
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use super::{
    audience::decoded,
    noting::{Unusable, usable},
};
use crate::{
    hub::{Hub, Result, internal},
    registry::{EndpointActor, undecodable},
    store::StoreError,
};

const COLUMNS: &str =
    "segment_id, name, description, size, size_is_estimate, updated_at, fields, tags, label, statistics";

impl Hub {
    /// Declares an audience, or changes it; one that was withdrawn is there again. Says whether it is new.
    pub async fn declare_segment(&self, endpoint: &EndpointActor, segment: &Segment) -> Result<bool> {
        self.push_producer(endpoint).await?;
        usable(segment).map_err(|unusable| match unusable {
            Unusable::Id => HubError::invalid("id", "An id has 1 to 200 bytes, and no control characters."),
            Unusable::Name => HubError::invalid("name", "Give the audience a name."),
            Unusable::Fields => HubError::invalid("fields", format!("An audience has 1 to {MAX_COLUMNS} fields.")),
        })?;
        let is_new = self.note_one(&endpoint.account_id, &endpoint.endpoint_id, segment).await.map_err(internal)?;
        self.follow_segment(&endpoint.account_id, &endpoint.endpoint_id, &segment.id).await;
        Ok(is_new)
    }

    /// Withdraws an audience. Shares of it stay, and say so.
    pub async fn withdraw_segment(&self, endpoint: &EndpointActor, segment_id: &str) -> Result<()> {
        self.push_producer(endpoint).await?;
        let segment_id = storable(segment_id)?;
        let gone = self.note_withdrawn(&endpoint.account_id, &endpoint.endpoint_id, segment_id).await;
        if !gone.map_err(internal)? {
            return Err(HubError::not_found("segment"));
        }
        self.follow_segment(&endpoint.account_id, &endpoint.endpoint_id, segment_id).await;
        Ok(())
    }

    /// The audiences that the endpoint has declared, by id, from after `cursor` on.
    pub async fn declared_segments(
        &self,
        endpoint: &EndpointActor,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Segment>> {
        let sql = AssertSqlSafe(format!(
            "select {COLUMNS} from audience where account_id = $1 and endpoint_id = $2 and withdrawn_at is null and segment_id > $3
             order by segment_id limit {}",
            limit.saturating_add(1)
        ));
        let rows = sqlx::query(sql)
            .bind(endpoint.account_id.as_str())
            .bind(endpoint.endpoint_id.as_str())
            .bind(storable(cursor.unwrap_or_default())?)
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        let items: std::result::Result<Vec<Segment>, StoreError> = rows.iter().map(segment_of).collect();
        let mut items = items.map_err(internal)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|segment| segment.id.clone());
        Ok(Page { items, next })
    }

    /// One of them.
    pub async fn declared_segment(&self, endpoint: &EndpointActor, segment_id: &str) -> Result<Segment> {
        let sql = AssertSqlSafe(format!(
            "select {COLUMNS} from audience where account_id = $1 and endpoint_id = $2 and withdrawn_at is null and segment_id = $3"
        ));
        let row = sqlx::query(sql)
            .bind(endpoint.account_id.as_str())
            .bind(endpoint.endpoint_id.as_str())
            .bind(storable(segment_id)?)
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        let row = row.ok_or_else(|| HubError::not_found("segment"))?;
        segment_of(&row).map_err(internal)
    }

    async fn push_producer(&self, endpoint: &EndpointActor) -> Result<()> {
        let known = self.connected_endpoint(&endpoint.account_id, &endpoint.endpoint_id).await?;
        if known.description.producer.as_ref().is_some_and(|side| side.movement == Movement::Push) {
            return Ok(());
        }
        let message = "This endpoint is not a PUSH producer. Say so with PUT /v1/endpoint first.".to_owned();
        Err(HubError::Conflict { message })
    }
}

/// PostgreSQL refuses text with U+0000; nothing has such an id.
fn storable(segment_id: &str) -> Result<&str> {
    if segment_id.contains('\0') { Err(HubError::not_found("segment")) } else { Ok(segment_id) }
}

fn segment_of(row: &AnyRow) -> std::result::Result<Segment, StoreError> {
    Ok(Segment {
        id: row.try_get("segment_id")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        size: row.try_get::<Option<i64>, _>("size")?.and_then(|size| u64::try_from(size).ok()),
        size_is_estimate: row.try_get::<i64, _>("size_is_estimate")? != 0,
        updated_at: row.try_get("updated_at")?,
        fields: serde_json::from_str(&row.try_get::<String, _>("fields")?).map_err(undecodable)?,
        tags: serde_json::from_str(&row.try_get::<String, _>("tags")?).map_err(undecodable)?,
        label: decoded(row, "label")?,
        statistics: decoded(row, "statistics")?,
    })
}
