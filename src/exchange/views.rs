//! What is told of runs: lists, one run's page, receipt. Only reading, and only within one account.

use std::collections::HashMap;

use model::{
    id::{AccountId, AudienceId, EndpointId, RunId, ShareId},
    run::{Failure, Hold, Mode, RunState},
    view::{
        AudienceVolatility, BesideRun, DestinationFreshness, DestinationSegment, PartView, RunPage, RunQuery,
        RunSummary, RunView, TimelineEntry,
    },
};
use sqlx::{Any, AssertSqlSafe, Row, any::AnyRow, query::Query};

use super::plan::RunPlan;
use super::runs::{corrupt, counts_of, from_integer, id_of, state_of};
use crate::store::{Database, StoreError, clock::rfc3339};

const PAGE_ROWS: usize = 50;
const PARTS_SHOWN: i64 = 200;
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

/// A value of a condition.
enum Bound {
    Text(String),
    Number(i64),
}

/// One page of an account's runs.
pub(crate) async fn runs(
    database: &Database,
    account_id: &AccountId,
    query: &RunQuery,
    now: i64,
) -> Result<RunPage, StoreError> {
    let mut bound = vec![Bound::Text(account_id.to_string())];
    let mut condition = "account_id = $1".to_owned();
    let words = query.text.to_lowercase();
    for word in words.split_whitespace().take(WORDS) {
        let escaped = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        bound.push(Bound::Text(format!("%{escaped}%")));
        condition.push_str(&format!(" and search like ${} escape '\\'", bound.len()));
    }
    if let Some(state) = query.state {
        condition.push_str(&format!(" and state = '{}'", state.as_str()));
    }
    if query.under_way {
        condition.push_str(&format!(" and state in ({})", super::states_sql(|state| !state.is_final())));
    }
    if let Some(share) = &query.share {
        bound.push(Bound::Text(share.to_string()));
        condition.push_str(&format!(" and share_id = ${}", bound.len()));
    }
    if let Some(endpoint) = &query.endpoint {
        bound.push(Bound::Text(endpoint.to_string()));
        let number = bound.len();
        condition.push_str(&format!(" and (source_endpoint_id = ${number} or destination_endpoint_id = ${number})"));
    }
    if let Some(hours) = query.within_hours {
        bound.push(Bound::Number(now.saturating_sub(i64::from(hours) * 3_600_000)));
        condition.push_str(&format!(" and created_at >= ${}", bound.len()));
    }
    fn asked<'q>(text: String, bound: &'q [Bound]) -> Query<'q, Any, sqlx::any::AnyArguments> {
        bound.iter().fold(sqlx::query(AssertSqlSafe(text)), |query, value| match value {
            Bound::Text(text) => query.bind(text.as_str()),
            Bound::Number(number) => query.bind(*number),
        })
    }
    let count = asked(format!("select count(*) as many from run where {condition}"), &bound)
        .fetch_one(database.reader())
        .await?;
    let total = from_integer(count.try_get("many")?);
    if let Some((at, id)) = query.before.as_deref().and_then(place) {
        bound.push(Bound::Number(at));
        bound.push(Bound::Text(id.to_string()));
        let (at, id) = (bound.len() - 1, bound.len());
        condition.push_str(&format!(" and (created_at < ${at} or created_at = ${at} and id < ${id})"));
    }
    let text = format!(
        "select {SUMMARY} from run where {condition} order by created_at desc, id desc limit {}",
        PAGE_ROWS + 1
    );
    let mut rows = asked(text, &bound).fetch_all(database.reader()).await?;
    let is_cut = rows.len() > PAGE_ROWS;
    rows.truncate(PAGE_ROWS);
    let older = match rows.last() {
        Some(last) if is_cut => {
            Some(format!("{}-{}", last.try_get::<i64, _>("created_at")?, last.try_get::<String, _>("id")?))
        }
        _ => None,
    };
    let items = rows.iter().map(summary_of).collect::<Result<_, _>>()?;
    Ok(RunPage { items, total, older })
}

/// A place in the list: when the run there was asked for, and its id.
fn place(text: &str) -> Option<(i64, RunId)> {
    let (at, id) = text.split_once('-')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}

/// Something that is another once a run of the account was asked for, went on, or ended.
pub(crate) async fn stamp(database: &Database, account_id: &AccountId) -> Result<String, StoreError> {
    let text = format!(
        "select count(*) as many, cast(coalesce(sum(version), 0) as bigint) as versions,
            coalesce((select max(finished_at) from run where account_id = $1), 0) as ended
         from run where account_id = $1 and state in ({})",
        super::states_sql(|state| !state.is_final())
    );
    let row = sqlx::query(AssertSqlSafe(text)).bind(account_id.as_str()).fetch_one(database.reader()).await?;
    let number = |column: &str| row.try_get::<i64, _>(column);
    Ok(format!("{}-{}-{}", number("many")?, number("versions")?, number("ended")?))
}

/// What a run's page shows beside the run; none when the account has no such run.
pub(crate) async fn details(
    database: &Database,
    account_id: &AccountId,
    run_id: &RunId,
) -> Result<Option<BesideRun>, StoreError> {
    let row = sqlx::query("select share_id, created_at from run where account_id = $1 and id = $2")
        .bind(account_id.as_str())
        .bind(run_id.as_str())
        .fetch_optional(database.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let text = format!(
        "select {SUMMARY} from run where account_id = $1 and share_id = $2 and created_at < $3 and is_partial = 0
            and state in ('complete', 'complete_with_rejects') order by created_at desc, id desc limit 1"
    );
    let previous = sqlx::query(AssertSqlSafe(text))
        .bind(account_id.as_str())
        .bind(row.try_get::<String, _>("share_id")?)
        .bind(row.try_get::<i64, _>("created_at")?)
        .fetch_optional(database.reader())
        .await?;
    let parts = sqlx::query(
        "select number, row_count, byte_count, attempts, acknowledged_at, accepted, refused from run_part
         where run_id = $1 order by number limit $2",
    )
    .bind(run_id.as_str())
    .bind(PARTS_SHOWN)
    .fetch_all(database.reader())
    .await?
    .iter()
    .map(|row| {
        let small = |column: &str| row.try_get::<i64, _>(column).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        Ok(PartView {
            number: small("number")?,
            rows: from_integer(row.try_get("row_count")?),
            bytes: from_integer(row.try_get("byte_count")?),
            attempts: small("attempts")?,
            acknowledged_at: row.try_get::<Option<i64>, _>("acknowledged_at")?.map(rfc3339),
            accepted: from_integer(row.try_get("accepted")?),
            refused: from_integer(row.try_get("refused")?),
        })
    })
    .collect::<Result<Vec<_>, StoreError>>()?;
    Ok(Some(BesideRun { previous: previous.as_ref().map(summary_of).transpose()?, parts, samples: Vec::new() }))
}

/// When each destination last got something, the longest ago first.
pub(crate) async fn freshness(
    database: &Database,
    account_id: &AccountId,
    most: u32,
) -> Result<Vec<DestinationFreshness>, StoreError> {
    let rows = sqlx::query(
        "select run.id, run.destination_endpoint_id, run.destination_name, run.audience_name, run.finished_at
         from (select distinct destination_endpoint_id as endpoint_id from run
                where account_id = $1 and destination_endpoint_id is not null) as reached
         join run on run.id = (select id from run newest where newest.account_id = $1
                and newest.destination_endpoint_id = reached.endpoint_id and newest.is_partial = 0
                and newest.state in ('complete', 'complete_with_rejects')
                order by newest.finished_at desc, newest.id desc limit 1)
         order by run.finished_at, run.id limit $2",
    )
    .bind(account_id.as_str())
    .bind(i64::from(most))
    .fetch_all(database.reader())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(DestinationFreshness {
                endpoint_id: id_of(row, "destination_endpoint_id")?,
                name: row.try_get("destination_name")?,
                run_id: id_of(row, "id")?,
                audience_name: row.try_get("audience_name")?,
                at: rfc3339(row.try_get("finished_at")?),
            })
        })
        .collect()
}

/// How far the size of each audience moved, by the runs of each share that have something to be compared with; the farthest first.
pub(crate) async fn volatility(
    database: &Database,
    account_id: &AccountId,
    since: i64,
    most: usize,
) -> Result<Vec<AudienceVolatility>, StoreError> {
    let rows = sqlx::query(
        "select share_id, audience_name, source_name, destination_name, rows_read, newest from (
            select share_id, audience_name, source_name, destination_name, rows_read,
                row_number() over (partition by share_id order by created_at desc, id desc) as newest
            from run where account_id = $1 and created_at >= $2 and is_partial = 0
                and state in ('complete', 'complete_with_rejects')) as ended
         where newest <= 6 order by share_id, newest",
    )
    .bind(account_id.as_str())
    .bind(since)
    .fetch_all(database.reader())
    .await?;
    let mut found: Vec<AudienceVolatility> = Vec::new();
    for row in &rows {
        let read = from_integer(row.try_get("rows_read")?);
        if row.try_get::<i64, _>("newest")? == 1 {
            found.push(AudienceVolatility {
                share_id: id_of(row, "share_id")?,
                audience_name: row.try_get("audience_name")?,
                source_name: row.try_get("source_name")?,
                destination_name: row.try_get("destination_name")?,
                rows: read,
                mean: 0,
                runs: 0,
            });
        } else if let Some(last) = found.last_mut() {
            // The sum until all are there.
            last.mean = last.mean.saturating_add(read);
            last.runs += 1;
        }
    }
    found.retain(|one| one.runs > 0);
    for one in &mut found {
        one.mean /= u64::from(one.runs);
    }
    found.sort_by_key(|one| std::cmp::Reverse(one.per_mille().unsigned_abs()));
    found.truncate(most);
    Ok(found)
}

/// The newest runs of an account among those of a kind.
pub(crate) async fn newest(
    database: &Database,
    account_id: &AccountId,
    kind: Newest,
    most: u32,
) -> Result<Vec<RunSummary>, StoreError> {
    // With a sign before it, the order is no reason to walk through all runs by it: few are in these states.
    let (condition, order) = match kind {
        Newest::FailedAndNotTriedAgain => (
            // A comparison of pairs, which an index answers; of two parts joined by "or" it does not.
            "state = 'failed' and not exists (select 1 from run later where later.share_id = run.share_id
                and (later.created_at, later.id) > (run.created_at, run.id))"
                .to_owned(),
            "+finished_at",
        ),
        Newest::Held => (format!("state = '{}'", RunState::Held.as_str()), "+created_at"),
        Newest::Active => (format!("state in ({})", super::states_sql(RunState::is_workable)), "+created_at"),
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

/// The newest run of each of these shares that has one, with its state and when it ended, or was asked for.
pub async fn last_runs(
    database: &Database,
    account_id: &AccountId,
    shares: &[ShareId],
) -> Result<HashMap<ShareId, (RunId, RunState, String)>, StoreError> {
    let mut found = HashMap::new();
    for shares in shares.chunks(ASKED_AT_ONCE) {
        // One look into the index for each share, however many runs it has.
        let text = format!(
            "select run.share_id, run.id, run.state, coalesce(run.finished_at, run.created_at) as at from {} join run
                on run.id = (select id from run newest where newest.share_id = listed.column1
                    order by newest.created_at desc, newest.id desc limit 1)
             where run.account_id = $1",
            listed(shares)
        );
        for row in &of_shares(text, account_id, shares).fetch_all(database.reader()).await? {
            let at = rfc3339(row.try_get("at")?);
            found.insert(id_of(row, "share_id")?, (id_of(row, "id")?, state_of(row)?, at));
        }
    }
    Ok(found)
}

/// Shares that are asked about in one statement; databases bound how many values one may have.
const ASKED_AT_ONCE: usize = 500;

/// These shares as a table of one column, from the second value of a statement on.
fn listed(shares: &[ShareId]) -> String {
    let places: Vec<String> = (2..shares.len() + 2).map(|place| format!("(${place})")).collect();
    format!("(values {}) as listed", places.join(", "))
}

/// A statement about some shares ([`listed`]) of an account.
fn of_shares<'q>(
    text: String,
    account_id: &'q AccountId,
    shares: &'q [ShareId],
) -> Query<'q, Any, sqlx::any::AnyArguments> {
    shares
        .iter()
        .fold(sqlx::query(AssertSqlSafe(text)).bind(account_id.as_str()), |query, share| query.bind(share.as_str()))
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

/// What is usual, of each of these shares that has run.
pub(crate) async fn usual(
    database: &Database,
    account_id: &AccountId,
    shares: &[ShareId],
) -> Result<HashMap<ShareId, Usual>, StoreError> {
    let mut found = HashMap::new();
    for shares in shares.chunks(ASKED_AT_ONCE) {
        // "is true" keeps SQLite from beginning with all runs of the account.
        let text = format!(
            "select run.share_id, cast(avg(run.rows_read) as bigint) as usual_rows,
                cast(avg(run.finished_at - run.started_at) as bigint) as usual_time
             from {} join run on run.share_id = listed.column1 and run.created_at >= coalesce((
                    select created_at from run fifth where fifth.share_id = listed.column1
                        and fifth.state in ('complete', 'complete_with_rejects') and fifth.started_at is not null
                    order by fifth.created_at desc, fifth.id desc limit 1 offset 4), 0)
             where (run.account_id = $1) is true and run.state in ('complete', 'complete_with_rejects')
                and run.started_at is not null group by run.share_id",
            listed(shares)
        );
        for row in &of_shares(text, account_id, shares).fetch_all(database.reader()).await? {
            let usual = Usual {
                rows: from_integer(row.try_get("usual_rows")?),
                seconds: from_integer(row.try_get::<i64, _>("usual_time")? / 1000),
            };
            found.insert(id_of(row, "share_id")?, usual);
        }
    }
    Ok(found)
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
    /// The audience whose rows they are.
    pub(crate) audience_id: AudienceId,
    pub(crate) audience_name: String,
    /// Stage (0 read, 1 refused) and number.
    pub(crate) files: Vec<(i64, u32)>,
}

/// The reject files of a run; none when the account has no such run or it has none.
pub(crate) async fn reject_files(
    database: &Database,
    account_id: &AccountId,
    run_id: &RunId,
) -> Result<Option<RejectFiles>, StoreError> {
    let row = sqlx::query("select payload_key, source_header, plan from run where account_id = $1 and id = $2")
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
    let plan: RunPlan = serde_json::from_str(&row.try_get::<String, _>("plan")?).map_err(|_| corrupt("plan"))?;
    Ok(Some(RejectFiles {
        wrapped_key,
        header: serde_json::from_str(&header).map_err(|_| corrupt("header"))?,
        audience_id: plan.audience_id,
        audience_name: plan.audience_name,
        files,
    }))
}
