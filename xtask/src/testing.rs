//! `cargo xtask test`: every test there is, and one line at the end that counts them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    signal::unix::{SignalKind, signal},
};

use crate::{
    Profile,
    cluster::Cluster,
    programs, site,
    step::{Step, done, minutes},
};

/// What is tested natively. The app's browser half is tested by the browser.
const PACKAGES: [&str; 7] =
    ["usher-model", "usher-hub", "usher-app", "usher-server", "usher-toolkit", "usher-benches", "xtask"];

/// How many tests went well and how many did not. What could not be run at all is one that did not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

/// Runs everything and counts it in the last line, whatever happens; whether all went well.
pub async fn run(root: &Path) -> bool {
    let mut total = Tally::default();
    for (name, tally) in built_and_run(root).await {
        match tally {
            Ok(tally) => {
                println!("{name}: {} passed, {} failed", tally.passed, tally.failed);
                total.passed += tally.passed;
                total.failed += tally.failed;
            }
            Err(error) => {
                println!("{name} could not be run: {error:#}");
                total.failed += 1;
            }
        }
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    total.failed == 0 && total.passed > 0
}

type Tallies = Vec<(&'static str, anyhow::Result<Tally>)>;

async fn built_and_run(root: &Path) -> Tallies {
    let runner = Runner::find(root).await;
    let cluster = async {
        site::build(root, Profile::Dev).await?;
        runner.build(root).await?;
        Cluster::start().await
    };
    let cluster = match cluster.await {
        Ok(cluster) => cluster,
        Err(error) => return vec![("all tests", Err(error))],
    };
    let url = cluster.url();
    let tallies = async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            _ = interrupt.recv() => bail!("they were ended before they were through"),
            _ = terminate.recv() => bail!("they were ended before they were through"),
            tallies = all(root, runner, &url) => Ok(tallies),
        }
    };
    let mut tallies = tallies.await.unwrap_or_else(|error| vec![("all tests", Err(error))]);
    if let Err(error) = cluster.end().await {
        tallies.push(("the end of the tests", Err(error)));
    }
    tallies
}

async fn all(root: &Path, runner: Runner, postgres: &str) -> Tallies {
    let mut tallies = vec![("Rust tests", native(root, runner, postgres).await)];
    tallies.push(("the published vectors in WASM", vectors(root).await));
    if root.join("end2end/package.json").exists() {
        tallies.push(("browser tests", browser(root).await));
    }
    tallies
}

/// What runs the Rust tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    /// Runs them side by side, and ends those that hang.
    Nextest,
    /// Comes with Rust.
    Cargo,
}

impl Runner {
    async fn find(root: &Path) -> Self {
        let mut cargo = programs::cargo(root);
        cargo.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
        let step = Step { name: "look for cargo-nextest", limit: Duration::from_secs(20), advice: "" };
        let found = step.status(&mut cargo).await.is_ok_and(|status| status.success());
        if found { Self::Nextest } else { Self::Cargo }
    }

    /// The command, for all packages: one command builds tests and programs, so that each crate is built once.
    fn command(self, root: &Path) -> Command {
        let mut cargo = programs::cargo(root);
        match self {
            Self::Nextest => cargo.args(["nextest", "run", "--cargo-quiet"]),
            Self::Cargo => cargo.args(["test", "--quiet"]),
        };
        for package in PACKAGES {
            cargo.args(["--package", package]);
        }
        cargo.args(["--features", "usher-app/ssr"]);
        cargo
    }

    async fn build(self, root: &Path) -> anyhow::Result<()> {
        let step = Step {
            name: "build the tests, usher and usher-toolkit",
            limit: minutes(45),
            advice: "The compiler's messages are above.",
        };
        step.run(self.command(root).arg("--no-run")).await
    }
}

async fn native(root: &Path, runner: Runner, postgres: &str) -> anyhow::Result<Tally> {
    let started = Instant::now();
    let mut cargo = runner.command(root);
    cargo.arg("--no-fail-fast").env("USHER_TEST_POSTGRES_URL", postgres);
    let step = Step { name: "run the Rust tests", limit: minutes(30), advice: "What failed is above." };
    let (status, tally) = if runner == Runner::Nextest {
        // nextest keeps its reports there, wherever the target folder is.
        let report = root.join("target/nextest/default/junit.xml");
        forget(&report)?;
        let status = step.status(&mut cargo).await?;
        (status, fs::read_to_string(&report).ok().and_then(|text| tally_of_junit(&text)))
    } else {
        let mut tally = Tally::default();
        let mut child = cargo.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let out = child.stdout.take().context("cargo has no output")?;
        let status = tokio::time::timeout(step.limit, async {
            let mut lines = BufReader::new(out).lines();
            while let Some(line) = lines.next_line().await? {
                println!("{line}");
                if let Some(more) = tally_of_line(&line) {
                    tally = Tally { passed: tally.passed + more.passed, failed: tally.failed + more.failed };
                }
            }
            child.wait().await
        });
        (status.await.context("the Rust tests took too long")??, Some(tally))
    };
    let tally =
        tally.with_context(|| format!("they did not build, or left no report ({status}); the messages are above"))?;
    done("run the Rust tests", started);
    // A test that neither passed nor failed, but made cargo fail, is not overlooked.
    Ok(if status.success() || tally.failed > 0 { tally } else { Tally { failed: 1, ..tally } })
}

/// What the platforms publish of normalising and hashing, run in WASM too: the browser shows what the server sends. One test, as it is one program.
async fn vectors(root: &Path) -> anyhow::Result<Tally> {
    const RUN: &str = "const { instance } = await WebAssembly.instantiate((await import('node:fs')).readFileSync(process.argv[1])); \
                       process.exit(instance.exports.main(0, 0));";
    let started = Instant::now();
    let mut cargo = programs::cargo(root);
    cargo.args(["build", "--quiet", "--package", "usher-model", "--example", "vectors"]);
    cargo.args(["--target", "wasm32-unknown-unknown"]);
    let step = Step {
        name: "build the published vectors for WASM",
        limit: minutes(20),
        advice: "The compiler's messages are above.",
    };
    step.run(&mut cargo).await?;
    let program = programs::target(root).join("wasm32-unknown-unknown/debug/examples/vectors.wasm");
    let mut node = Command::new("node");
    node.args(["--input-type=module", "--eval", RUN]).arg(&program);
    let step = Step {
        name: "run the published vectors in WASM",
        limit: minutes(5),
        advice: "Run ./setup.sh test to install node.",
    };
    let status = step.status(&mut node).await?;
    done("run the published vectors in WASM", started);
    if status.success() {
        return Ok(Tally { passed: 1, failed: 0 });
    }
    let place = status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
    println!(
        "what comes out in WASM is not what is published: line {place} of model/tests/vectors/published.rs, or it could not be run"
    );
    Ok(Tally { passed: 0, failed: 1 })
}

async fn browser(root: &Path) -> anyhow::Result<Tally> {
    let started = Instant::now();
    let folder = root.join("end2end");
    let report = programs::target(root).join("xtask/playwright.json");
    forget(&report)?;
    let mut playwright = Command::new("npx");
    playwright.args(["--no-install", "playwright", "test", "--reporter=list,json"]).current_dir(&folder);
    playwright.env("PLAYWRIGHT_JSON_OUTPUT_NAME", &report).env("CI", "1");
    let step = Step {
        name: "run the browser tests",
        limit: minutes(45),
        advice: "Run ./setup.sh test to install what they need.",
    };
    let status = step.status(&mut playwright).await?;
    let text =
        fs::read_to_string(&report).with_context(|| format!("they left no report ({status}). {}", step.advice))?;
    let tally = tally_of_playwright(&text).context("their report can't be read")?;
    done("run the browser tests", started);
    Ok(if status.success() || tally.failed > 0 { tally } else { Tally { failed: 1, ..tally } })
}

/// So that an old report is not taken for this run's.
fn forget(report: &PathBuf) -> anyhow::Result<()> {
    match fs::remove_file(report) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context("an old report can't be removed")
        }
        _ => Ok(()),
    }
}

/// nextest's report begins with one element that counts everything.
fn tally_of_junit(text: &str) -> Option<Tally> {
    let (_, rest) = text.split_once("<testsuites")?;
    let (head, _) = rest.split_once('>')?;
    let count = |name: &str| -> Option<u64> {
        let (_, rest) = head.split_once(&format!(" {name}=\""))?;
        rest.split_once('"')?.0.parse().ok()
    };
    let failed = count("failures")? + count("errors")?;
    Some(Tally { passed: count("tests")?.checked_sub(failed)?, failed })
}

/// `test result: ok. 12 passed; 0 failed; ...`
fn tally_of_line(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count =
        |word: &str| counts.split(';').find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<u64>().ok());
    Some(Tally { passed: count("passed")?, failed: count("failed")? })
}

/// Playwright's own counts; a test that needed a second attempt did not go well.
fn tally_of_playwright(text: &str) -> Option<Tally> {
    let report: Value = serde_json::from_str(text).ok()?;
    let count = |name: &str| report["stats"][name].as_u64();
    let outside = report["errors"].as_array().map_or(0, Vec::len) as u64;
    Some(Tally { passed: count("expected")?, failed: count("unexpected")? + count("flaky")? + outside })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_is_counted() {
        let junit = r#"<?xml version="1.0"?><testsuites name="nextest-run" tests="12" failures="2" errors="1" uuid="x" time="0.2"><testsuite/>"#;
        assert_eq!(tally_of_junit(junit), Some(Tally { passed: 9, failed: 3 }));
        let line = "test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(tally_of_line(line), Some(Tally { passed: 4, failed: 1 }));
        let playwright = r#"{"errors":[],"stats":{"expected":7,"skipped":1,"unexpected":2,"flaky":1}}"#;
        assert_eq!(tally_of_playwright(playwright), Some(Tally { passed: 7, failed: 3 }));
    }

    #[test]
    fn what_is_no_report_counts_nothing() {
        assert_eq!(tally_of_junit("<testsuites>"), None);
        assert_eq!(tally_of_line("running 3 tests"), None);
        assert_eq!(tally_of_playwright("{}"), None);
    }
}
