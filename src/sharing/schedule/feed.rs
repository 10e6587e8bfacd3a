//! The calendar as a feed (iCalendar, RFC 5545) that calendar programs read: each person may have one address of it, which can be taken back.

use chrono::{DateTime, TimeDelta, Utc};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus, Property};
use model::{
    calendar::EntryKind,
    id::{AccountId, UserId},
    run::RunState,
    view::Actor,
};
use rand::RngExt;
use sha2::{Digest, Sha256};

use crate::{
    hub::{Hub, Result, internal},
    registry::parsed_id,
};

/// 256 bits, so that a plain hash of the token is safe.
const TOKEN_BYTES: usize = 32;
const PAST_MS: i64 = 30 * 86_400_000;
const AHEAD_MS: i64 = 60 * 86_400_000;
/// A run that is planned, of which nobody knows how long it takes.
const USUAL_SECONDS: u64 = 300;

impl Hub {
    /// Makes the person's address of the account's calendar, and ends the one that there was: its token. It can't be shown again.
    pub async fn renew_calendar_feed(&self, actor: &Actor) -> Result<String> {
        let secret: [u8; TOKEN_BYTES] = rand::rng().random();
        let token = hex::encode(secret);
        let sql = "insert into calendar_feed (account_id, user_id, token_hash, created_at) values ($1, $2, $3, $4)
            on conflict (account_id, user_id) do update set token_hash = excluded.token_hash, created_at = excluded.created_at";
        sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(actor.user_id.as_str())
            .bind(hash(&token))
            .bind(self.now_ms())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(token)
    }

    /// Takes the person's address of the calendar back.
    pub async fn end_calendar_feed(&self, actor: &Actor) -> Result<()> {
        sqlx::query("delete from calendar_feed where account_id = $1 and user_id = $2")
            .bind(actor.account_id.as_str())
            .bind(actor.user_id.as_str())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(())
    }

    /// Whether the person has an address of the calendar.
    pub async fn has_calendar_feed(&self, actor: &Actor) -> Result<bool> {
        let row = sqlx::query("select user_id from calendar_feed where account_id = $1 and user_id = $2")
            .bind(actor.account_id.as_str())
            .bind(actor.user_id.as_str())
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        Ok(row.is_some())
    }

    /// The calendar behind a token; none when it is nobody's, or that person is no longer in the account.
    pub async fn calendar_feed(&self, token: &str) -> Result<Option<String>> {
        let row = sqlx::query("select account_id, user_id from calendar_feed where token_hash = $1")
            .bind(hash(token))
            .fetch_optional(self.database().reader())
            .await
            .map_err(internal)?;
        let Some(row) = row else { return Ok(None) };
        let account_id: AccountId = parsed_id(&row, "account_id").map_err(internal)?;
        let user_id: UserId = parsed_id(&row, "user_id").map_err(internal)?;
        let Some(actor) = self.actor(&user_id, &account_id).await? else { return Ok(None) };
        let now = self.schedule_now().await.map_err(internal)?;
        let timetable = self
            .timetable(&actor, chrono_tz::UTC, now.saturating_sub(PAST_MS), now.saturating_add(AHEAD_MS), now)
            .await?;
        let mut calendar = Calendar::new();
        calendar.name(&format!("Usher: {}", actor.account_name));
        calendar.append_property(Property::new("REFRESH-INTERVAL", "PT1H").add_parameter("VALUE", "DURATION").done());
        for (at, entry) in timetable.entries {
            let Some(start) = DateTime::<Utc>::from_timestamp_millis(at) else { continue };
            let seconds = i64::try_from(entry.seconds.unwrap_or(USUAL_SECONDS).clamp(60, 86_400)).unwrap_or(300);
            let (uid, status, word) = match &entry.what {
                EntryKind::Run { run_id, state } => {
                    let status = match state {
                        RunState::Failed | RunState::Canceled => EventStatus::Cancelled,
                        _ => EventStatus::Confirmed,
                    };
                    (run_id.to_string(), status, state.label())
                }
                EntryKind::Planned { slot, .. } => {
                    (format!("{}-{slot}", entry.share_id), EventStatus::Tentative, "Planned")
                }
                EntryKind::Skipped { slot, .. } => {
                    (format!("{}-{slot}", entry.share_id), EventStatus::Cancelled, "Skipped")
                }
            };
            let mut description = vec![format!("{word}.")];
            if let EntryKind::Skipped { reason, .. } = &entry.what {
                description.push(reason.clone());
            }
            if let Some(rows) = entry.rows {
                description.push(if matches!(entry.what, EntryKind::Run { .. }) {
                    format!("{rows} rows were read.")
                } else {
                    format!("Usually {rows} rows.")
                });
            }
            description.extend(entry.clash);
            let mut event = Event::new();
            event
                .uid(&format!("{uid}@usher"))
                .timestamp(DateTime::<Utc>::from_timestamp_millis(now).unwrap_or(start))
                .starts(start)
                .ends(start + TimeDelta::seconds(seconds))
                .summary(&format!("{word}: {} to {}", entry.audience_name, entry.destination_name))
                .description(&description.join(" "))
                .status(status);
            calendar.push(event.done());
        }
        Ok(Some(calendar.done().to_string()))
    }
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
