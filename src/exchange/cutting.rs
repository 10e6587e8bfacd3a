//! Cutting rows into parts: where one ends and the next begins depends on the rows alone, never on how their bytes arrived, so that a
//! repeat makes the same parts. Pure; hashing, sealing and storing come after.

use std::collections::BTreeMap;

use model::{
    mapping::Row,
    reject::{Reject, RejectCode},
    rows::{append_row, append_values},
    run::RejectGroup,
};

use super::{
    rejects::{append_rejected, append_source_row},
    spare::Spare,
};

/// How large a part gets at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Data rows.
    pub(super) rows: u64,
    /// Bytes of CSV, header included. A single row that is larger makes a part of its own.
    pub(super) bytes: usize,
}

/// A part's bytes, ready to be hashed and sealed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CutPart {
    /// From 1.
    pub(super) number: u32,
    /// Data rows.
    pub(super) rows: u64,
    /// What the destination gets.
    pub(super) csv: Vec<u8>,
    /// The same rows as they came, with their lines.
    pub(super) source: Vec<u8>,
}

/// What is stored and recorded together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// From 1; counts also those without a part.
    pub(super) number: u32,
    /// None when only the rejects were full, or no row of it was fit to be sent.
    pub(super) part: Option<CutPart>,
    /// Rows rejected since the last cut: how many, and the rows with why, without a header.
    pub(super) rejects: Option<(u64, Vec<u8>)>,
    /// The same rejects by reason.
    pub(super) groups: Vec<RejectGroup>,
}

/// Fills parts.
pub(super) struct Cutter {
    limits: Limits,
    columns: usize,
    header: Vec<u8>,
    cuts: u32,
    parts: u32,
    rows: u64,
    csv: Vec<u8>,
    source: Vec<u8>,
    rejected: u64,
    rejects: Vec<u8>,
    groups: BTreeMap<(RejectCode, Option<String>), (String, u64)>,
    spare: Spare,
}

impl Cutter {
    /// From a source with so many columns, to a destination that takes these. Parts are filled in buffers of `spare`.
    pub(super) fn new(limits: Limits, columns: usize, targets: &[&str], spare: Spare) -> Self {
        let mut header = Vec::new();
        append_row(&mut header, targets);
        Self {
            limits,
            columns,
            csv: header.clone(),
            header,
            cuts: 0,
            parts: 0,
            rows: 0,
            source: Vec::new(),
            rejected: 0,
            rejects: Vec::new(),
            groups: BTreeMap::new(),
            spare,
        }
    }

    /// Adds a row that is fit to be sent. Gives what was full before it.
    pub(super) fn send(&mut self, line: u64, source: Row<'_>, values: Row<'_>) -> Option<Cut> {
        self.add(|csv| append_values(csv, values), |file| append_source_row(file, line, source))
    }

    /// The same for a row that was written already: as a part has it, and as it came.
    pub(super) fn send_written(&mut self, values: &[u8], source: &[u8]) -> Option<Cut> {
        self.add(|csv| csv.extend_from_slice(values), |file| file.extend_from_slice(source))
    }

    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>), write_source: impl FnOnce(&mut Vec<u8>)) -> Option<Cut> {
        let before = self.csv.len();
        write(&mut self.csv);
        let full = self.rows >= self.limits.rows
            || self.csv.len() > self.limits.bytes
            || self.source.len() > self.limits.bytes;
        let cut = if full && self.rows > 0 {
            let row = self.csv.split_off(before);
            let cut = self.cut();
            self.csv.extend_from_slice(&row);
            cut
        } else {
            None
        };
        write_source(&mut self.source);
        self.rows += 1;
        cut
    }

    /// Adds a row that is not. Gives what is full with it.
    pub(super) fn reject(&mut self, line: u64, source: Row<'_>, reject: &Reject) -> Option<Cut> {
        let (code, field) = (reject.code.as_str(), reject.field.as_deref());
        append_rejected(&mut self.rejects, self.columns, source, line, code, field, &reject.reason);
        self.rejected += 1;
        let key = (reject.code, reject.field.clone());
        self.groups.entry(key).or_insert_with(|| (reject.reason.clone(), 0)).1 += 1;
        // The part goes on being filled: where parts end depends on the rows that are sent alone. When rows are left out of a reading, no part gets ahead
        // of the one that is read meanwhile.
        if self.rejects.len() > self.limits.bytes { self.cut_with(None) } else { None }
    }

    /// What is left at the end.
    pub(super) fn finish(&mut self) -> Option<Cut> {
        self.cut()
    }

    fn cut(&mut self) -> Option<Cut> {
        let part = (self.rows > 0).then(|| {
            self.parts += 1;
            let mut next = self.spare.take();
            next.reserve_exact(room_after(self.csv.len()));
            next.extend_from_slice(&self.header);
            let mut next_source = self.spare.take();
            next_source.reserve_exact(room_after(self.source.len()));
            CutPart {
                number: self.parts,
                rows: std::mem::take(&mut self.rows),
                csv: std::mem::replace(&mut self.csv, next),
                source: std::mem::replace(&mut self.source, next_source),
            }
        });
        self.cut_with(part)
    }

    /// The part, when there is one, and the rejects so far.
    fn cut_with(&mut self, part: Option<CutPart>) -> Option<Cut> {
        if part.is_none() && self.rejected == 0 {
            return None;
        }
        self.cuts += 1;
        let rejects =
            (self.rejected > 0).then(|| (std::mem::take(&mut self.rejected), std::mem::take(&mut self.rejects)));
        let groups = std::mem::take(&mut self.groups).into_iter();
        let groups = groups.map(|((code, field), (reason, rows))| RejectGroup {
            code,
            destination_code: None,
            field,
            reason,
            rows,
        });
        Some(Cut { number: self.cuts, part, rejects, groups: groups.collect() })
    }
}

/// Room for a part that is about as large as the last one, and for its seal: growing would double it, and copy all of it.
fn room_after(length: usize) -> usize {
    length + length / 8 + 64
}

#[cfg(test)]
mod tests {
    use model::mapping::RowBuffer;
    use proptest::prelude::*;

    use super::*;
    use model::rows::{RowError, RowReader};

    /// Reads in pieces of the given sizes, rejects rows whose first value is empty, and cuts.
    fn cut(csv: &[u8], pieces: &[usize], limits: Limits) -> Vec<Cut> {
        let mut cutter = Cutter::new(limits, 2, &["email", "name"], Spare::default());
        let mut reader = RowReader::new();
        let mut cuts = Vec::new();
        let reject =
            Reject { code: RejectCode::RequiredEmpty, field: Some("email".to_owned()), reason: "Empty.".to_owned() };
        let mut on_row = |row: model::rows::RawRow<'_>| {
            let empty = row.values.value(0).is_some_and(<[u8]>::is_empty);
            cuts.extend(if empty {
                cutter.reject(row.line, row.values, &reject)
            } else {
                cutter.send(row.line, row.values, row.values)
            });
            Ok::<(), RowError>(())
        };
        let mut rest = csv;
        for piece in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*piece).clamp(1, rest.len()));
            reader.feed(now, &mut on_row).expect("good data");
            rest = later;
        }
        reader.finish(&mut on_row).expect("good data");
        cuts.extend(cutter.finish());
        cuts
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn the_same_rows_make_the_same_parts_whatever_the_pieces(
            people in prop::collection::vec(("[a-zé\",\n ]{0,12}", "[a-zé\",\r\n ]{0,30}"), 0..60),
            pieces in prop::collection::vec(1_usize..50, 1..8),
            rows in 1_u64..9,
            bytes in 30_usize..400,
        ) {
            let mut csv = b"email,name\r\n".to_vec();
            for (email, name) in &people {
                append_row(&mut csv, [email, name]);
            }
            let limits = Limits { rows, bytes };
            let whole = cut(&csv, &[csv.len()], limits);
            prop_assert_eq!(&whole, &cut(&csv, &pieces, limits));

            // Nothing is lost or doubled, limits hold, and numbers have no gaps.
            let parts: Vec<&CutPart> = whole.iter().filter_map(|cut| cut.part.as_ref()).collect();
            let sent: u64 = parts.iter().map(|part| part.rows).sum();
            let rejected: u64 = whole.iter().filter_map(|cut| cut.rejects.as_ref()).map(|rejects| rejects.0).sum();
            prop_assert_eq!(sent + rejected, people.len() as u64);
            prop_assert_eq!(whole.iter().flat_map(|cut| &cut.groups).map(|group| group.rows).sum::<u64>(), rejected);
            for (number, part) in (1..).zip(&parts) {
                prop_assert_eq!(part.number, number);
                prop_assert!(part.rows <= rows);
                prop_assert!(part.csv.len() <= bytes || part.rows == 1);
            }
            for (number, cut) in (1..).zip(&whole) {
                prop_assert_eq!(cut.number, number);
            }
            let joined: Vec<u8> = parts.iter().flat_map(|part| part.csv.strip_prefix(b"email,name\r\n".as_slice()).expect("a header")).copied().collect();
            let mut expected = Vec::new();
            for (email, name) in people.iter().filter(|(email, _)| !email.is_empty()) {
                append_row(&mut expected, [email, name]);
            }
            prop_assert_eq!(joined, expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_part_without_rows_left_out_is_made_only_after_the_old_one_of_its_number_was_read(
            rows in prop::collection::vec((0_usize..60, prop::bool::weighted(0.8)), 0..120),
            most in 1_u64..20,
            bytes in 60_usize..600,
        ) {
            let limits = Limits { rows: most, bytes };
            let rows: Vec<(RowBuffer, bool)> =
                rows.iter().map(|(length, is_double)| (["a", &"x".repeat(*length)].iter().collect(), *is_double)).collect();
            let cutter = || Cutter::new(limits, 2, &["email", "name"], Spare::default());
            let mut reading = cutter();
            let mut read: Vec<Cut> = rows.iter().filter_map(|(row, _)| reading.send(2, row.row(), row.row())).collect();
            read.extend(reading.finish());
            let reject = Reject { code: RejectCode::Duplicate, field: None, reason: "Another row is the same.".to_owned() };
            let (mut sifting, mut rest) = (cutter(), rows.iter());
            for old in read.iter().filter_map(|cut| cut.part.as_ref()) {
                for (row, is_double) in rest.by_ref().take(usize::try_from(old.rows).expect("few")) {
                    let cut = if *is_double {
                        sifting.reject(2, row.row(), &reject)
                    } else {
                        sifting.send(2, row.row(), row.row())
                    };
                    if let Some(part) = cut.and_then(|cut| cut.part) {
                        prop_assert!(part.number <= old.number, "{} while {} is read", part.number, old.number);
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_that_is_too_large_for_a_part_makes_a_part_of_its_own() {
        let mut cutter = Cutter::new(Limits { rows: 10, bytes: 100 }, 2, &["email", "name"], Spare::default());
        let small: RowBuffer = ["a", "b"].iter().collect();
        let large: RowBuffer = ["c", &"x".repeat(300)].iter().collect();
        assert!(cutter.send(2, small.row(), small.row()).is_none());
        let first = cutter.send(3, large.row(), large.row()).expect("the small one");
        assert_eq!(first.part.expect("a part").rows, 1);
        let second = cutter.send(4, small.row(), small.row()).expect("the large one");
        assert_eq!(second.part.expect("a part").rows, 1);
    }
}
