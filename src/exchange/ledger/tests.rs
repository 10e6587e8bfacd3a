//! The ledger against a naive model: maps and sets instead of sorted files.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    mapping::RowBuffer,
    run::{Changes, Duplicates},
};
use proptest::prelude::*;

use super::{
    blocks::{BlockReader, Series, Shelf},
    compare::{Base, compare},
    identity::{IdentityKey, UNKNOWN},
    rows::{Intent, Member, Note},
    settle::{JobOutcome, PartOutcome, Settlement, settle, values_of},
    sort::{Collector, Identification},
};
use crate::store::{PayloadError, PayloadKey, PayloadStore};

/// A person of the audience: who, and what is sent.
type Person = (u8, u8);

/// What became of a row, as the test decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Taken,
    Refused,
}

/// One run of a share.
#[derive(Debug, Clone)]
struct Run {
    audience: Vec<Person>,
    duplicates: Duplicates,
    /// How many rows of the two jobs were tried before it broke off; none when it went well.
    broke_off_after: Option<usize>,
    /// Which rows are refused: those whose place is a multiple.
    refuse_every: usize,
}

fn run() -> impl Strategy<Value = Run> {
    let duplicates = prop::sample::select(vec![Duplicates::First, Duplicates::Last]);
    let broke_off = prop::option::weighted(0.3, 0_usize..12);
    (prop::collection::vec((0_u8..12, 0_u8..3), 0..16), duplicates, broke_off, 1_usize..6).prop_map(
        |(audience, duplicates, broke_off_after, refuse_every)| Run {
            audience,
            duplicates,
            broke_off_after,
            refuse_every,
        },
    )
}

/// The naive model: who is known to have been sent, and with what; none when that is uncertain.
type Known = BTreeMap<u8, Option<u8>>;

struct Bench {
    shelf: Shelf,
    key: PayloadKey,
    ledger_key: PayloadKey,
    _folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

const PART: usize = 2;

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let payloads = PayloadStore::open(folder.path()).expect("opens");
        Self {
            shelf: Shelf { payloads, runtime: runtime.handle().clone() },
            key: PayloadKey::generate(),
            ledger_key: PayloadKey::generate(),
            _folder: folder,
            _runtime: runtime,
        }
    }

    fn members(&self, series: &Series) -> Vec<Member> {
        let mut reader = BlockReader::<Member>::new(self.shelf.clone(), self.ledger_key.clone(), series.clone());
        std::iter::from_fn(|| reader.next().expect("opens")).collect()
    }

    fn notes(&self, series: &Series) -> Vec<Note> {
        let mut reader = BlockReader::<Note>::new(self.shelf.clone(), self.key.clone(), series.clone());
        std::iter::from_fn(|| reader.next().expect("opens")).collect()
    }

    /// Carries a run out on the ledger, and says who is in it afterwards.
    fn carry_out(&self, number: usize, members: &Series, run: &Run) -> (Series, Changes, Vec<Person>, Vec<u8>) {
        let how = Identification {
            key: IdentityKey::derive(self.ledger_key.as_bytes()),
            identity: vec![0],
            identifiers: vec![Some(0)],
            with_fingerprints: true,
        };
        let mut put = |object| self.shelf.put(object);
        let mut collector = Collector::new(self.key.clone(), format!("run/{number}/sorted"));
        for (who, what) in &run.audience {
            let row: RowBuffer = [who.to_string(), what.to_string()].iter().collect();
            let mut identifiers = Vec::new();
            let told = how.tell(row.row(), &mut identifiers);
            collector.add::<PayloadError>(told, &identifiers, &mut put).expect("puts");
        }
        let sorted = collector.finish::<PayloadError>(&mut put).expect("puts");
        let base = Base { key: &self.ledger_key, members: members.clone(), notes: format!("run/{number}/notes") };
        let comparison = compare(&sorted, run.duplicates, Some(&base), &self.shelf, &self.key).expect("compares");
        let dropped = comparison.doubles.or(&comparison.unchanged);
        let sent: Vec<Person> =
            (0..).zip(&run.audience).filter(|(ordinal, _)| !dropped.has(*ordinal)).map(|(_, person)| *person).collect();
        let notes = comparison.notes.expect("there is a ledger");
        let removed: Vec<u8> = self
            .notes(&notes)
            .into_iter()
            .filter_map(|note| match note.intent {
                Intent::Remove { identifiers, .. } => Some(identifiers),
                _ => None,
            })
            .map(|identifiers| {
                let values = values_of(&identifiers);
                std::str::from_utf8(values.row().value(0).expect("one")).expect("text").parse().expect("a number")
            })
            .collect();
        // The removals are sent first.
        let outcome = |rows: usize, before: usize| {
            let tried = run.broke_off_after.map_or(rows, |after| after.saturating_sub(before).min(rows));
            let complete = run.broke_off_after.is_none_or(|after| after > before + rows);
            let parts = (0..rows).step_by(PART).map(|start| {
                let length = PART.min(rows - start);
                let refused = (0..length)
                    .filter(|row| (start + row + 1).is_multiple_of(run.refuse_every) && run.refuse_every > 1);
                PartOutcome {
                    rows: length as u64,
                    attempted: start < tried,
                    acknowledged: start + length <= tried,
                    refused: refused.map(|row| row as u64 + 1).collect(),
                }
            });
            JobOutcome { complete, parts: parts.collect() }
        };
        let (remove, add) = (outcome(removed.len(), 0), outcome(sent.len(), removed.len()));
        let settlement = Settlement {
            notes,
            dropped: &dropped,
            add: &add,
            remove: &remove,
            columns: (&["who".to_owned()], &["who".to_owned()]),
            run_key: &self.key,
            ledger_key: &self.ledger_key,
            folder: format!("ledger/{number}"),
        };
        let (series, count) = settle(settlement, &self.shelf).expect("settles");
        assert_eq!(self.members(&series).len() as u64, count);
        (series, comparison.changes, sent, removed)
    }
}

/// What the naive model says of a run: what is sent and removed, and who is known afterwards.
fn naive(known: &Known, run: &Run) -> (BTreeMap<u8, u8>, BTreeSet<u8>) {
    let mut wanted: BTreeMap<u8, u8> = BTreeMap::new();
    for (who, what) in &run.audience {
        match run.duplicates {
            Duplicates::Last => drop(wanted.insert(*who, *what)),
            _ => drop(wanted.entry(*who).or_insert(*what)),
        }
    }
    let removed = known.keys().filter(|who| !wanted.contains_key(who)).copied().collect();
    wanted.retain(|who, what| known.get(who) != Some(&Some(*what)));
    (wanted, removed)
}

fn fate(run: &Run, complete: bool, rows: usize, before: usize, place: usize) -> Option<Option<Outcome>> {
    let tried = run.broke_off_after.map_or(rows, |after| after.saturating_sub(before).min(rows));
    let start = place / PART * PART;
    let length = PART.min(rows - start);
    if start >= tried {
        return None;
    }
    if !complete || start + length > tried {
        return Some(None);
    }
    let refused = run.refuse_every > 1 && (place + 1).is_multiple_of(run.refuse_every);
    Some(Some(if refused { Outcome::Refused } else { Outcome::Taken }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_mirror_does_what_a_naive_one_does_whatever_breaks_off(runs in prop::collection::vec(run(), 1..6)) {
        let bench = Bench::new();
        let mut members = Series { folder: "ledger/0".to_owned(), blocks: 0 };
        let mut known = Known::new();
        let mut ever_sent: BTreeSet<u8> = BTreeSet::new();
        for (number, run) in (1..).zip(&runs) {
            let (next, changes, sent, removed) = bench.carry_out(number, &members, run);
            let (wanted, gone) = naive(&known, run);
            prop_assert_eq!(sent.iter().copied().collect::<BTreeMap<u8, u8>>(), wanted.clone());
            prop_assert_eq!(sent.len(), wanted.len());
            prop_assert_eq!(removed.iter().copied().collect::<BTreeSet<u8>>(), gone);
            prop_assert!(removed.iter().all(|who| ever_sent.contains(who)), "nobody is removed who was not sent");
            let people: BTreeSet<u8> = run.audience.iter().map(|person| person.0).collect();
            prop_assert_eq!(changes.added + changes.changed + changes.unchanged, people.len() as u64);
            prop_assert_eq!(changes.removed, removed.len() as u64);

            let complete = |rows: usize, before: usize| run.broke_off_after.is_none_or(|after| after > before + rows);
            let removals_complete = complete(removed.len(), 0);
            for (place, who) in removed.iter().enumerate() {
                match fate(run, removals_complete, removed.len(), 0, place) {
                    Some(Some(Outcome::Taken)) => drop(known.remove(who)),
                    Some(None) => drop(known.insert(*who, None)),
                    Some(Some(Outcome::Refused)) | None => {}
                }
            }
            let additions_complete = complete(sent.len(), removed.len());
            for (place, (who, what)) in sent.iter().enumerate() {
                let fate = fate(run, additions_complete, sent.len(), removed.len(), place);
                if fate.is_some() {
                    ever_sent.insert(*who);
                }
                match fate {
                    Some(Some(Outcome::Taken)) => drop(known.insert(*who, Some(*what))),
                    Some(None) => drop(known.insert(*who, None)),
                    Some(Some(Outcome::Refused)) | None => {}
                }
            }
            members = next;
            let found = bench.members(&members);
            prop_assert!(found.windows(2).all(|pair| pair[0].identity < pair[1].identity), "sorted, each once");
            let uncertain = found.iter().filter(|member| member.fingerprint == UNKNOWN).count();
            prop_assert_eq!(found.len(), known.len());
            prop_assert_eq!(uncertain, known.values().filter(|what| what.is_none()).count());
        }
    }
}
