//! Queries of a PostgreSQL database: rows come by COPY, as they are made, out of one state of the database.

use std::io::BufRead;

use model::field::FieldType;
use postgres::error::SqlState;
use postgres::types::Type;
use tokio_util::sync::CancellationToken;

use super::{Column, Counted, Shape, as_it_is};
use crate::config::ConfigError;
use crate::database::Transaction;
use crate::database::postgres::{Purpose, Server, ServerConfig, lost};
use crate::fault::Fault;
use crate::producer::{ExportEnd, RowWriter, not_utf8};

/// How long rows are counted before the server's estimate has to do.
const COUNTING: &str = "set local statement_timeout = '15s'";

/// A server that is read.
#[derive(Debug)]
pub struct Reading {
    server: Server,
}

impl Reading {
    /// Reaches the server.
    ///
    /// # Errors
    /// When it is not there, or does not let us in.
    pub fn open(config: &ServerConfig) -> Result<Self, ConfigError> {
        Ok(Self { server: Server::reach(config)? })
    }

    fn within<T, E: From<Fault>>(
        &self,
        work: impl FnOnce(&mut postgres::Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.server.session()?.within(Purpose::Read, |transaction| work(of_server(transaction)?))
    }

    /// Whether it can be read.
    ///
    /// # Errors
    /// When it cannot.
    pub fn ping(&self) -> Result<(), Fault> {
        self.within(|_| Ok(()))
    }

    /// What a query gives, without running it.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn shape(&self, query: &str) -> Result<Shape, String> {
        let shape = self.within(|transaction| {
            // Within a subquery only a select can stand, and only one.
            let within = transaction.prepare(&format!("select * from ({query}\n) as segment limit 0"))?;
            let column = |column: &postgres::Column| Column {
                name: column.name().to_owned(),
                field_type: field_type(column.type_()),
                written: written(column.type_()),
            };
            Ok::<_, Fault>(Shape {
                columns: within.columns().iter().map(column).collect(),
                has_parameters: !within.params().is_empty(),
            })
        });
        shape.map_err(|fault| fault.source.map_or(fault.detail, |source| source.to_string()))
    }

    /// What changes when the content does: any transaction of the server that writes, since no more is known without looking at every row.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub fn version(&self) -> Result<String, Fault> {
        self.within(|transaction| Ok(transaction.query_one("select txid_current_snapshot()::text", &[])?.try_get(0)?))
    }

    /// How many rows a query gives; when counting takes long, how many the server believes.
    ///
    /// # Errors
    /// When the query cannot be run.
    pub fn count(&self, query: &str) -> Result<Counted, Fault> {
        let rows = self.within(|transaction| {
            transaction.batch_execute(COUNTING)?;
            match transaction.query_one(&format!("select count(*) from ({query}\n) as segment"), &[]) {
                Ok(row) => Ok(Some(row.try_get::<_, i64>(0)?)),
                Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => Ok(None),
                Err(error) => Err(Fault::from(error)),
            }
        })?;
        if let Some(rows) = rows {
            return Ok(Counted { rows: rows.try_into().unwrap_or_default(), is_estimate: false });
        }
        self.within(|transaction| {
            let sql = format!("explain (format json) select * from ({query}\n) as segment");
            let plan = transaction.simple_query(&sql)?;
            let text: String = plan
                .iter()
                .filter_map(|message| match message {
                    postgres::SimpleQueryMessage::Row(row) => row.get(0),
                    _ => None,
                })
                .collect();
            let plan: serde_json::Value = serde_json::from_str(&text)?;
            Ok(Counted { rows: plan[0]["Plan"]["Plan Rows"].as_f64().unwrap_or_default() as u64, is_estimate: true })
        })
    }

    /// Writes the rows of a statement, all of them of one state of the database.
    ///
    /// # Errors
    /// [`ExportEnd`].
    pub fn write(
        &self,
        sql: &str,
        columns: &[&str],
        rows: &mut RowWriter<'_>,
        stop: &CancellationToken,
    ) -> Result<(), ExportEnd> {
        let session = self.server.session()?;
        let token = session.cancel_token();
        session.within(Purpose::Export, |transaction| {
            let outcome = copy(of_server(transaction)?, sql, columns, rows, stop);
            // What nobody wants any more is not to be sent to its end.
            if let (Err(_), Some(token)) = (&outcome, &token) {
                self.server.cancel(token);
            }
            outcome
        })
    }
}

fn of_server<'t, 'c>(transaction: &'t mut Transaction<'c>) -> Result<&'t mut postgres::Transaction<'c>, Fault> {
    match transaction {
        Transaction::Postgres(transaction) => Ok(transaction),
        Transaction::Sqlite(_) => {
            Err(Fault::internal("Asking a server", std::io::Error::other("the transaction is another database's")))
        }
    }
}

/// Text as COPY writes it has a line for each row, tabs between values, and escapes with a backslash.
fn copy(
    transaction: &mut postgres::Transaction<'_>,
    sql: &str,
    columns: &[&str],
    rows: &mut RowWriter<'_>,
    stop: &CancellationToken,
) -> Result<(), ExportEnd> {
    let mut reader = transaction.copy_out(&format!("copy ({sql}) to stdout"))?;
    let (mut line, mut plain) = (Vec::new(), Vec::new());
    loop {
        rows.look(stop)?;
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(lost)? == 0 {
            return Ok(());
        }
        line.pop();
        if std::str::from_utf8(&line).is_err() {
            // Only in a database that does not know of encodings.
            let broken = line.split(|byte| *byte == b'\t').position(|value| std::str::from_utf8(value).is_err());
            let column = broken.and_then(|place| columns.get(place)).copied().unwrap_or_default();
            return Err(not_utf8(rows.written() + 1, column, "database").into());
        }
        for value in line.split(|byte| *byte == b'\t') {
            if !value.contains(&b'\\') {
                rows.value(value)?;
                continue;
            }
            plain.clear();
            unescape(value, &mut plain);
            rows.value(&plain)?;
        }
        rows.end_row()?;
    }
}

fn unescape(value: &[u8], plain: &mut Vec<u8>) {
    if value == b"\\N" {
        return;
    }
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        plain.push(match (byte, byte == &b'\\') {
            (byte, false) => *byte,
            (_, true) => match bytes.next() {
                Some(b'b') => 8,
                Some(b'f') => 12,
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'v') => 11,
                Some(other) => *other,
                None => b'\\',
            },
        });
    }
}

/// The field type that a column's type speaks for.
fn field_type(column: &Type) -> Option<FieldType> {
    match *column {
        Type::INT2 | Type::INT4 | Type::INT8 => Some(FieldType::Integer),
        Type::NUMERIC => Some(FieldType::Decimal),
        Type::BOOL => Some(FieldType::Boolean),
        Type::DATE => Some(FieldType::Date),
        Type::TIMESTAMPTZ => Some(FieldType::Timestamp),
        _ => None,
    }
}

/// How a column is asked for, so that its values come as the contract has them.
fn written(column: &Type) -> fn(&str) -> String {
    match *column {
        // `true`, where COPY has `t`.
        Type::BOOL => |name| format!("{name}::text"),
        // RFC 3339.
        Type::TIMESTAMP | Type::TIMESTAMPTZ => |name| format!("to_json({name}) #>> '{{}}'"),
        Type::BYTEA => |name| format!("encode({name}, 'hex')"),
        _ => as_it_is,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        let mut plain = Vec::new();
        unescape(b"a\\tb\\\\N\\n\\r\\x", &mut plain);
        assert_eq!(plain, b"a\tb\\N\n\rx");
        plain.clear();
        unescape(b"\\N", &mut plain);
        assert!(plain.is_empty());
    }
}
