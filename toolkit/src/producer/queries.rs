//! Audiences in a database: each is one `select`.
//!
//! Reads only: the connections here cannot write. An export is one `select`, so it is one consistent snapshot, and goes to the file row
//! by row.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use model::contract::{JobRequest, MAX_COLUMNS, Segment};
use model::field::Field;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tokio_util::sync::CancellationToken;

use super::{ExportEnd, ExportFile, ROWS_BETWEEN_LOOKS, Source, not_utf8};
use crate::config::{ConfigError, SegmentConfig, Select, guess, wrong};
use crate::database::{Identifier, open_reader};
use crate::fault::{Code, Fault};
use crate::state::{ExportedFile, lock, rfc3339};

/// The segments of a database.
#[derive(Debug)]
pub struct Queries {
    database: PathBuf,
    segments: Vec<Offered>,
    counting: Mutex<Counting>,
}

#[derive(Debug)]
struct Offered {
    config: SegmentConfig<Select>,
    fields: Vec<Field>,
}

/// Sizes are counted anew only when the database has changed.
#[derive(Debug)]
struct Counting {
    connection: Connection,
    version: Option<i64>,
    sizes: HashMap<String, u64>,
}

impl Queries {
    /// Opens the database and checks every segment against it.
    ///
    /// # Errors
    /// When the file is not there, a query cannot be run, or a key or field is not among a query's columns.
    pub fn open(path: PathBuf, segments: Vec<SegmentConfig<Select>>) -> Result<Self, ConfigError> {
        let unusable = |source| ConfigError::Database {
            path: path.clone(),
            source,
            remedy: "A producer needs an SQLite file that is there and can be read: check the path and its permissions.",
        };
        let connection = open_reader(&path).map_err(unusable)?;
        // Opening is lazy: only reading tells whether it is a database.
        connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(())).map_err(unusable)?;
        let segments = segments
            .into_iter()
            .enumerate()
            .map(|(index, segment)| offer(&connection, index, segment))
            .collect::<Result<_, _>>()?;
        let counting = Mutex::new(Counting { connection, version: None, sizes: HashMap::new() });
        Ok(Self { database: path, segments, counting })
    }

    fn offered(&self, id: &str) -> Option<&Offered> {
        self.segments.iter().find(|segment| segment.config.id == id)
    }

    fn describe(&self, offered: &Offered) -> Result<Segment, Fault> {
        let mut counting = lock(&self.counting);
        let Counting { connection, version, sizes } = &mut *counting;
        let now: i64 = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if *version != Some(now) {
            sizes.clear();
            *version = Some(now);
        }
        let config = &offered.config;
        let size = match sizes.get(&config.id) {
            Some(size) => *size,
            None => {
                let size =
                    connection
                        .query_row(&format!("select count(*) from ({})", config.rows.query), [], |row| row.get(0))?;
                sizes.insert(config.id.clone(), size);
                size
            }
        };
        Ok(Segment {
            id: config.id.clone(),
            name: config.name.clone(),
            description: config.description.clone(),
            size: Some(size),
            size_is_estimate: false,
            updated_at: changed_at(&self.database).map(rfc3339),
            fields: offered.fields.clone(),
            tags: config.tags.clone(),
        })
    }

    /// The `select` of an export: only the wanted columns, in the wanted order, sorted by the key.
    fn statement(&self, offered: &Offered, request: &JobRequest) -> Result<String, Fault> {
        let mut columns = Vec::new();
        for field in &request.fields {
            let column = Identifier::parse(&field.name).map_err(|problem| Fault::new(Code::UNKNOWN_FIELD, problem))?;
            columns.push(format!("segment.{}", column.quoted()));
        }
        let mut sql = format!("select {} from ({}) as segment", columns.join(", "), offered.config.rows.query);
        if let Some(key) = &offered.config.rows.key {
            sql.push_str(&format!(" order by segment.{}", key.quoted()));
        }
        if let Some(limit) = request.limit {
            sql.push_str(&format!(" limit {limit}"));
        }
        Ok(sql)
    }
}

impl Source for Queries {
    fn ping(&self) -> Result<(), Fault> {
        Ok(lock(&self.counting).connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?)
    }

    fn ids(&self) -> Result<Vec<String>, Fault> {
        Ok(self.segments.iter().map(|segment| segment.config.id.clone()).collect())
    }

    fn segment(&self, id: &str) -> Result<Option<Segment>, Fault> {
        self.offered(id).map(|offered| self.describe(offered)).transpose()
    }

    fn fields(&self, id: &str) -> Result<Option<Vec<Field>>, Fault> {
        Ok(self.offered(id).map(|offered| offered.fields.clone()))
    }

    fn write(
        &self,
        id: &str,
        request: &JobRequest,
        path: &Path,
        stop: &CancellationToken,
    ) -> Result<ExportedFile, ExportEnd> {
        let sql = self.statement(self.offered(id).ok_or_else(super::no_such_segment)?, request)?;
        let connection = open_reader(&self.database)?;
        let mut statement = connection.prepare(&sql)?;
        let mut file = ExportFile::create(path)?;
        let mut rows_written = 0;
        {
            let mut writer = file.csv();
            writer.write_record(request.fields.iter().map(|field| field.name.as_str())).map_err(Fault::csv)?;
            let mut rows = statement.query([])?;
            let mut number = Vec::new();
            while let Some(row) = rows.next()? {
                if rows_written % ROWS_BETWEEN_LOOKS == 0 && stop.is_cancelled() {
                    return Err(ExportEnd::Stopped);
                }
                for (index, field) in request.fields.iter().enumerate() {
                    number.clear();
                    let value: &[u8] = match row.get_ref(index)? {
                        ValueRef::Null => b"",
                        ValueRef::Text(text) => {
                            if std::str::from_utf8(text).is_err() {
                                return Err(not_utf8(rows_written + 1, &field.name, "database").into());
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
                    writer.write_field(value).map_err(Fault::csv)?;
                }
                writer.write_record(None::<&[u8]>).map_err(Fault::csv)?;
                rows_written += 1;
            }
            writer.flush()?;
        }
        Ok(file.finish(rows_written)?)
    }
}

/// Checks one segment of the configuration against the database.
fn offer(connection: &Connection, index: usize, segment: SegmentConfig<Select>) -> Result<Offered, ConfigError> {
    let at = |key: &str| format!("producer.segments[{index}].{key}");
    let unusable = |error| {
        wrong(
            at("query"),
            format!("cannot be run on the database ({error})"),
            "Mend the query, or `table` if that is given.",
        )
    };
    // Within a subquery only a select can stand, and only one.
    let statement =
        connection.prepare(&format!("select * from ({}) as segment limit 0", segment.rows.query)).map_err(unusable)?;
    // Of two columns with one name the subquery renames the second, so the query itself is asked.
    let columns: Vec<String> = connection
        .prepare(&segment.rows.query)
        .map_err(unusable)?
        .column_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    if statement.parameter_count() > 0 {
        return Err(wrong(at("query"), "has parameters", "Write the values into the query."));
    }
    if columns.len() > MAX_COLUMNS {
        return Err(wrong(
            at("query"),
            format!("has {} columns", columns.len()),
            format!("Usher takes at most {MAX_COLUMNS}."),
        ));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = columns.iter().find(|column| !seen.insert(column.to_lowercase())) {
        return Err(wrong(at("query"), format!("has two columns \"{twice}\""), "Name each with `as`."));
    }
    if let Some(key) = &segment.rows.key
        && !columns.iter().any(|column| column == key.as_str())
    {
        return Err(wrong(at("key"), format!("is \"{key}\", which is no column of the segment"), listed(&columns)));
    }
    let fields = match &segment.fields {
        Some(fields) => {
            if let Some(field) = fields.iter().find(|field| !columns.contains(&field.name)) {
                return Err(wrong(
                    at("fields"),
                    format!("has \"{}\", which is no column of the segment", field.name),
                    listed(&columns),
                ));
            }
            fields.clone()
        }
        None => columns.iter().map(|column| guess(column)).collect(),
    };
    Ok(Offered { config: segment, fields })
}

fn listed(columns: &[String]) -> String {
    format!("Its columns are: {}.", columns.join(", "))
}

/// When the database's files changed last: an upper bound for when a segment did.
fn changed_at(database: &Path) -> Option<DateTime<Utc>> {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    [database.to_owned(), PathBuf::from(log)]
        .iter()
        .filter_map(|path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
        .max()
        .map(DateTime::from)
}
