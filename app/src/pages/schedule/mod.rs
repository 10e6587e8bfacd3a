//! The schedule: the calendar of what ran and will run, one occurrence of it, blackouts, and the part of a share's page that tells its schedule.

mod ask;
mod blackouts;
mod calendar;
mod carry;
mod occurrence;
mod of_share;

pub use ask::ChangeSchedule;
pub use blackouts::BlackoutsPage;
pub use calendar::SchedulePage;
pub use occurrence::OccurrencePage;
pub use of_share::{ScheduleOfShare, schedule_of_share};
