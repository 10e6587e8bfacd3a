//! Sorted records in sealed blocks, written and read one block at a time, on a thread for blocking work.

use std::marker::PhantomData;

use tokio::runtime::Handle;

use super::rows::Record;
use crate::store::{PayloadError, PayloadKey, PayloadStore, SealedObject};

/// Bytes after which a block is closed.
const BLOCK_BYTES: usize = 256 * 1024;

/// Where a series of blocks lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::exchange) struct Series {
    pub(in crate::exchange) folder: String,
    /// Numbered from 0.
    pub(in crate::exchange) blocks: u32,
}

impl Series {
    fn path(folder: &str, block: u32) -> String {
        format!("{folder}/{block}")
    }
}

/// The payload store for a thread that may block.
#[derive(Clone)]
pub(in crate::exchange) struct Shelf {
    pub(in crate::exchange) payloads: PayloadStore,
    pub(in crate::exchange) runtime: Handle,
}

impl Shelf {
    pub(in crate::exchange) fn put(&self, object: SealedObject) -> Result<(), PayloadError> {
        self.runtime.block_on(self.payloads.put(object))
    }

    pub(in crate::exchange) fn get_into(
        &self,
        key: &PayloadKey,
        path: &str,
        buffer: Vec<u8>,
    ) -> Result<Vec<u8>, PayloadError> {
        self.runtime.block_on(self.payloads.get_into(key, path, buffer))
    }
}

/// Fills blocks, and hands each full one over.
pub(in crate::exchange) struct BlockWriter<'k> {
    key: &'k PayloadKey,
    folder: String,
    block: Vec<u8>,
    blocks: u32,
}

impl<'k> BlockWriter<'k> {
    pub(in crate::exchange) fn new(key: &'k PayloadKey, folder: String) -> Self {
        Self { key, folder, block: Vec::new(), blocks: 0 }
    }

    /// Adds a record; gives the block that is full with it.
    pub(in crate::exchange) fn add(&mut self, record: &impl Record) -> Result<Option<SealedObject>, PayloadError> {
        record.write(&mut self.block);
        if self.block.len() < BLOCK_BYTES { Ok(None) } else { self.close().map(Some) }
    }

    /// What is left, and where all of it lies.
    pub(in crate::exchange) fn finish(mut self) -> Result<(Option<SealedObject>, Series), PayloadError> {
        let last = if self.block.is_empty() { None } else { Some(self.close()?) };
        Ok((last, Series { folder: self.folder, blocks: self.blocks }))
    }

    fn close(&mut self) -> Result<SealedObject, PayloadError> {
        let path = Series::path(&self.folder, self.blocks);
        self.blocks += 1;
        // Room for the seal, which is put behind.
        let mut next = Vec::with_capacity(self.block.capacity());
        std::mem::swap(&mut next, &mut self.block);
        SealedObject::seal(self.key, path, next)
    }
}

/// Reads a series' records in order. One block is in memory.
pub(in crate::exchange) struct BlockReader<R> {
    shelf: Shelf,
    key: PayloadKey,
    series: Series,
    next: u32,
    block: Vec<u8>,
    at: usize,
    kind: PhantomData<R>,
}

impl<R: Record> BlockReader<R> {
    pub(in crate::exchange) fn new(shelf: Shelf, key: PayloadKey, series: Series) -> Self {
        Self { shelf, key, series, next: 0, block: Vec::new(), at: 0, kind: PhantomData }
    }

    /// The next record; none at the end.
    pub(in crate::exchange) fn next(&mut self) -> Result<Option<R>, PayloadError> {
        while self.at >= self.block.len() {
            if self.next == self.series.blocks {
                return Ok(None);
            }
            let path = Series::path(&self.series.folder, self.next);
            self.block = self.shelf.get_into(&self.key, &path, std::mem::take(&mut self.block))?;
            self.at = 0;
            self.next += 1;
        }
        let mut rest = &self.block[self.at..];
        let path = || Series::path(&self.series.folder, self.next - 1);
        let record = R::read(&mut rest).ok_or_else(|| PayloadError::Unopenable { path: path() })?;
        self.at = self.block.len() - rest.len();
        Ok(Some(record))
    }
}
