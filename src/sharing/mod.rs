//! Sharing: shares, from draft on: destination, mapping, how runs change the segment, review, and the plan that a run is given.
//!
//! It does not know how a run is carried out: it hands a plan to the exchange, and reads how its runs are.

mod destination;
mod handling;
mod review;
mod shares;

pub(crate) use shares::segment_made;
