//! Rows in the order of their keys, from any number of files, in memory that does not grow with them.
//!
//! A part is at most as large as a part may be, so it is sorted in memory and written as a *run*: entries in the order of the keys. Runs are
//! merged; of equal keys the rows come in the order of the runs. An [`Entry`] is a row as a line of CSV beside its key, so that nobody has to
//! take a line apart, and put it together again, only to know where it belongs.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Error, Read, Write};
use std::path::{Path, PathBuf};

use csv::ByteRecord;
use model::rows::append_row;

use crate::fault::{Code, Fault};

/// Runs that are merged at once: each has a file open and a buffer.
const AT_ONCE: usize = 200;
const BUFFER: usize = 64 * 1024;
/// About the bytes that a run may take while it is sorted.
const RUN_BYTES: usize = 32 * 1024 * 1024;
/// About the bytes that a row takes in memory beside its values.
const ROW_BYTES: usize = 120;

/// Why rows cannot be merged.
pub enum Broken {
    /// The first file is not in the order of its keys.
    Unsorted,
    /// Something else.
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

/// A row and where it belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The value of the key; empty where rows are not told apart by one.
    pub key: Vec<u8>,
    /// The row as a line of CSV with commas, its line break included.
    pub line: Vec<u8>,
}

impl Entry {
    /// Makes it that of other values, by the key at a place.
    pub fn set(&mut self, row: &ByteRecord, key: usize) {
        self.key.clear();
        self.key.extend_from_slice(row.get(key).unwrap_or_default());
        self.line.clear();
        append_row(&mut self.line, row);
    }
}

/// Rows one after the other, by key.
pub trait Rows {
    /// The present row; `None` behind the last.
    fn row(&self) -> Option<&Entry>;
    /// Goes to the next.
    fn advance(&mut self) -> Result<(), Broken>;
}

/// A CSV file with a header that is read row by row.
pub struct Reading {
    reader: csv::Reader<File>,
    /// For messages.
    what: String,
}

impl Reading {
    /// At the first row of a file; `what` is the file for people.
    pub fn new(file: File, delimiter: u8, what: impl Into<String>) -> Self {
        let reader = csv::ReaderBuilder::new().delimiter(delimiter).buffer_capacity(BUFFER).from_reader(file);
        Self { reader, what: what.into() }
    }

    /// Reads the next row; `false` behind the last.
    pub fn read(&mut self, row: &mut ByteRecord) -> Result<bool, Fault> {
        self.reader.read_byte_record(row).map_err(|error| match error.kind() {
            csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                let line = pos.as_ref().map_or(0, csv::Position::line);
                let detail = format!(
                    "The row at line {line} of {} has {len} values; its header has {expected_len}. Mend the file; nothing was changed.",
                    self.what
                );
                Fault::new(Code::INVALID_DATA, detail)
            }
            _ => Fault::csv(error),
        })
    }
}

/// A run as it is written: for each entry the length of its key and of its line (4 bytes each, little-endian), the key, the line.
pub struct RunWriter(BufWriter<File>);

impl RunWriter {
    /// Begins a file, which takes the place of what was there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path) -> Result<Self, Fault> {
        Ok(Self(BufWriter::with_capacity(BUFFER, File::create(path).map_err(Fault::folder)?)))
    }

    /// Adds an entry at the end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, key: &[u8], line: &[u8]) -> Result<(), Fault> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map(u32::to_le_bytes);
        let (Ok(of_key), Ok(of_line)) = (length(key), length(line)) else {
            return Err(Fault::internal("Staging a row", Error::other("it has more than 4 GiB")));
        };
        for bytes in [&of_key, &of_line, key, line] {
            self.0.write_all(bytes).map_err(Fault::folder)?;
        }
        Ok(())
    }

    /// All of it; it is not yet certain to be on the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(self) -> Result<File, Fault> {
        self.0.into_inner().map_err(|error| Fault::folder(error.into_error()))
    }
}

/// A run that is read.
pub struct RunReader(BufReader<File>);

impl RunReader {
    /// At its first entry.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        Ok(Self(BufReader::with_capacity(BUFFER, File::open(path).map_err(Fault::folder)?)))
    }

    /// Reads the next entry; `false` behind the last.
    ///
    /// # Errors
    /// When it cannot be read, or ends within an entry.
    pub fn read(&mut self, entry: &mut Entry) -> Result<bool, Fault> {
        if self.0.fill_buf().map_err(Fault::folder)?.is_empty() {
            return Ok(false);
        }
        let mut lengths = [0; 8];
        self.0.read_exact(&mut lengths).map_err(Fault::folder)?;
        let [k1, k2, k3, k4, l1, l2, l3, l4] = lengths;
        for (bytes, length) in [(&mut entry.key, [k1, k2, k3, k4]), (&mut entry.line, [l1, l2, l3, l4])] {
            bytes.resize(u32::from_le_bytes(length) as usize, 0);
            self.0.read_exact(bytes).map_err(Fault::folder)?;
        }
        Ok(true)
    }
}

/// A file that takes part in a merge.
pub enum Input {
    /// A run.
    Run(RunReader),
    /// A CSV file, by the column at this place.
    File {
        /// The file.
        reading: Reading,
        /// The place of the key.
        key: usize,
        /// The row that was read last.
        row: ByteRecord,
    },
}

impl Input {
    /// A CSV file, by the column at this place.
    pub fn file(reading: Reading, key: usize) -> Self {
        Self::File { reading, key, row: ByteRecord::new() }
    }

    fn read(&mut self, entry: &mut Entry) -> Result<bool, Fault> {
        match self {
            Self::Run(reader) => reader.read(entry),
            Self::File { reading, key, row } => {
                let is_row = reading.read(row)?;
                if is_row {
                    entry.set(row, *key);
                }
                Ok(is_row)
            }
        }
    }
}

/// An input's present entry. The smallest key is the greatest, because that is what a heap gives.
struct Head {
    entry: Entry,
    input: usize,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        other.entry.key.cmp(&self.entry.key).then(other.input.cmp(&self.input))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// All rows of some files that are in the order of their keys.
pub struct Merge {
    inputs: Vec<Input>,
    heads: BinaryHeap<Head>,
    /// Read next, and then compared with what it follows.
    next: Entry,
}

impl Merge {
    /// Merges files.
    pub fn new(files: Vec<Input>) -> Result<Self, Broken> {
        let mut merge = Self { inputs: Vec::new(), heads: BinaryHeap::new(), next: Entry::default() };
        for mut input in files {
            let mut entry = Entry::default();
            if input.read(&mut entry)? {
                merge.heads.push(Head { entry, input: merge.inputs.len() });
                merge.inputs.push(input);
            }
        }
        Ok(merge)
    }

    /// Merges runs, first among themselves when they are too many at once; `latest` keeps only the last row of each key.
    pub fn of_runs(mut runs: Vec<PathBuf>, latest: bool, folder: &Path) -> Result<Self, Broken> {
        let mut round = 0;
        while runs.len() > AT_ONCE {
            round += 1;
            let mut fewer = Vec::new();
            for (index, some) in runs.chunks(AT_ONCE).enumerate() {
                let path = folder.join(format!("merged-{round}-{index}"));
                let merge = Self::new(open_runs(some)?)?;
                if latest {
                    write_run(&path, &mut Latest::new(merge)?)?
                } else {
                    write_run(&path, &mut { merge })?
                }
                fewer.push(path);
            }
            runs = fewer;
        }
        Self::new(open_runs(&runs)?)
    }

    /// Goes to the next row; the one that was passed is in `next` then. `false` behind the last.
    fn pass(&mut self) -> Result<bool, Broken> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(false) };
        let is_more = self.inputs[head.input].read(&mut self.next)?;
        if is_more && self.next.key < head.entry.key {
            return Err(Broken::Unsorted);
        }
        std::mem::swap(&mut head.entry, &mut self.next);
        if !is_more {
            PeekMut::pop(head);
        }
        Ok(true)
    }

    /// Gives the present row away for another entry, and goes to the next; `false` behind the last.
    fn take(&mut self, entry: &mut Entry) -> Result<bool, Broken> {
        let passed = self.pass()?;
        if passed {
            std::mem::swap(&mut self.next, entry);
        }
        Ok(passed)
    }
}

impl Rows for Merge {
    fn row(&self) -> Option<&Entry> {
        self.heads.peek().map(|head| &head.entry)
    }

    fn advance(&mut self) -> Result<(), Broken> {
        self.pass().map(|_| ())
    }
}

/// Of each key only the last row.
pub struct Latest {
    merge: Merge,
    entry: Option<Entry>,
}

impl Latest {
    /// Thins out a merge.
    pub fn new(merge: Merge) -> Result<Self, Broken> {
        let mut latest = Self { merge, entry: Some(Entry::default()) };
        latest.advance()?;
        Ok(latest)
    }
}

impl Rows for Latest {
    fn row(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    fn advance(&mut self) -> Result<(), Broken> {
        let Some(entry) = &mut self.entry else { return Ok(()) };
        if !self.merge.take(entry)? {
            self.entry = None;
            return Ok(());
        }
        while self.merge.row().is_some_and(|next| next.key == entry.key) {
            self.merge.take(entry)?;
        }
        Ok(())
    }
}

fn open_runs(runs: &[PathBuf]) -> Result<Vec<Input>, Fault> {
    runs.iter().map(|run| RunReader::open(run).map(Input::Run)).collect()
}

fn write_run(path: &Path, rows: &mut dyn Rows) -> Result<(), Broken> {
    let mut writer = RunWriter::create(path)?;
    while let Some(Entry { key, line }) = rows.row() {
        writer.add(key, line)?;
        rows.advance()?;
    }
    writer.end()?;
    Ok(())
}

/// Cuts a file into sorted runs. Rows of one key keep their order.
pub fn sort(mut reading: Reading, key: usize, folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut runs = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    let mut bytes = 0;
    let mut row = ByteRecord::new();
    loop {
        let is_row = reading.read(&mut row)?;
        if is_row {
            let mut entry = Entry::default();
            entry.set(&row, key);
            bytes += entry.key.len() + entry.line.len() + ROW_BYTES;
            entries.push(entry);
        }
        if !entries.is_empty() && (!is_row || bytes > RUN_BYTES) {
            entries.sort_by(|one, other| one.key.cmp(&other.key));
            let path = folder.join(format!("sorted-{}", runs.len()));
            let mut writer = RunWriter::create(&path)?;
            for Entry { key, line } in entries.drain(..) {
                writer.add(&key, &line)?;
            }
            writer.end()?;
            runs.push(path);
            bytes = 0;
        }
        if !is_row {
            return Ok(runs);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn collect(rows: &mut dyn Rows) -> Vec<(String, String)> {
        let mut all = Vec::new();
        while let Some(row) = rows.row() {
            let line = String::from_utf8(row.line.clone()).unwrap();
            let (key, value) = line.trim_end().split_once(',').unwrap();
            assert_eq!(key.as_bytes(), row.key);
            all.push((key.to_owned(), value.to_owned()));
            assert!(rows.advance().is_ok());
        }
        all
    }

    #[test]
    fn many_runs_are_merged_in_rounds_and_the_later_row_wins() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = Vec::new();
        for run in 0..450 {
            let path = folder.path().join(run.to_string());
            let mut writer = RunWriter::create(&path).unwrap();
            // Everyone is in three neighbouring runs; the value says in which.
            for key in run..run + 3 {
                let key = format!("\u{feff}{key:04}");
                writer.add(key.as_bytes(), format!("{key},{run}\r\n").as_bytes()).unwrap();
            }
            writer.end().unwrap();
            runs.push(path);
        }
        let Ok(merge) = Merge::of_runs(runs.clone(), true, folder.path()) else { panic!("it merges") };
        let Ok(mut latest) = Latest::new(merge) else { panic!("it merges") };
        let expected: Vec<_> = (0..452).map(|key| (format!("\u{feff}{key:04}"), key.min(449).to_string())).collect();
        assert_eq!(collect(&mut latest), expected);

        let Ok(mut all) = Merge::of_runs(runs, false, folder.path()) else { panic!("it merges") };
        let all = collect(&mut all);
        assert_eq!(all.len(), 1350);
        assert!(all.is_sorted_by_key(|(key, run)| (key.clone(), run.parse::<u32>().unwrap())));
    }

    #[test]
    fn a_file_in_any_order_is_sorted_and_rows_of_one_key_keep_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.csv");
        let mut writer = csv::Writer::from_path(&path).unwrap();
        writer.write_record(["key", "number"]).unwrap();
        let mut expected = Vec::new();
        for number in 0..300_000_u32 {
            let key = format!("{:05}", number.wrapping_mul(2_654_435_761) % 99_991);
            writer.write_record([&key, &number.to_string()]).unwrap();
            expected.push((key, number.to_string()));
        }
        writer.flush().unwrap();
        let reading = || Reading::new(File::open(&path).unwrap(), b',', "the file");
        let mut merge = Merge::new(vec![Input::file(reading(), 0)]).unwrap_or_else(|_| panic!("it opens"));
        while merge.row().is_some() {
            match merge.advance() {
                Ok(()) => {}
                Err(broken) => {
                    assert!(matches!(broken, Broken::Unsorted));
                    break;
                }
            }
        }
        let runs = sort(reading(), 0, folder.path()).unwrap();
        assert!(runs.len() > 1);
        let mut merge = Merge::of_runs(runs, false, folder.path()).unwrap_or_else(|_| panic!("it merges"));
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(collect(&mut merge), expected);
    }
}
