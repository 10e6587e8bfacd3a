//! `usher-pieces`: what the costly pieces of the exchange cost by themselves, on one core, without endpoints and databases; beside each a yardstick
//! that does the same in the plainest way. Figures are meant as ratios within one run. Nothing here asserts a time.

mod cost;
mod mirror;
mod pipeline;

use clap::{Parser, Subcommand};

/// As in the `usher` program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to measure.
#[derive(Parser)]
#[command(name = "usher-pieces", about = "Measures pieces of Usher's exchange on one core")]
struct Arguments {
    #[command(subcommand)]
    piece: Piece,
}

#[derive(Subcommand)]
enum Piece {
    /// Reading: CSV in, parts out, beside a plain loop over the csv crate that does the same.
    Pipeline {
        /// How many rows.
        #[arg(long, default_value_t = 2_000_000)]
        rows: u64,
    },
    /// A mirror's ledger: sorting, merging and comparing, and making it anew.
    Mirror {
        /// How many members.
        #[arg(long, default_value_t = 10_000_000)]
        rows: u64,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().piece {
        Piece::Pipeline { rows } => pipeline::measure(rows),
        Piece::Mirror { rows } => mirror::measure(rows),
    }
}

#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
fn line(text: &str) {
    println!("{text}");
}
