//! People in CSV files of a folder, one for each segment.
//!
//! Parts are staged as files in the state folder, sorted by the key. When a job ends, its parts are merged with the segment's file into a new
//! one, which takes the old one's place by a rename: whoever reads the folder sees the one or the other whole. The rename cannot be in the
//! transaction with the job's end, so it comes first: after a crash between the two the job ends once more, and merging the same parts
//! into the file again changes nothing. What was acknowledged is applied, as in a database: a job of additions or removals that is called
//! off applies the parts that came.
//!
//! How files are merged is in [`merge`], how people are sought without the key in [`removal`].

mod merge;
mod removal;

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Error, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use csv::ByteRecord;
use model::contract::{JobMode, Refusal};
use model::mapping::RowBuffer;
use model::rows::{RowReader, append_row, append_values};
use sha2::{Digest, Sha256};

use super::parts::{Read, Target};
use super::{Kept, Place, records};
use crate::config::{ConfigError, ConsumerConfig, wrong};
use crate::database::{Database, Transaction};
use crate::fault::{Code, Fault};
use crate::folder::{Folder, Opened, Sizes, Stamp, file_changed, plain_name, stem};
use crate::state::{now_ms, rfc3339};
use merge::{Broken, Entry, Input, Latest, Merge, Reading, Rows, RunWriter};

/// The names of segments that were made here. A segment is there when its file is, or while a job for it is under way.
const TABLES: &str = "
    create table if not exists usher_segments (
        id text primary key not null,
        name text not null unique,
        created_at integer not null
    ) strict;
";
const IS_AWAITED: &str =
    "exists (select 1 from usher_jobs as j where j.segment_id = s.id and j.status = 'WAITING_TO_RECEIVE_DATA')";
/// How the names of files begin and end that are not whole yet.
const PARTIAL: (&str, &str) = (".usher-", ".partial");

/// The segments of a folder.
#[derive(Debug)]
pub struct Segments {
    folder: Folder,
    /// Where parts are staged, each job's in a folder of its own.
    staged: PathBuf,
    key: String,
    /// The columns of new files.
    columns: Vec<String>,
    sizes: Sizes,
}

/// A segment's file as it is.
struct Present {
    opened: Opened,
    header: Vec<String>,
}

impl Segments {
    /// Makes the folder when it is not there, and removes what a crash left in it.
    ///
    /// # Errors
    /// When the folder cannot be made, read or written.
    pub fn open(
        folder: Folder,
        state: &Path,
        config: &ConsumerConfig,
        records: &Database,
    ) -> Result<Self, ConfigError> {
        let unusable = |source| ConfigError::Folder { path: folder.path().to_owned(), source };
        std::fs::create_dir_all(folder.path()).map_err(unusable)?;
        let staged = state.join("imports");
        std::fs::create_dir_all(&staged).map_err(|source| ConfigError::Folder { path: staged.clone(), source })?;
        for entry in std::fs::read_dir(folder.path()).map_err(unusable)? {
            let entry = entry.map_err(unusable)?;
            if let Ok(name) = entry.file_name().into_string()
                && name.starts_with(PARTIAL.0)
                && name.ends_with(PARTIAL.1)
            {
                std::fs::remove_file(entry.path()).map_err(unusable)?;
            }
        }
        let segments = Self {
            staged,
            key: config.key.as_str().to_owned(),
            columns: config.fields.iter().map(|field| field.name.clone()).collect(),
            sizes: Sizes::default(),
            folder: folder.clone(),
        };
        let prepared = records.write(|records| {
            records::prepare(records, None)?;
            records.execute_all(TABLES)?;
            segments.drop_ended(records)
        });
        prepared.map_err(|fault| {
            wrong("state", format!("cannot be used ({fault})"), "Check the folder and its permissions.")
        })?;
        // Whether files can be made is better said now than when the first job ends.
        let trial = folder.path().join(format!("{}trial{}", PARTIAL.0, PARTIAL.1));
        File::create(&trial).and_then(|_| std::fs::remove_file(&trial)).map_err(unusable)?;
        Ok(segments)
    }

    /// Removes what was staged for jobs that have ended.
    fn drop_ended(&self, records: &mut Transaction<'_>) -> Result<(), Fault> {
        let awaited = records::resting_since(records, i64::MAX)?;
        let awaited: HashSet<PathBuf> = awaited.iter().map(|id| self.staged_for(id)).collect();
        for entry in std::fs::read_dir(&self.staged)? {
            let path = entry?.path();
            if !awaited.contains(&path) {
                std::fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    /// Where the parts of a job are staged. Job ids are opaque, so the name is their digest.
    fn staged_for(&self, job_id: &str) -> PathBuf {
        self.staged.join(hex::encode(Sha256::digest(job_id.as_bytes())))
    }

    /// The segment's file, if there is one that can be used.
    fn present(&self, id: &str) -> Result<Option<Present>, Fault> {
        let Some(name) = self.folder.file_of(id).map_err(Fault::folder)? else { return Ok(None) };
        let opened = match self.folder.open(Path::new(&name)) {
            Ok(opened) => opened,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Fault::folder(error)),
        };
        match self.folder.header(&opened.file) {
            Ok(header) if header.contains(&self.key) => Ok(Some(Present { opened, header })),
            Ok(_) => Ok(None),
            Err(problem) => {
                tracing::warn!(segment.id = id, "a file of the folder is left out: {problem}");
                Ok(None)
            }
        }
    }

    /// Whether a file of this id is there, usable or not.
    fn has_file(&self, id: &str) -> Result<bool, Fault> {
        Ok(self.folder.file_of(id).map_err(Fault::folder)?.is_some())
    }

    /// The ids and names of segments: those that were made here, and every other file of the folder. By id.
    fn names(&self, records: &mut Transaction<'_>) -> Result<BTreeMap<String, String>, Fault> {
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for (id, name) in self.folder.files().map_err(Fault::folder)? {
            names.insert(id, stem(&name).to_owned());
        }
        let sql = format!("select s.id, s.name, {IS_AWAITED} from usher_segments as s");
        for (id, name, is_awaited) in
            records.query(&sql, &[], |row| Ok((row.text(0)?, row.text(1)?, row.integer(2)? != 0)))?
        {
            if is_awaited || names.contains_key(&id) {
                names.insert(id, name);
            }
        }
        Ok(names)
    }

    fn describe(&self, records: &mut Transaction<'_>, id: &str, name: &str) -> Result<Option<Kept>, Fault> {
        let (id, name) = (id.to_owned(), name.to_owned());
        if let Some(present) = self.present(&id)? {
            let (size, size_is_estimate) = self.sizes.rows(&present.opened, self.folder.delimiter())?;
            let updated_at = Some(rfc3339(present.opened.stamp.modified().into()));
            return Ok(Some(Kept { id, name, updated_at, size, size_is_estimate }));
        }
        if self.has_file(&id)? || !self.is_awaited(records, &id)? {
            return Ok(None);
        }
        Ok(Some(Kept { id, name, updated_at: None, size: 0, size_is_estimate: false }))
    }

    /// Whether a segment was made for a job that is under way.
    fn is_awaited(&self, records: &mut Transaction<'_>, id: &str) -> Result<bool, Fault> {
        records.exists(&format!("select 1 from usher_segments as s where s.id = $1 and {IS_AWAITED}"), &[id.into()])
    }

    /// Brings the parts of a job into its segment's file.
    fn apply(&self, transaction: &mut Transaction<'_>, target: &Target<'_>, is_called_off: bool) -> Result<(), Fault> {
        let staged = self.staged_for(target.job_id);
        let parts: Vec<PathBuf> = transaction.query(
            "select part, sha256 from usher_parts where job_id = $1 and accepted > 0 order by part",
            &[target.job_id.into()],
            |row| Ok(staged.join(part_name(row.count(0)?, &row.text(1)?))),
        )?;
        let present = self.present(target.segment_id)?;
        if present.is_none() && self.has_file(target.segment_id)? {
            let detail = "The segment's file cannot be used any more: it has no header or lacks the key's column. Mend or remove it.";
            return Err(Fault::new(Code::INVALID_DATA, detail));
        }
        // Nobody to add or remove changes nothing; to be replaced by nobody does.
        let changes_nothing = is_called_off || (present.is_some() && target.mode != JobMode::Replace);
        if parts.is_empty() && changes_nothing {
            return Ok(());
        }
        let started = std::time::Instant::now();
        let (path, opened, header) = match present {
            Some(Present { opened, header }) => (opened.path.clone(), Some(opened), header),
            None => {
                let name = format!("{}.csv", target.segment_id);
                (self.folder.path().canonicalize().map_err(Fault::folder)?.join(name), None, self.columns.clone())
            }
        };
        let partial = path.with_file_name(format!("{}{}{}", PARTIAL.0, target.segment_id, PARTIAL.1));
        let outcome = self.write(target, &staged, parts, opened.as_ref(), header, &partial).and_then(|rows| {
            // Those who could read the old one can read the new one, and nobody else.
            match &opened {
                Some(opened) => {
                    let permissions = opened.file.metadata().map_err(Fault::folder)?.permissions();
                    std::fs::set_permissions(&partial, permissions).map_err(Fault::folder)?;
                    opened.check_in_place()?;
                }
                None if path.symlink_metadata().is_ok() => return Err(file_changed()),
                None => {}
            }
            std::fs::rename(&partial, &path).map_err(Fault::folder)?;
            Ok(rows)
        });
        match outcome {
            Ok(rows) => {
                sync_folder_of(&path)?;
                self.sizes.remember(
                    &path,
                    File::open(&path).and_then(|file| Stamp::of(&file)).map_err(Fault::folder)?,
                    rows,
                );
                let duration_ms = started.elapsed().as_millis();
                tracing::info!(
                    job.id = target.job_id,
                    segment.id = target.segment_id,
                    rows,
                    duration_ms,
                    "a file was written"
                );
                Ok(())
            }
            Err(fault) => {
                match std::fs::remove_file(&partial) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        tracing::warn!(%error, "an unfinished file could not be removed");
                    }
                    _ => {}
                }
                Err(fault)
            }
        }
    }

    /// Writes what the segment is to be to a new file; how many rows that is.
    fn write(
        &self,
        target: &Target<'_>,
        staged: &Path,
        parts: Vec<PathBuf>,
        present: Option<&Opened>,
        mut header: Vec<String>,
        path: &Path,
    ) -> Result<u64, Fault> {
        let old_columns = header.len();
        for field in target.fields {
            // A removal brings no values.
            if target.mode != JobMode::Remove && !header.contains(&field.name) {
                header.push(field.name.clone());
            }
        }
        let new_place = |column: &String| target.fields.iter().position(|field| field.name == *column);
        let new_places: Vec<Option<usize>> = header.iter().map(new_place).collect();
        // One that takes another's place gets its permissions when it is whole, and until then nobody else reads it.
        let begin = || {
            let delimiter = self.folder.delimiter();
            Writing::begin(path, present.is_some(), delimiter, &header, old_columns, &new_places)
        };
        let read = || -> Result<Option<Reading>, Fault> {
            let open = |opened: &Opened| {
                let file = File::open(&opened.path).map_err(Fault::folder)?;
                let what = format!("the file of the segment \"{}\"", target.segment_id);
                Ok(Reading::new(file, self.folder.delimiter(), what))
            };
            present.filter(|_| target.mode != JobMode::Replace).map(open).transpose()
        };
        let old_key = header.iter().position(|column| *column == self.key).unwrap_or_default();
        if target.key().is_none() {
            return removal::remove(target, &parts, &header[..old_columns], &read, begin()?);
        }
        let merge = |old: Merge| {
            let new = Latest::new(Merge::of_runs(parts.clone(), true, staged)?)?;
            merge_into(begin()?, old, new, target.mode)
        };
        let old = read()?.map(|reading| Input::file(reading, old_key));
        match Merge::new(old.into_iter().collect()).and_then(merge) {
            Ok(rows) => Ok(rows),
            Err(Broken::Fault(fault)) => Err(fault),
            // Somebody else wrote it. Sorting costs a copy of it on the disk, once.
            Err(Broken::Unsorted) => {
                let runs = match read()? {
                    Some(reading) => merge::sort(reading, old_key, staged)?,
                    None => Vec::new(),
                };
                Merge::of_runs(runs, false, staged).and_then(merge).map_err(|broken| match broken {
                    Broken::Fault(fault) => fault,
                    Broken::Unsorted => {
                        Fault::internal("Sorting the segment's file", Error::other("a run is not in order"))
                    }
                })
            }
        }
    }
}

/// Puts two orders of rows together: those of the segment, and those of the job.
fn merge_into(mut writing: Writing<'_>, mut old: Merge, mut new: Latest, mode: JobMode) -> Result<u64, Broken> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    loop {
        let order = match (old.row(), new.row()) {
            (None, None) => return Ok(writing.end()?),
            (Some(_), None) => Less,
            (None, Some(_)) => Greater,
            (Some(old), Some(new)) => old.key.cmp(&new.key),
        };
        match (order, mode) {
            (Less, _) => {
                writing.write(old.row(), None)?;
                old.advance()?;
            }
            (Greater, JobMode::Remove) => new.advance()?,
            (Greater, _) => {
                writing.write(None, new.row())?;
                new.advance()?;
            }
            (Equal, _) => {
                // A file that somebody else wrote may have a key several times: the last is the person's row.
                let mut last = old.row().cloned();
                old.advance()?;
                while let (Some(next), Some(new)) = (old.row(), new.row())
                    && next.key == new.key
                {
                    last = Some(next.clone());
                    old.advance()?;
                }
                if mode != JobMode::Remove {
                    writing.write(last.as_ref(), new.row())?;
                }
                new.advance()?;
            }
        }
    }
}

/// A segment's new file while it is written.
struct Writing<'a> {
    out: Out,
    /// For each column, its place in the rows of the job.
    new_places: &'a [Option<usize>],
    /// The file has columns that it did not have before.
    has_more_columns: bool,
    /// A row of the job brings all columns of the file, in their order.
    brings_all: bool,
    values: Values,
    rows: u64,
}

enum Out {
    /// Values with commas between them: lines go into the file as they are.
    Lines(BufWriter<File>),
    /// Another delimiter.
    Fields(Box<csv::Writer<BufWriter<File>>>),
}

/// Takes lines apart.
struct Values {
    reader: RowReader,
    old: RowBuffer,
    new: RowBuffer,
    line: Vec<u8>,
}

impl<'a> Writing<'a> {
    fn begin(
        path: &Path,
        is_private: bool,
        delimiter: u8,
        header: &[String],
        old_columns: usize,
        new_places: &'a [Option<usize>],
    ) -> Result<Self, Fault> {
        let mode = if is_private { 0o600 } else { 0o666 };
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path);
        let mut file = BufWriter::with_capacity(256 * 1024, file.map_err(Fault::folder)?);
        let out = if delimiter == b',' {
            let mut line = Vec::new();
            append_row(&mut line, header);
            file.write_all(&line).map_err(Fault::folder)?;
            Out::Lines(file)
        } else {
            let mut writer = csv::WriterBuilder::new()
                .delimiter(delimiter)
                .terminator(csv::Terminator::CRLF)
                .buffer_capacity(64 * 1024)
                .from_writer(file);
            writer.write_record(header).map_err(Fault::csv)?;
            Out::Fields(Box::new(writer))
        };
        let values =
            Values { reader: RowReader::headless(), old: RowBuffer::new(), new: RowBuffer::new(), line: Vec::new() };
        let brings_all = new_places.iter().enumerate().all(|(column, place)| *place == Some(column));
        let has_more_columns = header.len() > old_columns;
        Ok(Self { out, new_places, has_more_columns, brings_all, values, rows: 0 })
    }

    /// Writes a person's row: what the job brings, else what was there, else nothing.
    fn write(&mut self, old: Option<&Entry>, new: Option<&Entry>) -> Result<(), Fault> {
        self.rows += 1;
        if let Out::Lines(file) = &mut self.out {
            let whole = match (old, new) {
                (_, Some(new)) if self.brings_all => Some(new),
                (Some(old), None) if !self.has_more_columns => Some(old),
                _ => None,
            };
            if let Some(entry) = whole {
                return file.write_all(&entry.line).map_err(Fault::folder);
            }
        }
        let Values { reader, old: was, new: brought, line } = &mut self.values;
        take_apart(reader, old, was)?;
        take_apart(reader, new, brought)?;
        let (was, brought) = (was.row(), brought.row());
        let values = self.new_places.iter().enumerate().map(|(column, place)| {
            let value = place.filter(|_| new.is_some()).and_then(|place| brought.value(place));
            value.or_else(|| was.value(column)).unwrap_or_default()
        });
        match &mut self.out {
            Out::Lines(file) => {
                line.clear();
                append_row(line, values);
                file.write_all(line).map_err(Fault::folder)
            }
            Out::Fields(writer) => writer.write_record(values).map_err(Fault::csv),
        }
    }

    /// Brings it to the disk.
    fn end(self) -> Result<u64, Fault> {
        let buffered = match self.out {
            Out::Lines(file) => file,
            Out::Fields(writer) => writer.into_inner().map_err(|error| Fault::folder(error.into_error()))?,
        };
        let file = buffered.into_inner().map_err(|error| Fault::folder(error.into_error()))?;
        file.sync_all().map_err(Fault::folder)?;
        Ok(self.rows)
    }
}

/// The values of an entry's line; none without an entry.
fn take_apart(reader: &mut RowReader, entry: Option<&Entry>, values: &mut RowBuffer) -> Result<(), Fault> {
    values.clear();
    let line = entry.map_or(&[][..], |entry| &entry.line);
    reader.feed(line, &mut |row| {
        row.values.values().for_each(|value| values.push(value));
        Ok::<(), Fault>(())
    })
}

/// By its digest too: what was sent twice under one number is kept apart until it is known which of the two counts.
fn part_name(number: u64, sha256: &str) -> String {
    format!("part-{number}-{sha256}")
}

fn sync_folder_of(path: &Path) -> Result<(), Fault> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Fault::folder)
}

impl Place for Segments {
    fn ping(&self) -> Result<(), Fault> {
        self.folder.ping().map_err(Fault::folder)
    }

    fn segments(&self, records: &mut Transaction<'_>, after: &str, limit: usize) -> Result<Vec<Kept>, Fault> {
        let mut kept = Vec::new();
        for (id, name) in self.names(records)?.iter().filter(|(id, _)| id.as_str() > after) {
            if kept.len() == limit {
                break;
            }
            kept.extend(self.describe(records, id, name)?);
        }
        Ok(kept)
    }

    fn segment(&self, records: &mut Transaction<'_>, id: &str) -> Result<Option<Kept>, Fault> {
        let made = records.first("select name from usher_segments where id = $1", &[id.into()], |row| row.text(0))?;
        let name = match made {
            Some(name) => Some(name),
            None => self.folder.file_of(id).map_err(Fault::folder)?.map(|name| stem(&name).to_owned()),
        };
        name.map_or(Ok(None), |name| self.describe(records, id, &name))
    }

    fn has_segment(&self, transaction: &mut Transaction<'_>, id: &str) -> Result<bool, Fault> {
        Ok(self.present(id)?.is_some() || (!self.has_file(id)? && self.is_awaited(transaction, id)?))
    }

    fn has_name(&self, transaction: &mut Transaction<'_>, name: &str) -> Result<bool, Fault> {
        Ok(self.names(transaction)?.values().any(|known| known == name))
    }

    fn has_members(&self, _: &mut Transaction<'_>, id: &str) -> Result<bool, Fault> {
        let Some(present) = self.present(id)? else { return Ok(false) };
        let mut reading = Reading::new(present.opened.file, self.folder.delimiter(), "the segment's file");
        reading.read(&mut ByteRecord::new())
    }

    fn add_segment(&self, transaction: &mut Transaction<'_>, name: &str) -> Result<String, Fault> {
        let there = self.names(transaction)?;
        // Whose files were taken away, and nothing is to come.
        let known = transaction.query("select id from usher_segments", &[], |row| row.text(0))?;
        for gone in known.iter().filter(|id| !there.contains_key(*id)) {
            transaction.execute("delete from usher_segments where id = $1", &[gone.into()])?;
        }
        let plain = plain_name(name);
        let numbered = (2_u32..).map(|number| format!("{plain}-{number}"));
        // A link or folder may have the name of a file that is not listed.
        let is_free = |id: &String| {
            !there.contains_key(id) && self.folder.path().join(format!("{id}.csv")).symlink_metadata().is_err()
        };
        let id = std::iter::once(plain.clone()).chain(numbered).find(is_free);
        let id = id.unwrap_or_else(super::new_segment_id);
        transaction.execute(
            "insert into usher_segments (id, name, created_at) values ($1, $2, $3)",
            &[(&id).into(), name.into(), now_ms().into()],
        )?;
        Ok(id)
    }

    fn remove_segment(&self, transaction: &mut Transaction<'_>, id: &str) -> Result<(), Fault> {
        transaction.execute("delete from usher_segments where id = $1", &[id.into()])?;
        if let Some(present) = self.present(id)? {
            std::fs::remove_file(present.opened.path).map_err(Fault::folder)?;
        }
        Ok(())
    }

    fn expect(&self, _: &mut Transaction<'_>, _: &Target<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// Stages the rows, on the disk before the transaction that records them; parts are staged side by side.
    fn stage(&self, target: &Target<'_>, read: &Read<'_>, sha256: &str) -> Result<(), Fault> {
        if read.accepted.is_empty() {
            return Ok(());
        }
        let staged = self.staged_for(target.job_id);
        if !staged.try_exists().map_err(Fault::folder)? {
            std::fs::create_dir_all(&staged).map_err(Fault::folder)?;
            sync_folder_of(&staged)?;
        }
        let path = staged.join(part_name(read.result.part.into(), sha256));
        let partial = path.with_extension(format!("{:016x}.partial", rand::random::<u64>()));
        let mut run = RunWriter::create(&partial)?;
        let key = read.key(target);
        let is_in_order = read.columns.iter().enumerate().all(|(index, column)| column.place == index);
        let mut line = Vec::new();
        for (index, record) in read.accepted.iter().enumerate() {
            if read.is_outdone(target, index) {
                continue;
            }
            line.clear();
            if is_in_order {
                append_values(&mut line, record.row.row());
            } else {
                append_row(&mut line, read.columns.iter().map(|column| &record[column.place]));
            }
            run.add(key.map_or("", |key| &record[key]).as_bytes(), &line)?;
        }
        run.end()?.sync_all().map_err(Fault::folder)?;
        std::fs::rename(&partial, &path).map_err(Fault::folder)?;
        sync_folder_of(&path)
    }

    fn keep(&self, _: &mut Transaction<'_>, _: &Target<'_>, _: &Read<'_>) -> Result<Vec<Refusal>, Fault> {
        Ok(Vec::new())
    }

    fn complete(&self, transaction: &mut Transaction<'_>, target: &Target<'_>) -> Result<(), Fault> {
        self.apply(transaction, target, false)
    }

    fn call_off(&self, transaction: &mut Transaction<'_>, target: &Target<'_>) -> Result<(), Fault> {
        match target.mode {
            JobMode::Replace => Ok(()),
            JobMode::Add | JobMode::Remove => self.apply(transaction, target, true),
        }
    }

    fn ended(&self, job_id: &str) {
        match std::fs::remove_dir_all(self.staged_for(job_id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(%error, "staged parts could not be removed; the next start tries again");
            }
            _ => {}
        }
    }
}
