//! Making the ledger anew after a run, from what was to become of each member and from what the destination did.
//!
//! The rule that keeps a mirror from ever removing whom it did not send, and from forgetting whom it did: what the destination finished counts
//! as it said; what was on its way when a job broke off may or may not have been taken, so that the member stays, is sent again when
//! still in the audience, and removed otherwise; what was never tried did not happen.

use model::{
    mapping::RowBuffer,
    rows::{RawRow, RowError, RowReader, append_row},
};

use super::{
    blocks::{BlockReader, BlockWriter, Series, Shelf},
    compare::Marks,
    identity::UNKNOWN,
    rows::{Intent, Member, Note},
};
use crate::store::{PayloadError, PayloadKey};

/// What became of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::exchange) struct PartOutcome {
    pub(in crate::exchange) rows: u64,
    /// It was sent, or fetched, at least once; what came of it may be unknown.
    pub(in crate::exchange) attempted: bool,
    pub(in crate::exchange) acknowledged: bool,
    /// Rows that were refused, from 1, in ascending order.
    pub(in crate::exchange) refused: Vec<u64>,
}

/// What became of one job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::exchange) struct JobOutcome {
    /// The destination finished it.
    pub(in crate::exchange) complete: bool,
    /// In order.
    pub(in crate::exchange) parts: Vec<PartOutcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    Refused,
    Uncertain,
    NotTried,
}

/// Finds the fate of rows by their place in a job.
struct Fates<'o> {
    outcome: &'o JobOutcome,
    /// The place of each part's first row.
    starts: Vec<u64>,
}

impl<'o> Fates<'o> {
    fn new(outcome: &'o JobOutcome) -> Self {
        let starts = outcome.parts.iter().scan(0, |sum, part| {
            let start = *sum;
            *sum += part.rows;
            Some(start)
        });
        Self { starts: starts.collect(), outcome }
    }

    fn of(&self, place: u64) -> Fate {
        let after = self.starts.partition_point(|start| *start <= place);
        let found = after.checked_sub(1).and_then(|index| Some((self.outcome.parts.get(index)?, self.starts[index])));
        let Some((part, start)) = found else { return Fate::NotTried };
        if !part.attempted && !part.acknowledged {
            return Fate::NotTried;
        }
        if !self.outcome.complete || !part.acknowledged {
            return Fate::Uncertain;
        }
        if part.refused.binary_search(&(place - start + 1)).is_ok() { Fate::Refused } else { Fate::Taken }
    }
}

/// What a ledger is made anew from.
pub(in crate::exchange) struct Settlement<'a> {
    pub(in crate::exchange) notes: Series,
    /// The rows that were not sent.
    pub(in crate::exchange) dropped: &'a Marks,
    pub(in crate::exchange) add: &'a JobOutcome,
    pub(in crate::exchange) remove: &'a JobOutcome,
    /// The columns of identifiers before and now.
    pub(in crate::exchange) columns: (&'a [String], &'a [String]),
    /// Under which key the notes lie.
    pub(in crate::exchange) run_key: &'a PayloadKey,
    pub(in crate::exchange) ledger_key: &'a PayloadKey,
    /// Where the new members go.
    pub(in crate::exchange) folder: String,
}

/// Writes the new members. Gives where they lie and how many they are. Blocks.
pub(in crate::exchange) fn settle(settlement: Settlement<'_>, shelf: &Shelf) -> Result<(Series, u64), PayloadError> {
    let (add, remove) = (Fates::new(settlement.add), Fates::new(settlement.remove));
    let unmarked_before = settlement.dropped.unmarked_before();
    let mut notes = BlockReader::<Note>::new(shelf.clone(), settlement.run_key.clone(), settlement.notes);
    let mut writer = BlockWriter::new(settlement.ledger_key, settlement.folder);
    let (mut members, mut removals) = (0, 0);
    while let Some(Note { identity, intent }) = notes.next()? {
        let as_before = |identifiers: Box<[u8]>| moved(identifiers, settlement.columns);
        let place = |ordinal| settlement.dropped.rank(&unmarked_before, ordinal);
        let stays = match intent {
            Intent::Keep { fingerprint, identifiers } => Some((fingerprint, identifiers)),
            Intent::Add { ordinal, fingerprint, identifiers } => match add.of(place(ordinal)) {
                Fate::Taken => Some((fingerprint, identifiers)),
                Fate::Uncertain => Some((UNKNOWN, identifiers)),
                Fate::Refused | Fate::NotTried => None,
            },
            Intent::Change { ordinal, fingerprint, identifiers, old } => match add.of(place(ordinal)) {
                Fate::Taken => Some((fingerprint, identifiers)),
                Fate::Uncertain => Some((UNKNOWN, identifiers)),
                Fate::Refused | Fate::NotTried => Some((old.0, as_before(old.1))),
            },
            Intent::Remove { fingerprint, identifiers } => {
                removals += 1;
                match remove.of(removals - 1) {
                    Fate::Taken => None,
                    // Who may be gone is not known to be as before.
                    Fate::Uncertain => Some((UNKNOWN, as_before(identifiers))),
                    Fate::Refused | Fate::NotTried => Some((fingerprint, as_before(identifiers))),
                }
            }
        };
        let Some((fingerprint, identifiers)) = stays else { continue };
        members += 1;
        if let Some(block) = writer.add(&Member { identity, fingerprint, identifiers })? {
            shelf.put(block)?;
        }
    }
    let (last, series) = writer.finish()?;
    if let Some(block) = last {
        shelf.put(block)?;
    }
    Ok((series, members))
}

/// Identifiers written for one list of columns, written for another.
fn moved(identifiers: Box<[u8]>, (from, to): (&[String], &[String])) -> Box<[u8]> {
    if from == to {
        return identifiers;
    }
    let values = values_of(&identifiers);
    let value = |name: &String| {
        let place = from.iter().position(|other| other == name);
        place.and_then(|place| values.row().value(place)).unwrap_or_default().to_vec()
    };
    let mut line = Vec::new();
    append_row(&mut line, to.iter().map(value));
    line.into()
}

/// The values of identifiers, in the order of the ledger's columns.
pub(in crate::exchange) fn values_of(identifiers: &[u8]) -> RowBuffer {
    let mut values = RowBuffer::new();
    let mut on_row = |row: RawRow<'_>| {
        values = row.values.values().collect();
        Ok::<(), RowError>(())
    };
    let mut reader = RowReader::headless();
    // What Usher itself wrote, and sealed, is one whole row.
    let read = reader.feed(identifiers, &mut on_row).and_then(|()| reader.finish(&mut on_row));
    debug_assert!(read.is_ok(), "a row that Usher wrote");
    values
}
