//! The configuration file: TOML as people write it in, checked values out. `docs/TOOLKIT.md` is its manual.
//!
//! Only what can be told from the text is checked here; whether tables, files and columns are there is for [`crate::producer`] and
//! [`crate::consumer`], who open them. Every error names the key and the remedy.

mod check;
mod consumer;
mod error;
#[cfg(test)]
mod example;
mod field;
mod meeting;
mod name;
mod producer;
mod raw;
mod settings;
mod store;

use std::path::Path;

pub use error::{ConfigError, wrong};
pub use field::guess;
pub use producer::is_legal_id;
pub use settings::{
    Config, ConsumerConfig, DatabaseConfig, KeyDigest, Meeting, PlaceConfig, ProducerConfig, Registration, SecretText,
    SegmentConfig, Select, TableNames, UsherConfig,
};

use check::{Environment, check};
use meeting::KEY_VARIABLE;
use raw::RawConfig;
use store::DATABASE_VARIABLE;

/// Reads and checks a configuration file. Paths in it are relative to its own folder.
///
/// # Errors
/// [`ConfigError`], whose text names the key and the remedy.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let raw: RawConfig = toml::from_str(&text)
        .map_err(|source| ConfigError::Syntax { path: path.to_owned(), source: Box::new(source) })?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let variable = |name| std::env::var(name).ok();
    check(raw, &folder, Environment { key: variable(KEY_VARIABLE), database: variable(DATABASE_VARIABLE) })
}

/// What stands in a file, without the white space around it.
fn secret(path: &Path) -> Result<String, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    Ok(text.trim().to_owned())
}
