//! What the platforms publish, as a program that can be compiled to WASM: it ends with 0 when all comes out as it is published, else with the place
//! of the first line that does not, counted from 1. `cargo xtask test` runs it in node.

use std::process::ExitCode;

#[path = "../tests/vectors/published.rs"]
mod published;

fn main() -> ExitCode {
    match published::wrong().first() {
        None => ExitCode::SUCCESS,
        Some((place, _)) => ExitCode::from(u8::try_from(place + 1).unwrap_or(u8::MAX)),
    }
}
