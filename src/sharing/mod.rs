//! Sharing: shares, from draft on: audience, destination, mapping and its versions, templates, how runs change the segment, review, and the plan that
//! a run is given; and what becomes of them when fields change.
//!
//! It does not know how a run is carried out: it hands a plan to the exchange, and reads how its runs are.

mod audience;
mod copy;
mod destination;
mod drift;
mod handling;
mod review;
mod schedule;
mod shares;
mod standing;
mod templates;
mod versions;

#[cfg(test)]
pub(crate) use schedule::ScheduleEnd;
pub use schedule::{LARGEST_CALENDAR, ReadCalendar, SchedulingSettings, Timing};
pub(crate) use schedule::{forget_pause, run_ended};
pub(crate) use shares::segment_made;
pub(crate) use standing::{ShareStanding, active_shares, standing};
