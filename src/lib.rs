//! The hub of Usher: registry, catalogue, sharing, exchange and telling behind one [`Hub`] handle. Native only; no HTTP server and no pages in it.

pub mod catalogue;
pub mod exchange;
pub mod hub;
pub mod outbound;
pub mod registry;
pub mod sharing;
pub mod store;
pub mod telling;

pub use hub::{Hub, HubSettings, OpenError};

#[cfg(test)]
mod tests;
