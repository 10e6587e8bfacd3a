//! What is told of runs: lists, one run's page, receipt. Only reading, and only within one account.

use std::collections::HashMap;

use model::{
    id::{AccountId, EndpointId, RunId, ShareId},
    run::{Failure, Hold, Mode, RunState},
    view::{DestinationSegment, RunPage, RunQuery, RunSummary, RunView, TimelineEntry},
};
use sqlx::{Any, AssertSqlSafe, Row, any::AnyRow, query::Query};

use super::plan::RunPlan;
use super::runs::{corrupt, counts_of, from_integer, id_of, state_of};
use crate::store::{Database, StoreError, clock::rfc3339};

const PAGE_ROWS: u64 = 50;
const TIMELINE_ENTRIES: i64 = 100;
const WORDS: usize = 8;
const SUMMARY: &str = "id, share_id, state, audience_name, source_name, destination_name, destination_segment, mode, declared,
    rows_read, rows_valid, rows_rejected, rows_sent, rows_acknowledged, rows_refused, bytes_read, bytes_sent, changes, created_at, started_at,
    finished_at";

fn summary_of(row: &AnyRow) -> Result<RunSummary, StoreError> {
    let mode: String = row.try_get("mode")?;
    let time = |column: &str| row.try_get::<Option<i64>, _>(column).map(|ms| ms.map(rfc3339));
    Ok(RunSummary {
        id: id_of(row, "id")?,
        share_id: id_of(row, "share_id")?,
        state: state_of(row)?,
        audience_name: row.try_get("audience_name")?,
        source_name: row.try_get("source_name")?,
        destination_name: row.try_get("destination_name")?,
        destination_segment: row.try_get("destination_segment")?,
        mode: Mode::ALL.into_iter().find(|m| m.as_str() == mode).ok_or_else(|| corrupt("mode"))?,
        counts: counts_of(row)?,
        created_at: rfc3339(row.try_get("created_at")?),
        started_at: time("started_at")?,
        finished_at: time("finished_at")?,
    })
}

/// One page of an account's runs.
pub(crate) async fn runs(database: &Database, account_id: &AccountId, query: &RunQuery) -> Result<RunPage, StoreError> {
    let words: Vec<String> = query
        .text
        .to_lowercase()
        .split_whitespace()
        .take(WORDS)
        .map(|word| format!("%{}%", word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")))
        .collect();
    let mut condition = "account_id = $1".to_owned();
    for number in 0..words.len() {
        condition.push_str(&format!(" and search like ${} escape '\\'", number + 2));
    }
    if let Some(state) = query.state {
        condition.push_str(&format!(" and state = '{}'", state.as_str()));
    }
    if query.under_way {
        condition.push_str(&format!(" and state in ({})", super::states_sql(|state| !state.is_final())));
    }
    fn bound<'q>(
        text: String,
        account_id: &'q AccountId,
        words: &'q [String],
    ) -> Query<'q, Any, sqlx::any::AnyArguments> {
        words
            .iter()
            .fold(sqlx::query(AssertSqlSafe(text)).bind(account_id.as_str()), |query, word| query.bind(word.as_str()))
    }
    let count = bound(format!("select count(*) as many from run where {condition}"), account_id, &words)
        .fetch_one(database.reader())
        .await?;
    let total = from_integer(count.try_get("many")?);
    let pages = u32::try_from(total.div_ceil(PAGE_ROWS)).unwrap_or(u32::MAX).max(1);
    let page = query.page.clamp(1, pages);
    let offset = u64::from(page - 1) * PAGE_ROWS;
    let text = format!(
        "select {SUMMARY} from run where {condition} order by created_at desc, id desc limit {PAGE_ROWS} offset {offset}"
    );
    let rows = bound(text, account_id, &words).fetch_all(database.reader()).await?;
    let items = rows.iter().map(summary_of).collect::<Result<_, _>>()?;
    Ok(RunPage { items, total, page, pages })
}

/// The newest runs of an account among those of a kind.
pub(crate) async fn newest(
    database: &Database,
    account_id: &AccountId,
    kind: Newest,
    most: u32,
) -> Result<Vec<RunSummary>, StoreError> {
    let (condition, order) = match kind {
        Newest::FailedAndNotTriedAgain => (
            "state = 'failed' and not exists (select 1 from run later where later.share_id = run.share_id
                and (later.created_at > run.created_at or (later.created_at = run.created_at and later.id > run.id)))"
                .to_owned(),
            "finished_at",
        ),
        Newest::Held => (format!("state = '{}'", RunState::Held.as_str()), "created_at"),
        Newest::Active => (format!("state in ({})", super::states_sql(RunState::is_workable)), "created_at"),
        Newest::Ended => (format!("state in ({})", super::states_sql(RunState::is_final)), "finished_at"),
    };
    let text = format!(
        "select {SUMMARY} from run where account_id = $1 and {condition} order by {order} desc, id desc limit {most}"
    );
    sqlx::query(AssertSqlSafe(text))
        .bind(account_id.as_str())
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(summary_of)
        .collect()
}

/// What the start page lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Newest {
    /// Waiting for somebody's approval.
    Held,
    FailedAndNotTriedAgain,
    Active,
    Ended,
}

/// The newest runs of one share, for the share's page.
pub async fn runs_of_share(
    database: &Database,
    account_id: &AccountId,
    share_id: &ShareId,
    most: u32,
) -> Result<Vec<RunSummary>, StoreError> {
    let text = format!(
        "select {SUMMARY} from run where account_id = $1 and share_id = $2 order by created_at desc, id desc limit $3"
    );
    sqlx::query(AssertSqlSafe(text))
        .bind(account_id.as_str())
        .bind(share_id.as_str())
        .bind(i64::from(most))
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(summary_of)
        .collect()
}

/// How many runs from and to an endpoint are under way.
pub(crate) async fn runs_with_endpoint<'e>(
    database: impl sqlx::Executor<'e, Database = sqlx::Any>,
    account_id: &AccountId,
    endpoint_id: &EndpointId,
) -> Result<i64, StoreError> {
    let text = format!(
        "select count(*) as many from run where account_id = $1 and (source_endpoint_id = $2 or destination_endpoint_id = $2)
            and state in ({})",
        super::states_sql(|state| !state.is_final())
    );
    let row = sqlx::query(AssertSqlSafe(text))
        .bind(account_id.as_str())
        .bind(endpoint_id.as_str())
        .fetch_one(database)
        .await?;
    Ok(row.try_get("many")?)
}

/// The newest run of a share, with its plan and the version of the mapping that it uses.
pub(crate) async fn newest_plan(
    database: &Database,
    account_id: &AccountId,
    share_id: &ShareId,
) -> Result<Option<(RunId, RunPlan, u32)>, StoreError> {
    let sql = "select id, plan, mapping_version from run where account_id = $1 and share_id = $2 order by created_at desc, id desc limit 1";
    let row =
        sqlx::query(sql).bind(account_id.as_str()).bind(share_id.as_str()).fetch_optional(database.reader()).await?;
    let Some(row) = row else { return Ok(None) };
    let plan: RunPlan = serde_json::from_str(&row.try_get::<String, _>("plan")?).map_err(|_| corrupt("plan"))?;
    let version = u32::try_from(row.try_get::<i64, _>("mapping_version")?).map_err(|_| corrupt("mapping version"))?;
    Ok(Some((id_of(&row, "id")?, plan, version)))
}

/// How many members the last run that replaced a segment left in it; none when there was no such run.
pub(crate) async fn last_replaced(
    database: &Database,
    share_id: &ShareId,
    segment_id: &str,
) -> Result<Option<u64>, StoreError> {
    let sql = "select rows_acknowledged, segment_id, plan from run where share_id = $1 and mode = 'replace'
        and state in ('complete', 'complete_with_rejects') order by finished_at desc limit 1";
    let row = sqlx::query(sql).bind(share_id.as_str()).fetch_optional(database.reader()).await?;
    let Some(row) = row else { return Ok(None) };
    let made: Option<String> = row.try_get("segment_id")?;
    let plan: RunPlan = serde_json::from_str(&row.try_get::<String, _>("plan")?).map_err(|_| corrupt("plan"))?;
    let wrote_it = match plan.destination.segment {
        DestinationSegment::Existing { id, .. } => id == segment_id,
        DestinationSegment::New { .. } => made.as_deref() == Some(segment_id),
    };
    Ok(if wrote_it { Some(from_integer(row.try_get("rows_acknowledged")?)) } else { None })
}

/// The newest run of each share of an account that has one, with its state and when it ended, or was asked for.
pub async fn last_runs(
    database: &Database,
    account_id: &AccountId,
) -> Result<HashMap<ShareId, (RunId, RunState, String)>, StoreError> {
    let rows = sqlx::query(
        "select share_id, id, state, coalesce(finished_at, created_at) as at from run where account_id = $1 and not exists (
            select 1 from run later where later.share_id = run.share_id
                and (later.created_at > run.created_at or (later.created_at = run.created_at and later.id > run.id)))",
    )
    .bind(account_id.as_str())
    .fetch_all(database.reader())
    .await?;
    rows.iter()
        .map(|row| {
            let at = rfc3339(row.try_get("at")?);
            Ok((id_of(row, "share_id")?, (id_of(row, "id")?, state_of(row)?, at)))
        })
        .collect()
}

/// The runs of an account that began, or were asked for, from a moment until before another, each with that moment.
pub(crate) async fn runs_between(
    database: &Database,
    account_id: &AccountId,
    from: i64,
    until: i64,
    most: usize,
) -> Result<Vec<(i64, RunSummary)>, StoreError> {
    let text = format!(
        "select {SUMMARY} from run where account_id = $1 and created_at >= $2 and created_at < $3
         order by created_at, id limit $4"
    );
    sqlx::query(AssertSqlSafe(text))
        .bind(account_id.as_str())
        .bind(from)
        .bind(until)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(|row| Ok((row.try_get("created_at")?, summary_of(row)?)))
        .collect()
}

/// What a run of a share usually is, by its last runs that ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usual {
    /// Rows read.
    pub(crate) rows: u64,
    /// How long it takes.
    pub(crate) seconds: u64,
}

/// What is usual, of each share of an account that has run.
pub(crate) async fn usual(database: &Database, account_id: &AccountId) -> Result<HashMap<ShareId, Usual>, StoreError> {
    let rows = sqlx::query(
        "select share_id, cast(avg(rows_read) as bigint) as usual_rows, cast(avg(finished_at - started_at) as bigint) as usual_time
         from (select share_id, rows_read, started_at, finished_at,
                row_number() over (partition by share_id order by created_at desc) as newest
            from run where account_id = $1 and state in ('complete', 'complete_with_rejects') and started_at is not null) as ended
         where newest <= 5 group by share_id",
    )
    .bind(account_id.as_str())
    .fetch_all(database.reader())
    .await?;
    rows.iter()
        .map(|row| {
            let usual = Usual {
                rows: from_integer(row.try_get("usual_rows")?),
                seconds: from_integer(row.try_get::<i64, _>("usual_time")? / 1000),
            };
            Ok((id_of(row, "share_id")?, usual))
        })
        .collect()
}

/// A run's page; none when the account has no such run.
pub(crate) async fn run(
    database: &Database,
    account_id: &AccountId,
    run_id: &RunId,
    default_retention_ms: i64,
) -> Result<Option<RunView>, StoreError> {
    let row = sqlx::query("select * from run where account_id = $1 and id = $2")
        .bind(account_id.as_str())
        .bind(run_id.as_str())
        .fetch_optional(database.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let failure: Option<String> = row.try_get("failure")?;
    let hold: Option<String> = row.try_get("hold")?;
    let hold: Option<Hold> = hold.map(|text| serde_json::from_str(&text).map_err(|_| corrupt("hold"))).transpose()?;
    let failure: Option<Failure> =
        failure.map(|text| serde_json::from_str(&text).map_err(|_| corrupt("failure"))).transpose()?;
    let summary = summary_of(&row)?;
    let small = |column: &str| row.try_get::<i64, _>(column).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let files = sqlx::query("select count(*) as many from run_reject_file where run_id = $1")
        .bind(run_id.as_str())
        .fetch_one(database.reader())
        .await?;
    let has_key = row.try_get::<Option<Vec<u8>>, _>("payload_key")?.is_some();
    let finished_at: Option<i64> = row.try_get("finished_at")?;
    let retention_ms = super::retention::of_account(database, account_id, default_retention_ms).await?;
    Ok(Some(RunView {
        version: from_integer(row.try_get("version")?),
        paused: row.try_get::<i64, _>("paused")? != 0,
        waiting: row.try_get("waiting")?,
        failure: failure.filter(|_| summary.state == RunState::Failed),
        hold: hold.filter(|_| summary.state == RunState::Held),
        left_out: super::records::left_out(database, run_id).await?,
        left_empty: super::records::left_empty(database, run_id).await?,
        parts: small("parts")?,
        parts_acknowledged: small("parts_acknowledged")?,
        retries: small("retries")?,
        timeline: timeline(database, run_id).await?,
        has_rejects: files.try_get::<i64, _>("many")? > 0 && has_key,
        kept_until: finished_at.filter(|_| has_key).map(|at| rfc3339(at.saturating_add(retention_ms))),
        receipt_sha256: row.try_get("receipt_sha256")?,
        mapping_version: small("mapping_version")?,
        summary,
    }))
}

async fn timeline(database: &Database, run_id: &RunId) -> Result<Vec<TimelineEntry>, StoreError> {
    let rows = sqlx::query("select at, message from run_event where run_id = $1 order by ordinal desc limit $2")
        .bind(run_id.as_str())
        .bind(TIMELINE_ENTRIES)
        .fetch_all(database.reader())
        .await?;
    rows.iter()
        .rev()
        .map(|row| Ok(TimelineEntry { at: rfc3339(row.try_get("at")?), message: row.try_get("message")? }))
        .collect()
}

/// A run's receipt as it was signed; none when the account has no such run, or it has not ended well.
pub(crate) async fn receipt(
    database: &Database,
    account_id: &AccountId,
    run_id: &RunId,
) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("select receipt from run where account_id = $1 and id = $2 and receipt is not null")
        .bind(account_id.as_str())
        .bind(run_id.as_str())
        .fetch_optional(database.reader())
        .await?;
    Ok(row.map(|row| row.try_get("receipt")).transpose()?)
}

/// What the download of rejects needs: the wrapped key, the source's header, and the files in order.
pub(crate) struct RejectFiles {
    pub(crate) wrapped_key: Vec<u8>,
    pub(crate) header: Vec<String>,
    /// Stage (0 read, 1 refused) and number.
    pub(crate) files: Vec<(i64, u32)>,
}

/// The reject files of a run; none when the account has no such run or it has none.
pub(crate) async fn reject_files(
    database: &Database,
    account_id: &AccountId,
    run_id: &RunId,
) -> Result<Option<RejectFiles>, StoreError> {
    let row = sqlx::query("select payload_key, source_header from run where account_id = $1 and id = $2")
        .bind(account_id.as_str())
        .bind(run_id.as_str())
        .fetch_optional(database.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let header: Option<String> = row.try_get("source_header")?;
    let (Some(wrapped_key), Some(header)) = (row.try_get("payload_key")?, header) else { return Ok(None) };
    let files = sqlx::query("select stage, number from run_reject_file where run_id = $1 order by stage, number")
        .bind(run_id.as_str())
        .fetch_all(database.reader())
        .await?
        .iter()
        .map(|row| {
            Ok((
                row.try_get("stage")?,
                u32::try_from(row.try_get::<i64, _>("number")?).map_err(|_| corrupt("reject file"))?,
            ))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    if files.is_empty() {
        return Ok(None);
    }
    Ok(Some(RejectFiles { wrapped_key, header: serde_json::from_str(&header).map_err(|_| corrupt("header"))?, files }))
}
