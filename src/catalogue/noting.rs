//! Noting: writing down what producers tell of their audiences. Only what changed is written, with what changed in it, in one transaction that
//! counts the catalogue's version up.

use std::collections::{HashMap, HashSet};

use model::{
    catalogue::{ChangeKind, RefreshReport},
    contract::{MAX_COLUMNS, Segment, SegmentLabel, SegmentStatistics},
    field::Field,
    id::{AccountId, AudienceId, EndpointId},
};
use sqlx::{Any, AssertSqlSafe, Row, Transaction};

use crate::{
    hub::Hub,
    registry::{parsed_id, undecodable},
    store::{Database, StoreError, new_id},
};

const LONGEST_TEXT: usize = 2000;
const LONGEST_LABEL: usize = 500;
const LONGEST_SEGMENT_ID: usize = 200;
/// Audiences in one statement.
const AT_ONCE: usize = 100;
const COLUMNS: usize = 18;
/// Changes and sizes are kept so long.
const KEPT_MS: i64 = 400 * 24 * 60 * 60 * 1000;
/// A change of size by less than one in so many is none to speak of.
const JUMP: u64 = 5;
/// Nor is one by fewer members.
const SMALLEST_JUMP: u64 = 10;

/// What of an audience is beyond the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusable {
    Id,
    Name,
    Fields,
}

/// Whether an audience can be kept.
pub(super) fn usable(segment: &Segment) -> std::result::Result<(), Unusable> {
    let id = &segment.id;
    if id.is_empty() || id.len() > LONGEST_SEGMENT_ID || id.chars().any(char::is_control) {
        Err(Unusable::Id)
    } else if bounded(&segment.name, LONGEST_TEXT).is_empty() {
        Err(Unusable::Name)
    } else if segment.fields.is_empty() || segment.fields.len() > MAX_COLUMNS {
        Err(Unusable::Fields)
    } else {
        Ok(())
    }
}

/// An audience as it will be kept.
struct Told {
    segment_id: String,
    name: String,
    description: Option<String>,
    size: Option<i64>,
    size_is_estimate: i64,
    updated_at: Option<String>,
    fields: String,
    tags: String,
    label: Option<String>,
    statistics: Option<String>,
    fingerprint: String,
}

impl Told {
    fn of(segment: &Segment) -> std::result::Result<Self, StoreError> {
        let tags: Vec<String> =
            segment.tags.iter().map(|tag| bounded(tag, LONGEST_TEXT)).filter(|tag| !tag.is_empty()).collect();
        let mut told = Self {
            segment_id: segment.id.clone(),
            name: bounded(&segment.name, LONGEST_TEXT),
            description: segment.description.as_deref().map(|text| bounded(text, LONGEST_TEXT)),
            size: segment.size.and_then(|size| i64::try_from(size).ok()),
            size_is_estimate: i64::from(segment.size_is_estimate),
            // What is no time (contract: RFC 3339) can't be shown as one.
            updated_at: segment.updated_at.clone().filter(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok()),
            fields: json(&segment.fields)?,
            tags: json(&tags)?,
            label: segment.label.as_ref().and_then(bounded_label).as_ref().map(json).transpose()?,
            statistics: segment
                .statistics
                .as_ref()
                .map(|told| bounded_statistics(told, segment))
                .as_ref()
                .map(json)
                .transpose()?,
            fingerprint: String::new(),
        };
        let parts = (
            (&told.name, &told.description, told.size, told.size_is_estimate, &told.updated_at),
            (&told.fields, &told.tags, &told.label, &told.statistics),
        );
        let digest = blake3::hash(json(&parts)?.as_bytes());
        told.fingerprint = digest.to_hex().chars().take(32).collect();
        Ok(told)
    }
}

/// An audience that is known already.
struct Known {
    id: AudienceId,
    fingerprint: Option<String>,
    is_withdrawn: bool,
}

/// What an audience was before it changed.
struct Before {
    name: String,
    size: Option<i64>,
    fields: String,
}

impl Hub {
    /// Notes everything that an endpoint offers: what is not among it is no longer offered.
    pub(super) async fn note_all(
        &self,
        account_id: &AccountId,
        endpoint_id: &EndpointId,
        segments: &[Segment],
    ) -> std::result::Result<RefreshReport, StoreError> {
        let mut told = Vec::with_capacity(segments.len());
        let mut places: HashMap<&str, usize> = HashMap::new();
        for segment in segments {
            // An audience that can't be kept to the limits is left out, and said so in the log; the others go on.
            if usable(segment).is_err() {
                tracing::warn!(endpoint.id = %endpoint_id, "an audience is beyond the limits and was left out");
                continue;
            }
            let audience = Told::of(segment)?;
            match places.get(segment.id.as_str()) {
                // Of two with one id the later counts.
                Some(place) => told[*place] = audience,
                None => {
                    places.insert(&segment.id, told.len());
                    told.push(audience);
                }
            }
        }
        let mut note = Note::begin(self.database(), self.now_ms(), account_id, endpoint_id).await?;
        let known = note.known(None).await?;
        // The first time all are new: that is no news of any of them.
        let is_first = known.is_empty() && note.was_never_read().await?;
        note.write(told, &known, !is_first).await?;
        let offered: HashSet<&str> = places.keys().copied().collect();
        let mut gone: Vec<&AudienceId> = known
            .iter()
            .filter(|(segment_id, known)| !known.is_withdrawn && !offered.contains(segment_id.as_str()))
            .map(|(_, known)| &known.id)
            .collect();
        gone.sort();
        note.withdraw(&gone).await?;
        note.source_read().await?;
        note.report.offered = offered.len() as u64;
        note.end().await
    }

    /// Notes one audience that an endpoint declares. Says whether it is new.
    pub(super) async fn note_one(
        &self,
        account_id: &AccountId,
        endpoint_id: &EndpointId,
        segment: &Segment,
    ) -> std::result::Result<bool, StoreError> {
        let mut note = Note::begin(self.database(), self.now_ms(), account_id, endpoint_id).await?;
        let known = note.known(Some(&segment.id)).await?;
        note.write(vec![Told::of(segment)?], &known, true).await?;
        note.source_read().await?;
        let report = note.end().await?;
        Ok(report.new > 0)
    }

    /// Notes that an endpoint no longer offers an audience; whether it did before.
    pub(super) async fn note_withdrawn(
        &self,
        account_id: &AccountId,
        endpoint_id: &EndpointId,
        segment_id: &str,
    ) -> std::result::Result<bool, StoreError> {
        let mut note = Note::begin(self.database(), self.now_ms(), account_id, endpoint_id).await?;
        let known = note.known(Some(segment_id)).await?;
        let gone: Vec<&AudienceId> =
            known.values().filter(|known| !known.is_withdrawn).map(|known| &known.id).collect();
        note.withdraw(&gone).await?;
        Ok(note.end().await?.vanished > 0)
    }

    /// Notes that an endpoint could not be asked for its audiences.
    pub(super) async fn note_unread(
        &self,
        account_id: &AccountId,
        endpoint_id: &EndpointId,
    ) -> std::result::Result<(), StoreError> {
        let sql = "insert into catalogue_source (endpoint_id, account_id, failed_at) values ($1, $2, $3)
            on conflict (endpoint_id) do update set failed_at = excluded.failed_at";
        sqlx::query(sql)
            .bind(endpoint_id.as_str())
            .bind(account_id.as_str())
            .bind(self.now_ms())
            .execute(self.database().writer())
            .await?;
        Ok(())
    }
}

/// One transaction's notes. Where audiences are looked up, `account_id || ''` keeps SQLite from going through all of the account's.
struct Note<'n> {
    transaction: Transaction<'static, Any>,
    now: i64,
    account_id: &'n AccountId,
    endpoint_id: &'n EndpointId,
    version: i64,
    report: RefreshReport,
    changes: Vec<(AudienceId, ChangeKind)>,
    sizes: Vec<(AudienceId, i64, i64)>,
}

impl<'n> Note<'n> {
    /// Begins, and holds whoever else notes something for the account until the end: versions count up in the order in which they are seen.
    async fn begin(
        database: &Database,
        now: i64,
        account_id: &'n AccountId,
        endpoint_id: &'n EndpointId,
    ) -> std::result::Result<Self, StoreError> {
        let mut transaction = database.begin().await?;
        sqlx::query("insert into catalogue (account_id, version) values ($1, 0) on conflict (account_id) do nothing")
            .bind(account_id.as_str())
            .execute(&mut *transaction)
            .await?;
        let sql = format!("select version from catalogue where account_id = $1 {}", database.dialect().locked());
        let row = sqlx::query(AssertSqlSafe(sql)).bind(account_id.as_str()).fetch_one(&mut *transaction).await?;
        let version = row.try_get::<i64, _>("version")? + 1;
        let report = RefreshReport::default();
        Ok(Self { transaction, now, account_id, endpoint_id, version, report, changes: Vec::new(), sizes: Vec::new() })
    }

    /// What is known of the endpoint's audiences, or of one of them, by the producer's ids.
    async fn known(&mut self, segment_id: Option<&str>) -> std::result::Result<HashMap<String, Known>, StoreError> {
        let mut sql =
            "select id, segment_id, fingerprint, withdrawn_at from audience where account_id || '' = $1 and endpoint_id = $2"
                .to_owned();
        if segment_id.is_some() {
            sql.push_str(" and segment_id = $3");
        }
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(self.account_id.as_str()).bind(self.endpoint_id.as_str());
        if let Some(segment_id) = segment_id {
            query = query.bind(segment_id);
        }
        let rows = query.fetch_all(&mut *self.transaction).await?;
        let mut known = HashMap::with_capacity(rows.len());
        for row in &rows {
            let is_withdrawn = row.try_get::<Option<i64>, _>("withdrawn_at")?.is_some();
            let of_id = Known { id: parsed_id(row, "id")?, fingerprint: row.try_get("fingerprint")?, is_withdrawn };
            known.insert(row.try_get("segment_id")?, of_id);
        }
        Ok(known)
    }

    async fn was_never_read(&mut self) -> std::result::Result<bool, StoreError> {
        let row = sqlx::query("select read_at from catalogue_source where account_id = $1 and endpoint_id = $2")
            .bind(self.account_id.as_str())
            .bind(self.endpoint_id.as_str())
            .fetch_optional(&mut *self.transaction)
            .await?;
        Ok(row.is_none_or(|row| row.try_get::<Option<i64>, _>("read_at").ok().flatten().is_none()))
    }

    async fn write(
        &mut self,
        told: Vec<Told>,
        known: &HashMap<String, Known>,
        tell_new: bool,
    ) -> std::result::Result<(), StoreError> {
        let is_news = |told: &Told| {
            known
                .get(&told.segment_id)
                .is_none_or(|known| known.is_withdrawn || known.fingerprint.as_ref() != Some(&told.fingerprint))
        };
        let news: Vec<Told> = told.into_iter().filter(is_news).collect();
        for some in news.chunks(AT_ONCE) {
            let changed: Vec<&AudienceId> =
                some.iter().filter_map(|told| known.get(&told.segment_id)).map(|known| &known.id).collect();
            let mut before = self.before(&changed).await?;
            let mut rows = Vec::with_capacity(some.len());
            for told in some {
                match known.get(&told.segment_id) {
                    None => {
                        let id: AudienceId = new_id(AudienceId::PREFIX);
                        if tell_new {
                            self.changes.push((id.clone(), ChangeKind::New));
                        }
                        self.report.new += 1;
                        rows.push((id, told));
                    }
                    Some(known) => {
                        if known.is_withdrawn {
                            self.changes.push((known.id.clone(), ChangeKind::Returned));
                            self.report.returned += 1;
                        } else {
                            self.report.changed += 1;
                        }
                        if let Some(before) = before.remove(&known.id) {
                            self.compare(&known.id, &before, told)?;
                        }
                        rows.push((known.id.clone(), told));
                    }
                }
            }
            self.upsert(&rows).await?;
        }
        Ok(())
    }

    async fn before(&mut self, ids: &[&AudienceId]) -> std::result::Result<HashMap<AudienceId, Before>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = format!(
            "select id, name, size, fields from audience where account_id || '' = $1 and id in ({})",
            places(2, ids.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(self.account_id.as_str());
        for id in ids {
            query = query.bind(id.as_str());
        }
        let mut before = HashMap::with_capacity(ids.len());
        for row in query.fetch_all(&mut *self.transaction).await? {
            let was = Before { name: row.try_get("name")?, size: row.try_get("size")?, fields: row.try_get("fields")? };
            before.insert(parsed_id(&row, "id")?, was);
        }
        Ok(before)
    }

    fn compare(&mut self, id: &AudienceId, before: &Before, told: &Told) -> std::result::Result<(), StoreError> {
        if before.name != told.name {
            self.changes.push((id.clone(), ChangeKind::Renamed { before: before.name.clone() }));
        }
        if before.fields != told.fields {
            let (was, is): (Vec<Field>, Vec<Field>) = (
                serde_json::from_str(&before.fields).map_err(undecodable)?,
                serde_json::from_str(&told.fields).map_err(undecodable)?,
            );
            self.changes.extend(changed_fields(&was, &is).map(|change| (id.clone(), change)));
        }
        if let (Some(was), Some(is)) = (before.size, told.size)
            && was != is
        {
            self.sizes.push((id.clone(), was, is));
            if is_jump(was, is) {
                let (before, after) = (u64::try_from(was).unwrap_or(0), u64::try_from(is).unwrap_or(0));
                self.changes.push((id.clone(), ChangeKind::Size { before, after }));
            }
        }
        Ok(())
    }

    async fn upsert(&mut self, rows: &[(AudienceId, &Told)]) -> std::result::Result<(), StoreError> {
        let values: Vec<String> =
            (0..rows.len()).map(|row| format!("({})", places(row * COLUMNS + 1, COLUMNS))).collect();
        let sql = format!(
            "insert into audience (id, account_id, endpoint_id, segment_id, name, description, size, size_is_estimate, fields, tags, label,
                statistics, updated_at, fingerprint, version, first_seen_at, seen_at, withdrawn_at)
             values {}
             on conflict (endpoint_id, segment_id) do update set name = excluded.name, description = excluded.description,
                size = excluded.size, size_is_estimate = excluded.size_is_estimate, fields = excluded.fields, tags = excluded.tags,
                label = excluded.label, statistics = excluded.statistics, updated_at = excluded.updated_at,
                fingerprint = excluded.fingerprint, version = excluded.version, seen_at = excluded.seen_at, withdrawn_at = null",
            values.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (id, told) in rows {
            query = query
                .bind(id.as_str())
                .bind(self.account_id.as_str())
                .bind(self.endpoint_id.as_str())
                .bind(told.segment_id.as_str())
                .bind(told.name.as_str())
                .bind(told.description.as_deref())
                .bind(told.size)
                .bind(told.size_is_estimate)
                .bind(told.fields.as_str())
                .bind(told.tags.as_str())
                .bind(told.label.as_deref())
                .bind(told.statistics.as_deref())
                .bind(told.updated_at.as_deref())
                .bind(told.fingerprint.as_str())
                .bind(self.version)
                .bind(self.now)
                .bind(self.now)
                .bind(None::<i64>);
        }
        query.execute(&mut *self.transaction).await?;
        Ok(())
    }

    async fn withdraw(&mut self, ids: &[&AudienceId]) -> std::result::Result<(), StoreError> {
        for some in ids.chunks(AT_ONCE) {
            // They were last seen when the endpoint was last read.
            let sql = format!(
                "update audience set withdrawn_at = $1, version = $2,
                    seen_at = coalesce((select read_at from catalogue_source where endpoint_id = $3 and read_at > seen_at), seen_at)
                 where account_id || '' = $4 and id in ({})",
                places(5, some.len())
            );
            let mut query = sqlx::query(AssertSqlSafe(sql))
                .bind(self.now)
                .bind(self.version)
                .bind(self.endpoint_id.as_str())
                .bind(self.account_id.as_str());
            for id in some {
                query = query.bind(id.as_str());
            }
            query.execute(&mut *self.transaction).await?;
            self.changes.extend(some.iter().map(|id| ((*id).clone(), ChangeKind::Vanished)));
        }
        self.report.vanished += ids.len() as u64;
        Ok(())
    }

    async fn source_read(&mut self) -> std::result::Result<(), StoreError> {
        let sql = "insert into catalogue_source (endpoint_id, account_id, read_at) values ($1, $2, $3)
            on conflict (endpoint_id) do update set read_at = excluded.read_at, failed_at = null";
        sqlx::query(sql)
            .bind(self.endpoint_id.as_str())
            .bind(self.account_id.as_str())
            .bind(self.now)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Writes down what changed and ends; when nothing did, the version stays.
    async fn end(mut self) -> std::result::Result<RefreshReport, StoreError> {
        let RefreshReport { new, changed, returned, vanished, .. } = self.report;
        if new + changed + returned + vanished > 0 {
            self.write_changes().await?;
            self.write_sizes().await?;
            sqlx::query("update catalogue set version = $1 where account_id = $2")
                .bind(self.version)
                .bind(self.account_id.as_str())
                .execute(&mut *self.transaction)
                .await?;
        }
        self.transaction.commit().await?;
        Ok(self.report)
    }

    async fn write_changes(&mut self) -> std::result::Result<(), StoreError> {
        for some in self.changes.chunks(AT_ONCE) {
            let values: Vec<String> = (0..some.len()).map(|row| format!("({})", places(row * 6 + 1, 6))).collect();
            let sql = format!(
                "insert into audience_change (id, account_id, endpoint_id, audience_id, at, change) values {}",
                values.join(", ")
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (audience_id, change) in some {
                query = query
                    .bind(format!("chg_{}", uuid::Uuid::now_v7().simple()))
                    .bind(self.account_id.as_str())
                    .bind(self.endpoint_id.as_str())
                    .bind(audience_id.as_str())
                    .bind(self.now)
                    .bind(json(change)?);
            }
            query.execute(&mut *self.transaction).await?;
        }
        sqlx::query("delete from audience_change where endpoint_id = $1 and at < $2")
            .bind(self.endpoint_id.as_str())
            .bind(self.now - KEPT_MS)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    async fn write_sizes(&mut self) -> std::result::Result<(), StoreError> {
        for some in self.sizes.chunks(AT_ONCE) {
            let values: Vec<String> = (0..some.len()).map(|row| format!("({})", places(row * 4 + 1, 4))).collect();
            let sql = format!(
                "insert into audience_size (audience_id, at, size, size_before) values {}
                 on conflict (audience_id, at) do update set size = excluded.size",
                values.join(", ")
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (audience_id, was, is) in some {
                query = query.bind(audience_id.as_str()).bind(self.now).bind(*is).bind(*was);
            }
            query.execute(&mut *self.transaction).await?;
            let sql = format!("delete from audience_size where at < $1 and audience_id in ({})", places(2, some.len()));
            let mut query = sqlx::query(AssertSqlSafe(sql)).bind(self.now - KEPT_MS);
            for (audience_id, _, _) in some {
                query = query.bind(audience_id.as_str());
            }
            query.execute(&mut *self.transaction).await?;
        }
        Ok(())
    }
}

/// So many places of a statement, from this number on.
fn places(from: usize, many: usize) -> String {
    let places: Vec<String> = (from..from + many).map(|place| format!("${place}")).collect();
    places.join(", ")
}

fn changed_fields(was: &[Field], is: &[Field]) -> Option<ChangeKind> {
    let named = |fields: &[Field], name: &str| fields.iter().find(|field| field.name == name).cloned();
    let names = |fields: &[Field], test: &dyn Fn(&Field) -> bool| {
        fields.iter().filter(|field| test(field)).map(|field| field.name.clone()).collect::<Vec<_>>()
    };
    let added = names(is, &|field| named(was, &field.name).is_none());
    let removed = names(was, &|field| named(is, &field.name).is_none());
    let changed = names(is, &|field| {
        named(was, &field.name).is_some_and(|before| {
            (before.field_type, before.kind, before.form) != (field.field_type, field.kind, field.form)
        })
    });
    let is_any = !(added.is_empty() && removed.is_empty() && changed.is_empty());
    is_any.then_some(ChangeKind::Fields { added, removed, changed })
}

fn is_jump(was: i64, is: i64) -> bool {
    let difference = was.abs_diff(is);
    let was = u64::try_from(was).unwrap_or(0);
    was == 0 || is == 0 || (difference >= SMALLEST_JUMP && difference.saturating_mul(JUMP) >= was)
}

/// Without what PostgreSQL does not take as text (U+0000), and of a bounded length.
fn bounded(text: &str, longest: usize) -> String {
    text.trim().chars().filter(|letter| *letter != '\0').take(longest).collect()
}

fn bounded_label(label: &SegmentLabel) -> Option<SegmentLabel> {
    let text = |text: &Option<String>| {
        text.as_deref().map(|text| bounded(text, LONGEST_LABEL)).filter(|text| !text.is_empty())
    };
    let label = SegmentLabel {
        provenance: text(&label.provenance),
        refresh_cadence: text(&label.refresh_cadence),
        consent_basis: text(&label.consent_basis),
        owner: text(&label.owner),
    };
    (label != SegmentLabel::default()).then_some(label)
}

/// Of fields that the audience has, and without numbers that can't be.
fn bounded_statistics(told: &SegmentStatistics, segment: &Segment) -> SegmentStatistics {
    let known = |name: &str| segment.fields.iter().any(|field| field.name == name);
    let mut fields = told.fields.clone();
    fields.retain(|field| known(&field.name) && field.filled <= told.rows);
    fields.truncate(MAX_COLUMNS);
    for field in &mut fields {
        field.distinct = field.distinct.filter(|distinct| *distinct <= field.filled);
    }
    SegmentStatistics { rows: told.rows, fields }
}

fn json<T: serde::Serialize>(value: &T) -> std::result::Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Sqlx(sqlx::Error::Encode(Box::new(error))))
}

#[cfg(test)]
mod tests {
    use model::field::{FieldKind, FieldType};

    use super::*;

    #[test]
    fn a_jump_is_a_fifth_or_more_or_to_and_from_nobody() {
        assert!(is_jump(100, 120) && is_jump(100, 80) && is_jump(0, 1) && is_jump(3, 0));
        assert!(!is_jump(100, 119) && !is_jump(3, 6) && !is_jump(1_000, 1_010));
    }

    #[test]
    fn fields_are_compared_by_name_and_meaning() {
        let field = |name: &str, of: FieldType| Field::new(name, FieldKind::Attribute, of);
        let was = [field("a", FieldType::String), field("b", FieldType::String), field("c", FieldType::String)];
        let mut labelled = field("a", FieldType::String);
        labelled.label = Some("Another label".to_owned());
        let is = [labelled, field("c", FieldType::Date), field("d", FieldType::String)];
        let names = |name: &str| vec![name.to_owned()];
        let expected = ChangeKind::Fields { added: names("d"), removed: names("b"), changed: names("c") };
        assert_eq!(changed_fields(&was, &is), Some(expected));
        assert_eq!(changed_fields(&was, &was), None);
    }
}
