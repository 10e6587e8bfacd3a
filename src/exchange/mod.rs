//! Runs: what one is to do, who carries it out, how rows are read, checked, mapped and written into parts, how parts reach their
//! destination, and what is said of it all afterwards (progress, rejects, receipt).
//!
//! Nothing outside this room reads or writes the `run` tables. It knows no share beyond the plan that a run was given, opens no
//! connection of its own (that is `outbound`), and moves a run's state only through `model::run::RunState::step`.

pub mod plan;

pub use plan::{NewRun, RunPlan, enqueue};
