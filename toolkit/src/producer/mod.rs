//! The audiences that are offered: what they are, whether a job asks for what is there, and writing one as CSV.
//!
//! What goes for all of them is here; where their rows lie is for the [`Source`]: [`queries`] of a database, or [`files`] of a folder.
//! When exports run and what is remembered of them is in [`exports`].

pub mod exports;
mod files;
mod queries;

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use model::contract::{JobRequest, Segment};
use model::field::Field;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, ProducerConfig};
use crate::fault::{Code, Fault};
use crate::state::ExportedFile;

/// Rows between two looks at whether to stop.
const ROWS_BETWEEN_LOOKS: u64 = 1_024;

/// The segments that are offered.
#[derive(Debug)]
pub struct Producer {
    source: Box<dyn Source>,
}

/// Where the rows of segments lie.
trait Source: std::fmt::Debug + Send + Sync {
    /// Whether it can be read.
    fn ping(&self) -> Result<(), Fault>;

    /// The ids of all segments.
    fn ids(&self) -> Result<Vec<String>, Fault>;

    /// One segment with its present size.
    fn segment(&self, id: &str) -> Result<Option<Segment>, Fault>;

    /// The fields of one segment.
    fn fields(&self, id: &str) -> Result<Option<Vec<Field>>, Fault>;

    /// Writes the rows of a segment to a new file and sees to it that it is on the disk. The job was checked against the fields.
    fn write(
        &self,
        id: &str,
        request: &JobRequest,
        path: &Path,
        stop: &CancellationToken,
    ) -> Result<ExportedFile, ExportEnd>;
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
    /// Opens what is configured and checks every segment against it.
    ///
    /// # Errors
    /// When the database or folder cannot be read, or a segment is not in it as it is configured.
    pub fn open(config: ProducerConfig) -> Result<Self, ConfigError> {
        let source: Box<dyn Source> = match config {
            ProducerConfig::Database { database, segments } => Box::new(queries::Queries::open(database, segments)?),
            ProducerConfig::Folder { folder, segments, fields } => {
                Box::new(files::Files::open(folder, segments, fields)?)
            }
        };
        Ok(Self { source })
    }

    /// The ids of all segments, in the order of the configuration; by id when they are not listed there.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn ids(&self) -> Result<Vec<String>, Fault> {
        self.source.ids()
    }

    /// Whether the rows can be read.
    ///
    /// # Errors
    /// When they cannot.
    pub fn ping(&self) -> Result<(), Fault> {
        self.source.ping()
    }

    /// One segment with its present size, if there is one of this id.
    ///
    /// # Errors
    /// When its rows cannot be read.
    pub fn segment(&self, id: &str) -> Result<Option<Segment>, Fault> {
        self.source.segment(id)
    }

    /// Whether the job asks for what is there; the id of its segment.
    ///
    /// # Errors
    /// A fault that names the segment or field.
    pub fn check_request<'a>(&self, request: &'a JobRequest) -> Result<&'a str, Fault> {
        let Some(id) = &request.segment.id else {
            return Err(Fault::new(
                Code::JOB_NOT_TAKEN,
                "An export needs `segment.id`, one of those that GET v1/segments lists.",
            ));
        };
        let known = self.source.fields(id)?.ok_or_else(no_such_segment)?;
        if request.fields.is_empty() {
            return Err(Fault::new(Code::FIELD_MISSING, "An export needs at least one field in `fields`."));
        }
        let mut seen = HashSet::new();
        for field in &request.fields {
            if !known.iter().any(|known| known.name == field.name) {
                return Err(Fault::new(
                    Code::UNKNOWN_FIELD,
                    format!("The segment has no field \"{}\"; GET v1/segments/{id} lists its fields.", field.name),
                ));
            }
            if !seen.insert(&field.name) {
                return Err(Fault::new(Code::UNKNOWN_FIELD, format!("The field \"{}\" is listed twice.", field.name)));
            }
        }
        Ok(id)
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
        let outcome = match self.check_request(request) {
            Ok(id) => self.source.write(id, request, &partial, stop),
            Err(fault) => Err(fault.into()),
        };
        match outcome {
            Ok(file) => {
                std::fs::rename(&partial, path)?;
                if let Some(folder) = path.parent() {
                    File::open(folder)?.sync_all()?;
                }
                Ok(file)
            }
            Err(end) => {
                match std::fs::remove_file(&partial) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        tracing::warn!(%error, "an unfinished export file could not be removed");
                    }
                    _ => {}
                }
                Err(end)
            }
        }
    }
}

fn no_such_segment() -> Fault {
    Fault::new(
        Code::NO_SUCH_SEGMENT,
        "This endpoint offers no segment of this id; GET v1/segments lists those that it offers.",
    )
}

fn not_utf8(row: u64, field: &str, place: &str) -> Fault {
    Fault::new(
        Code::INVALID_DATA,
        format!("Row {row} of the segment has bytes in \"{field}\" that are not UTF-8. Mend them in the {place}."),
    )
}

/// The file of an export while it is written.
struct ExportFile {
    digesting: Digesting<BufWriter<File>>,
}

impl ExportFile {
    /// Makes the file, or empties it.
    fn create(path: &Path) -> Result<Self, Fault> {
        let inner = BufWriter::with_capacity(256 * 1024, File::create(path)?);
        Ok(Self { digesting: Digesting { inner, hasher: Sha256::new(), bytes: 0 } })
    }

    /// Begins with the header; rows come behind it.
    fn rows(&mut self, columns: &[&str]) -> Result<RowWriter<'_>, Fault> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .buffer_capacity(64 * 1024)
            .from_writer(&mut self.digesting);
        writer.write_record(columns).map_err(Fault::csv)?;
        Ok(RowWriter { writer, written: 0 })
    }

    /// Brings it to the disk.
    fn finish(self, rows: u64) -> Result<ExportedFile, Fault> {
        let Digesting { inner, hasher, bytes } = self.digesting;
        let file = inner.into_inner().map_err(|error| Fault::from(error.into_error()))?;
        file.sync_all()?;
        Ok(ExportedFile { rows, bytes, sha256: hex::encode(hasher.finalize()) })
    }
}

/// The rows of an export, value by value.
struct RowWriter<'f> {
    writer: csv::Writer<&'f mut Digesting<BufWriter<File>>>,
    written: u64,
}

impl RowWriter<'_> {
    /// Looks now and then whether to stop; to be called before each row.
    fn look(&self, stop: &CancellationToken) -> Result<(), ExportEnd> {
        let is_stopped = self.written.is_multiple_of(ROWS_BETWEEN_LOOKS) && stop.is_cancelled();
        if is_stopped { Err(ExportEnd::Stopped) } else { Ok(()) }
    }

    fn value(&mut self, value: &[u8]) -> Result<(), Fault> {
        self.writer.write_field(value).map_err(Fault::csv)
    }

    fn end_row(&mut self) -> Result<(), Fault> {
        self.written += 1;
        self.writer.write_record(None::<&[u8]>).map_err(Fault::csv)
    }

    /// How many rows were written.
    fn written(&self) -> u64 {
        self.written
    }

    /// All rows were written; how many.
    fn end(mut self) -> Result<u64, Fault> {
        self.writer.flush()?;
        Ok(self.written)
    }
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
