//! Audiences in a folder: each is one CSV file, exported in its own order.
//!
//! A file is looked at anew whenever it is asked for, so that it may be replaced at any time. When a job asks for all of its columns and
//! nothing is wrong with it, the file's bytes are handed on as they are; they are checked on the way, because a ragged row or a byte that
//! is not UTF-8 would fail much later at Usher, where nobody can tell what to mend. All else goes row by row.

use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use model::contract::{JobRequest, Segment};
use model::field::Field;
use tokio_util::sync::CancellationToken;

use super::{ExportEnd, ExportFile, Source, no_such_segment, not_utf8};
use crate::config::{ConfigError, SegmentConfig, guess, wrong};
use crate::fault::{Code, Fault};
use crate::folder::{CHUNK, Folder, Opened, Scan, Sizes, stem};
use crate::state::{ExportedFile, rfc3339};

/// Pieces of a file that wait to be looked at.
const AHEAD: usize = 4;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The segments of a folder.
#[derive(Debug)]
pub struct Files {
    folder: Folder,
    /// When empty, every file is a segment.
    listed: Vec<SegmentConfig<PathBuf>>,
    /// The fields of those that are not listed.
    fields: Vec<Field>,
    sizes: Sizes,
}

/// A file and what it offers.
struct Offered {
    config: SegmentConfig<PathBuf>,
    opened: Opened,
    header: Vec<String>,
    fields: Vec<Field>,
}

impl Files {
    /// Checks that the folder and every listed file is there, with the fields that are configured.
    ///
    /// # Errors
    /// When it is not; the text names the segment.
    pub fn open(folder: Folder, listed: Vec<SegmentConfig<PathBuf>>, fields: Vec<Field>) -> Result<Self, ConfigError> {
        folder.ping().map_err(|source| ConfigError::Folder { path: folder.path().to_owned(), source })?;
        let files = Self { folder, listed, fields, sizes: Sizes::default() };
        for (index, config) in files.listed.iter().enumerate() {
            let at = |key: &str| format!("producer.segments[{index}].{key}");
            let unusable = |problem: String| {
                let problem = format!("is \"{}\", which cannot be used: {problem}", config.rows.display());
                wrong(at("file"), problem, "Mend the file, or name another one of the folder.")
            };
            let opened = files.folder.open(&config.rows).map_err(|error| unusable(error.to_string()))?;
            let header = files.folder.header(&opened.file).map_err(unusable)?;
            let fields = config.fields.iter().flatten();
            if let Some(field) = fields.into_iter().find(|field| !header.contains(&field.name)) {
                return Err(wrong(
                    at("fields"),
                    format!("has \"{}\", which is no column of the file", field.name),
                    format!("Its columns are: {}.", header.join(", ")),
                ));
            }
        }
        Ok(files)
    }

    /// What is configured for this id, or found.
    fn config(&self, id: &str) -> Result<Option<SegmentConfig<PathBuf>>, Fault> {
        if !self.listed.is_empty() {
            return Ok(self.listed.iter().find(|segment| segment.id == id).cloned());
        }
        let Some(name) = self.folder.file_of(id).map_err(Fault::folder)? else { return Ok(None) };
        Ok(Some(SegmentConfig {
            id: id.to_owned(),
            name: stem(&name).to_owned(),
            description: None,
            tags: Vec::new(),
            label: None,
            rows: name.into(),
            fields: None,
        }))
    }

    /// A segment and its file. A listed one must be there: what is missing for a moment must not look withdrawn.
    fn offered(&self, id: &str) -> Result<Option<Offered>, Fault> {
        let Some(config) = self.config(id)? else { return Ok(None) };
        let is_listed = !self.listed.is_empty();
        let opened = match self.folder.open(&config.rows) {
            Ok(opened) => opened,
            Err(error) if is_listed => return Err(Fault::folder(error)),
            Err(_) => return Ok(None),
        };
        let fields = self.folder.header(&opened.file).and_then(|header| Ok((self.offer(&config, &header)?, header)));
        match fields {
            Ok((fields, header)) => Ok(Some(Offered { config, opened, header, fields })),
            Err(problem) if is_listed => Err(Fault::new(
                Code::INVALID_DATA,
                format!("The file of the segment \"{id}\" cannot be used: {problem}."),
            )),
            Err(problem) => {
                tracing::warn!(segment.id = id, "a file of the folder is left out: {problem}");
                Ok(None)
            }
        }
    }

    /// The fields that a file has, or what it lacks.
    fn offer(&self, config: &SegmentConfig<PathBuf>, header: &[String]) -> Result<Vec<Field>, String> {
        let is_there = |field: &&Field| header.contains(&field.name);
        match &config.fields {
            Some(fields) => match fields.iter().find(|field| !is_there(field)) {
                Some(missing) => Err(format!("it has no column \"{}\" any more", missing.name)),
                None => Ok(fields.clone()),
            },
            None if self.fields.is_empty() => Ok(header.iter().map(|column| guess(column)).collect()),
            None => {
                let fields: Vec<Field> = self.fields.iter().filter(is_there).cloned().collect();
                if fields.is_empty() { Err("it has none of `producer.fields`".to_owned()) } else { Ok(fields) }
            }
        }
    }

    /// The file as it is, if nothing is wrong with it.
    fn copy(&self, opened: &Opened, path: &Path, stop: &CancellationToken) -> Result<Option<ExportedFile>, ExportEnd> {
        let mut out = ExportFile::create(path)?;
        let mut chunk = vec![0; CHUNK];
        let mut is_start = true;
        let mut file = &opened.file;
        std::thread::scope(|scope| {
            // Looking takes as long as digesting and writing: side by side they keep up with most disks.
            let (pieces, to_look_at) = std::sync::mpsc::sync_channel::<Bytes>(AHEAD);
            let delimiter = self.folder.delimiter();
            let looking = scope.spawn(move || {
                let mut scan = Scan::new(delimiter);
                // Once something is wrong, the channel closes.
                for piece in to_look_at {
                    if !scan.take(&piece) {
                        break;
                    }
                }
                scan.end()
            });
            loop {
                if stop.is_cancelled() {
                    return Err(ExportEnd::Stopped);
                }
                let read = file.read(&mut chunk).map_err(Fault::folder)?;
                if read == 0 {
                    break;
                }
                let mut piece = &chunk[..read];
                if std::mem::take(&mut is_start) {
                    piece = piece.strip_prefix(BYTE_ORDER_MARK).unwrap_or(piece);
                }
                if pieces.send(Bytes::copy_from_slice(piece)).is_err() {
                    return Ok(None);
                }
                out.digesting.write_all(piece).map_err(Fault::folder)?;
            }
            drop(pieces);
            let found = looking.join().map_err(|_| {
                Fault::internal("Reading the file", std::io::Error::other("the thread that looks at it broke off"))
            })?;
            if found.is_regular { Ok(Some(out.finish(found.rows)?)) } else { Ok(None) }
        })
    }

    /// The wanted columns, row by row.
    fn project(
        &self,
        offered: &Offered,
        request: &JobRequest,
        path: &Path,
        stop: &CancellationToken,
    ) -> Result<ExportedFile, ExportEnd> {
        let places = request
            .fields
            .iter()
            .map(|field| offered.header.iter().position(|column| *column == field.name))
            .collect::<Option<Vec<usize>>>()
            .ok_or_else(|| {
                Fault::new(Code::UNKNOWN_FIELD, "The file has lost a column since the job was announced.")
            })?;
        let mut file = &offered.opened.file;
        file.rewind().map_err(Fault::folder)?;
        let mut reader =
            csv::ReaderBuilder::new().delimiter(self.folder.delimiter()).buffer_capacity(CHUNK).from_reader(file);
        let mut out = ExportFile::create(path)?;
        let columns: Vec<&str> = request.fields.iter().map(|field| field.name.as_str()).collect();
        let mut rows = out.rows(&columns)?;
        let mut row = csv::ByteRecord::new();
        while request.limit.is_none_or(|limit| rows.written() < limit) {
            rows.look(stop)?;
            if !reader.read_byte_record(&mut row).map_err(ragged)? {
                break;
            }
            for (place, field) in places.iter().zip(&request.fields) {
                let value = &row[*place];
                if std::str::from_utf8(value).is_err() {
                    return Err(not_utf8(rows.written() + 1, &field.name, "file").into());
                }
                rows.value(value)?;
            }
            rows.end_row()?;
        }
        let written = rows.end()?;
        Ok(out.finish(written)?)
    }
}

/// A row of another length than the header, by its line.
fn ragged(error: csv::Error) -> Fault {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            Fault::new(
                Code::INVALID_DATA,
                format!(
                    "The row at line {line} of the file has {len} values; the header has {expected_len}. Mend the file."
                ),
            )
        }
        _ => Fault::csv(error),
    }
}

impl Source for Files {
    fn ping(&self) -> Result<(), Fault> {
        self.folder.ping().map_err(Fault::folder)
    }

    fn ids(&self) -> Result<Vec<String>, Fault> {
        if !self.listed.is_empty() {
            return Ok(self.listed.iter().map(|segment| segment.id.clone()).collect());
        }
        Ok(self.folder.files().map_err(Fault::folder)?.into_iter().map(|(id, _)| id).collect())
    }

    fn segment(&self, id: &str) -> Result<Option<Segment>, Fault> {
        let Some(Offered { config, opened, fields, .. }) = self.offered(id)? else { return Ok(None) };
        let (size, size_is_estimate) = self.sizes.rows(&opened, self.folder.delimiter())?;
        Ok(Some(Segment {
            size: Some(size),
            size_is_estimate,
            updated_at: Some(rfc3339(opened.stamp.modified().into())),
            id: config.id,
            name: config.name,
            description: config.description,
            fields,
            tags: config.tags,
            label: config.label,
            statistics: None,
        }))
    }

    fn fields(&self, id: &str) -> Result<Option<Vec<Field>>, Fault> {
        Ok(self.offered(id)?.map(|offered| offered.fields))
    }

    fn write(
        &self,
        id: &str,
        request: &JobRequest,
        path: &Path,
        stop: &CancellationToken,
    ) -> Result<ExportedFile, ExportEnd> {
        let offered = self.offered(id)?.ok_or_else(no_such_segment)?;
        let wants_all = request.limit.is_none()
            && self.folder.delimiter() == b','
            && request.fields.iter().map(|field| &field.name).eq(&offered.header);
        let copied = if wants_all { self.copy(&offered.opened, path, stop) } else { Ok(None) };
        let outcome = match copied {
            Ok(Some(file)) => Ok(file),
            Ok(None) => self.project(&offered, request, path, stop),
            Err(end) => Err(end),
        };
        // A file that is being written looks broken in many ways; that it changed is what matters.
        if !matches!(outcome, Err(ExportEnd::Stopped)) {
            offered.opened.check_unchanged()?;
        }
        outcome
    }
}
