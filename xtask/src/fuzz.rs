//! `cargo xtask fuzz`: lets a fuzz target try what it likes for a while. The targets are a workspace of their own in `fuzz/`, because everything in
//! them is compiled to tell where it has been; no nightly compiler is needed for that, since no sanitizer is used (Usher has no unsafe code).

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use crate::{
    programs,
    step::{Step, minutes},
};

/// Makes the compiler leave marks at every branch, for libFuzzer to see what is new.
const MARKS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";
/// Longer inputs find nothing that shorter ones do not.
const LONGEST_INPUT: u32 = 65_536;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Target {
    /// Bytes of a producer, through the pipeline
    CsvIntake,
    /// A part that a PUSH producer sends
    PartUpload,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::CsvIntake => "csv_intake",
            Self::PartUpload => "part_upload",
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct FuzzOptions {
    /// Which; every one when left out
    target: Option<Target>,
    /// How long for each
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Afterwards add what reached something new to the corpus, which `make test` replays
    #[arg(long)]
    keep: bool,
}

/// Builds and runs them, one after the other. An error when one found something; the input is named then.
pub(crate) async fn run(root: &Path, options: &FuzzOptions) -> anyhow::Result<()> {
    let targets = options.target.map_or_else(|| Target::value_variants().to_vec(), |target| vec![target]);
    for target in targets {
        let name = target.name();
        let (corpus, found) = (root.join("fuzz/corpus").join(name), root.join("fuzz/found").join(name));
        fs::create_dir_all(&found).with_context(|| format!("{} can't be made", found.display()))?;
        fs::create_dir_all(root.join("fuzz/artifacts"))?;
        let time = format!("-max_total_time={}", options.seconds);
        let longest = format!("-max_len={LONGEST_INPUT}");
        let artifacts = format!("-artifact_prefix={}/", root.join("fuzz/artifacts").display());
        let (corpus, found) = (corpus.display().to_string(), found.display().to_string());
        let run =
            [&time, &longest, "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", &artifacts, &found, &corpus];
        let advice = "The input is in fuzz/artifacts/. Put it into fuzz/corpus/ with a name that says what it is, and mend what it shows.";
        call(root, name, &run, minutes(60) + Duration::from_secs(options.seconds), advice).await?;
        if options.keep {
            let merge = ["-merge=1", &longest, &corpus, &found];
            call(root, name, &merge, minutes(30), "Look at the messages above.").await?;
        }
    }
    Ok(())
}

async fn call(
    root: &Path,
    target: &str,
    arguments: &[&str],
    limit: Duration,
    advice: &'static str,
) -> anyhow::Result<()> {
    let mut cargo = programs::cargo(root);
    // With a target of its own nothing that runs while building is marked.
    let machine = programs::machine().await?;
    cargo.args(["run", "--quiet", "--manifest-path", "fuzz/Cargo.toml", "--target", &machine, "--bin", target, "--"]);
    cargo.args(arguments).env("RUSTFLAGS", MARKS).env("CARGO_TARGET_DIR", root.join("fuzz/target"));
    let step = Step { name: "fuzz", limit, advice };
    let status = step.status(&mut cargo).await?;
    if !status.success() {
        bail!("{target} ended with {status}. {advice}");
    }
    Ok(())
}
