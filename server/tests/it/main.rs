//! The programs as they are run: real processes, real sockets, real database files. What the hub does is tested in the hub; here is
//! what only shows when it is served.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod agents;
mod alerts;
mod calendar;
mod combinations;
mod crashes;
mod cross_site;
mod disturbances;
mod endpoints_that_call;
mod faults;
mod files;
mod full_disk;
mod health;
mod identities;
mod installation;
mod isolation;
mod locked_database;
mod master_key;
#[path = "../../../src/tests/provider.rs"]
mod provider;
mod restarts;
mod runs;
mod schemathesis;
mod secrets;
mod sessions;
mod test_drives;
mod webhooks;
