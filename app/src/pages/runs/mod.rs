//! Runs: the list, and a run's own page, live while it runs.

mod details;
mod follow_list;
mod funnel;
mod held;
mod list;
mod live;
#[cfg_attr(not(any(feature = "hydrate", test)), expect(dead_code, reason = "only a browser sees how a run goes"))]
mod pace;
mod run;

pub use list::{RunTable, RunsPage};
pub use run::RunPage;
