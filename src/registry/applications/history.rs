//! What happened to an application, step by step: written in the transaction that does it.

use model::{
    application::{ApplicationEvent, HistoryEntry},
    id::ApplicationId,
    view::Actor,
};
use sqlx::{Any, Row, Transaction};

use super::version_of;
use crate::{
    hub::Hub,
    registry::endpoints::undecodable,
    store::{StoreError, clock::rfc3339, new_id},
};

/// Events that a page shows.
const MOST_SHOWN: i64 = 200;

/// An event's word that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("an application's history has an unknown event")]
struct UnknownEvent;

/// Notes an event.
pub(super) async fn note(
    transaction: &mut Transaction<'static, Any>,
    actor: &Actor,
    (id, version): (&ApplicationId, u32),
    event: ApplicationEvent,
    note: Option<&str>,
    now: i64,
) -> Result<(), StoreError> {
    let event_id: model::id::MessageId = new_id(model::id::MessageId::PREFIX);
    let sql = "insert into application_event (id, application_id, version, event, note, by_id, by_name, at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(sql)
        .bind(event_id.as_str())
        .bind(id.as_str())
        .bind(i64::from(version))
        .bind(event.as_str())
        .bind(note)
        .bind(actor.user_id.as_str())
        .bind(actor.user_name.as_str())
        .bind(now)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

impl Hub {
    pub(super) async fn application_history(&self, id: &ApplicationId) -> Result<Vec<HistoryEntry>, StoreError> {
        let sql = "select version, event, note, by_name, at from application_event where application_id = $1
            order by at desc, id desc limit $2";
        let rows = sqlx::query(sql).bind(id.as_str()).bind(MOST_SHOWN).fetch_all(self.database().reader()).await?;
        rows.iter()
            .map(|row| {
                let event: String = row.try_get("event")?;
                Ok(HistoryEntry {
                    version: version_of(row, "version")?,
                    event: ApplicationEvent::parse(&event).ok_or_else(|| undecodable(UnknownEvent))?,
                    note: row.try_get("note")?,
                    by: row.try_get("by_name")?,
                    at: rfc3339(row.try_get("at")?),
                })
            })
            .collect()
    }
}
