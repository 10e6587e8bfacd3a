//! The audiences that a database offers: what they are, how many people they hold, and writing one as CSV.
//!
//! Reads only: the connections here cannot write. An export is one `select`, so it is one consistent snapshot, and goes to the file row
//! by row. When exports run and what is remembered of them is in [`exports`].

pub mod exports;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use model::contract::{JobRequest, MAX_COLUMNS, Segment};
use model::field::Field;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigError, SegmentConfig, guess, wrong};
use crate::database::{Identifier, open_reader};
use crate::fault::{Code, Fault};
use crate::state::{ExportedFile, lock, rfc3339};

/// Rows between two looks at whether to stop.
const ROWS_BETWEEN_LOOKS: u64 = 1_024;

/// The segments of a database.
#[derive(Debug)]
pub struct Producer {
    database: PathBuf,
    segments: Vec<Offered>,
    counting: Mutex<Counting>,
}

#[derive(Debug)]
struct Offered {
    config: SegmentConfig,
    fields: Vec<Field>,
}

/// Sizes are counted anew only when the database has changed.
#[derive(Debug)]
struct Counting {
    connection: Connection,
    version: Option<i64>,
    sizes: HashMap<String, u64>,
}

/// Why an export did not come to its end.
#[derive(Debug)]
pub enum ExportEnd {
    /// It was told to stop.
    Stopped,
    /// It cannot be made.
    Failed(Fault),
}

impl<E: Into<Fault>> From<E> for ExportEnd {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Producer {
    /// Opens the database and checks every segment against it.
    ///
    /// # Errors
    /// When the file is not there, a query cannot be run, or a key or field is not among a query's columns.
    pub fn open(config: &Config, segments: &[SegmentConfig]) -> Result<Self, ConfigError> {
        let unusable = |source| ConfigError::Database {
            path: config.database.clone(),
            source,
            remedy: "A producer needs an SQLite file that is there and can be read: check the path and its permissions.",
        };
        let connection = open_reader(&config.database).map_err(unusable)?;
        // Opening is lazy: only reading tells whether it is a database.
        connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(())).map_err(unusable)?;
        let segments = segments
            .iter()
            .enumerate()
            .map(|(index, segment)| offer(&connection, index, segment))
            .collect::<Result<_, _>>()?;
        let counting = Mutex::new(Counting { connection, version: None, sizes: HashMap::new() });
        Ok(Self { database: config.database.clone(), segments, counting })
    }

    /// The ids of all segments, in the order of the configuration.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map(|segment| segment.config.id.as_str())
    }

    /// Whether the database can be read.
    ///
    /// # Errors
    /// When it cannot.
    pub fn ping(&self) -> Result<(), Fault> {
        Ok(lock(&self.counting).connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?)
    }

    /// One segment with its present size, if there is one of this id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn segment(&self, id: &str) -> Result<Option<Segment>, Fault> {
        self.segments.iter().find(|segment| segment.config.id == id).map(|segment| self.describe(segment)).transpose()
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
                    connection.query_row(&format!("select count(*) from ({})", config.query), [], |row| row.get(0))?;
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

    /// Whether the job asks for what is there.
    ///
    /// # Errors
    /// A fault that names the segment or field.
    pub fn check_request(&self, request: &JobRequest) -> Result<(), Fault> {
        self.statement(request).map(drop)
    }

    /// The `select` of an export: only the wanted columns, in the wanted order, sorted by the key.
    fn statement(&self, request: &JobRequest) -> Result<String, Fault> {
        let Some(id) = &request.segment.id else {
            return Err(Fault::new(
                Code::JOB_NOT_TAKEN,
                "An export needs `segment.id`, one of those that GET v1/segments lists.",
            ));
        };
        let offered = self.segments.iter().find(|segment| segment.config.id == *id).ok_or_else(|| {
            Fault::new(
                Code::NO_SUCH_SEGMENT,
                "This endpoint offers no segment of this id; GET v1/segments lists those that it offers.",
            )
        })?;
        if request.fields.is_empty() {
            return Err(Fault::new(Code::FIELD_MISSING, "An export needs at least one field in `fields`."));
        }
        let mut seen = HashSet::new();
        let mut columns = Vec::new();
        for field in &request.fields {
            if !offered.fields.iter().any(|known| known.name == field.name) {
                return Err(Fault::new(
                    Code::UNKNOWN_FIELD,
                    format!("The segment has no field \"{}\"; GET v1/segments/{id} lists its fields.", field.name),
                ));
            }
            if !seen.insert(&field.name) {
                return Err(Fault::new(Code::UNKNOWN_FIELD, format!("The field \"{}\" is listed twice.", field.name)));
            }
            let column = Identifier::parse(&field.name).map_err(|problem| Fault::new(Code::UNKNOWN_FIELD, problem))?;
            columns.push(format!("segment.{}", column.quoted()));
        }
        let mut sql = format!("select {} from ({}) as segment", columns.join(", "), offered.config.query);
        if let Some(key) = &offered.config.key {
            sql.push_str(&format!(" order by segment.{}", key.quoted()));
        }
        if let Some(limit) = request.limit {
            sql.push_str(&format!(" limit {limit}"));
        }
        Ok(sql)
    }

    /// Writes an export to `path`: to a temporary name first, and under its own name only when it is whole and on the disk.
    ///
    /// # Errors
    /// [`ExportEnd`]; nothing stays behind then.
    pub fn write(
        &self,
        request: &JobRequest,
        path: &Path,
        stop: &CancellationToken,
    ) -> Result<ExportedFile, ExportEnd> {
        let partial = path.with_extension("partial");
        let outcome = self.write_partial(request, &partial, stop);
        match outcome {
            Ok(file) => {
                std::fs::rename(&partial, path)?;
                if let Some(folder) = path.parent() {
                    File::open(folder)?.sync_all()?;
                }
                Ok(file)
            }
            Err(end) => {
                if let Err(error) = std::fs::remove_file(&partial) {
                    tracing::warn!(%error, "an unfinished export file could not be removed");
                }
                Err(end)
            }
        }
    }

    fn write_partial(
        &self,
        request: &JobRequest,
        path: &Path,
        stop: &CancellationToken,
    ) -> Result<ExportedFile, ExportEnd> {
        let sql = self.statement(request)?;
        let mut file = Digesting {
            inner: BufWriter::with_capacity(256 * 1024, File::create(path)?),
            hasher: Sha256::new(),
            bytes: 0,
        };
        let mut rows_written = 0;
        {
            let connection = open_reader(&self.database)?;
            let mut statement = connection.prepare(&sql)?;
            let mut writer = csv::WriterBuilder::new()
                .terminator(csv::Terminator::CRLF)
                .buffer_capacity(64 * 1024)
                .from_writer(&mut file);
            writer.write_record(request.fields.iter().map(|field| field.name.as_str())).map_err(csv_fault)?;
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
                                return Err(ExportEnd::Failed(Fault::new(
                                    Code::INVALID_DATA,
                                    format!(
                                        "Row {} of the segment has bytes in \"{}\" that are not UTF-8. Mend them in the database.",
                                        rows_written + 1,
                                        field.name
                                    ),
                                )));
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
                    writer.write_field(value).map_err(csv_fault)?;
                }
                writer.write_record(None::<&[u8]>).map_err(csv_fault)?;
                rows_written += 1;
            }
            writer.flush()?;
        }
        let Digesting { inner, hasher, bytes } = file;
        let file = inner.into_inner().map_err(|error| Fault::from(error.into_error()))?;
        file.sync_all()?;
        Ok(ExportedFile { rows: rows_written, bytes, sha256: hex::encode(hasher.finalize()) })
    }
}

fn csv_fault(error: csv::Error) -> Fault {
    Fault::internal("Writing the export", error)
}

/// Checks one segment of the configuration against the database.
fn offer(connection: &Connection, index: usize, segment: &SegmentConfig) -> Result<Offered, ConfigError> {
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
        connection.prepare(&format!("select * from ({}) as segment limit 0", segment.query)).map_err(unusable)?;
    // Of two columns with one name the subquery renames the second, so the query itself is asked.
    let columns: Vec<String> =
        connection.prepare(&segment.query).map_err(unusable)?.column_names().into_iter().map(str::to_owned).collect();
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
    if let Some(key) = &segment.key
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
    Ok(Offered { config: segment.clone(), fields })
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

/// Counts and digests what goes through.
struct Digesting<W> {
    inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
