//! The shared vocabulary of Usher: ids, fields, the contract's messages, mapping, run states, receipts, and what the pages show.
//!
//! Everything here is pure: no I/O, no clock, no async, no randomness. The browser's live preview and the server's pipeline run this
//! same code, and the Toolkit speaks the contract through these types. What opens files, sockets or databases lives elsewhere.

pub mod alert;
pub mod application;
pub mod calendar;
pub mod catalogue;
pub mod contract;
pub mod count;
pub mod error;
pub mod field;
pub mod id;
pub mod lab;
pub mod letter;
pub mod mapping;
pub mod mask;
pub mod people;
pub mod phone;
pub mod preset;
pub mod profile;
pub mod recurrence;
pub mod reject;
pub mod rows;
pub mod run;
pub mod suggestion;
pub mod transform;
pub mod view;
