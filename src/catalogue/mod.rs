//! Catalogue: the audiences that producers offer, kept fresh, searchable, with a few sealed sample rows each.
//!
//! It asks producers through `outbound`, and knows no share beyond the names of destinations that the sharing room tells it.

mod declared;
mod refresh;
mod sample;
mod search;
mod shown;

pub(crate) use search::{AudienceRow, folded};
