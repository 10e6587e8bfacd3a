//! The log: where it goes, in which form, and what is in it. Values of rows and secrets never are.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogOptions};

/// What this library traces has whole addresses in it, and some of them are secrets: of a calendar, of an invitation.
const WITHOUT_ADDRESSES: &str = "tower_http::csrf=debug";

/// Begins to write the log to standard error.
pub(crate) fn start(options: &LogOptions) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&options.filter).with_context(|| {
        format!("USHER_LOG: {:?} is no log filter; try \"info\" or \"hub=debug,info\"", options.filter)
    })?;
    let filter = filter.add_directive(WITHOUT_ADDRESSES.parse()?);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A line that can't be written, because the disk is full, is lost; to complain about it on standard error would be the end of the task.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match options.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
