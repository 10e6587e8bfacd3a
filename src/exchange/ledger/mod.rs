//! The ledger: whom a mirror has sent, so that the next run sends only what changed. And telling people apart, which dropping duplicates
//! needs as well.
//!
//! A member is a keyed hash of the identifiers (128 bits), a keyed hash of all that was sent (64 bits), and the identifiers themselves, so
//! that whoever leaves can be removed by them. All of it lies sealed in the payload store, sorted by the first hash, in blocks, under a
//! key of the ledger's own; the hashes alone decide what changed, and identifiers are only looked at to remove somebody.
//!
//! A run sorts what it read in runs that fit into memory ([`sort`]), merges them with the ledger ([`compare`]), and notes what is to become of
//! each member. When the run has ended, [`settle`] makes the ledger anew from those notes and from what the destination acknowledged. Here is
//! no endpoint and no run's state.

pub(super) mod blocks;
pub(super) mod book;
pub(super) mod compare;
pub(super) mod identity;
pub(super) mod rows;
pub(super) mod settle;
pub(super) mod sort;

#[cfg(test)]
mod tests;
