//! `usher-load`: the end-to-end load driver. Makes an audience of any size, starts a real producer, a real consumer and a real `usher`, shares
//! it through the program's own forms, and prints rows per second, megabytes per second and the peak resident memory of each process, beside
//! the time of a plain download and upload of the same bytes on the same machine.
//!
//! Figures are meant as ratios within one run. Nothing here asserts a time.

mod browserless;
mod bulk;
mod cost;
mod many;
mod people;
mod plain;
mod processes;

use std::{path::PathBuf, time::Instant};

use anyhow::Context;
use clap::Parser;

/// What to measure.
#[derive(Parser)]
#[command(name = "usher-load", about = "Shares a made-up audience through a real Usher and prints what it cost")]
struct Arguments {
    /// How many people.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// The folder with the programs `usher` and `usher-toolkit`, built for release.
    #[arg(long, default_value = "target/release")]
    programs: PathBuf,
    /// Hash the e-mail address (SHA-256) instead of only normalising it.
    #[arg(long)]
    hash: bool,
    /// Send every value as it came, so that what is measured is the exchange alone.
    #[arg(long, conflicts_with = "hash")]
    as_is: bool,
    /// Both endpoints are folders of CSV files, so that no database bounds it.
    #[arg(long)]
    folders: bool,
    /// Both endpoints are in this PostgreSQL database, which is empty, e.g. `postgres://postgres@127.0.0.1/load`.
    #[arg(long, conflicts_with = "folders")]
    postgres: Option<String>,
    /// How the segment is changed. A mirror is shared twice: the second run finds nothing changed.
    #[arg(long, value_enum, default_value_t = LoadMode::Add)]
    mode: LoadMode,
    /// So many runs at once instead of one, each into a segment of its own, while somebody looks at pages.
    #[arg(long, default_value_t = 1)]
    runs: u32,
    /// Keep the folder with databases and payloads, and say where it is.
    #[arg(long)]
    keep: bool,
}

impl Arguments {
    fn treatment(&self) -> Treatment {
        match (self.hash, self.as_is) {
            (true, _) => Treatment::Hashed,
            (_, true) => Treatment::AsIs,
            _ => Treatment::Recommended,
        }
    }
}

/// What is done to the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// What the mapping page recommends: the e-mail address normalised, the telephone number as E.164.
    Recommended,
    /// The same, and the e-mail address hashed.
    Hashed,
    /// Nothing.
    AsIs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LoadMode {
    Add,
    Mirror,
}

impl LoadMode {
    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Mirror => "mirror",
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::Builder::new().prefix("usher-load-").tempdir()?;
    let mut out = Report;

    let begun = Instant::now();
    people::generate(&folder.path().join("people.db"), arguments.rows).await.context("making the people")?;
    out.line(format!("made {} people in {:.1} s", arguments.rows, begun.elapsed().as_secs_f64()));

    let file = folder.path().join("audiences/people.csv");
    people::to_csv(&folder.path().join("people.db"), &file).await?;
    let (kind, loaded) = match (arguments.folders, &arguments.postgres) {
        (true, _) => (processes::Kind::Folders, None),
        (false, Some(url)) => {
            people::to_postgres(&file, url).await.context("making the people in PostgreSQL")?;
            (processes::Kind::Server(url.clone()), Some(bulk::into_postgres(&file, url).await?))
        }
        (false, None) => {
            let database = folder.path().join("bulk.db");
            let loaded = tokio::task::spawn_blocking(move || bulk::into_sqlite(&file, &database)).await??;
            (processes::Kind::Databases, Some(loaded))
        }
    };
    if let Some(loaded) = loaded {
        out.line(format!("the database's own bulk load: {:.2} s", loaded.as_secs_f64()));
    }
    let stack = processes::Stack::start(&arguments.programs, folder.path(), arguments.hash, &kind).await?;

    let plain = plain::download_and_upload(&stack.producer_url, processes::KEY).await.context("the plain copy")?;
    out.line(format!(
        "plain copy: {:.1} MB, export {:.2} s, download {:.2} s, upload {:.2} s",
        megabytes(plain.bytes),
        plain.export_seconds,
        plain.download_seconds,
        plain.upload_seconds
    ));

    let visitor = browserless::Visitor::sign_up(&stack.usher_url).await?;
    let connected = visitor.connect(&stack).await?;
    if arguments.runs > 1 {
        for text in many::measure(&visitor, &connected, &arguments).await? {
            out.line(text);
        }
        return stack.stop().await;
    }
    let share = visitor.prepare_share(&connected, "Everybody", arguments.treatment(), arguments.mode.word()).await?;
    let before = stack.costs()?;
    let begun = Instant::now();
    let run = visitor.share_now(&share).await?;
    let ended = visitor.wait_for_the_end(&run).await?;
    let seconds = begun.elapsed().as_secs_f64();

    let after = stack.costs()?;
    let counts = ended.summary.counts;
    anyhow::ensure!(
        ended.summary.state == model::run::RunState::Complete && counts.acknowledged == arguments.rows,
        "the run ended as {:?} with {} of {} rows acknowledged: {:?}",
        ended.summary.state,
        counts.acknowledged,
        arguments.rows,
        ended.failure
    );
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let rows = arguments.rows as f64;
    out.line(format!(
        "share: {:.1} MB read, {:.1} MB sent in {seconds:.2} s: {:.0} rows/s, {:.1} MB/s read",
        megabytes(counts.bytes_read),
        megabytes(counts.bytes_sent),
        rows / seconds,
        megabytes(counts.bytes_read) / seconds
    ));
    for entry in &ended.timeline {
        out.line(format!("  {} {}", entry.at, entry.message));
    }
    if arguments.mode == LoadMode::Mirror {
        let begun = Instant::now();
        let again = visitor.share_now(&share).await?;
        let ended = visitor.wait_for_the_end(&again).await?;
        let seconds = begun.elapsed().as_secs_f64();
        anyhow::ensure!(
            ended.summary.counts.changes.is_some_and(|changes| changes.unchanged == arguments.rows),
            "the second run found changes: {:?}",
            ended.summary.counts
        );
        out.line(format!("again, with nothing changed: {seconds:.2} s: {:.0} rows/s", rows / seconds));
    }
    let plain_seconds = plain.export_seconds + plain.download_seconds + plain.upload_seconds;
    out.line(format!(
        "ratio: the share took {:.2} times the plain export, download and upload",
        seconds / plain_seconds
    ));
    if let Some(loaded) = loaded {
        let ratio = seconds / (plain_seconds + loaded.as_secs_f64());
        out.line(format!("ratio: {ratio:.2} times that and the database's own bulk load"));
    }
    for ((name, was, _), (_, is, _)) in before.iter().zip(&after) {
        out.line(format!("processor time of the share: {name} {:.2} s", is.saturating_sub(*was).as_secs_f64()));
    }
    for (name, _, bytes) in stack.costs()? {
        out.line(format!("peak resident: {name} {:.1} MB", megabytes(bytes)));
    }
    stack.stop().await?;
    if arguments.keep {
        out.line(format!("kept: {}", folder.keep().display()));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Where the figures go: standard output, as they come.
struct Report;

impl Report {
    #[expect(clippy::print_stdout, reason = "the figures are this program's output")]
    fn line(&mut self, text: String) {
        println!("{text}");
    }
}
