//! How far a job is, for whoever watches: a bar on a terminal, now and then a line in the log where there is none. The log of a program with a bar goes
//! through [`Log`], so that neither writes over the other.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// Between two lines of one job in the log.
const LINE_EVERY: Duration = Duration::from_secs(10);
const SHAPE: &str = "{msg} {wide_bar} {human_pos} of {human_len} rows, {per_sec}, {eta} left";

/// All bars of the program; hidden where standard error is no terminal.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// The rows of one job.
pub struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    job: String,
    rows: u64,
    done: AtomicU64,
    told: Mutex<Instant>,
}

impl Progress {
    /// Of a job with so many rows; `what` is done with them ("sending").
    pub fn begin(what: &'static str, job: &str, rows: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = BARS.add(ProgressBar::new(rows).with_message(format!("{what} {job}")));
            if let Ok(style) = ProgressStyle::with_template(SHAPE) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        tracing::info!(job.id = job, rows, "{what}");
        let told = Mutex::new(Instant::now());
        Self { bar, what, job: job.to_owned(), rows, done: AtomicU64::new(0), told }
    }

    /// So many more rows are done.
    pub fn add(&self, rows: u64) {
        let done = self.done.fetch_add(rows, Ordering::AcqRel) + rows;
        if let Some(bar) = &self.bar {
            return bar.set_position(done);
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() >= LINE_EVERY && done < self.rows {
            *told = Instant::now();
            let percent = done.saturating_mul(100) / self.rows.max(1);
            tracing::info!(job.id = self.job, rows = self.rows, done, percent, "{}", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Standard error for the log: the bars give way while a line is written.
#[derive(Debug, Clone, Copy)]
pub struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        BARS.suspend(|| std::io::stderr().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}
