//! Comparing what was read with the ledger: who is double, who is new, who changed, who left. Exact, in one pass over both.

use std::cmp::Ordering;

use model::run::{Changes, Duplicates};

use super::{
    blocks::{BlockReader, BlockWriter, Series, Shelf},
    rows::{Candidate, Intent, Member, Note},
    sort::{Merged, Sorted},
};
use crate::store::{PayloadError, PayloadKey};

/// One mark for each of the fit rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::exchange) struct Marks {
    words: Vec<u64>,
    marked: u64,
}

impl Marks {
    pub(super) fn new(rows: u64) -> Self {
        let words = usize::try_from(rows.div_ceil(64)).unwrap_or(usize::MAX);
        Self { words: vec![0; words], marked: 0 }
    }

    fn place(ordinal: u64) -> (usize, u64) {
        (usize::try_from(ordinal / 64).unwrap_or(usize::MAX), 1 << (ordinal % 64))
    }

    pub(super) fn mark(&mut self, ordinal: u64) {
        let (word, bit) = Self::place(ordinal);
        if let Some(word) = self.words.get_mut(word) {
            self.marked += u64::from(*word & bit == 0);
            *word |= bit;
        }
    }

    pub(in crate::exchange) fn has(&self, ordinal: u64) -> bool {
        let (word, bit) = Self::place(ordinal);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// As bytes, to be kept.
    pub(in crate::exchange) fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// What [`Self::to_bytes`] made.
    pub(in crate::exchange) fn from_bytes(bytes: &[u8]) -> Self {
        let words: Vec<u64> =
            bytes.chunks_exact(8).filter_map(|word| Some(u64::from_le_bytes(word.try_into().ok()?))).collect();
        Self { marked: words.iter().map(|word| u64::from(word.count_ones())).sum(), words }
    }

    /// Marked in either of two.
    pub(in crate::exchange) fn or(&self, other: &Self) -> Self {
        let words: Vec<u64> = (0..self.words.len().max(other.words.len()))
            .map(|index| self.words.get(index).unwrap_or(&0) | other.words.get(index).unwrap_or(&0))
            .collect();
        Self { marked: words.iter().map(|word| u64::from(word.count_ones())).sum(), words }
    }

    /// For each word, how many of the rows before it are not marked.
    pub(super) fn unmarked_before(&self) -> Vec<u64> {
        let unmarked = self.words.iter().scan(0, |sum, word| {
            let before = *sum;
            *sum += u64::from(word.count_zeros());
            Some(before)
        });
        unmarked.collect()
    }

    /// How many of the rows before this one are not marked; `before` is [`Self::unmarked_before`].
    pub(super) fn rank(&self, before: &[u64], ordinal: u64) -> u64 {
        let (word, bit) = Self::place(ordinal);
        let in_word = self.words.get(word).map_or(0, |marks| u64::from((!marks & (bit - 1)).count_ones()));
        before.get(word).copied().unwrap_or(0) + in_word
    }

    /// How many are marked.
    pub(in crate::exchange) fn count(&self) -> u64 {
        self.marked
    }
}

/// What the comparison found.
#[derive(Debug)]
pub(in crate::exchange) struct Comparison {
    /// Rows of somebody of whom another row is sent.
    pub(in crate::exchange) doubles: Marks,
    /// Rows of somebody who was sent just so.
    pub(in crate::exchange) unchanged: Marks,
    pub(in crate::exchange) changes: Changes,
    /// What is to become of each member; only with a ledger.
    pub(in crate::exchange) notes: Option<Series>,
}

/// Whom the ledger holds.
pub(in crate::exchange) struct Base<'k> {
    pub(in crate::exchange) key: &'k PayloadKey,
    pub(in crate::exchange) members: Series,
    /// Where the notes go.
    pub(in crate::exchange) notes: String,
}

/// Compares the rows of one reading with each other, and with the ledger where there is one. Blocks.
pub(in crate::exchange) fn compare(
    sorted: &Sorted,
    duplicates: Duplicates,
    base: Option<&Base<'_>>,
    shelf: &Shelf,
    key: &PayloadKey,
) -> Result<Comparison, PayloadError> {
    let mut comparison = Comparison {
        doubles: Marks::new(sorted.rows),
        unchanged: Marks::new(if base.is_some() { sorted.rows } else { 0 }),
        changes: Changes::default(),
        notes: None,
    };
    let mut merged = Merged::new(sorted, shelf, key)?;
    let mut waiting = merged.next()?;
    let Some(base) = base else {
        while next_person(&mut merged, &mut waiting, duplicates, &mut comparison.doubles)?.is_some() {}
        return Ok(comparison);
    };
    let mut members = BlockReader::<Member>::new(shelf.clone(), base.key.clone(), base.members.clone());
    let mut notes = BlockWriter::new(key, base.notes.clone());
    let mut member = members.next()?;
    let mut person = next_person(&mut merged, &mut waiting, duplicates, &mut comparison.doubles)?;
    loop {
        let order = match (&person, &member) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(person), Some(member)) => person.identity.cmp(&member.identity),
        };
        let now = if order.is_le() { person.take() } else { None };
        let before = if order.is_ge() { member.take() } else { None };
        let (identity, intent) = match (now, before) {
            (Some(now), None) => {
                comparison.changes.added += 1;
                let Candidate { identity, fingerprint, ordinal, identifiers } = now;
                (identity, Intent::Add { ordinal, fingerprint, identifiers })
            }
            (Some(now), Some(before)) if now.fingerprint == before.fingerprint => {
                comparison.changes.unchanged += 1;
                comparison.unchanged.mark(now.ordinal);
                (now.identity, Intent::Keep { fingerprint: now.fingerprint, identifiers: now.identifiers })
            }
            (Some(now), Some(before)) => {
                comparison.changes.changed += 1;
                let Candidate { identity, fingerprint, ordinal, identifiers } = now;
                let old = (before.fingerprint, before.identifiers);
                (identity, Intent::Change { ordinal, fingerprint, identifiers, old })
            }
            (None, Some(before)) => {
                comparison.changes.removed += 1;
                let Member { identity, fingerprint, identifiers } = before;
                (identity, Intent::Remove { fingerprint, identifiers })
            }
            (None, None) => break,
        };
        if let Some(block) = notes.add(&Note { identity, intent })? {
            shelf.put(block)?;
        }
        if person.is_none() {
            person = next_person(&mut merged, &mut waiting, duplicates, &mut comparison.doubles)?;
        }
        if member.is_none() {
            member = members.next()?;
        }
    }
    let (last, series) = notes.finish()?;
    if let Some(block) = last {
        shelf.put(block)?;
    }
    comparison.notes = Some(series);
    Ok(comparison)
}

/// The row that is sent of the next person; the others are marked.
fn next_person(
    merged: &mut Merged,
    waiting: &mut Option<Candidate>,
    duplicates: Duplicates,
    doubles: &mut Marks,
) -> Result<Option<Candidate>, PayloadError> {
    let Some(mut chosen) = waiting.take() else { return Ok(None) };
    loop {
        match merged.next()? {
            Some(next) if next.identity == chosen.identity => match duplicates {
                // They come in the order in which they were read.
                Duplicates::First | Duplicates::Keep => doubles.mark(next.ordinal),
                Duplicates::Last => {
                    doubles.mark(chosen.ordinal);
                    chosen = next;
                }
            },
            next => {
                *waiting = next;
                return Ok(Some(chosen));
            }
        }
    }
}
