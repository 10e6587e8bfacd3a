//! Opening SQLite files, and names as SQL takes them.
//!
//! Knows nothing of segments, jobs or people. Connections are handed out; whoever gets one decides which thread waits.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// How long a statement waits for another program that holds the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The name of a table or column, legal to stand in SQL in its quoted form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identifier(String);

impl Identifier {
    /// Takes a name of 1 to 128 characters without control characters.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the name.
    pub fn parse(name: &str) -> Result<Self, String> {
        if name.is_empty() || name.chars().count() > 128 {
            return Err("a name has 1 to 128 characters".to_owned());
        }
        if name.chars().any(char::is_control) {
            return Err("a name has no control characters".to_owned());
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in double quotes, with its own quotes doubled.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl std::fmt::Display for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Opens an existing database for reading only.
///
/// # Errors
/// When there is no such file, or it is not a database.
pub fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Opens a database for writing, made when it is not there, with a write-ahead log that is on the disk at every commit.
///
/// # Errors
/// When the file cannot be made or opened, or is not a database.
pub fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A part is acknowledged to Usher, which then forgets it: its commit must outlive a power cut, so FULL and not NORMAL.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // In KiB. A part touches people all over the table, and each page that leaves the cache early is written twice.
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update(None, "wal_autocheckpoint", 65_536)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// The columns of a table, in its order, with their declared types; empty when there is no such table.
///
/// # Errors
/// When the database cannot be read.
pub fn table_columns(connection: &Connection, table: &Identifier) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare("select name, type from pragma_table_xinfo(?1) where hidden <> 1")?;
    let columns = statement.query_map([table.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    columns.collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_name_with_quotes_stays_one_name() {
        let connection = Connection::open_in_memory().unwrap();
        let name = Identifier::parse("people\"; drop table x; --").unwrap();
        connection.execute_batch(&format!("create table {} (\"id\" text primary key)", name.quoted())).unwrap();
        assert_eq!(table_columns(&connection, &name).unwrap(), [("id".to_owned(), "TEXT".to_owned())]);
        assert!(Identifier::parse("").is_err());
        assert!(Identifier::parse("a\0b").is_err());
    }
}
