//! The real program over real sockets and database files: what the contract promises, and what a crash at any moment leaves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agent;
mod consumer;
mod crash;
mod demo;
mod faulty_parts;
mod files;
mod producer;
mod program;
mod server;
