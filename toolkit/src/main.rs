//! `usher-toolkit`: makes an ordinary SQL database or a folder of CSV files an endpoint of Usher, and makes the demo's two applications.
//!
//! Here is only the command line. What the program does is in the modules: [`config`] reads the configuration, [`api`] speaks the
//! contract, [`producer`] and [`consumer`] know the audiences, over [`database`] or [`folder`], [`state`] remembers exports, [`demo`] makes people. It speaks only the
//! contract (`usher-model`) and knows nothing of the hub.

mod agent;
mod api;
mod check;
mod config;
mod consumer;
mod database;
mod demo;
mod fault;
mod folder;
mod producer;
mod serve;
mod state;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Parser)]
#[command(
    name = "usher-toolkit",
    version,
    about = "Makes a SQL database or a folder of CSV files an endpoint of Usher"
)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    /// How to write the log (to standard error)
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a database or folder as an endpoint until it is told to stop (SIGTERM, Ctrl-C)
    Serve {
        /// The configuration file (docs/TOOLKIT.md)
        #[arg(long)]
        config: PathBuf,
    },
    /// Call Usher by itself, so that it works behind a firewall: declare the audiences, send what is asked for, fetch what is meant for it
    Agent {
        /// The configuration file (docs/TOOLKIT.md)
        #[arg(long)]
        config: PathBuf,
        /// Do what there is to do now, and end (for cron)
        #[arg(long)]
        once: bool,
    },
    /// Read a configuration and its database or folder, say what it would serve, and end
    Check {
        /// The configuration file (docs/TOOLKIT.md)
        #[arg(long)]
        config: PathBuf,
    },
    /// Make the demo's databases and configurations: Harbor CRM and Beacon Mail
    Demo(demo::DemoOptions),
}

fn main() -> anyhow::Result<ExitCode> {
    let line = CommandLine::parse();
    let filter = EnvFilter::try_from_env("USHER_TOOLKIT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| agent::Log)
        // A line that can't be written, because the disk is full, is lost; to complain about it on standard error would be the end of the task.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match line.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    match line.command {
        Command::Serve { config } => serve::serve(&config)?,
        Command::Agent { config, once } => return Ok(agent::run(&config, once)),
        Command::Check { config } => serve::check(&config)?,
        Command::Demo(options) => demo::make(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}
