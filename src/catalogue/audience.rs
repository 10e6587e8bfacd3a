//! Audiences as they are kept: the one place where an audience's row is read, and what its page shows beside it.

use std::collections::HashMap;

use model::{
    catalogue::{AudienceChange, AudienceProfile, CountedBy, Distinct, FieldProfile, Marks, SizePoint, StaleSource},
    contract::{Movement, SegmentLabel, SegmentStatistics},
    error::HubError,
    field::{Field, FieldKind},
    id::{AccountId, AudienceId, EndpointId},
    view::{Actor, AudienceSummary, AudienceView, BrokenAudience, EndpointCatalogue, ShareSummary},
};
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use super::index::Source;
use crate::{
    hub::{Hub, Result, internal},
    registry::{parsed_id, undecodable},
    store::{StoreError, clock::rfc3339},
};

/// Changes on an audience's page.
const CHANGES_OF_AUDIENCE: u32 = 20;
/// Changes on an endpoint's page.
const CHANGES_OF_ENDPOINT: u32 = 50;
/// Points of an audience's size on its page.
const MOST_POINTS: u32 = 200;

const COLUMNS: &str =
    "a.id, a.endpoint_id, a.segment_id, a.name, a.description, a.size, a.size_is_estimate, a.fields, a.tags, a.label,
    a.statistics, a.updated_at, a.seen_at, a.first_seen_at, a.withdrawn_at, e.name as endpoint_name";

/// An audience as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AudienceRow {
    pub(crate) summary: AudienceSummary,
    pub(crate) segment_id: String,
    pub(crate) fields: Vec<Field>,
    /// Its producer no longer lists it.
    pub(crate) withdrawn: bool,
    pub(super) label: Option<SegmentLabel>,
    statistics: Option<SegmentStatistics>,
    first_seen_at: i64,
    seen_at: i64,
}

impl Hub {
    /// One audience.
    pub async fn audience(&self, actor: &Actor, id: &AudienceId) -> Result<AudienceView> {
        let account_id = &actor.account_id;
        let row = self.audience_row(account_id, id).await?;
        let sizes = self.sizes(account_id, id, &row).await.map_err(internal)?;
        let changes = self.changes("c.audience_id", account_id, id.as_str(), CHANGES_OF_AUDIENCE).await;
        let endpoint = self.connected_endpoint(account_id, &row.summary.endpoint_id).await?;
        let read = self.sources_read(account_id).await?;
        let sizes_until_ms = match (row.summary.vanished_at.is_some(), read.0.get(&row.summary.endpoint_id)) {
            (false, Some(SourceRead { read_at: Some(read_at), .. })) => row.seen_at.max(*read_at),
            _ => row.seen_at,
        };
        let mut summaries = vec![row.summary];
        read.note_seen(&mut summaries[0]);
        self.add_shared_to(account_id, &mut summaries).await?;
        let summary = summaries.pop().ok_or_else(|| HubError::not_found("audience"))?;
        Ok(AudienceView {
            profile: row.statistics.map(|statistics| told(statistics, summary.updated_at.clone())),
            fields: row.fields,
            label: row.label,
            sizes,
            sizes_until_ms,
            changes: changes.map_err(internal)?,
            stale: read.stale_source(&summary.endpoint_id, &summary.endpoint_name),
            can_refresh: endpoint.description.producer.is_some_and(|side| side.movement == Movement::Pull),
            shares: self.shares_of_audience(actor, id).await?,
            summary,
        })
    }

    /// One of the account's audiences, as other rooms need it.
    pub(crate) async fn audience_row(&self, account_id: &AccountId, id: &AudienceId) -> Result<AudienceRow> {
        let mut rows = self.audience_rows(account_id, std::slice::from_ref(id)).await?;
        rows.pop().ok_or_else(|| HubError::not_found("audience"))
    }

    /// Some of the account's audiences, in the order of the ids; at most a page of them.
    pub(super) async fn audience_rows(&self, account_id: &AccountId, ids: &[AudienceId]) -> Result<Vec<AudienceRow>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (0..ids.len()).map(|place| format!("${}", place + 2)).collect();
        // `|| ''`: so that SQLite looks the ids up, instead of going through all of the account's audiences for them.
        let sql = AssertSqlSafe(format!(
            "select {COLUMNS} from audience a join endpoint e on e.id = a.endpoint_id where a.account_id || '' = $1 and a.id in ({})",
            places.join(", ")
        ));
        let mut query = sqlx::query(sql).bind(account_id.as_str());
        for id in ids {
            query = query.bind(id.as_str());
        }
        let rows = query.fetch_all(self.database().reader()).await.map_err(internal)?;
        let mut by_id = HashMap::with_capacity(rows.len());
        for row in &rows {
            let row = audience_row(row).map_err(internal)?;
            by_id.insert(row.summary.id.clone(), row);
        }
        Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
    }

    pub(super) async fn add_shared_to(&self, account_id: &AccountId, items: &mut [AudienceSummary]) -> Result<()> {
        let ids: Vec<&AudienceId> = items.iter().map(|item| &item.id).collect();
        let mut names = self.destination_names(account_id, &ids).await?;
        for item in items {
            item.shared_to = names.remove(&item.id).unwrap_or_default();
        }
        Ok(())
    }

    async fn sizes(
        &self,
        account_id: &AccountId,
        id: &AudienceId,
        audience: &AudienceRow,
    ) -> std::result::Result<Vec<SizePoint>, StoreError> {
        let sql = AssertSqlSafe(format!(
            "select s.at, s.size, s.size_before from audience_size s join audience a on a.id = s.audience_id
             where a.account_id = $1 and s.audience_id = $2 order by s.at desc limit {MOST_POINTS}"
        ));
        let rows =
            sqlx::query(sql).bind(account_id.as_str()).bind(id.as_str()).fetch_all(self.database().reader()).await?;
        let size = |size: i64| u64::try_from(size).unwrap_or(0);
        let mut points = Vec::with_capacity(rows.len() + 1);
        for row in rows.iter().rev() {
            let (at, now, before): (i64, i64, Option<i64>) =
                (row.try_get("at")?, row.try_get("size")?, row.try_get("size_before")?);
            if points.is_empty()
                && let Some(before) = before
                && rows.len() < MOST_POINTS as usize
            {
                // What it was from the beginning on is known by the first change only.
                points.push(point(audience.first_seen_at.min(at), size(before), None));
            }
            points.push(point(at, size(now), before.map(|before| now - before)));
        }
        if points.is_empty()
            && let Some(size) = audience.summary.size
        {
            points.push(point(audience.first_seen_at, size, None));
        }
        Ok(points)
    }

    /// What changed, the newest first; `of` is the column that names whose.
    async fn changes(
        &self,
        of: &'static str,
        account_id: &AccountId,
        id: &str,
        most: u32,
    ) -> std::result::Result<Vec<AudienceChange>, StoreError> {
        let sql = AssertSqlSafe(format!(
            "select c.audience_id, c.at, c.change, a.name from audience_change c join audience a on a.id = c.audience_id
             where c.account_id = $1 and {of} = $2 order by c.at desc, c.id desc limit {most}"
        ));
        let rows = sqlx::query(sql).bind(account_id.as_str()).bind(id).fetch_all(self.database().reader()).await?;
        let change = |row: &AnyRow| {
            Ok(AudienceChange {
                audience_id: parsed_id(row, "audience_id")?,
                audience_name: row.try_get("name")?,
                at: rfc3339(row.try_get("at")?),
                change: serde_json::from_str(&row.try_get::<String, _>("change")?).map_err(undecodable)?,
            })
        };
        rows.iter().map(change).collect()
    }

    /// What is known of the audiences of an endpoint as a whole.
    pub(crate) async fn endpoint_catalogue(&self, actor: &Actor, id: &EndpointId) -> Result<EndpointCatalogue> {
        let account_id = &actor.account_id;
        let read = self.sources_read(account_id).await?;
        let changes = self.changes("c.endpoint_id", account_id, id.as_str(), CHANGES_OF_ENDPOINT).await;
        let known = read.0.get(id);
        Ok(EndpointCatalogue {
            read_at: known.and_then(|source| source.read_at).map(rfc3339),
            failed_at: known.filter(|source| source.is_stale()).and_then(|source| source.failed_at).map(rfc3339),
            changes: changes.map_err(internal)?,
            broken: self.broken(actor, id).await?,
        })
    }

    async fn broken(&self, actor: &Actor, id: &EndpointId) -> Result<Vec<BrokenAudience>> {
        let mut shares: HashMap<AudienceId, Vec<ShareSummary>> = HashMap::new();
        for share in self.active_shares_from(actor, id).await? {
            shares.entry(share.audience_id.clone()).or_default().push(share);
        }
        let sql = "select id, name, withdrawn_at from audience
            where account_id || '' = $1 and endpoint_id = $2 and withdrawn_at is not null order by withdrawn_at desc, name";
        let rows = sqlx::query(sql)
            .bind(actor.account_id.as_str())
            .bind(id.as_str())
            .fetch_all(self.database().reader())
            .await
            .map_err(internal)?;
        let mut broken = Vec::new();
        for row in &rows {
            let id: AudienceId = parsed_id(row, "id").map_err(internal)?;
            if let Some(shares) = shares.remove(&id) {
                let vanished_at = rfc3339(row.try_get("withdrawn_at").map_err(internal)?);
                broken.push(BrokenAudience { id, name: row.try_get("name").map_err(internal)?, vanished_at, shares });
            }
        }
        Ok(broken)
    }

    /// When each of the account's producers was last read.
    pub(super) async fn sources_read(&self, account_id: &AccountId) -> Result<SourcesRead> {
        let sql = "select endpoint_id, read_at, failed_at from catalogue_source where account_id = $1";
        let rows =
            sqlx::query(sql).bind(account_id.as_str()).fetch_all(self.database().reader()).await.map_err(internal)?;
        let mut read = HashMap::with_capacity(rows.len());
        for row in &rows {
            let source = SourceRead {
                read_at: row.try_get("read_at").map_err(internal)?,
                failed_at: row.try_get("failed_at").map_err(internal)?,
            };
            read.insert(parsed_id(row, "endpoint_id").map_err(internal)?, source);
        }
        Ok(SourcesRead(read))
    }
}

#[derive(Debug, Clone, Copy)]
struct SourceRead {
    read_at: Option<i64>,
    failed_at: Option<i64>,
}

impl SourceRead {
    fn is_stale(self) -> bool {
        self.failed_at.is_some_and(|failed| self.read_at.is_none_or(|read| failed > read))
    }
}

/// When producers were last read.
pub(super) struct SourcesRead(HashMap<EndpointId, SourceRead>);

impl SourcesRead {
    /// Says of an audience when it was last seen: an unchanged one is not written to whenever it is.
    pub(super) fn note_seen(&self, audience: &mut AudienceSummary) {
        if audience.vanished_at.is_none()
            && let Some(read) = self.0.get(&audience.endpoint_id).and_then(|source| source.read_at)
        {
            let read = rfc3339(read);
            if read > audience.seen_at {
                audience.seen_at = read;
            }
        }
    }

    fn stale_source(&self, id: &EndpointId, name: &str) -> Option<StaleSource> {
        let source = self.0.get(id).filter(|source| source.is_stale())?;
        let (endpoint_id, endpoint_name) = (id.clone(), name.to_owned());
        Some(StaleSource { endpoint_id, endpoint_name, read_at: source.read_at.map(rfc3339) })
    }

    /// Those that could not be read.
    pub(super) fn stale(&self, sources: &[Source]) -> Vec<StaleSource> {
        sources.iter().filter_map(|source| self.stale_source(&source.id, &source.name)).collect()
    }
}

fn point(at_ms: i64, size: u64, difference: Option<i64>) -> SizePoint {
    SizePoint { at: rfc3339(at_ms), at_ms, size, difference }
}

fn told(statistics: SegmentStatistics, at: Option<String>) -> AudienceProfile {
    let fields = statistics.fields.into_iter().map(|field| FieldProfile {
        name: field.name,
        filled: field.filled,
        distinct: field.distinct.map(Distinct::Exactly),
    });
    AudienceProfile { counted_by: CountedBy::Producer, rows: statistics.rows, at, fields: fields.collect() }
}

fn audience_row(row: &AnyRow) -> std::result::Result<AudienceRow, StoreError> {
    let fields: Vec<Field> = serde_json::from_str(&row.try_get::<String, _>("fields")?).map_err(undecodable)?;
    let identifiers =
        fields.iter().filter(|field| field.kind == FieldKind::Identifier).map(|field| field.display_name().to_owned());
    let size: Option<i64> = row.try_get("size")?;
    let withdrawn: Option<i64> = row.try_get("withdrawn_at")?;
    let seen_at: i64 = row.try_get("seen_at")?;
    Ok(AudienceRow {
        summary: AudienceSummary {
            id: parsed_id(row, "id")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            endpoint_id: parsed_id(row, "endpoint_id")?,
            endpoint_name: row.try_get("endpoint_name")?,
            size: size.and_then(|size| u64::try_from(size).ok()),
            size_is_estimate: row.try_get::<i64, _>("size_is_estimate")? != 0,
            identifiers: identifiers.collect(),
            field_count: u32::try_from(fields.len()).unwrap_or(u32::MAX),
            tags: serde_json::from_str(&row.try_get::<String, _>("tags")?).map_err(undecodable)?,
            updated_at: row.try_get("updated_at")?,
            seen_at: rfc3339(seen_at),
            shared_to: Vec::new(),
            vanished_at: withdrawn.map(rfc3339),
            marks: Marks::default(),
        },
        segment_id: row.try_get("segment_id")?,
        label: decoded(row, "label")?,
        statistics: decoded(row, "statistics")?,
        first_seen_at: row.try_get::<Option<i64>, _>("first_seen_at")?.unwrap_or(seen_at),
        withdrawn: withdrawn.is_some(),
        seen_at,
        fields,
    })
}

/// JSON that may be absent.
pub(super) fn decoded<T: serde::de::DeserializeOwned>(
    row: &AnyRow,
    column: &str,
) -> std::result::Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(undecodable)).transpose()
}
