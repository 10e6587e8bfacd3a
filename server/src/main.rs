//! `usher`: serves the interface, the events of runs and the health pages, and carries out runs.
//!
//! Here is only the command line. Rules about audiences, shares and runs are in the hub; pages are in the app. This program puts the two
//! on a socket: sessions, headers, static files, what is streamed, starting and ending.
// A page is one type, as deep as its elements stand in each other.
#![recursion_limit = "256"]

mod api;
mod applications;
mod calendar;
mod consent;
mod demo;
mod endpoint_key;
mod events;
mod health;
mod log;
mod master_key;
mod memory;
mod operator;
mod provider;
mod proxies;
mod receipts;
mod repair;
mod requests;
mod resealing;
mod router;
mod run_files;
mod security;
mod serve;
mod sessions;
mod settings;
mod signed_in;

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand};

use settings::{HubOptions, LogOptions, ServeOptions};

#[derive(Debug, Parser)]
#[command(name = "usher", version, about = "An open, self-hosted audience exchange")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the interface and carry out runs until told to stop (SIGTERM, Ctrl-C)
    Serve {
        #[command(flatten)]
        serve: ServeOptions,
        #[command(flatten)]
        hub: HubOptions,
    },
    /// Bring the database up to date and end
    Migrate {
        #[command(flatten)]
        hub: HubOptions,
    },
    /// Write a new master key to a file, for the change of the master key
    MakeMasterKey {
        /// Where; it must not be there yet
        file: std::path::PathBuf,
    },
    /// Seal with the current master key what another one has sealed, while Usher goes on; says when the other one can go
    Reseal {
        #[command(flatten)]
        hub: HubOptions,
    },
    /// Say who operates this installation: reviews applications, and sees no audience data
    Operator {
        #[command(subcommand)]
        action: operator::Action,
        #[command(flatten)]
        hub: HubOptions,
    },
    /// Tell whether a receipt is as this installation wrote it
    VerifyReceipt {
        #[command(flatten)]
        verify: receipts::VerifyOptions,
    },
    /// Make the demo's account and connect its two endpoints, as far as they are not there yet
    Demo {
        #[command(flatten)]
        demo: demo::DemoOptions,
        #[command(flatten)]
        hub: HubOptions,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    memory::keep_small();
    let line = CommandLine::parse_from(with_default_subcommand(std::env::args_os()));
    match run(line).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("usher: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(line: CommandLine) -> anyhow::Result<()> {
    log::start(&line.log)?;
    match line.command {
        Command::Serve { serve, hub } => serve::serve(&serve, &hub).await,
        Command::Migrate { hub } => {
            hub.open().await?.close().await;
            writeln!(std::io::stdout(), "The database is up to date.")?;
            Ok(())
        }
        Command::Operator { action, hub } => operator::run(&action, &hub.open().await?).await,
        Command::VerifyReceipt { verify } => receipts::verify(&verify).await,
        Command::Reseal { hub } => resealing::reseal(&hub).await,
        Command::MakeMasterKey { file } => resealing::make_master_key(&file),
        Command::Demo { demo, hub } => demo::make(&demo, &hub.open().await?).await,
    }
}

/// `usher` alone serves, with the settings of the environment.
fn with_default_subcommand(
    arguments: impl Iterator<Item = std::ffi::OsString>,
) -> impl Iterator<Item = std::ffi::OsString> {
    let mut arguments: Vec<_> = arguments.collect();
    if arguments.len() == 1 {
        arguments.push("serve".into());
    }
    arguments.into_iter()
}
