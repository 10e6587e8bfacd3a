//! Runs: their states, what moves them from one to the next, what is counted, and the receipt.
//!
//! The state machine is here so that the server, the tests and the pages agree on it. Who claims a run, and when, is the hub's matter.

mod counts;
mod failure;
mod hold;
mod mode;
mod receipt;
mod state;

pub use counts::{Changes, LeftEmpty, RejectGroup, RunCounts};
pub use failure::{Failure, FailureCode};
pub use hold::{Hold, ShrinkLimit};
pub use mode::{Duplicates, Mode};
pub use receipt::{Gap, Receipt, ReceiptSignature};
pub use state::{IllegalStep, RunEvent, RunState};
