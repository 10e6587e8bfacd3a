//! Configurations that the tests begin with, and how they are read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use super::check::{Environment, check};
use super::{Config, ConfigError, DatabaseConfig, ProducerConfig, SegmentConfig, Select};

pub(super) const USHER: &str = "[usher]\nurl = \"https://usher.example.org\"\nendpoint_key = \"usher_key_1\"\n";
pub(super) const HEAD: &str = "listen = \"127.0.0.1:0\"\nauthentication_key = \"0123456789abcdef\"\nname = \"CRM\"\n\
                               database = \"sqlite:crm.db\"\nstate = \"state\"\n";
pub(super) const CONSUMER: &str = "[consumer]\ntable = \"contacts\"\nkey = \"email\"\nsegments_table = \"lists\"\n\
                                   members_table = \"list_members\"\n";
pub(super) const SEGMENT: &str = "[[producer.segments]]\nid = \"all\"\nname = \"All\"\ntable = \"people\"\n";

pub(super) fn read(text: &str) -> Result<Config, ConfigError> {
    let raw = toml::from_str(text)
        .map_err(|source| ConfigError::Syntax { path: "crm.toml".into(), source: Box::new(source) })?;
    check(raw, Path::new("/etc/usher"), Environment::default())
}

pub(super) fn selects(config: Config) -> (DatabaseConfig, Vec<SegmentConfig<Select>>) {
    match config.producer.unwrap() {
        ProducerConfig::Database { database, segments } => (database, segments),
        ProducerConfig::Folder { .. } => panic!("it is a database"),
    }
}

pub(super) fn error(text: &str) -> String {
    read(text).unwrap_err().to_string()
}
