//! Runs: what one is to do, who carries it out, how rows are read, checked, mapped and written into parts, how parts reach their
//! destination, and what is said of it all afterwards (progress, rejects, receipt).
//!
//! Nothing outside this room reads or writes the `run` tables. It knows no share beyond the plan that a run was given, opens no
//! connection of its own (that is `outbound`), and moves a run's state only through `model::run::RunState::step`.

mod carrier;
mod circuit;
mod crew;
mod cutting;
mod delivery;
mod desk;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod holding;
pub mod hosted;
mod intake;
mod jobs;
mod ledger;
pub mod measure;
mod mirror;
mod pipeline;
pub mod plan;
mod receipt;
mod records;
mod rejects;
pub mod repair;
pub mod requests;
pub mod retention;
mod runs;
mod sealing;
pub mod settings;
mod sifting;
mod spare;
pub(crate) mod standing;
mod stop;
pub mod views;
mod webhooks;
mod worker;

use model::{id::RunId, run::RunState};

use crate::store::resealing::SealedColumn;

pub(crate) use jobs::jobs_of_endpoint;
pub(crate) use ledger::book::forget_ledgers;
pub use plan::{NewRun, RunPlan, enqueue};
pub use receipt::{NotGenuine, verify_receipt};
pub use rejects::RejectFilter;
pub use requests::is_under_way;
pub use settings::{ExchangeSettings, Workshop};
pub(crate) use views::{Usual, newest_plan, runs_between, runs_with_endpoint, usual};
pub use views::{last_runs, runs_of_share};
pub(crate) use {
    plan::enqueue_as,
    requests::{has_ended_well_after, under_way},
};

/// The states that `which` picks, as a list of SQL literals.
fn states_sql(which: impl Fn(RunState) -> bool) -> String {
    let words: Vec<String> =
        RunState::ALL.into_iter().filter(|state| which(*state)).map(|state| format!("'{}'", state.as_str())).collect();
    words.join(", ")
}

/// Where a run's objects lie in the payload store.
fn payload_folder(run_id: &RunId) -> String {
    format!("runs/{run_id}")
}

/// Where the rejects of a run lie.
fn rejects_folder(folder: &str) -> String {
    format!("{folder}/rejects")
}

fn reject_path(folder: &str, stage: i64, number: u32) -> String {
    let stage = if stage == records::RejectStage::Read.ordinal() { "read" } else { "refused" };
    format!("{}/{stage}-{number}", rejects_folder(folder))
}

fn part_path(folder: &str, number: u32) -> String {
    format!("{folder}/parts/{number}")
}

/// The rows of a part as they came.
fn source_path(folder: &str, number: u32) -> String {
    format!("{folder}/source/{number}")
}

/// Where the rows of a run lie, sorted by whom they are about.
fn sorted_folder(folder: &str) -> String {
    format!("{folder}/sorted")
}

/// What is to become of each member of the ledger.
fn notes_folder(folder: &str) -> String {
    format!("{folder}/notes")
}

/// Which rows of a run are not sent.
fn dropped_path(folder: &str) -> String {
    format!("{folder}/dropped")
}

/// What of the exchange is sealed.
pub(crate) const SEALED: [SealedColumn; 3] = [
    SealedColumn { table: "run", id: "id", column: "payload_key", context: |id| key_context(id) },
    SealedColumn { table: "ledger", id: "id", column: "key", context: |id| ledger::book::key_context(id) },
    SealedColumn { table: "webhook", id: "endpoint_id", column: "secret", context: |id| webhooks::secret_context(id) },
];

/// What a run's wrapped key is bound to.
fn key_context(run_id: impl std::fmt::Display) -> String {
    format!("run payload {run_id}")
}

#[cfg(test)]
mod tests;
