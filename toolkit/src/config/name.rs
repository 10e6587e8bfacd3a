//! Names of tables and columns.

use super::{ConfigError, DatabaseConfig, wrong};
use crate::database::Identifier;

pub(super) fn identifier(key: &str, name: &str) -> Result<Identifier, ConfigError> {
    Identifier::parse(name)
        .map_err(|problem| wrong(key, "is not a name of a table or column", format!("Mend it: {problem}.")))
}

/// The name of a table; in PostgreSQL it may have a schema before it.
pub(super) fn table_name(key: &str, name: &str, database: &DatabaseConfig) -> Result<Identifier, ConfigError> {
    match database {
        DatabaseConfig::Sqlite(_) => identifier(key, name),
        DatabaseConfig::Postgres(_) => Identifier::parse_qualified(name)
            .map_err(|problem| wrong(key, "is not a name of a table", format!("Mend it: {problem}."))),
    }
}
