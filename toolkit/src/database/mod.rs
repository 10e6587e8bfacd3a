//! The databases that are served: SQLite files and PostgreSQL servers, and one way to ask both.
//!
//! Knows nothing of segments, jobs or people. Whoever keeps something in a database writes one text of SQL, with `$1` for the first
//! value, and gets a [`Transaction`]; where the two differ too much for one text, it matches on that. Everything here waits: callers
//! use threads that may.

pub mod postgres;
pub mod sqlite;
mod tls;

use std::path::Path;
use std::sync::Mutex;

use self::postgres::{Purpose, Server, ServerConfig};
use crate::config::ConfigError;
use crate::fault::Fault;
use crate::state::lock;

/// The name of a table or column, legal to stand in SQL in its quoted form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identifier {
    name: String,
    quoted: String,
}

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
        Ok(Self { name: name.to_owned(), quoted: quote(name) })
    }

    /// Takes the name of a table that may have its schema before it, as in `crm.people`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the name.
    pub fn parse_qualified(name: &str) -> Result<Self, String> {
        match name.split_once('.') {
            None => Self::parse(name),
            Some((schema, table)) => {
                let (schema, table) = (Self::parse(schema)?, Self::parse(table)?);
                Ok(Self { name: name.to_owned(), quoted: format!("{}.{}", schema.quoted, table.quoted) })
            }
        }
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The name in double quotes, with its own quotes doubled.
    pub fn quoted(&self) -> &str {
        &self.quoted
    }
}

impl std::fmt::Display for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// A name in double quotes, with its own quotes doubled.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A database that is written to: one writer at a time, and readers beside it.
#[derive(Debug)]
pub enum Database {
    /// A file.
    Sqlite {
        /// For transactions that write.
        writer: Mutex<rusqlite::Connection>,
        /// For all others.
        reader: Mutex<rusqlite::Connection>,
    },
    /// A server.
    Postgres {
        /// Where it is.
        server: Server,
        /// Whoever writes waits here for the one before; other processes wait in the server.
        writing: Mutex<()>,
    },
}

impl Database {
    /// Opens a file, made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made or opened, or is not a database.
    pub fn sqlite(path: &Path) -> Result<Self, ConfigError> {
        let unusable = |source| ConfigError::Database {
            path: path.to_owned(),
            source,
            remedy: "A consumer needs an SQLite file that can be read and written, or a folder where it can be made.",
        };
        let writer = sqlite::open_writer(path).map_err(unusable)?;
        let reader = sqlite::open_reader(path).map_err(unusable)?;
        Ok(Self::Sqlite { writer: Mutex::new(writer), reader: Mutex::new(reader) })
    }

    /// Reaches a server.
    ///
    /// # Errors
    /// When it is not there, or does not let us in.
    pub fn server(config: &ServerConfig) -> Result<Self, ConfigError> {
        Ok(Self::Postgres { server: Server::reach(config)?, writing: Mutex::new(()) })
    }

    /// Reads, all of it from one state of the database.
    ///
    /// # Errors
    /// When the database is not available, and whatever `work` fails with.
    pub fn read<T>(&self, work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        match self {
            Self::Sqlite { reader, .. } => {
                let mut reader = lock(reader);
                let transaction = reader.transaction()?;
                work(&mut Transaction::Sqlite(&transaction))
            }
            Self::Postgres { server, .. } => server.session()?.within(Purpose::Read, work),
        }
    }

    /// Writes: all of it when `work` ends well, else nothing. Nobody else writes meanwhile.
    ///
    /// # Errors
    /// When the database is not available, and whatever `work` fails with.
    pub fn write<T, E: From<Fault>>(&self, work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>) -> Result<T, E> {
        match self {
            Self::Sqlite { writer, .. } => {
                let mut writer = lock(writer);
                let transaction =
                    writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(Fault::from)?;
                let done = work(&mut Transaction::Sqlite(&transaction))?;
                transaction.commit().map_err(Fault::from)?;
                Ok(done)
            }
            Self::Postgres { server, writing } => {
                let _alone = lock(writing);
                server.session()?.within(Purpose::Write, work)
            }
        }
    }
}

/// A transaction that is under way.
pub enum Transaction<'c> {
    /// Of a file.
    Sqlite(&'c rusqlite::Connection),
    /// Of a server.
    Postgres(::postgres::Transaction<'c>),
}

/// A value for a statement.
#[derive(Debug, Clone, Copy)]
pub enum Value<'v> {
    /// A text, or whatever a column of another type reads from it.
    Text(&'v str),
    /// A whole number.
    Integer(i64),
    /// Nothing.
    Null,
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v String> for Value<'v> {
    fn from(text: &'v String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl<'v, T: Into<Value<'v>>> From<Option<T>> for Value<'v> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row of an answer.
pub enum Row<'r> {
    /// Of a file.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of a server.
    Postgres(&'r ::postgres::Row),
}

impl Row<'_> {
    /// The text at this place, if there is one.
    ///
    /// # Errors
    /// When it is no text.
    pub fn text_or_null(&self, place: usize) -> Result<Option<String>, Fault> {
        Ok(match self {
            Self::Sqlite(row) => row.get(place)?,
            Self::Postgres(row) => row.try_get(place)?,
        })
    }

    /// The text at this place.
    ///
    /// # Errors
    /// When there is none.
    pub fn text(&self, place: usize) -> Result<String, Fault> {
        Ok(match self {
            Self::Sqlite(row) => row.get(place)?,
            Self::Postgres(row) => row.try_get(place)?,
        })
    }

    /// The whole number at this place; in a server it is a `bigint`.
    ///
    /// # Errors
    /// When there is none.
    pub fn integer(&self, place: usize) -> Result<i64, Fault> {
        Ok(match self {
            Self::Sqlite(row) => row.get(place)?,
            Self::Postgres(row) => row.try_get(place)?,
        })
    }

    /// The number at this place of what was counted.
    ///
    /// # Errors
    /// When there is none.
    pub fn count(&self, place: usize) -> Result<u64, Fault> {
        Ok(self.integer(place)?.try_into().unwrap_or_default())
    }
}

impl Transaction<'_> {
    /// Runs a statement; how many rows it changed.
    ///
    /// # Errors
    /// What the database says.
    pub fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, Fault> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                sqlite::bind(&mut statement, values)?;
                Ok(statement.raw_execute()? as u64)
            }
            Self::Postgres(transaction) => Ok(transaction.execute(sql, &postgres::parameters(values))?),
        }
    }

    /// Runs statements without values.
    ///
    /// # Errors
    /// What the database says.
    pub fn execute_all(&mut self, sql: &str) -> Result<(), Fault> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Self::Postgres(transaction) => Ok(transaction.batch_execute(sql)?),
        }
    }

    /// What `read` makes of each row that a query gives. For answers that are small.
    ///
    /// # Errors
    /// What the database says, and whatever `read` fails with.
    pub fn query<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                sqlite::bind(&mut statement, values)?;
                let mut rows = statement.raw_query();
                let mut made = Vec::new();
                while let Some(row) = rows.next()? {
                    made.push(read(&Row::Sqlite(row))?);
                }
                Ok(made)
            }
            Self::Postgres(transaction) => {
                let rows = transaction.query(sql, &postgres::parameters(values))?;
                rows.iter().map(|row| read(&Row::Postgres(row))).collect()
            }
        }
    }

    /// What `read` makes of the first row that a query gives.
    ///
    /// # Errors
    /// What the database says, and whatever `read` fails with.
    pub fn first<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        Ok(self.query(sql, values, read)?.into_iter().next())
    }

    /// Whether a query gives any row.
    ///
    /// # Errors
    /// What the database says.
    pub fn exists(&mut self, sql: &str, values: &[Value<'_>]) -> Result<bool, Fault> {
        Ok(self.first(&format!("{sql} limit 1"), values, |_| Ok(()))?.is_some())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::sqlite::table_columns;
    use super::*;

    #[test]
    fn a_name_with_quotes_stays_one_name() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let name = Identifier::parse("people\"; drop table x; --").unwrap();
        connection.execute_batch(&format!("create table {} (\"id\" text primary key)", name.quoted())).unwrap();
        assert_eq!(table_columns(&connection, &name).unwrap(), [("id".to_owned(), "TEXT".to_owned())]);
        assert!(Identifier::parse("").is_err());
        assert!(Identifier::parse("a\0b").is_err());
        assert_eq!(Identifier::parse_qualified("crm.peo\"ple").unwrap().quoted(), "\"crm\".\"peo\"\"ple\"");
        assert!(Identifier::parse_qualified("crm.").is_err());
    }

    #[test]
    fn values_go_where_their_number_stands() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let mut transaction = Transaction::Sqlite(&connection);
        let values = [Value::Text("one"), Value::Integer(2), Value::Null];
        let row = transaction.first("select $2, $1, $3, $1", &values, |row| {
            Ok((row.integer(0)?, row.text(1)?, row.text_or_null(2)?, row.text(3)?))
        });
        assert_eq!(row.unwrap().unwrap(), (2, "one".to_owned(), None, "one".to_owned()));
    }
}
