//! Rows in the order of their keys, from any number of files, in memory that does not grow with them.
//!
//! A part is at most as large as a part may be, so it is sorted in memory and written as a *run*: a CSV file with a header, in the order of
//! the keys. Runs are merged; of equal keys the rows come in the order of the runs.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use csv::ByteRecord;

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

/// Rows one after the other, by key.
pub trait Rows {
    /// The present row; `None` behind the last.
    fn row(&self) -> Option<&ByteRecord>;
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

/// A file that takes part in a merge.
struct Input {
    reading: Reading,
    row: ByteRecord,
}

/// The key of an input's present row. The smallest is the greatest, because that is what a heap gives.
#[derive(PartialEq, Eq)]
struct Head {
    key: Vec<u8>,
    input: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key).then(other.input.cmp(&self.input))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// All rows of some files that are in the order of their keys.
pub struct Merge {
    key: usize,
    inputs: Vec<Input>,
    heads: BinaryHeap<Head>,
}

impl Merge {
    /// Merges files by the column at this place.
    pub fn new(files: Vec<Reading>, key: usize) -> Result<Self, Broken> {
        let mut merge = Self { key, inputs: Vec::new(), heads: BinaryHeap::new() };
        for mut reading in files {
            let mut row = ByteRecord::new();
            if reading.read(&mut row)? {
                merge.heads.push(Head { key: row[key].to_vec(), input: merge.inputs.len() });
                merge.inputs.push(Input { reading, row });
            }
        }
        Ok(merge)
    }

    /// Merges runs, first among themselves when they are too many at once; `latest` keeps only the last row of each key.
    pub fn of_runs(mut runs: Vec<PathBuf>, key: usize, latest: bool, folder: &Path) -> Result<Self, Broken> {
        let mut round = 0;
        while runs.len() > AT_ONCE {
            round += 1;
            let mut fewer = Vec::new();
            for (index, some) in runs.chunks(AT_ONCE).enumerate() {
                let path = folder.join(format!("merged-{round}-{index}.csv"));
                let merge = Self::new(open_runs(some)?, key)?;
                if latest {
                    write_run(&path, &mut Latest::new(merge)?)?
                } else {
                    write_run(&path, &mut { merge })?
                }
                fewer.push(path);
            }
            runs = fewer;
        }
        Self::new(open_runs(&runs)?, key)
    }

    /// Gives the present row away for another record, and goes to the next; `false` behind the last.
    fn take(&mut self, row: &mut ByteRecord) -> Result<bool, Broken> {
        let Some(head) = self.heads.peek() else { return Ok(false) };
        std::mem::swap(&mut self.inputs[head.input].row, row);
        self.advance().map(|()| true)
    }
}

impl Rows for Merge {
    fn row(&self) -> Option<&ByteRecord> {
        self.heads.peek().map(|head| &self.inputs[head.input].row)
    }

    fn advance(&mut self) -> Result<(), Broken> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(()) };
        let input = &mut self.inputs[head.input];
        if !input.reading.read(&mut input.row)? {
            PeekMut::pop(head);
            return Ok(());
        }
        let key = &input.row[self.key];
        if key < head.key.as_slice() {
            return Err(Broken::Unsorted);
        }
        if key != head.key.as_slice() {
            head.key.clear();
            head.key.extend_from_slice(key);
        }
        Ok(())
    }
}

/// Of each key only the last row.
pub struct Latest {
    merge: Merge,
    row: Option<ByteRecord>,
}

impl Latest {
    /// Thins out a merge.
    pub fn new(merge: Merge) -> Result<Self, Broken> {
        let mut latest = Self { merge, row: Some(ByteRecord::new()) };
        latest.advance()?;
        Ok(latest)
    }
}

impl Rows for Latest {
    fn row(&self) -> Option<&ByteRecord> {
        self.row.as_ref()
    }

    fn advance(&mut self) -> Result<(), Broken> {
        let (Some(row), key) = (&mut self.row, self.merge.key) else { return Ok(()) };
        if !self.merge.take(row)? {
            self.row = None;
            return Ok(());
        }
        while let Some(next) = self.merge.row()
            && next[key] == row[key]
        {
            self.merge.take(row)?;
        }
        Ok(())
    }
}

fn open_runs(runs: &[PathBuf]) -> Result<Vec<Reading>, Fault> {
    let open = |run: &PathBuf| Ok(Reading::new(File::open(run).map_err(Fault::folder)?, b',', "a staged part"));
    runs.iter().map(open).collect()
}

fn write_run(path: &Path, rows: &mut dyn Rows) -> Result<(), Broken> {
    let mut writer = run_writer(path, rows.row().map_or(0, ByteRecord::len))?;
    while let Some(row) = rows.row() {
        writer.write_byte_record(row).map_err(Fault::csv)?;
        rows.advance()?;
    }
    writer.flush().map_err(Fault::folder)?;
    Ok(())
}

/// A new run; its header only keeps a byte order mark at the start of the first value from being taken for the file's.
pub fn run_writer(path: &Path, columns: usize) -> Result<csv::Writer<BufWriter<File>>, Fault> {
    let file = BufWriter::with_capacity(BUFFER, File::create(path).map_err(Fault::folder)?);
    let mut writer = csv::WriterBuilder::new().from_writer(file);
    writer.write_record((0..columns.max(1)).map(|column| column.to_string())).map_err(Fault::csv)?;
    Ok(writer)
}

/// Cuts a file into sorted runs. Rows of one key keep their order.
pub fn sort(mut reading: Reading, key: usize, folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut runs = Vec::new();
    let mut rows: Vec<ByteRecord> = Vec::new();
    let mut bytes = 0;
    loop {
        let mut row = ByteRecord::new();
        let is_row = reading.read(&mut row)?;
        if is_row {
            bytes += row.as_slice().len() + row.len() * size_of::<usize>() + ROW_BYTES;
            rows.push(row);
        }
        if !rows.is_empty() && (!is_row || bytes > RUN_BYTES) {
            rows.sort_by(|one, other| one[key].cmp(&other[key]));
            let path = folder.join(format!("sorted-{}.csv", runs.len()));
            let mut writer = run_writer(&path, rows[0].len())?;
            for row in rows.drain(..) {
                writer.write_byte_record(&row).map_err(Fault::csv)?;
            }
            writer.flush().map_err(Fault::folder)?;
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
            let text = |index: usize| String::from_utf8(row[index].to_vec()).unwrap();
            all.push((text(0), text(1)));
            assert!(rows.advance().is_ok());
        }
        all
    }

    #[test]
    fn many_runs_are_merged_in_rounds_and_the_later_row_wins() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = Vec::new();
        for run in 0..450 {
            let path = folder.path().join(format!("{run}.csv"));
            let mut writer = run_writer(&path, 2).unwrap();
            // Everyone is in three neighbouring runs; the value says in which.
            for key in run..run + 3 {
                writer.write_record([format!("\u{feff}{key:04}"), run.to_string()]).unwrap();
            }
            writer.flush().unwrap();
            runs.push(path);
        }
        let Ok(merge) = Merge::of_runs(runs.clone(), 0, true, folder.path()) else { panic!("it merges") };
        let Ok(mut latest) = Latest::new(merge) else { panic!("it merges") };
        let expected: Vec<_> = (0..452).map(|key| (format!("\u{feff}{key:04}"), key.min(449).to_string())).collect();
        assert_eq!(collect(&mut latest), expected);

        let Ok(mut all) = Merge::of_runs(runs, 0, false, folder.path()) else { panic!("it merges") };
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
        let mut merge = Merge::new(vec![reading()], 0).unwrap_or_else(|_| panic!("it opens"));
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
        let mut merge = Merge::of_runs(runs, 0, false, folder.path()).unwrap_or_else(|_| panic!("it merges"));
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(collect(&mut merge), expected);
    }
}
