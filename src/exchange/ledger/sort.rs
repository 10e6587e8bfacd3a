//! Sorting more rows by identity than fit into memory: runs of rows are sorted and put aside as they come, and merged afterwards.

use std::{cmp::Reverse, collections::BinaryHeap};

use model::{mapping::Row, rows::append_row};

use super::{
    blocks::{BlockReader, BlockWriter, Series, Shelf},
    identity::IdentityKey,
    rows::{Candidate, Record},
};
use crate::store::{PayloadError, PayloadKey, SealedObject};

/// Rows that are sorted at once.
const ROWS_AT_ONCE: usize = 256 * 1024;
/// Bytes of their identifiers.
const IDENTIFIERS_AT_ONCE: usize = 16 * 1024 * 1024;

/// What of a row goes where.
#[derive(Clone)]
pub(in crate::exchange) struct Identification {
    pub(in crate::exchange) key: IdentityKey,
    /// The values that tell people apart.
    pub(in crate::exchange) identity: Vec<usize>,
    /// The values that are kept to find somebody by; `None` stands for one that is not sent. Empty when nobody will want them.
    pub(in crate::exchange) identifiers: Vec<Option<usize>>,
    /// Whether what is sent of somebody is compared.
    pub(in crate::exchange) with_fingerprints: bool,
}

/// Whom a row is about, and what is sent of them; its identifiers are kept beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::exchange) struct Told {
    identity: u128,
    fingerprint: u64,
}

impl Identification {
    /// Tells whom a row is about, as it will be sent, and appends its identifiers.
    pub(in crate::exchange) fn tell(&self, row: Row<'_>, identifiers: &mut Vec<u8>) -> Told {
        if !self.identifiers.is_empty() {
            let value = |place: &Option<usize>| place.and_then(|place| row.value(place)).unwrap_or_default();
            append_row(identifiers, self.identifiers.iter().map(value));
        }
        Told {
            identity: self.key.identity(row, &self.identity),
            fingerprint: if self.with_fingerprints { self.key.fingerprint(row) } else { 0 },
        }
    }
}

struct Entry {
    identity: u128,
    ordinal: u64,
    fingerprint: u64,
    start: usize,
    end: usize,
}

/// Takes in the rows of one reading.
pub(in crate::exchange) struct Collector {
    key: PayloadKey,
    folder: String,
    rows: u64,
    entries: Vec<Entry>,
    identifiers: Vec<u8>,
    sorted: Vec<Series>,
}

impl Collector {
    /// Puts its runs below `folder`, sealed with `key`.
    pub(in crate::exchange) fn new(key: PayloadKey, folder: String) -> Self {
        Self { key, folder, rows: 0, entries: Vec::new(), identifiers: Vec::new(), sorted: Vec::new() }
    }

    /// Adds the next row that is fit to be sent, with its identifiers; hands over what is put aside.
    pub(in crate::exchange) fn add<E: From<PayloadError>>(
        &mut self,
        told: Told,
        identifiers: &[u8],
        hand_over: &mut impl FnMut(SealedObject) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.identifiers.len();
        self.identifiers.extend_from_slice(identifiers);
        self.entries.push(Entry {
            identity: told.identity,
            ordinal: self.rows,
            fingerprint: told.fingerprint,
            start,
            end: self.identifiers.len(),
        });
        self.rows += 1;
        if self.entries.len() >= ROWS_AT_ONCE || self.identifiers.len() >= IDENTIFIERS_AT_ONCE {
            self.put_aside(hand_over)?;
        }
        Ok(())
    }

    /// Puts the rest aside, and says where all of it lies and how many rows there are.
    pub(in crate::exchange) fn finish<E: From<PayloadError>>(
        mut self,
        hand_over: &mut impl FnMut(SealedObject) -> Result<(), E>,
    ) -> Result<Sorted, E> {
        self.put_aside(hand_over)?;
        Ok(Sorted { series: self.sorted, rows: self.rows })
    }

    fn put_aside<E: From<PayloadError>>(
        &mut self,
        hand_over: &mut impl FnMut(SealedObject) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.entries.is_empty() {
            return Ok(());
        }
        self.entries.sort_unstable_by_key(|entry| (entry.identity, entry.ordinal));
        let mut writer = BlockWriter::new(&self.key, format!("{}/{}", self.folder, self.sorted.len()));
        for entry in self.entries.drain(..) {
            let candidate = Candidate {
                identity: entry.identity,
                fingerprint: entry.fingerprint,
                ordinal: entry.ordinal,
                identifiers: self.identifiers[entry.start..entry.end].into(),
            };
            if let Some(block) = writer.add(&candidate)? {
                hand_over(block)?;
            }
        }
        self.identifiers.clear();
        let (last, series) = writer.finish()?;
        if let Some(block) = last {
            hand_over(block)?;
        }
        self.sorted.push(series);
        Ok(())
    }
}

/// All rows of one reading, sorted in several series.
#[derive(Debug, Clone, Default)]
pub(in crate::exchange) struct Sorted {
    pub(super) series: Vec<Series>,
    /// How many.
    pub(in crate::exchange) rows: u64,
}

/// All rows of one reading in order of identity, and of coming among those of the same.
pub(super) struct Merged {
    readers: Vec<BlockReader<Candidate>>,
    /// The next of each reader; the index tells whose it is.
    waiting: BinaryHeap<Reverse<(u128, u64, usize)>>,
    held: Vec<Option<Candidate>>,
}

impl Merged {
    pub(super) fn new(sorted: &Sorted, shelf: &Shelf, key: &PayloadKey) -> Result<Self, PayloadError> {
        let readers = sorted.series.iter().map(|series| BlockReader::new(shelf.clone(), key.clone(), series.clone()));
        let mut merged = Self { readers: readers.collect(), waiting: BinaryHeap::new(), held: Vec::new() };
        for index in 0..merged.readers.len() {
            merged.held.push(None);
            merged.refill(index)?;
        }
        Ok(merged)
    }

    fn refill(&mut self, index: usize) -> Result<(), PayloadError> {
        if let Some(next) = self.readers[index].next()? {
            self.waiting.push(Reverse((next.identity(), next.ordinal, index)));
            self.held[index] = Some(next);
        }
        Ok(())
    }

    pub(super) fn next(&mut self) -> Result<Option<Candidate>, PayloadError> {
        let Some(Reverse((_, _, index))) = self.waiting.pop() else { return Ok(None) };
        let candidate = self.held[index].take();
        self.refill(index)?;
        Ok(candidate)
    }
}
