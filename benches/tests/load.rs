//! The load driver does what it says, with few rows: it signs up, connects, maps and shares through the program's own forms, which change now and then. What
//! it measures here is worth nothing.

use std::{
    path::Path,
    process::{Command, Output},
};

/// Runs it with the programs that were built beside it, as `make test` does.
fn load(arguments: &[&str]) -> Output {
    let driver = Path::new(env!("CARGO_BIN_EXE_usher-load"));
    let programs = driver.parent().expect("a folder");
    let built = programs.join("usher").is_file() && programs.join("usher-toolkit").is_file();
    assert!(built, "build usher-server and usher-toolkit first: `make test` does");
    Command::new(driver).args(arguments).arg("--programs").arg(programs).output().expect("it starts")
}

fn printed(output: &Output) -> String {
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}");
    out.into_owned()
}

#[test]
fn one_run_is_shared_and_set_beside_a_plain_copy() {
    let printed = printed(&load(&["--rows", "2000", "--folders"]));
    assert!(printed.contains("plain copy: ") && printed.contains("ratio: the share took "), "{printed}");
    assert!(printed.contains(" Complete."), "{printed}");
}

#[test]
fn a_mirror_is_shared_twice_between_databases() {
    let printed = printed(&load(&["--rows", "500", "--mode", "mirror"]));
    assert!(printed.contains("again, with nothing changed: "), "{printed}");
}

#[test]
fn many_runs_are_shared_at_once() {
    let printed = printed(&load(&["--rows", "50", "--runs", "4"]));
    assert!(printed.contains("p95"), "{printed}");
}
