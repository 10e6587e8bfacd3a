//! The costly pieces of the exchange by themselves, for `benches/`: no endpoint, no database, no run. What they do is what a run does; nothing
//! in the product calls them.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use model::{
    contract::JobMode,
    field::Field,
    mapping::{Mapping, Row},
    run::{Changes, Duplicates},
};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
};

use super::{
    crew::Hands,
    cutting::Limits,
    ledger::{
        blocks::{Series, Shelf},
        compare::{Base, Comparison, compare},
        identity::IdentityKey,
        settle::{JobOutcome, PartOutcome, Settlement, settle},
        sort::{Collector, Identification},
    },
    pipeline::{Expectation, Feed, Made, Pipeline, Progress},
    spare::Spare,
};
use crate::store::{PayloadError, PayloadKey, PayloadStore, identity::new_id};

/// What one reading made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Rows read.
    pub rows: u64,
    /// Rows that were fit to be sent.
    pub valid: u64,
    /// Bytes of all sealed objects: parts, and their rows as they came.
    pub sealed_bytes: u64,
}

/// Puts `chunks` of CSV through the pipeline of a run that adds: read, mapped, checked, cut into parts of 8 MiB, hashed and sealed. The parts are
/// dropped. The work is that of a run, and so are the threads that share it: one reads, so many others map (it does so itself when there is none), and
/// one hashes and seals.
///
/// # Errors
/// Why the pipeline stopped, for a developer.
pub fn read(
    mapping: Mapping,
    destination_fields: Vec<Field>,
    chunks: &[Bytes],
    threads: usize,
) -> Result<Reading, String> {
    let (progress, spare) = (Arc::new(Progress::default()), Spare::default());
    let pipeline = Pipeline {
        mapping,
        destination_fields,
        limits: Limits { rows: u64::MAX, bytes: 8 << 20 },
        key: PayloadKey::generate(),
        run_id: new_id("run_"),
        progress: progress.clone(),
        telling: None,
        hands: Hands::new(Arc::new(Semaphore::new(threads))),
        spare: spare.clone(),
    };
    let (feed, fed) = mpsc::channel(chunks.len() + 3);
    let begin = [Feed::Begin(Expectation::default())].into_iter();
    let end = [Feed::End, Feed::Whole].into_iter();
    for piece in begin.chain(chunks.iter().cloned().map(Feed::Bytes)).chain(end) {
        feed.try_send(piece).map_err(|_| "the feed is full")?;
    }
    let (run_id, key) = (pipeline.run_id.clone(), pipeline.key.clone());
    let (cuts, mut made) = mpsc::channel::<Made>(1);
    let sealing = std::thread::spawn(move || {
        let mut sealed_bytes = 0;
        while let Some(made) = made.blocking_recv() {
            let sealed = made.seal(&run_id, &key, JobMode::Add).map_err(told)?;
            for object in sealed.objects {
                sealed_bytes += object.length();
                spare.give(object.into_bytes());
            }
        }
        Ok::<u64, String>(sealed_bytes)
    });
    let read = pipeline.run(fed, cuts).map_err(|error| format!("{error:?}"));
    let sealed_bytes = sealing.join().map_err(|_| "the other side panicked")??;
    read?;
    let counts = progress.counts();
    Ok(Reading { rows: counts.read, valid: counts.valid, sealed_bytes })
}

/// A mirror's ledger without a run: people are told apart by the first value of their rows.
pub struct Mirror {
    shelf: Shelf,
    ledger_key: PayloadKey,
    run_key: PayloadKey,
    members: Series,
    reading: u32,
    how: Identification,
    identifiers: Vec<u8>,
    collector: Option<Collector>,
    found: Option<Comparison>,
}

impl Mirror {
    /// An empty one, in a folder of its own. Its methods block, and are called outside of `runtime`.
    ///
    /// # Errors
    /// When the folder can't be used.
    pub fn new(folder: &Path, runtime: Handle) -> Result<Self, String> {
        let ledger_key = PayloadKey::generate();
        Ok(Self {
            shelf: Shelf { payloads: PayloadStore::open(folder).map_err(told)?, runtime },
            how: Identification {
                key: IdentityKey::derive(ledger_key.as_bytes()),
                identity: vec![0],
                identifiers: vec![Some(0)],
                with_fingerprints: true,
            },
            identifiers: Vec::new(),
            ledger_key,
            run_key: PayloadKey::generate(),
            members: Series { folder: String::new(), blocks: 0 },
            reading: 0,
            collector: None,
            found: None,
        })
    }

    /// Takes in a row as it will be sent.
    ///
    /// # Errors
    /// When what was sorted can't be put aside.
    pub fn add(&mut self, row: Row<'_>) -> Result<(), String> {
        let collector = self
            .collector
            .get_or_insert_with(|| Collector::new(self.run_key.clone(), format!("run/{}/sorted", self.reading)));
        self.identifiers.clear();
        let person = self.how.tell(row, &mut self.identifiers);
        let mut put = |object| self.shelf.put(object);
        collector.add::<PayloadError>(person, &self.identifiers, &mut put).map_err(told)
    }

    /// Compares what was taken in with the members.
    ///
    /// # Errors
    /// When nothing was taken in, or a file can't be read or written.
    pub fn compare(&mut self) -> Result<Changes, String> {
        let collector = self.collector.take().ok_or("nothing was taken in")?;
        let sorted = collector.finish::<PayloadError>(&mut |object| self.shelf.put(object)).map_err(told)?;
        let notes = format!("run/{}/notes", self.reading);
        let base = Base { key: &self.ledger_key, members: self.members.clone(), notes };
        let comparison = compare(&sorted, Duplicates::Last, Some(&base), &self.shelf, &self.run_key).map_err(told)?;
        let changes = comparison.changes;
        self.found = Some(comparison);
        Ok(changes)
    }

    /// Makes the members anew, as after a run of which all was taken. How many there are.
    ///
    /// # Errors
    /// When nothing was compared, or a file can't be read or written.
    pub fn settle(&mut self) -> Result<u64, String> {
        let comparison = self.found.take().ok_or("nothing was compared")?;
        let changes = comparison.changes;
        let whole = |rows: u64| JobOutcome {
            complete: true,
            parts: vec![PartOutcome { rows, attempted: true, acknowledged: true, refused: Vec::new() }],
        };
        let columns = ["person".to_owned()];
        let settlement = Settlement {
            notes: comparison.notes.ok_or("a mirror has notes")?,
            dropped: &comparison.doubles.or(&comparison.unchanged),
            add: &whole(changes.added + changes.changed),
            remove: &whole(changes.removed),
            columns: (&columns, &columns),
            run_key: &self.run_key,
            ledger_key: &self.ledger_key,
            folder: format!("ledger/{}", self.reading),
        };
        let (members, count) = settle(settlement, &self.shelf).map_err(told)?;
        // The first time there are no members whose folder could go: without a name it would be all.
        let before = (self.members.blocks > 0).then(|| self.members.folder.clone());
        for folder in std::iter::once(format!("run/{}", self.reading)).chain(before) {
            self.shelf.runtime.block_on(self.shelf.payloads.remove_below(&folder)).map_err(told)?;
        }
        self.members = members;
        self.reading += 1;
        Ok(count)
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
