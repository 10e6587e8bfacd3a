//! The rows of shares: starting a draft, listing, reading, changing the mapping.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt;
use model::{
    contract::MAX_COLUMNS,
    error::{FieldProblem, HubError},
    id::{AccountId, ApplicationId, AudienceId, EndpointId, ShareId},
    mapping::{BothFields, MOST_JOINED, Mapping, Source},
    run::{Duplicates, Mode, ShrinkLimit},
    transform::Transform,
    view::{
        Actor, Confirmation, Destination, DestinationSegment, MappingCause, Reviewed, Role, SharePage, ShareQuery,
        ShareStanding, ShareState, ShareSummary, ShareView,
    },
};
use sqlx::{Any, AssertSqlSafe, Row, Transaction, any::AnyRow};

use super::versions::Change;
use crate::{
    exchange,
    hub::{Hub, Result, internal},
    registry::{parsed_id, require, undecodable},
    store::{StoreError, clock::rfc3339, new_id},
};

/// Runs on a share's page.
const RUNS_SHOWN: u32 = 20;
/// Shares in a list.
const MOST_LISTED: u32 = 500;
/// Shares on one page of the list of all.
const PAGE_ROWS: usize = 50;
/// Words that are looked for.
const MOST_WORDS: usize = 8;
const LONGEST_VALUE: usize = 1000;
const MOST_TRANSFORMS: usize = 20;

const SUMMARY: &str =
    "select s.id, s.state, s.audience_id, s.mode, s.segment_name, s.updated_at, s.held_because, a.name as audience_name,
    source.name as source_name, destination.name as destination_name
    from share s join audience a on a.id = s.audience_id join endpoint source on source.id = a.endpoint_id
    left join endpoint destination on destination.id = s.destination_endpoint_id where s.account_id = $1";

/// A share as it is kept.
pub(super) struct ShareRow {
    pub(super) id: ShareId,
    pub(super) state: ShareState,
    pub(super) audience_id: AudienceId,
    pub(super) destination_endpoint_id: Option<EndpointId>,
    pub(super) segment: Option<DestinationSegment>,
    pub(super) mode: Option<Mode>,
    pub(super) mapping: Mapping,
    pub(super) mapping_version: u32,
    pub(super) shrink_limit: ShrinkLimit,
    pub(super) duplicates: Duplicates,
    pub(super) destination_version: u32,
    pub(super) handling_version: u32,
    /// Who changed it last.
    pub(super) changed_by: Option<String>,
    /// The fields as they were when a person last looked at the mapping.
    pub(super) known_fields: Option<BothFields>,
    pub(super) held_at: Option<i64>,
    pub(super) held_because: Option<String>,
    pub(super) confirmed: Vec<Confirmation>,
}

impl ShareRow {
    /// Somebody changed a step after the person had it before them.
    pub(super) fn outdated(&self, actor: &Actor, step: &str, now: &str) -> HubError {
        let who = self.changed_by_whom(actor);
        let message = format!(
            "The step “{step}” was changed by {who} after you opened this page. {now} Yours was not saved: it is still here. Reload to go on from \
             what is there now, or put yours in its place."
        );
        HubError::Outdated { message }
    }

    /// Lets pass a share that is what was reviewed.
    pub(super) fn as_reviewed(&self, actor: &Actor, seen: Option<&Reviewed>) -> Result<()> {
        let is_same = seen.is_none_or(|seen| {
            seen.audience_id == self.audience_id
                && seen.destination_version == self.destination_version
                && seen.mapping_version == self.mapping_version
                && seen.handling_version == self.handling_version
        });
        if is_same {
            return Ok(());
        }
        let message = format!(
            "The share was changed by {} after you opened the review. Nothing was shared. Look at it as it is now, and share it then.",
            self.changed_by_whom(actor)
        );
        Err(HubError::Outdated { message })
    }

    /// Who changed it last, as it is said to somebody who has an older one before them.
    fn changed_by_whom(&self, actor: &Actor) -> &str {
        let other = self.changed_by.as_deref().filter(|name| *name != actor.user_name);
        other.unwrap_or("you, in another place,")
    }
}

impl Hub {
    /// Begins a share of an audience, as a draft.
    pub async fn start_share(&self, actor: &Actor, audience_id: &AudienceId) -> Result<ShareId> {
        require(actor, Role::Member)?;
        let audience = self.audience_row(&actor.account_id, audience_id).await?;
        if audience.withdrawn {
            let message = format!("{} no longer offers this audience.", audience.summary.endpoint_name);
            return Err(HubError::Conflict { message });
        }
        self.insert_draft(actor, audience_id, None).await
    }

    /// Writes an empty draft down.
    pub(super) async fn insert_draft(
        &self,
        actor: &Actor,
        audience_id: &AudienceId,
        destination: Option<&EndpointId>,
    ) -> Result<ShareId> {
        let id: ShareId = new_id(ShareId::PREFIX);
        let sql = "insert into share (id, account_id, audience_id, state, destination_endpoint_id, mapping, mapping_version, created_by,
                changed_by, created_at, updated_at)
            values ($1, $2, $3, 'draft', $4, $5, 0, $6, $7, $8, $8)";
        sqlx::query(sql)
            .bind(id.as_str())
            .bind(actor.account_id.as_str())
            .bind(audience_id.as_str())
            .bind(destination.map(EndpointId::as_str))
            .bind(serde_json::to_string(&Mapping::default()).map_err(internal)?)
            .bind(actor.user_id.as_str())
            .bind(actor.user_name.as_str())
            .bind(self.now_ms())
            .execute(self.database().writer())
            .await
            .map_err(internal)?;
        Ok(id)
    }

    /// One page of the account's shares that match, the last changed first.
    pub async fn find_shares(&self, actor: &Actor, query: &ShareQuery) -> Result<SharePage> {
        let standing = match query.standing {
            None => "",
            Some(ShareStanding::Draft) => " and s.state = 'draft'",
            Some(ShareStanding::Active) => " and s.state = 'active'",
            Some(ShareStanding::Held) => " and s.held_at is not null",
        };
        // Whose letters are large or small, SQLite knows of English ones only; the words are looked for here.
        let words = query.text.to_lowercase();
        let words: Vec<&str> = words.split_whitespace().take(MOST_WORDS).collect();
        let after = query.before.as_deref().and_then(place);
        let sql = AssertSqlSafe(format!("{SUMMARY}{standing} order by s.updated_at desc, s.id desc"));
        let mut rows = sqlx::query(sql).bind(actor.account_id.as_str()).fetch(self.database().reader());
        let (mut found, mut total, mut older) = (Vec::new(), 0, None);
        while let Some(row) = rows.try_next().await.map_err(internal)? {
            if !has_words(&row, &words).map_err(internal)? {
                continue;
            }
            total += 1;
            if let Some(after) = &after
                && updated(&row).map_err(internal)? >= *after
            {
                continue;
            }
            if found.len() < PAGE_ROWS {
                found.push(row);
            } else if older.is_none() {
                let last = found.last().map(updated).transpose().map_err(internal)?;
                older = last.map(|(at, id)| format!("{at}-{id}"));
            }
        }
        drop(rows);
        Ok(SharePage { items: self.summaries(actor, &found).await?, total, older })
    }

    /// The shares that have a schedule.
    pub(super) async fn scheduled_shares(&self, actor: &Actor) -> Result<Vec<ShareSummary>> {
        let sql = AssertSqlSafe(format!("{SUMMARY} and s.id in (select share_id from schedule where account_id = $1)"));
        let rows = sqlx::query(sql).bind(actor.account_id.as_str()).fetch_all(self.database().reader()).await;
        rows.map_err(internal)?.iter().map(share_summary).collect::<std::result::Result<_, _>>().map_err(internal)
    }

    /// The shares from and to an endpoint, by their ids.
    pub(super) async fn share_ids_of_endpoint(&self, actor: &Actor, id: &EndpointId) -> Result<HashSet<ShareId>> {
        let sql = "select s.id from share s join audience a on a.id = s.audience_id
            where s.account_id = $1 and (a.endpoint_id = $2 or s.destination_endpoint_id = $2)";
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        rows.iter().map(|row| parsed_id(row, "id").map_err(internal)).collect()
    }

    /// The account's shares, the last changed first; at most 500.
    pub async fn shares(&self, actor: &Actor) -> Result<Vec<ShareSummary>> {
        let sql = AssertSqlSafe(format!("{SUMMARY} order by s.updated_at desc, s.id desc limit {MOST_LISTED}"));
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        self.summaries(actor, &rows).await
    }

    /// The shares of one audience, the last changed first.
    pub(crate) async fn shares_of_audience(&self, actor: &Actor, id: &AudienceId) -> Result<Vec<ShareSummary>> {
        let sql = AssertSqlSafe(format!(
            "{SUMMARY} and s.audience_id = $2 order by s.updated_at desc, s.id desc limit {MOST_LISTED}"
        ));
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .fetch_all(self.database().reader())
            .await;
        self.summaries(actor, &rows.map_err(internal)?).await
    }

    /// The account's shares of which no run can start since their fields changed, the first broken first.
    pub(crate) async fn held_shares(&self, actor: &Actor) -> Result<Vec<ShareSummary>> {
        let sql =
            AssertSqlSafe(format!("{SUMMARY} and s.held_at is not null order by s.held_at, s.id limit {MOST_LISTED}"));
        let rows = sqlx::query(sql).bind(actor.account_id.as_str()).fetch_all(self.database().reader()).await;
        self.summaries(actor, &rows.map_err(internal)?).await
    }

    pub(super) async fn summaries(&self, actor: &Actor, rows: &[AnyRow]) -> Result<Vec<ShareSummary>> {
        let mut summaries =
            rows.iter().map(share_summary).collect::<std::result::Result<Vec<_>, _>>().map_err(internal)?;
        let ids: Vec<ShareId> = summaries.iter().map(|summary| summary.id.clone()).collect();
        let mut runs = exchange::last_runs(self.database(), &actor.account_id, &ids).await.map_err(internal)?;
        for summary in &mut summaries {
            if let Some((run, state, at)) = runs.remove(&summary.id) {
                summary.last_run = Some(run);
                summary.last_run_state = Some(state);
                summary.last_run_at = Some(at);
            }
        }
        Ok(summaries)
    }

    /// The shares of an endpoint's audiences that have been used, the last changed first.
    pub(crate) async fn active_shares_from(&self, actor: &Actor, id: &EndpointId) -> Result<Vec<ShareSummary>> {
        let sql = AssertSqlSafe(format!(
            "{SUMMARY} and a.endpoint_id = $2 and s.state = 'active' order by s.updated_at desc, s.id desc limit {MOST_LISTED}"
        ));
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .fetch_all(self.database().reader())
            .await;
        self.summaries(actor, &rows.map_err(internal)?).await
    }

    /// The shares from and to an endpoint, the last changed first.
    pub(crate) async fn shares_with_endpoint(&self, actor: &Actor, id: &EndpointId) -> Result<Vec<ShareSummary>> {
        let sql = AssertSqlSafe(format!(
            "{SUMMARY} and (a.endpoint_id = $2 or s.destination_endpoint_id = $2) order by s.updated_at desc, s.id desc limit {MOST_LISTED}"
        ));
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .fetch_all(self.database().reader())
            .await;
        self.summaries(actor, &rows.map_err(internal)?).await
    }

    /// The destinations that each audience was shared to, for the catalogue.
    pub(crate) async fn destinations_by_audience(
        &self,
        account_id: &AccountId,
    ) -> Result<HashMap<AudienceId, Vec<EndpointId>>> {
        let sql = "select distinct audience_id, destination_endpoint_id from share
            where account_id = $1 and state = 'active' and destination_endpoint_id is not null";
        let rows =
            sqlx::query(sql).bind(account_id.as_str()).fetch_all(self.database().reader()).await.map_err(internal)?;
        let mut destinations: HashMap<AudienceId, Vec<EndpointId>> = HashMap::new();
        for row in &rows {
            let id = parsed_id(row, "audience_id").map_err(internal)?;
            destinations.entry(id).or_default().push(parsed_id(row, "destination_endpoint_id").map_err(internal)?);
        }
        Ok(destinations)
    }

    /// Changes whenever [`Self::destinations_by_audience`] may: how many shares have been used, and when one of them last changed.
    pub(crate) async fn shares_stamp(&self, account_id: &AccountId) -> Result<(i64, i64)> {
        let sql = "select count(*) as many, coalesce(max(updated_at), 0) as latest from share where account_id = $1 and state = 'active'";
        let row =
            sqlx::query(sql).bind(account_id.as_str()).fetch_one(self.database().reader()).await.map_err(internal)?;
        Ok((row.try_get("many").map_err(internal)?, row.try_get("latest").map_err(internal)?))
    }

    /// The names of the destinations that these audiences were shared to.
    pub(crate) async fn destination_names(
        &self,
        account_id: &AccountId,
        audiences: &[&AudienceId],
    ) -> Result<HashMap<AudienceId, Vec<String>>> {
        if audiences.is_empty() {
            return Ok(HashMap::new());
        }
        let places: Vec<String> = (0..audiences.len()).map(|place| format!("${}", place + 2)).collect();
        let sql = format!(
            "select distinct s.audience_id, e.name from share s join endpoint e on e.id = s.destination_endpoint_id
             where s.account_id = $1 and s.state = 'active' and s.audience_id in ({}) order by e.name",
            places.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(account_id.as_str());
        for id in audiences {
            query = query.bind(id.as_str());
        }
        let rows = query.fetch_all(self.database().reader()).await.map_err(internal)?;
        let mut names: HashMap<AudienceId, Vec<String>> = HashMap::new();
        for row in &rows {
            let id = parsed_id(row, "audience_id").map_err(internal)?;
            names.entry(id).or_default().push(row.try_get("name").map_err(internal)?);
        }
        Ok(names)
    }

    /// How many shares there are from or to endpoints of an application, in all accounts.
    pub(crate) async fn shares_with_application(&self, id: &ApplicationId) -> Result<u64> {
        let sql = "select count(*) as shares from share s join audience a on a.id = s.audience_id
            where a.endpoint_id in (select id from endpoint where application_id = $1)
                or s.destination_endpoint_id in (select id from endpoint where application_id = $1)";
        let row = sqlx::query(sql).bind(id.as_str()).fetch_one(self.database().reader()).await.map_err(internal)?;
        Ok(row.try_get::<i64, _>("shares").map_err(internal)?.try_into().unwrap_or_default())
    }

    /// A share, with everything that its pages show.
    pub async fn share(&self, actor: &Actor, id: &ShareId) -> Result<ShareView> {
        let row = self.share_row(actor, id).await?;
        let audience = self.audience_row(&actor.account_id, &row.audience_id).await?;
        let mut templates = 0;
        let destination = match (&row.destination_endpoint_id, row.segment.clone(), row.mode) {
            (Some(endpoint_id), Some(segment), Some(mode)) => {
                let endpoint = self.connected_endpoint(&actor.account_id, endpoint_id).await?;
                templates = self.template_count(actor, &audience.summary.endpoint_id, &endpoint).await?;
                endpoint.description.consumer.map(|consumer| Destination {
                    endpoint_id: endpoint.id,
                    endpoint_name: endpoint.name,
                    segment,
                    mode,
                    fields: consumer.fields,
                    delivery: consumer.delivery,
                })
            }
            _ => None,
        };
        let runs =
            exchange::runs_of_share(self.database(), &actor.account_id, id, RUNS_SHOWN).await.map_err(internal)?;
        let now = BothFields {
            source: audience.fields,
            destination: destination.as_ref().map(|destination| destination.fields.clone()).unwrap_or_default(),
        };
        let drift = super::drift::drift_of(&row, &now);
        Ok(ShareView {
            id: row.id,
            state: row.state,
            audience: audience.summary,
            fields: now.source,
            is_withdrawn: audience.withdrawn,
            destination_endpoint: row.destination_endpoint_id.clone(),
            destination,
            mapping: row.mapping,
            mapping_version: row.mapping_version,
            shrink_limit: row.shrink_limit,
            duplicates: row.duplicates,
            destination_version: row.destination_version,
            handling_version: row.handling_version,
            drift,
            held_because: row.held_because,
            held_at: row.held_at.map(rfc3339),
            templates,
            runs,
        })
    }

    /// Changes the mapping. What may be wrong with it beyond names is for the review.
    pub async fn save_mapping(&self, actor: &Actor, id: &ShareId, mapping: Mapping) -> Result<ShareView> {
        self.save_mapping_over(actor, id, mapping, None).await
    }

    /// The same, unless somebody has changed the mapping since it was the version `seen`.
    pub async fn save_mapping_over(
        &self,
        actor: &Actor,
        id: &ShareId,
        mapping: Mapping,
        seen: Option<u32>,
    ) -> Result<ShareView> {
        require(actor, Role::Member)?;
        let problems = out_of_bounds(&mapping);
        if !problems.is_empty() {
            return Err(HubError::Invalid { problems });
        }
        let share = self.share(actor, id).await?;
        let destination = share.destination.as_ref();
        let destination = destination
            .ok_or_else(|| HubError::Conflict { message: "Choose a destination before the mapping.".to_owned() })?;
        let problems = unknown_names(&mapping, &share, destination);
        if !problems.is_empty() {
            return Err(HubError::Invalid { problems });
        }
        let change = Change { seen, ..Change::of(MappingCause::Edited) };
        self.put_mapping(actor, id, &mapping, &share.both_fields(), change).await?;
        self.share(actor, id).await
    }

    /// Throws a draft away.
    pub async fn discard_share(&self, actor: &Actor, id: &ShareId) -> Result<()> {
        require(actor, Role::Member)?;
        let sql = "delete from share where id = $1 and account_id = $2 and state = 'draft'";
        let done =
            sqlx::query(sql).bind(id.as_str()).bind(actor.account_id.as_str()).execute(self.database().writer()).await;
        if done.map_err(internal)?.rows_affected() == 1 {
            return Ok(());
        }
        self.share_row(actor, id).await?;
        Err(HubError::Conflict { message: "This share has been used; only drafts can be thrown away.".to_owned() })
    }

    /// Deletes a share for good. Its runs and receipts stay; whom a mirror has sent is forgotten.
    pub async fn delete_share(&self, actor: &Actor, id: &ShareId) -> Result<()> {
        require(actor, Role::Member)?;
        let deleted = async {
            let mut transaction = self.database().begin().await?;
            let sql = "update share set updated_at = $1 where id = $2 and account_id = $3";
            let known = sqlx::query(sql)
                .bind(self.now_ms())
                .bind(id.as_str())
                .bind(actor.account_id.as_str())
                .execute(&mut *transaction)
                .await?;
            if known.rows_affected() == 0 {
                return Ok(Err(HubError::not_found("share")));
            }
            if exchange::is_under_way(&mut transaction, &actor.account_id, id).await? {
                let message = "A run of this share is under way. Wait until it has ended, or cancel it.".to_owned();
                return Ok(Err(HubError::Conflict { message }));
            }
            let ledgers = exchange::forget_ledgers(&mut transaction, &actor.account_id, id).await?;
            sqlx::query("delete from share where id = $1 and account_id = $2")
                .bind(id.as_str())
                .bind(actor.account_id.as_str())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok::<_, StoreError>(Ok(ledgers))
        };
        for folder in deleted.await.map_err(internal)?? {
            // Nothing can open it any more; what is left of it only takes room.
            if let Err(error) = self.payloads().remove_below(&folder).await {
                tracing::warn!(share.id = %id, %error, "the folder of a deleted ledger could not be removed");
            }
        }
        tracing::info!(share.id = %id, "share deleted");
        Ok(())
    }

    /// Where a share goes, once that is chosen.
    pub(super) async fn destination_of(&self, account_id: &AccountId, share: &ShareRow) -> Result<Option<Destination>> {
        let (Some(endpoint_id), Some(segment), Some(mode)) =
            (&share.destination_endpoint_id, &share.segment, share.mode)
        else {
            return Ok(None);
        };
        let endpoint = self.connected_endpoint(account_id, endpoint_id).await?;
        Ok(endpoint.description.consumer.map(|consumer| Destination {
            endpoint_id: endpoint.id,
            endpoint_name: endpoint.name,
            segment: segment.clone(),
            mode,
            fields: consumer.fields,
            delivery: consumer.delivery,
        }))
    }

    pub(super) async fn share_row(&self, actor: &Actor, id: &ShareId) -> Result<ShareRow> {
        self.share_row_of(&actor.account_id, id).await
    }

    pub(super) async fn share_row_of(&self, account_id: &AccountId, id: &ShareId) -> Result<ShareRow> {
        let sql = "select * from share where id = $1 and account_id = $2";
        let row =
            sqlx::query(sql).bind(id.as_str()).bind(account_id.as_str()).fetch_optional(self.database().reader()).await;
        let row = row.map_err(internal)?.ok_or_else(|| HubError::not_found("share"))?;
        share_row(&row).map_err(internal)
    }
}

/// Points a share at the segment that its first run made, so that the next run goes there too.
pub(crate) async fn segment_made(
    transaction: &mut Transaction<'_, Any>,
    now_ms: i64,
    share_id: &ShareId,
    endpoint_id: &EndpointId,
    segment_id: &str,
    segment_name: &str,
) -> std::result::Result<(), StoreError> {
    // A share whose destination was changed meanwhile keeps its new one.
    let sql = "update share set segment_id = $1, updated_at = $2
        where id = $3 and segment_id is null and segment_name = $4 and destination_endpoint_id = $5";
    sqlx::query(sql)
        .bind(segment_id)
        .bind(now_ms)
        .bind(share_id.as_str())
        .bind(segment_name)
        .bind(endpoint_id.as_str())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// What is wrong with a mapping whatever the fields are: it is kept, so it has bounds.
fn out_of_bounds(mapping: &Mapping) -> Vec<FieldProblem> {
    if mapping.links.len() > MAX_COLUMNS {
        return vec![FieldProblem::new("mapping", format!("A mapping has at most {MAX_COLUMNS} fields."))];
    }
    let mut problems = Vec::new();
    for link in &mapping.links {
        if link.transforms.len() > MOST_TRANSFORMS {
            let message = format!("At most {MOST_TRANSFORMS} things are done to a value, one after the other.");
            problems.push(FieldProblem::new(bounded(&link.target), message));
        }
        let too_long = match &link.source {
            Source::Constant { value } => value.len() > LONGEST_VALUE,
            Source::Joined { names, separator } => names.len() > MOST_JOINED || separator.len() > LONGEST_VALUE,
            Source::Field { .. } => false,
        };
        if too_long {
            let message =
                format!("A constant has at most {LONGEST_VALUE} bytes, and at most {MOST_JOINED} fields are joined.");
            problems.push(FieldProblem::new(bounded(&link.target), message));
        }
        let too_large = link.transforms.iter().find_map(Transform::too_large);
        problems.extend(too_large.map(|message| FieldProblem::new(bounded(&link.target), message)));
    }
    problems
}

fn unknown_names(mapping: &Mapping, share: &ShareView, destination: &Destination) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    for link in &mapping.links {
        if !destination.fields.iter().any(|field| field.name == link.target) {
            let message = format!("{} has no field “{}”.", destination.endpoint_name, bounded(&link.target));
            problems.push(FieldProblem::new(bounded(&link.target), message));
        }
        for name in link.source.fields() {
            if !share.fields.iter().any(|field| field.name == name) {
                let message = format!("The audience has no field “{}”.", bounded(name));
                problems.push(FieldProblem::new(bounded(&link.target), message));
            }
        }
        if mapping.links.iter().filter(|other| other.target == link.target).count() > 1 {
            let message = format!("“{}” is mapped twice. Keep one of the two.", bounded(&link.target));
            problems.push(FieldProblem::new(bounded(&link.target), message));
        }
    }
    problems
}

fn bounded(text: &str) -> String {
    text.chars().take(100).collect()
}

/// All of these words are in the names that a list shows of a share.
fn has_words(row: &AnyRow, words: &[&str]) -> std::result::Result<bool, StoreError> {
    if words.is_empty() {
        return Ok(true);
    }
    let mut names = String::new();
    for column in ["audience_name", "source_name", "destination_name", "segment_name"] {
        names.push_str(row.try_get::<Option<&str>, _>(column)?.unwrap_or_default());
        names.push('\n');
    }
    let names = names.to_lowercase();
    Ok(words.iter().all(|word| names.contains(word)))
}

/// A place in the list of all shares: when the one there was last changed, and its id.
fn place(text: &str) -> Option<(i64, String)> {
    let (at, id) = text.split_once('-')?;
    Some((at.parse().ok()?, id.to_owned()))
}

fn updated(row: &AnyRow) -> std::result::Result<(i64, String), StoreError> {
    Ok((row.try_get("updated_at")?, row.try_get("id")?))
}

fn share_summary(row: &AnyRow) -> std::result::Result<ShareSummary, StoreError> {
    Ok(ShareSummary {
        id: parsed_id(row, "id")?,
        state: share_state(row)?,
        audience_id: parsed_id(row, "audience_id")?,
        audience_name: row.try_get("audience_name")?,
        source_name: row.try_get("source_name")?,
        destination_name: row.try_get("destination_name")?,
        destination_segment: row.try_get("segment_name")?,
        mode: mode(row)?,
        last_run: None,
        last_run_state: None,
        held_because: row.try_get("held_because")?,
        last_run_at: None,
        updated_at: rfc3339(row.try_get("updated_at")?),
    })
}

fn share_row(row: &AnyRow) -> std::result::Result<ShareRow, StoreError> {
    let endpoint: Option<String> = row.try_get("destination_endpoint_id")?;
    let (segment_id, segment_name): (Option<String>, Option<String>) =
        (row.try_get("segment_id")?, row.try_get("segment_name")?);
    let segment = match (segment_id, segment_name) {
        (Some(id), Some(name)) => Some(DestinationSegment::Existing { id, name }),
        (None, Some(name)) => Some(DestinationSegment::New { name }),
        (_, None) => None,
    };
    let known_fields: Option<String> = row.try_get("known_fields")?;
    let count = |column: &str| u32::try_from(row.try_get::<i64, _>(column)?).map_err(undecodable);
    Ok(ShareRow {
        id: parsed_id(row, "id")?,
        state: share_state(row)?,
        audience_id: parsed_id(row, "audience_id")?,
        destination_endpoint_id: endpoint.map(|id| id.parse().map_err(undecodable)).transpose()?,
        segment,
        mode: mode(row)?,
        mapping: serde_json::from_str(&row.try_get::<String, _>("mapping")?).map_err(undecodable)?,
        mapping_version: u32::try_from(row.try_get::<i64, _>("mapping_version")?).map_err(undecodable)?,
        shrink_limit: u8::try_from(row.try_get::<i64, _>("shrink_limit")?)
            .ok()
            .and_then(ShrinkLimit::new)
            .unwrap_or_default(),
        duplicates: Duplicates::parse(&row.try_get::<String, _>("duplicates")?).unwrap_or_default(),
        destination_version: count("destination_version")?,
        handling_version: count("handling_version")?,
        changed_by: row.try_get("changed_by")?,
        known_fields: known_fields.map(|text| serde_json::from_str(&text).map_err(undecodable)).transpose()?,
        held_at: row.try_get("held_at")?,
        held_because: row.try_get("held_because")?,
        confirmed: serde_json::from_str(&row.try_get::<String, _>("confirmed")?).map_err(undecodable)?,
    })
}

fn share_state(row: &AnyRow) -> std::result::Result<ShareState, StoreError> {
    let word: String = row.try_get("state")?;
    Ok(if word == "draft" { ShareState::Draft } else { ShareState::Active })
}

fn mode(row: &AnyRow) -> std::result::Result<Option<Mode>, StoreError> {
    let word: Option<String> = row.try_get("mode")?;
    Ok(word.and_then(|word| Mode::ALL.into_iter().find(|mode| mode.as_str() == word)))
}
