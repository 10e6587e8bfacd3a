//! The hub of Usher: registry, catalogue, sharing and exchange behind one [`Hub`] handle. Native only; no HTTP server and no pages in it.

pub mod exchange;
pub mod store;
