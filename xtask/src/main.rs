//! `cargo xtask`: builds Usher, starts the demo, runs the tests.
//!
//! Everything that takes more than one program lives here, so that `make run` and `make test` are one line each and work alike on every
//! machine. Each step prints a line with the time it took, has a time limit, and says what to do when it fails. Nothing of Usher itself
//! is here.
#![expect(clippy::print_stdout, reason = "this program's output is for the person who started it")]

mod cluster;
mod demo;
mod fuzz;
mod join;
mod pack;
mod programs;
mod service;
mod site;
mod split;
mod static_toolkit;
mod step;
mod testing;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Builds Usher, starts the demo, runs the tests")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the browser's half, the styles and the programs
    Build {
        /// Optimised, as `make run` uses it
        #[arg(long)]
        release: bool,
    },
    /// Build the browser's half and the styles only; optimised, it must not be larger than a telephone loads in good time
    Site {
        /// Optimised, as `make run` uses it
        #[arg(long)]
        release: bool,
    },
    /// Build and start Usher with two demo applications, until Ctrl-C
    Demo,
    /// Build `usher-toolkit` as one file that needs nothing else, for any Linux of this processor
    StaticToolkit,
    /// Let a fuzz target try what it likes for a while
    Fuzz(fuzz::FuzzOptions),
    /// Build and run every test; the last line counts them
    Test,
}

/// How things are built: for people (release) or for tests and work on Usher (dev).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    Dev,
    Release,
}

impl Profile {
    fn of(release: bool) -> Self {
        if release { Self::Release } else { Self::Dev }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(CommandLine::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            // For people: what failed and what to do, without the way through this program.
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let root = root()?;
    match command {
        Command::Build { release } => {
            site::build(&root, Profile::of(release)).await?;
            programs::build(&root, Profile::of(release)).await?;
        }
        Command::Site { release } => {
            site::build(&root, Profile::of(release)).await?;
            if release {
                site::check_size(&root)?;
            }
        }
        Command::StaticToolkit => static_toolkit::build(&root).await?,
        Command::Fuzz(options) => fuzz::run(&root, &options).await?,
        Command::Demo => demo::run(&root).await?,
        Command::Test if testing::run(&root).await => {}
        Command::Test => return Ok(ExitCode::FAILURE),
    }
    Ok(ExitCode::SUCCESS)
}

/// The repository's folder: of the checkout that cargo was called in, even when several share a target folder.
fn root() -> anyhow::Result<PathBuf> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").context("start this program with `cargo xtask`")?;
    let root = PathBuf::from(package).join("..");
    root.canonicalize().with_context(|| format!("{} is not there", root.display()))
}
