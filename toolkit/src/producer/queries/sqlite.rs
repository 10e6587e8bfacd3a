//! Queries of an SQLite file.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio_util::sync::CancellationToken;

use super::{Column, Counted, Shape};
use crate::config::ConfigError;
use crate::database::sqlite::open_reader;
use crate::fault::Fault;
use crate::producer::{ExportEnd, RowWriter, not_utf8};
use crate::state::{lock, rfc3339};

/// An SQLite file that is read.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    /// For looks; exports have connections of their own.
    connection: Mutex<Connection>,
}

impl File {
    /// Opens a file that is there.
    ///
    /// # Errors
    /// When it is not there, or is no database.
    pub fn open(path: PathBuf) -> Result<Self, ConfigError> {
        let unusable = |source| ConfigError::Database {
            path: path.clone(),
            source,
            remedy: "A producer needs an SQLite file that is there and can be read: check the path and its permissions.",
        };
        let connection = open_reader(&path).map_err(unusable)?;
        // Opening is lazy: only reading tells whether it is a database.
        connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(())).map_err(unusable)?;
        Ok(Self { connection: Mutex::new(connection), path })
    }

    /// Whether it can be read.
    ///
    /// # Errors
    /// When it cannot.
    pub fn ping(&self) -> Result<(), Fault> {
        Ok(lock(&self.connection).query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?)
    }

    /// What a query gives, without running it.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn shape(&self, query: &str) -> Result<Shape, String> {
        let connection = lock(&self.connection);
        let said = |error: rusqlite::Error| error.to_string();
        // Within a subquery only a select can stand, and only one.
        let within = connection.prepare(&format!("select * from ({query}\n) as segment limit 0")).map_err(said)?;
        // Of two columns with one name the subquery renames the second, so the query itself is asked.
        let statement = connection.prepare(query).map_err(said)?;
        let column = |name: &str| Column { name: name.to_owned(), field_type: None, written: super::as_it_is };
        Ok(Shape {
            columns: statement.column_names().into_iter().map(column).collect(),
            has_parameters: within.parameter_count() > 0,
        })
    }

    /// What changes when the content does.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn version(&self) -> Result<String, Fault> {
        let version = lock(&self.connection).pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0))?;
        Ok(version.to_string())
    }

    /// How many rows a query gives.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn count(&self, query: &str) -> Result<Counted, Fault> {
        let sql = format!("select count(*) from ({query}\n)");
        let rows = lock(&self.connection).query_row(&sql, [], |row| row.get(0))?;
        Ok(Counted { rows, is_estimate: false })
    }

    /// When the file changed last: an upper bound for when a segment did.
    pub fn changed_at(&self) -> Option<String> {
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        [self.path.clone(), PathBuf::from(log)].iter().filter_map(|path: &PathBuf| modified(path)).max().map(rfc3339)
    }

    /// Writes the rows of a statement; one statement is one state of the database.
    ///
    /// # Errors
    /// [`ExportEnd`].
    pub fn write(&self, sql: &str, rows: &mut RowWriter<'_>, stop: &CancellationToken) -> Result<(), ExportEnd> {
        let connection = open_reader(&self.path)?;
        let mut statement = connection.prepare(sql)?;
        let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let mut found = statement.query([])?;
        let mut number = Vec::new();
        while let Some(row) = found.next()? {
            rows.look(stop)?;
            for (index, column) in columns.iter().enumerate() {
                number.clear();
                let value: &[u8] = match row.get_ref(index)? {
                    ValueRef::Null => b"",
                    ValueRef::Text(text) => {
                        if std::str::from_utf8(text).is_err() {
                            return Err(not_utf8(rows.written() + 1, column, "database").into());
                        }
                        text
                    }
                    ValueRef::Integer(value) => {
                        write!(number, "{value}")?;
                        &number
                    }
                    ValueRef::Real(value) => {
                        write!(number, "{value}")?;
                        &number
                    }
                    ValueRef::Blob(bytes) => {
                        number.extend_from_slice(hex::encode(bytes).as_bytes());
                        &number
                    }
                };
                rows.value(value)?;
            }
            rows.end_row()?;
        }
        Ok(())
    }
}

fn modified(path: &Path) -> Option<DateTime<Utc>> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok().map(DateTime::from)
}
