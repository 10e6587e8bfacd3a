//! The store: the database (SQLite or PostgreSQL), the payload store, the sealing of secrets, the clock and the making of ids.
//!
//! It knows no audience, share or run: each room's SQL stands in that room and goes through [`Database`]. One SQL text serves both
//! databases: `$1` placeholders, `on conflict`, `returning`, integer epoch milliseconds, JSON as text, `cast(sum(x) as bigint)`. What
//! must differ sits in `dialect`.

pub mod clock;
pub mod database;
pub mod dialect;
pub mod identity;
pub(crate) mod outbox;
pub mod payload;
pub mod resealing;
pub mod sealing;
pub mod signing;
#[cfg(test)]
pub mod testing;

pub(crate) use clock::ClockWatch;
pub use clock::{Clock, ManualClock, SystemClock};
pub use database::{Database, StoreError};
pub use identity::new_id;
pub use payload::{PayloadError, PayloadKey, PayloadStore, SealedObject, Underway};
