//! One step of the builder: a program with a time limit, a line that says how it went, and advice for when it did not.

use std::{
    fmt::Display,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::process::Command;

/// What a step is called in its line, how long it may take, and what to do when it fails.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// As it stands in the line.
    pub name: &'static str,
    /// After this it is ended.
    pub limit: Duration,
    /// What the person can do when it fails.
    pub advice: &'static str,
}

impl Step {
    /// Runs the program to its end, its output shown as it comes. Fails when it can't be started, fails, or takes too long.
    pub async fn run(self, command: &mut Command) -> anyhow::Result<()> {
        let started = Instant::now();
        let status = self.status(command).await?;
        if !status.success() {
            bail!("{} failed ({status}). {}", self.name, self.advice);
        }
        done(self.name, started);
        Ok(())
    }

    /// As [`Step::run`], but the program may fail: gives its status and prints no line.
    pub async fn status(self, command: &mut Command) -> anyhow::Result<ExitStatus> {
        command.kill_on_drop(true);
        let mut child =
            command.spawn().with_context(|| format!("{} could not be started. {}", self.name, self.advice))?;
        match tokio::time::timeout(self.limit, child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!("{} took longer than {} s and was ended. {}", self.name, self.limit.as_secs(), self.advice),
        }
    }
}

/// The line of a step that is done.
pub fn done(name: impl Display, started: Instant) {
    println!("[{:>6.1} s] {name}", started.elapsed().as_secs_f64());
}

/// The line of a step that had nothing to do.
pub fn skipped(name: impl Display) {
    println!("[up to date] {name}");
}

/// Minutes as a duration.
pub const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}
