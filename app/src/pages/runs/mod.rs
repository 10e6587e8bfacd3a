//! Runs: the list, and a run's own page, live while it runs.

mod funnel;
mod held;
mod list;
mod live;
mod pace;
mod run;

pub use list::{RunTable, RunsPage};
pub use run::RunPage;
