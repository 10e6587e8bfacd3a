//! The file as people write it, key by key. Nothing is checked here but what TOML and the types tell.

use std::path::PathBuf;

use model::contract::PART_ROWS;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) listen: Option<String>,
    pub(super) usher: Option<RawUsher>,
    pub(super) authentication_key: Option<String>,
    pub(super) authentication_key_file: Option<PathBuf>,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) database: Option<String>,
    pub(super) database_file: Option<PathBuf>,
    pub(super) schema: Option<String>,
    pub(super) folder: Option<PathBuf>,
    pub(super) delimiter: Option<String>,
    pub(super) state: PathBuf,
    pub(super) producer: Option<RawProducer>,
    pub(super) consumer: Option<RawConsumer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUsher {
    pub(super) url: String,
    pub(super) endpoint_key: Option<String>,
    pub(super) endpoint_key_file: Option<PathBuf>,
    pub(super) own_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProducer {
    #[serde(default)]
    pub(super) segments: Vec<RawSegment>,
    #[serde(default)]
    pub(super) fields: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLabel {
    pub(super) provenance: Option<String>,
    pub(super) refresh_cadence: Option<String>,
    pub(super) consent_basis: Option<String>,
    pub(super) owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSegment {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    pub(super) label: Option<RawLabel>,
    pub(super) table: Option<String>,
    pub(super) query: Option<String>,
    pub(super) key: Option<String>,
    pub(super) file: Option<PathBuf>,
    #[serde(default)]
    pub(super) fields: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConsumer {
    pub(super) table: Option<String>,
    pub(super) key: String,
    pub(super) segments_table: Option<String>,
    pub(super) members_table: Option<String>,
    #[serde(default)]
    pub(super) fields: Vec<RawField>,
    #[serde(default = "every_mode")]
    pub(super) modes: Vec<String>,
    #[serde(default = "yes")]
    pub(super) new_segment: bool,
    #[serde(default = "yes")]
    pub(super) existing_segment: bool,
    #[serde(default = "usual_rows_per_part")]
    pub(super) rows_per_part: u64,
    pub(super) rows_per_second: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawField {
    pub(super) name: String,
    pub(super) label: Option<String>,
    pub(super) kind: Option<String>,
    #[serde(rename = "type")]
    pub(super) field_type: Option<String>,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) recommended: bool,
    pub(super) form: Option<String>,
    pub(super) description: Option<String>,
    pub(super) example: Option<String>,
    pub(super) preset: Option<String>,
}

fn every_mode() -> Vec<String> {
    ["add", "replace", "remove"].map(str::to_owned).into()
}

fn yes() -> bool {
    true
}

fn usual_rows_per_part() -> u64 {
    PART_ROWS
}
