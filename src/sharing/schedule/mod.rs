//! Schedules: what is due when, and what became of it.
//!
//! Each share has one schedule at most. Its row holds the next slot that nothing was decided about; deciding it moves the row on, notes what became of
//! the slot, and queues the run, in one transaction. A slot that a person moved or skipped, that waits, or that another share's run called forth, is an
//! occurrence of its own, which the row then passes over. So no slot ever has two runs, however many processes look at the same moment.

mod blackouts;
mod calendar;
mod desk;
mod due;
mod feed;
mod rows;
mod timing;

pub use blackouts::{LARGEST_CALENDAR, ReadCalendar};
pub(crate) use desk::forget_pause;
pub(crate) use due::run_ended;
pub(crate) use rows::ScheduleEnd;
pub(super) use rows::{end_of, planned};
pub use timing::Timing;
pub(super) use timing::write_timing;

use std::time::Duration;

use model::id::ShareId;
use sha2::{Digest, Sha256};

/// How schedules are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulingSettings {
    /// How often it is looked for what is due.
    pub poll: Duration,
    /// How far apart the runs of one share are at least.
    pub minimum_interval: Duration,
}

impl Default for SchedulingSettings {
    fn default() -> Self {
        Self { poll: Duration::from_millis(500), minimum_interval: Duration::from_secs(5 * 60) }
    }
}

/// When the run of a slot is due: up to `minutes` later, by the slot itself, so that every process and every look agree.
fn due_at(share_id: &ShareId, slot: i64, minutes: u16) -> i64 {
    let most = u64::from(minutes) * 60_000;
    if most == 0 {
        return slot;
    }
    let digest = Sha256::new().chain_update(share_id.as_str()).chain_update(slot.to_le_bytes()).finalize();
    let mut number = [0; 8];
    number.copy_from_slice(&digest[..8]);
    slot.saturating_add(i64::try_from(u64::from_le_bytes(number) % most).unwrap_or(0))
}
