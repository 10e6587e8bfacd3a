//! What can be wrong with a configuration. Every error names the key and the remedy.

use std::path::PathBuf;

/// Why a configuration is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("cannot read {}: {source}. Check the path and its permissions.", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not TOML, or a key that is unknown, missing or of the wrong type.
    #[error("{} is not a configuration: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Names the line and the key.
        source: Box<toml::de::Error>,
    },
    /// A database that cannot be used as it is.
    #[error("cannot use the database {}: {source}. {remedy}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// A PostgreSQL database that cannot be used as it is.
    #[error("cannot use the database {address}: {problem}. {remedy}")]
    Server {
        /// The server and the database, without a password.
        address: String,
        /// What the server says.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// A folder that cannot be used as it is.
    #[error("cannot use the folder {}: {source}. Check the path and its permissions.", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A value that cannot be used.
    #[error("`{key}` {problem}. {remedy}")]
    Value {
        /// The key in the file, with its sections.
        key: String,
        /// What is wrong.
        problem: String,
        /// What to write instead.
        remedy: String,
    },
}

/// A value of the configuration that cannot be used.
pub fn wrong(key: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> ConfigError {
    ConfigError::Value { key: key.into(), problem: problem.into(), remedy: remedy.into() }
}
