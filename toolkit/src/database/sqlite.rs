//! Opening SQLite files. What is asked of them does not stand here.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{Identifier, Value};

/// How long a statement waits for another program that holds the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

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

/// Gives a statement its values, each to where its number stands.
///
/// # Errors
/// When a value cannot be taken.
pub fn bind(statement: &mut rusqlite::Statement<'_>, values: &[Value<'_>]) -> rusqlite::Result<()> {
    for (number, value) in (1..).zip(values) {
        if let Some(index) = statement.parameter_index(&format!("${number}"))? {
            match value {
                Value::Text(text) => statement.raw_bind_parameter(index, text)?,
                Value::Integer(number) => statement.raw_bind_parameter(index, number)?,
                Value::Null => statement.raw_bind_parameter(index, rusqlite::types::Null)?,
            }
        }
    }
    Ok(())
}
