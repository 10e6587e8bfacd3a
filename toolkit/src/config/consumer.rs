//! Where audiences are taken into: the place, the key, and how much is taken at once.

use std::collections::HashSet;

use model::contract::{DeliveryOptions, JobMode, PART_ROWS};
use model::field::FieldKind;

use super::field::fields;
use super::name::{identifier, table_name};
use super::raw::RawConsumer;
use super::store::{Store, only_for};
use super::{ConfigError, ConsumerConfig, DatabaseConfig, PlaceConfig, TableNames, wrong};
use crate::database::Identifier;

pub(super) fn consumer(raw: RawConsumer, store: &Store) -> Result<ConsumerConfig, ConfigError> {
    let place = match store {
        Store::Database(database) => {
            PlaceConfig::Database { database: database.clone(), tables: tables(&raw, database)? }
        }
        Store::Folder(folder) => {
            for (key, value) in
                [("table", &raw.table), ("segments_table", &raw.segments_table), ("members_table", &raw.members_table)]
            {
                only_for("a database", format!("consumer.{key}"), value.as_ref())?;
            }
            PlaceConfig::Folder(folder.clone())
        }
    };
    let key = identifier("consumer.key", &raw.key)?;
    let mut fields = fields("consumer.fields", raw.fields)?;
    if let Some(field) = fields.iter().find(|field| field.name.to_lowercase().starts_with("usher_")) {
        return Err(wrong(
            "consumer.fields",
            format!("has \"{}\"", field.name),
            "Names with \"usher_\" are the Toolkit's own.",
        ));
    }
    match fields.iter_mut().find(|field| field.name == key.as_str()) {
        Some(field) if field.kind == FieldKind::Identifier => field.required = true,
        Some(_) => {
            return Err(wrong("consumer.key", "is a field of kind \"attribute\"", "Choose one that is an identifier."));
        }
        None => {
            return Err(wrong(
                "consumer.key",
                "is not one of `consumer.fields`",
                "Name a field of [[consumer.fields]].",
            ));
        }
    }
    let mut modes = Vec::new();
    for mode in &raw.modes {
        let mode = match mode.as_str() {
            "add" => JobMode::Add,
            "replace" => JobMode::Replace,
            "remove" => JobMode::Remove,
            other => {
                return Err(wrong(
                    "consumer.modes",
                    format!("has \"{other}\""),
                    "Use \"add\", \"replace\" and \"remove\".",
                ));
            }
        };
        if !modes.contains(&mode) {
            modes.push(mode);
        }
    }
    if modes.is_empty() {
        return Err(wrong(
            "consumer.modes",
            "is empty",
            "Use \"add\", \"replace\" and \"remove\", or leave it out for all three.",
        ));
    }
    if !raw.new_segment && !raw.existing_segment {
        return Err(wrong(
            "consumer.new_segment",
            "and `existing_segment` are both false",
            "Let at least one of them be true.",
        ));
    }
    if raw.rows_per_second == Some(0) {
        return Err(wrong(
            "consumer.rows_per_second",
            "is 0",
            "Write how many rows a second it takes, or leave it out.",
        ));
    }
    if raw.rows_per_part == 0 {
        return Err(wrong(
            "consumer.rows_per_part",
            "is 0",
            format!("Write the rows that a part may have, or leave it out for {PART_ROWS}."),
        ));
    }
    Ok(ConsumerConfig {
        place,
        key,
        fields,
        delivery: DeliveryOptions {
            modes,
            new_segment: raw.new_segment,
            existing_segment: raw.existing_segment,
            rows_per_part: Some(raw.rows_per_part),
            rows_per_second: raw.rows_per_second,
            member_lifetime_days: None,
        },
    })
}

/// The names of the three tables of a consumer.
fn tables(raw: &RawConsumer, database: &DatabaseConfig) -> Result<TableNames, ConfigError> {
    let table = |key: &str, name: &Option<String>| match name {
        Some(name) => own_table(key, name, database),
        None => Err(wrong(key, "is missing", "Write the name of a table; it is made when it is not there.")),
    };
    let people = table("consumer.table", &raw.table)?;
    let segments = table("consumer.segments_table", &raw.segments_table)?;
    let members = table("consumer.members_table", &raw.members_table)?;
    let names: HashSet<String> = [&people, &segments, &members].iter().map(|t| t.as_str().to_lowercase()).collect();
    if names.len() < 3 {
        return Err(wrong(
            "consumer.table",
            "and the other tables have the same name",
            "Give each of the three tables its own.",
        ));
    }
    Ok(TableNames { people, segments, members })
}

/// A table that the Toolkit writes to: neither SQLite's nor the Toolkit's own records.
fn own_table(key: &str, name: &str, database: &DatabaseConfig) -> Result<Identifier, ConfigError> {
    let table = table_name(key, name, database)?;
    let lower = table.as_str().to_lowercase();
    if lower.starts_with("sqlite_") || lower.starts_with("usher_") {
        return Err(wrong(key, "starts with \"sqlite_\" or \"usher_\"", "Those names are taken; choose another."));
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::config::example::{CONSUMER, HEAD, read};

    #[test]
    fn the_key_of_a_consumer_is_always_required() {
        let config =
            read(&format!("{HEAD}{CONSUMER}[[consumer.fields]]\nname = \"email\"\n")).unwrap().consumer.unwrap();
        assert!(config.fields[0].required);
        assert_eq!(config.delivery.modes, [JobMode::Add, JobMode::Replace, JobMode::Remove]);
        assert_eq!(config.delivery.rows_per_part, Some(PART_ROWS));
    }
}
