//! `cargo xtask static-toolkit`: `usher-toolkit` as one file. It is linked with musl, so that it asks for no library of the machine that it is
//! copied to: neither a C library of some age, nor OpenSSL.

use std::{path::Path, time::Duration};

use anyhow::bail;
use tokio::process::Command;

use crate::{
    programs,
    step::{Step, minutes},
};

/// Builds it and says where it is.
pub async fn build(root: &Path) -> anyhow::Result<()> {
    let machine = programs::machine().await?;
    let Some((processor, _)) = machine.split_once("-unknown-linux-") else {
        bail!("A static program is built on Linux; this is {machine}.");
    };
    let target = format!("{processor}-unknown-linux-musl");
    let add = Step {
        name: "install Rust's half of musl",
        limit: Duration::from_secs(300),
        advice: "It comes from https://static.rust-lang.org; see whether this machine reaches it.",
    };
    add.run(Command::new("rustup").args(["target", "add", &target])).await?;
    let mut cargo = programs::cargo(root);
    cargo.args(["build", "--quiet", "--release", "--package", "usher-toolkit", "--target", &target]);
    let build = Step {
        name: "build usher-toolkit, static",
        limit: minutes(60),
        advice: "The compiler's messages are above. It needs a C compiler for musl: `apt-get install musl-tools`.",
    };
    build.run(&mut cargo).await?;
    let path = programs::target(root).join(&target).join("release/usher-toolkit");
    println!("{}", path.display());
    Ok(())
}
