//! `usher-toolkit demo`: the demo's two applications as files: Harbor CRM, which offers audiences, and Beacon Mail, which takes them.
//!
//! Makes databases and configurations; serving them is `usher-toolkit serve`. What is there already is kept: a database is made under
//! a temporary name and gets its own only when it is whole.

mod beacon;
mod harbor;
mod locales;
mod people;

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rusqlite::Connection;

/// What the demo is made of.
#[derive(Debug, clap::Args)]
pub struct DemoOptions {
    /// Where to make it; the folder is made when it is not there
    #[arg(long)]
    folder: PathBuf,
    /// How many people Harbor CRM has
    #[arg(long, default_value_t = 20_000)]
    people: u64,
    /// The same seed makes the same people
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where Harbor CRM listens
    #[arg(long, default_value = "127.0.0.1:4010")]
    harbor_listen: SocketAddr,
    /// Where Beacon Mail listens
    #[arg(long, default_value = "127.0.0.1:4020")]
    beacon_listen: SocketAddr,
    /// The authentication key of Harbor CRM
    #[arg(long, default_value = "harbor-demo-key-for-this-machine-only", hide_default_value = true)]
    harbor_key: String,
    /// The authentication key of Beacon Mail
    #[arg(long, default_value = "beacon-demo-key-for-this-machine-only", hide_default_value = true)]
    beacon_key: String,
}

/// Makes what is not there yet and says what it did.
///
/// # Errors
/// When the folder or a file cannot be made.
pub fn make(options: &DemoOptions) -> anyhow::Result<()> {
    let folder = &options.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut out = std::io::stdout().lock();
    let harbor = folder.join("harbor.db");
    if make_database(&harbor, |connection| harbor::fill(connection, options.seed, options.people))? {
        writeln!(out, "Made {} with {} people.", harbor.display(), options.people)?;
    } else {
        writeln!(out, "Kept {}.", harbor.display())?;
    }
    let beacon = folder.join("beacon.db");
    if make_database(&beacon, |connection| beacon::fill(connection, options.seed))? {
        writeln!(out, "Made {} with a few lists.", beacon.display())?;
    } else {
        writeln!(out, "Kept {}.", beacon.display())?;
    }
    let configurations = [
        ("harbor.toml", include_str!("../../../demo/harbor.toml"), options.harbor_listen, &options.harbor_key),
        ("beacon.toml", include_str!("../../../demo/beacon.toml"), options.beacon_listen, &options.beacon_key),
    ];
    for (name, template, listen, key) in configurations {
        let path = folder.join(name);
        let text = template.replace("@LISTEN@", &listen.to_string()).replace("@KEY@", key);
        if write_configuration(&path, &text)? {
            writeln!(out, "Made {}; serve it with: usher-toolkit serve --config {}", path.display(), path.display())?;
        } else {
            writeln!(out, "Kept {}.", path.display())?;
        }
    }
    Ok(())
}

/// Makes a database whole or not at all; `false` when it is there already.
fn make_database(path: &Path, fill: impl FnOnce(&mut Connection) -> rusqlite::Result<()>) -> anyhow::Result<bool> {
    if path.try_exists()? {
        return Ok(false);
    }
    let partial = path.with_extension("partial");
    if partial.try_exists()? {
        std::fs::remove_file(&partial)?;
    }
    let mut connection = Connection::open(&partial).with_context(|| format!("cannot make {}", partial.display()))?;
    // Nobody sees the file before it is whole, so there is nothing to roll back to.
    connection.pragma_update(None, "journal_mode", "off")?;
    connection.pragma_update(None, "synchronous", "off")?;
    fill(&mut connection).with_context(|| format!("cannot fill {}", partial.display()))?;
    connection.close().map_err(|(_, error)| error)?;
    std::fs::File::open(&partial)?.sync_all()?;
    std::fs::rename(&partial, path)?;
    Ok(true)
}

/// Writes a configuration that only its owner can read, since the key is in it; `false` when it is there already.
fn write_configuration(path: &Path, text: &str) -> anyhow::Result<bool> {
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            Ok(true)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}
