//! The native programs: `usher` and `usher-toolkit`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::{
    Profile,
    step::{Step, minutes},
};

/// Builds both programs.
pub async fn build(root: &Path, profile: Profile) -> anyhow::Result<()> {
    let mut cargo = cargo(root);
    cargo.args(["build", "--quiet", "--package", "usher-server", "--package", "usher-toolkit"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    let step = Step {
        name: "build usher and usher-toolkit",
        limit: minutes(40),
        advice: "The compiler's messages are above.",
    };
    step.run(&mut cargo).await
}

/// Where a built program lies.
pub fn path(root: &Path, profile: Profile, name: &str) -> PathBuf {
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    target(root).join(folder).join(name)
}

/// Cargo, the same that started this program, in the repository.
pub fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

/// Cargo's target folder.
pub fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// This machine, as the compiler calls it: `x86_64-unknown-linux-gnu`.
pub async fn machine() -> anyhow::Result<String> {
    let said = Command::new("rustc").args(["--print", "host-tuple"]).output().await;
    let said = said.context("rustc could not be started. Install Rust from https://rustup.rs.")?;
    if !said.status.success() {
        bail!("rustc does not say what machine this is ({}). Update Rust.", said.status);
    }
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}
