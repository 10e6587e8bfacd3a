//! The audiences that are offered, each with its rows.

use std::collections::HashSet;
use std::path::PathBuf;

use model::contract::SegmentLabel;
use model::field::Field;

use super::field::fields;
use super::name::{identifier, table_name};
use super::raw::{RawLabel, RawProducer, RawSegment};
use super::store::{Store, only_for};
use super::{ConfigError, DatabaseConfig, ProducerConfig, SegmentConfig, Select, wrong};

/// Usher keeps no more of each text of a label.
const LONGEST_LABEL: usize = 500;

pub(super) fn producer(raw: RawProducer, store: &Store) -> Result<ProducerConfig, ConfigError> {
    let shared = fields("producer.fields", raw.fields)?;
    match store {
        Store::Database(_) if raw.segments.is_empty() => {
            Err(wrong("producer.segments", "is empty", "Write at least one [[producer.segments]]."))
        }
        Store::Database(database) => {
            let select = |segment: &RawSegment, at: &dyn Fn(&str) -> String| select(segment, at, database);
            Ok(ProducerConfig::Database {
                database: database.clone(),
                segments: segments(raw.segments, &shared, select)?,
            })
        }
        Store::Folder(folder) => Ok(ProducerConfig::Folder {
            folder: folder.clone(),
            segments: segments(raw.segments, &shared, file)?,
            fields: shared,
        }),
    }
}

fn segments<R>(
    raw: Vec<RawSegment>,
    shared: &[Field],
    rows: impl Fn(&RawSegment, &dyn Fn(&str) -> String) -> Result<R, ConfigError>,
) -> Result<Vec<SegmentConfig<R>>, ConfigError> {
    let mut ids = HashSet::new();
    let mut segments = Vec::new();
    for (index, segment) in raw.into_iter().enumerate() {
        let at = |key: &str| format!("producer.segments[{index}].{key}");
        if !is_legal_id(&segment.id) {
            return Err(wrong(at("id"), "is not an id", "Use 1 to 64 letters, digits, '-' and '_'."));
        }
        if !ids.insert(segment.id.clone()) {
            return Err(wrong(
                at("id"),
                format!("is \"{}\" once more", segment.id),
                "Give each segment an id of its own.",
            ));
        }
        if segment.name.trim().is_empty() {
            return Err(wrong(at("name"), "is empty", "Write the name that people shall see."));
        }
        let rows = rows(&segment, &at)?;
        let own = fields(&at("fields"), segment.fields)?;
        segments.push(SegmentConfig {
            fields: [own, shared.to_vec()].into_iter().find(|fields| !fields.is_empty()),
            id: segment.id,
            name: segment.name,
            description: segment.description,
            tags: segment.tags,
            label: segment.label.map(|label| label_of(&at, label)).transpose()?,
            rows,
        });
    }
    Ok(segments)
}

fn label_of(at: &dyn Fn(&str) -> String, raw: RawLabel) -> Result<SegmentLabel, ConfigError> {
    let text = |key: &str, text: Option<String>| match text {
        Some(text) if text.trim().is_empty() || text.chars().count() > LONGEST_LABEL => {
            let remedy = format!("Write 1 to {LONGEST_LABEL} characters, or leave it out.");
            Err(wrong(at(&format!("label.{key}")), "is empty or too long", remedy))
        }
        text => Ok(text),
    };
    Ok(SegmentLabel {
        provenance: text("provenance", raw.provenance)?,
        refresh_cadence: text("refresh_cadence", raw.refresh_cadence)?,
        consent_basis: text("consent_basis", raw.consent_basis)?,
        owner: text("owner", raw.owner)?,
    })
}

/// Whether a text can stand as a segment's id in addresses and file names everywhere.
pub fn is_legal_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn select(segment: &RawSegment, at: &dyn Fn(&str) -> String, database: &DatabaseConfig) -> Result<Select, ConfigError> {
    only_for("a folder of CSV files", at("file"), segment.file.as_ref())?;
    let query = match (&segment.table, &segment.query) {
        (Some(table), None) => format!("select * from {}", table_name(&at("table"), table, database)?.quoted()),
        (None, Some(query)) => {
            let query = query.trim().trim_end_matches(';').trim_end().to_owned();
            if query.is_empty() {
                return Err(wrong(at("query"), "is empty", "Write a select statement."));
            }
            query
        }
        _ => {
            return Err(wrong(at("query"), "or `table` is needed, and only one of them", "Write `table` or `query`."));
        }
    };
    Ok(Select { query, key: segment.key.as_deref().map(|key| identifier(&at("key"), key)).transpose()? })
}

fn file(segment: &RawSegment, at: &dyn Fn(&str) -> String) -> Result<PathBuf, ConfigError> {
    for (key, value) in [("table", &segment.table), ("query", &segment.query), ("key", &segment.key)] {
        only_for("a database", at(key), value.as_ref())?;
    }
    let file = segment
        .file
        .clone()
        .ok_or_else(|| wrong(at("file"), "is missing", "Write the name of a CSV file in the folder."))?;
    if !crate::folder::stays_within(&file) {
        return Err(wrong(
            at("file"),
            format!("is \"{}\", which is not within the folder", file.display()),
            "Write the name of a CSV file in the folder, without \"..\" and without a \"/\" at its start.",
        ));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::path::Path;

    use model::field::FieldType;

    use super::*;
    use crate::config::example::{HEAD, read, selects};

    #[test]
    fn a_table_is_enough_to_offer_an_audience() {
        let config =
            read(&format!("{HEAD}[[producer.segments]]\nid = \"all\"\nname = \"All\"\ntable = \"peo\\\"ple\"\n"))
                .unwrap();
        assert_eq!(config.state, Path::new("/etc/usher/state"));
        let (database, segments) = selects(config);
        assert!(matches!(database, DatabaseConfig::Sqlite(path) if path == Path::new("/etc/usher/crm.db")));
        assert_eq!(segments[0].rows.query, "select * from \"peo\"\"ple\"");
        assert!(segments[0].fields.is_none());
    }

    #[test]
    fn shared_fields_hold_unless_a_segment_has_its_own() {
        let config = read(&format!(
            "{HEAD}[[producer.fields]]\nname = \"email\"\n[[producer.segments]]\nid = \"a\"\nname = \"A\"\ntable = \"t\"\n\
             [[producer.segments]]\nid = \"b\"\nname = \"B\"\nquery = \"select 1 as n;\"\n[[producer.segments.fields]]\n\
             name = \"n\"\ntype = \"integer\"\n"
        ))
        .unwrap();
        let (_, segments) = selects(config);
        assert_eq!(segments[0].fields.as_ref().unwrap()[0].field_type, FieldType::Email);
        assert_eq!(segments[1].fields.as_ref().unwrap()[0].field_type, FieldType::Integer);
        assert_eq!(segments[1].rows.query, "select 1 as n");
    }
}
