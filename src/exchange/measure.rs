//! The costly pieces of the exchange by themselves, for `benches/`: no endpoint, no database, no run. What they do is what a run does; nothing
//! in the product calls them.

use std::sync::Arc;

use bytes::Bytes;
use model::{contract::JobMode, field::Field, mapping::Mapping};
use tokio::sync::mpsc;

use super::{
    cutting::Limits,
    pipeline::{Expectation, Feed, Pipeline, Progress, SealedCut},
};
use crate::store::{PayloadKey, SealedObject, identity::new_id};

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
/// dropped. All the work is done on the calling thread, so that its time is what the reading costs.
///
/// # Errors
/// Why the pipeline stopped, for a developer.
pub fn read(mapping: Mapping, destination_fields: Vec<Field>, chunks: &[Bytes]) -> Result<Reading, String> {
    let progress = Arc::new(Progress::default());
    let pipeline = Pipeline {
        mapping,
        destination_fields,
        limits: Limits { rows: u64::MAX, bytes: 8 << 20 },
        key: PayloadKey::generate(),
        run_id: new_id("run_"),
        progress: progress.clone(),
        job_mode: JobMode::Add,
        telling: None,
    };
    let (feed, fed) = mpsc::channel(chunks.len() + 3);
    let begin = [Feed::Begin(Expectation::default())].into_iter();
    let end = [Feed::End, Feed::Whole].into_iter();
    for piece in begin.chain(chunks.iter().cloned().map(Feed::Bytes)).chain(end) {
        feed.try_send(piece).map_err(|_| "the feed is full")?;
    }
    let (cuts, mut cut) = mpsc::channel::<SealedCut>(2);
    let dropping = std::thread::spawn(move || {
        let mut sealed_bytes = 0;
        while let Some(cut) = cut.blocking_recv() {
            sealed_bytes += cut.objects.iter().map(SealedObject::length).sum::<u64>();
        }
        sealed_bytes
    });
    let read = pipeline.run(fed, cuts).map_err(|error| format!("{error:?}"));
    let sealed_bytes = dropping.join().map_err(|_| "the other side panicked")?;
    read?;
    let counts = progress.counts();
    Ok(Reading { rows: counts.read, valid: counts.valid, sealed_bytes })
}
