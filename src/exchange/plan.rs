//! What a run is to do, written down when it is asked for: a later change of the share does not reach a run that is under way.

use model::{
    field::Field,
    id::{AccountId, AudienceId, EndpointId, RunId, ShareId},
    mapping::Mapping,
    run::{Duplicates, Mode, RunState, ShrinkLimit},
    view::Destination,
};
use serde::{Deserialize, Serialize};
use sqlx::{Any, Transaction};

use super::{repair::Repairs, runs::to_integer};
use crate::store::{StoreError, identity::new_id};

/// Everything that a worker needs to know of the share to carry a run out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPlan {
    /// The producer.
    pub source_endpoint_id: EndpointId,
    /// Its name.
    pub source_name: String,
    /// The producer's own id of the audience.
    pub segment_id: String,
    /// The audience.
    pub audience_id: AudienceId,
    /// Its name.
    pub audience_name: String,
    /// The audience's fields when the run was asked for.
    pub source_fields: Vec<Field>,
    /// Where it goes.
    pub destination: Destination,
    /// How the fields are matched.
    pub mapping: Mapping,
    /// How the destination's segment is changed.
    pub mode: Mode,
    /// How many members the audience was last said to have.
    #[serde(default)]
    pub expected_rows: Option<u64>,
    /// How much the segment may shrink before a person is asked.
    pub shrink_limit: ShrinkLimit,
    /// What is done with rows of the same person.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// Only to find out what would happen: nothing is sent.
    #[serde(default)]
    pub is_pre_flight: bool,
    /// The run whose rejects were repaired: only the repaired rows are read, from what was uploaded.
    #[serde(default)]
    pub repairs: Option<Repairs>,
}

/// A run that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Whose it is.
    pub account_id: AccountId,
    /// The share of which it is an execution.
    pub share_id: ShareId,
    /// Which version of the share's mapping the plan holds.
    pub mapping_version: u32,
    /// What is to be done.
    pub plan: RunPlan,
    /// Why there is a run, where it was not simply asked for; the first entry of its timeline.
    pub reason: Option<String>,
}

/// Writes a queued run within the caller's transaction. Call `Hub::wake_workers` after the commit, so that it starts at once.
pub async fn enqueue(transaction: &mut Transaction<'_, Any>, now_ms: i64, run: NewRun) -> Result<RunId, StoreError> {
    let id: RunId = new_id(RunId::PREFIX);
    enqueue_as(transaction, &id, now_ms, run).await?;
    Ok(id)
}

/// The same, under an id that was made before.
pub(crate) async fn enqueue_as(
    transaction: &mut Transaction<'_, Any>,
    id: &RunId,
    now_ms: i64,
    run: NewRun,
) -> Result<(), StoreError> {
    let plan = &run.plan;
    let segment = plan.destination.segment.name();
    let search =
        [&plan.audience_name, &plan.source_name, &plan.destination.endpoint_name, segment].join("\n").to_lowercase();
    sqlx::query(
        "insert into run (id, account_id, share_id, mapping_version, plan, audience_name, source_name, destination_name,
            destination_segment, mode, search, state, created_at, turn_at, source_endpoint_id, destination_endpoint_id, expected_rows, is_partial)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15, $16, $17)",
    )
    .bind(id.as_str())
    .bind(run.account_id.as_str())
    .bind(run.share_id.as_str())
    .bind(i64::from(run.mapping_version))
    .bind(serde_json::to_string(plan).map_err(|error| StoreError::Sqlx(sqlx::Error::Encode(error.into())))?)
    .bind(plan.audience_name.as_str())
    .bind(plan.source_name.as_str())
    .bind(plan.destination.endpoint_name.as_str())
    .bind(segment)
    .bind(plan.mode.as_str())
    .bind(search)
    .bind(RunState::Queued.as_str())
    .bind(now_ms)
    .bind(plan.source_endpoint_id.as_str())
    .bind(plan.destination.endpoint_id.as_str())
    .bind(plan.expected_rows.map(to_integer))
    .bind(i64::from(plan.is_pre_flight || plan.repairs.is_some()))
    .execute(&mut **transaction)
    .await?;
    crate::telling::look_soon(transaction, now_ms, &run.account_id, &run.share_id).await?;
    sqlx::query("insert into run_event (run_id, ordinal, at, message) values ($1, 1, $2, $3)")
        .bind(id.as_str())
        .bind(now_ms)
        .bind(match (&run.reason, &run.plan.repairs, run.plan.is_pre_flight) {
            (Some(reason), ..) => reason.as_str(),
            (None, Some(_), _) => "Asked for, with repaired rows.",
            (None, None, true) => "Asked for, to find out what would happen.",
            (None, None, false) => "Asked for.",
        })
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
