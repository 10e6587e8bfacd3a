//! A program that goes on running: started, waited for until it says where it listens, and ended.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::step::done;

/// How long a program may take until it listens. The first start of a database is in it.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to end; the programs themselves allow their requests 10 s.
const END_LIMIT: Duration = Duration::from_secs(15);

/// A running program.
#[derive(Debug)]
pub struct Service {
    /// As it is called in lines for people.
    pub name: &'static str,
    /// Where it listens, as it says itself: `http://127.0.0.1:3000`.
    pub url: String,
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts the program and waits until it writes "... listens on http://..." to its standard output. Its log goes to `log`.
    pub async fn start(name: &'static str, command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let started = Instant::now();
        let file = File::create(log).with_context(|| format!("{} can't be written", log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        let Some(out) = child.stdout.take() else { bail!("{name} has no output") };
        let mut lines = BufReader::new(out).lines();
        let announced = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, url)) = line.split_once(" listens on ") {
                    return Ok(Some(url.trim().to_owned()));
                }
            }
            anyhow::Ok(None)
        };
        let url = match tokio::time::timeout(START_LIMIT, announced).await {
            Ok(Ok(Some(url))) => url,
            Ok(Ok(None)) => bail!("{name} ended instead of starting. The end of its log:\n{}", end_of(log)),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                bail!("{name} did not start within {} s. The end of its log:\n{}", START_LIMIT.as_secs(), end_of(log))
            }
        };
        // Read on, so that the program never waits for somebody to read.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        done(format!("start {name} on {url}"), started);
        Ok(Self { name, url, child, log: log.to_owned() })
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// The last lines of its log.
    pub fn end_of_log(&self) -> String {
        end_of(&self.log)
    }

    /// Tells it to end, and ends it when it does not.
    pub async fn end(mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // It may have ended by itself in this moment.
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(END_LIMIT, self.child.wait()).await.is_err() {
            println!(
                "{} did not end within {} s and is killed; its log is {}",
                self.name,
                END_LIMIT.as_secs(),
                self.log.display()
            );
            self.child.kill().await?;
        }
        Ok(())
    }
}

fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
