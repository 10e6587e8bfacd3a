//! Removing people who are named by other identifiers than the key.
//!
//! All that a row says must fit; what it leaves empty says nothing. So what is sought are combinations of columns, each with a set of what
//! its rows say, kept as digests of 128 bits under a secret of this process. As many rows are sought at once as fit into the memory that
//! is granted; more take another pass over the file.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::path::PathBuf;

use csv::ByteRecord;
use model::field::FieldKind;
use model::mapping::RowBuffer;
use model::rows::RowReader;

use super::merge::{Entry, Reading, RunReader};
use super::{Target, Writing, take_apart};
use crate::fault::Fault;

/// Rows that are sought at once: about 50 MB.
const AT_ONCE: usize = 1_000_000;

/// What is sought: for each combination of columns of the file, what stands in them.
struct Sought {
    secrets: (RandomState, RandomState),
    combinations: HashMap<Vec<usize>, HashSet<u128>>,
    rows: usize,
}

impl Sought {
    fn digest<'a>(&self, values: impl Iterator<Item = &'a [u8]>) -> u128 {
        let (mut one, mut other) = (self.secrets.0.build_hasher(), self.secrets.1.build_hasher());
        for value in values {
            value.hash(&mut one);
            value.hash(&mut other);
        }
        u128::from(one.finish()) << 64 | u128::from(other.finish())
    }

    fn names(&self, row: &ByteRecord) -> bool {
        self.combinations.iter().any(|(columns, sought)| {
            sought.contains(&self.digest(columns.iter().map(|column| row.get(*column).unwrap_or_default())))
        })
    }
}

/// Writes the rows of a file that nobody named; how many those are.
pub(super) fn remove(
    target: &Target<'_>,
    parts: &[PathBuf],
    header: &[String],
    read: &dyn Fn() -> Result<Option<Reading>, Fault>,
    mut writing: Writing<'_>,
) -> Result<u64, Fault> {
    // Which columns of a part say who, and where those are in the file.
    let identifiers: Vec<(usize, Option<usize>)> = target
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| target.config.field(&field.name).is_some_and(|known| known.kind == FieldKind::Identifier))
        .map(|(place, field)| (place, header.iter().position(|column| *column == field.name)))
        .collect();
    let mut parts = parts.iter();
    let mut part: Option<RunReader> = None;
    let (mut reader, mut entry, mut values) = (RowReader::headless(), Entry::default(), RowBuffer::new());
    // One bit for each row of the file.
    let mut named: Vec<u64> = Vec::new();
    let mut row = ByteRecord::new();
    loop {
        let mut sought =
            Sought { secrets: (RandomState::new(), RandomState::new()), combinations: HashMap::new(), rows: 0 };
        while sought.rows < AT_ONCE {
            if part.is_none() {
                let Some(path) = parts.next() else { break };
                part = Some(RunReader::open(path)?);
            }
            let Some(run) = &mut part else { break };
            if !run.read(&mut entry)? {
                part = None;
                continue;
            }
            take_apart(&mut reader, Some(&entry), &mut values)?;
            let said_at = |place: &usize| values.row().value(*place).unwrap_or_default();
            let is_empty = |value: &[u8]| std::str::from_utf8(value).is_ok_and(|text| text.trim().is_empty());
            let said = identifiers.iter().filter(|(place, _)| !is_empty(said_at(place)));
            // A column that the file does not have fits nobody.
            let columns: Option<Vec<usize>> = said.clone().map(|(_, column)| *column).collect();
            if let Some(columns) = columns {
                let digest = sought.digest(said.map(|(place, _)| said_at(place)));
                sought.combinations.entry(columns).or_default().insert(digest);
            }
            sought.rows += 1;
        }
        if sought.rows == 0 {
            break;
        }
        let Some(mut reading) = read()? else { break };
        let mut number = 0;
        while reading.read(&mut row)? {
            let (word, bit) = (number / 64, number % 64);
            if named.len() <= word {
                named.push(0);
            }
            if named[word] >> bit & 1 == 0 && sought.names(&row) {
                named[word] |= 1 << bit;
            }
            number += 1;
        }
    }
    if let Some(mut reading) = read()? {
        let mut number = 0;
        while reading.read(&mut row)? {
            if named.get(number / 64).is_none_or(|word| word >> (number % 64) & 1 == 0) {
                entry.set(&row, 0);
                writing.write(Some(&entry), None)?;
            }
            number += 1;
        }
    }
    writing.end()
}
