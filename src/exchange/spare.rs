//! The large buffers of a run, which go round: filled with a part, sealed, put into the payload store or sent, and filled again. Memory that is new costs
//! more time than what is done in it, because the system clears each page; and that of a run stays as much as it once needed.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// As many as are given back while others are filled.
const KEPT: usize = 3;
/// Smaller ones are not worth it.
const LEAST_BYTES: usize = 64 * 1024;

/// Buffers of one run that nobody uses at present; cheap to clone, and gone with the run.
#[derive(Debug, Clone, Default)]
pub(super) struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spare {
    /// An empty buffer, which has room already when there is one to spare.
    pub(super) fn take(&self) -> Vec<u8> {
        self.lock().pop().unwrap_or_default()
    }

    /// Gives one back.
    pub(super) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut kept = self.lock();
        if buffer.capacity() >= LEAST_BYTES && kept.len() < KEPT {
            kept.push(buffer);
        }
    }

    /// The same for what was sent, as long as nobody else holds it.
    pub(super) fn give_bytes(&self, bytes: Bytes) {
        if let Ok(bytes) = bytes.try_into_mut() {
            self.give(Vec::from(bytes));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_taken_again_and_no_more_is_kept_than_can_be_of_use() {
        let spare = Spare::default();
        assert_eq!(spare.take().capacity(), 0);
        let mut large = Vec::with_capacity(LEAST_BYTES);
        large.extend_from_slice(b"rows of somebody");
        let place = large.as_ptr();
        spare.give(large);
        let again = spare.clone().take();
        assert!(again.is_empty(), "of whose rows they were nothing is left");
        assert_eq!(again.as_ptr(), place);
        for _ in 0..KEPT + 3 {
            spare.give(Vec::with_capacity(LEAST_BYTES));
        }
        spare.give(Vec::with_capacity(10));
        assert_eq!(spare.lock().len(), KEPT);
    }

    #[test]
    fn what_was_sent_is_given_back_once_nobody_holds_it() {
        let spare = Spare::default();
        let bytes = Bytes::from(vec![7; LEAST_BYTES]);
        let held = bytes.clone();
        spare.give_bytes(bytes);
        assert!(spare.lock().is_empty(), "somebody reads it yet");
        let place = held.as_ptr();
        spare.give_bytes(held);
        let again = spare.take();
        assert_eq!(again.as_ptr(), place);
    }
}
