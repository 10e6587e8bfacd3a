//! Going through the parts of a reading once more, to leave out rows that were found to be double or unchanged when all had been read; and
//! making the parts by which a mirror removes those who left. On a thread for blocking work; memory depends on the size of a part.

use model::{
    contract::JobMode,
    id::RunId,
    mapping::{Mapping, Row, RowBuffer, Source},
    reject::{Reject, RejectCode},
    rows::{RawRow, RowError, RowReader},
    run::Duplicates,
};
use tokio::sync::mpsc;

use super::{
    cutting::{Cut, Cutter, Limits},
    ledger::{
        blocks::{BlockReader, Series, Shelf},
        compare::Marks,
        rows::{Intent, Note},
        settle::values_of,
    },
    payload_folder,
    records::PartRow,
    rejects::SourceRows,
    sealing::{SealedCut, seal_cut},
    spare::Spare,
};
use crate::store::{PayloadError, PayloadKey};

/// Why sifting stopped before the end.
#[derive(Debug)]
pub(super) enum SiftError {
    /// Nobody takes the parts any more: the other side knows why.
    NotWanted,
    /// A part is not what was stored.
    Broken,
    Payload(PayloadError),
}

impl From<PayloadError> for SiftError {
    fn from(error: PayloadError) -> Self {
        Self::Payload(error)
    }
}

impl From<RowError> for SiftError {
    fn from(_: RowError) -> Self {
        Self::Broken
    }
}

/// What is gone through, and where to.
pub(super) struct Sifter {
    pub(super) run_id: RunId,
    pub(super) key: PayloadKey,
    pub(super) shelf: Shelf,
    pub(super) limits: Limits,
    /// The source's header.
    pub(super) header: Vec<String>,
    /// The fields that tell people apart, for the reason of what is double.
    pub(super) identity: String,
    pub(super) duplicates: Duplicates,
    /// The number of the last cut of the reading.
    pub(super) cuts: u32,
    /// Where parts are filled.
    pub(super) spare: Spare,
}

impl Sifter {
    /// Makes the parts anew without the marked rows. Those that are double become rejects. `parts` are those of the reading, in order.
    pub(super) fn sift(
        &self,
        parts: &[PartRow],
        targets: &[&str],
        doubles: &Marks,
        unchanged: &Marks,
        out: &mpsc::Sender<SealedCut>,
    ) -> Result<u32, SiftError> {
        let folder = payload_folder(&self.run_id);
        let which = match self.duplicates {
            Duplicates::First | Duplicates::Keep => "first",
            Duplicates::Last => "last",
        };
        let reject = Reject {
            code: RejectCode::Duplicate,
            field: Some(self.identity.clone()),
            reason: format!("Another row has the same {}; the {which} one is sent.", self.identity),
        };
        let mut cutter = Cutter::new(self.limits, self.header.len(), targets, self.spare.clone());
        let mut ordinal = 0;
        let mut written = 0;
        for part in parts {
            let job_mode = part.job_mode;
            // A part is read before one of the same number is written: where parts end depends on what is sent, and that is never more than it was.
            let get = |path: &str| self.shelf.get_into(&self.key, path, self.spare.take());
            let csv = get(&super::part_path(&folder, part.number))?;
            let source = get(&super::source_path(&folder, part.number))?;
            let mut sources = SourceRows::new(&source);
            let mut reader = RowReader::new();
            let mut on_row = |row: RawRow<'_>| {
                let (line, source) = sources.next().ok_or(SiftError::Broken)?;
                let cut = if doubles.has(ordinal) {
                    cutter.reject(line, source, &reject)
                } else if unchanged.has(ordinal) {
                    None
                } else {
                    cutter.send(line, source, row.values)
                };
                ordinal += 1;
                match cut {
                    Some(cut) => self.hand_over(out, cut, job_mode, &mut written),
                    None => Ok(()),
                }
            };
            reader.feed(&csv, &mut on_row)?;
            reader.finish(&mut on_row)?;
            self.spare.give(csv);
            self.spare.give(source);
        }
        let job_mode = parts.first().map_or(JobMode::Add, |part| part.job_mode);
        if let Some(cut) = cutter.finish() {
            self.hand_over(out, cut, job_mode, &mut written)?;
        }
        Ok(written)
    }

    fn hand_over(
        &self,
        out: &mpsc::Sender<SealedCut>,
        cut: Cut,
        job_mode: JobMode,
        written: &mut u32,
    ) -> Result<(), SiftError> {
        let number = self.cuts + cut.number;
        let cut = Cut { number, ..cut };
        let sealed = seal_cut(cut, &self.run_id, &self.key, job_mode)?;
        *written += u32::from(sealed.part.is_some());
        out.blocking_send(sealed).map_err(|_| SiftError::NotWanted)
    }

    /// Makes the parts that remove those who are noted to leave. They are numbered behind the `after` others of the run.
    pub(super) fn removals(
        &self,
        notes: &Series,
        columns: &[String],
        wanted: &[String],
        mapping: &Mapping,
        after: u32,
        out: &mpsc::Sender<SealedCut>,
    ) -> Result<(), SiftError> {
        let targets: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let places: Vec<Option<usize>> =
            wanted.iter().map(|name| columns.iter().position(|column| column == name)).collect();
        // As near as can be to the row that the person once had: its identifiers, in the columns that feed them.
        let shown: Vec<Option<usize>> = self
            .header
            .iter()
            .map(|column| {
                let feeds = |target: &String| {
                    let source = mapping.link(target).map(|link| &link.source);
                    matches!(source, Some(Source::Field { name }) if name == column)
                };
                wanted.iter().position(feeds)
            })
            .collect();
        let mut cutter = Cutter::new(self.limits, self.header.len(), &targets, self.spare.clone());
        let seal = |cut: Cut| {
            let Some(part) = cut.part else { return Ok(()) };
            let job_number = part.number;
            let part = super::cutting::CutPart { number: after + job_number, ..part };
            let cut = Cut { part: Some(part), ..cut };
            let mut sealed = seal_cut(cut, &self.run_id, &self.key, JobMode::Remove)?;
            if let Some(part) = &mut sealed.part {
                part.job_number = job_number;
            }
            out.blocking_send(sealed).map_err(|_| SiftError::NotWanted)
        };
        let mut notes = BlockReader::<Note>::new(self.shelf.clone(), self.key.clone(), notes.clone());
        while let Some(note) = notes.next()? {
            let Intent::Remove { identifiers, .. } = note.intent else { continue };
            let known = values_of(&identifiers);
            let pick = |places: &[Option<usize>], from: Row<'_>| -> RowBuffer {
                places.iter().map(|place| place.and_then(|place| from.value(place)).unwrap_or_default()).collect()
            };
            let values = pick(&places, known.row());
            let source = pick(&shown, values.row());
            if let Some(cut) = cutter.send(0, source.row(), values.row()) {
                seal(cut)?;
            }
        }
        match cutter.finish() {
            Some(cut) => seal(cut),
            None => Ok(()),
        }
    }
}
