//! The master key: read from its file or the environment, or made on the first start. The key itself is used by the hub only.

use std::{
    convert::Infallible,
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    str::FromStr,
};

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

/// A key that is given as a text. It is looked at later, because what is wrong with an option is printed with its value.
#[derive(Clone)]
pub(crate) struct MasterKey(String);

impl MasterKey {
    /// The key.
    pub(crate) fn bytes(&self) -> anyhow::Result<[u8; 32]> {
        parse(&self.0).context("a master key in the environment must be 64 hexadecimal digits")
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

impl FromStr for MasterKey {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// The key in the file; a new one when there is no file. Only the owner can read a file that is made here.
pub(crate) fn read_or_make(file: &Path) -> anyhow::Result<[u8; 32]> {
    if file.try_exists().is_ok_and(|exists| !exists) { make(file) } else { read(file) }
}

/// The key in the file.
pub(crate) fn read(file: &Path) -> anyhow::Result<[u8; 32]> {
    let text =
        fs::read_to_string(file).with_context(|| format!("the master key in {} can't be read", file.display()))?;
    parse(&text).with_context(|| {
        format!(
            "the master key in {} must be 64 hexadecimal digits; put the right file back from your backup",
            file.display()
        )
    })
}

fn parse(text: &str) -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key)?;
    if key == [0; 32] {
        bail!("the key is all zeros");
    }
    Ok(key)
}

/// A new key in a new file.
pub(crate) fn make_new(file: &Path) -> anyhow::Result<()> {
    if file.try_exists().with_context(|| format!("{} can't be looked at", file.display()))? {
        bail!("{} is there already; name a file that is not", file.display());
    }
    make(file).map(drop)
}

/// Writes the key beside and then gives it its name, so that a process that starts at the same time sees a whole key or none.
fn make(file: &Path) -> anyhow::Result<[u8; 32]> {
    let key: [u8; 32] = rand::random();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let complaint = || format!("the master key can't be written to {}", file.display());
    let mut beside = NamedTempFile::new_in(folder).with_context(complaint)?;
    beside.as_file().set_permissions(fs::Permissions::from_mode(0o600)).with_context(complaint)?;
    writeln!(beside, "{}", hex::encode(key)).with_context(complaint)?;
    beside.as_file().sync_all().with_context(complaint)?;
    match beside.persist_noclobber(file) {
        Ok(_) => {
            tracing::warn!(
                file = %file.display(),
                "made the master key. Make a backup of this file now, and keep it apart from those of the database: \
                 without it, connected endpoints, running shares and kept rows can't be opened, by anybody"
            );
            Ok(key)
        }
        // The other process was quicker: its key is the one.
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => read_or_make(file),
        Err(error) => Err(error.error).with_context(complaint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("master.key");
        let made = read_or_make(&file).expect("made");
        assert_eq!(read_or_make(&file).expect("read"), made);
        let mode = fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_refused_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("master.key");
        fs::write(&file, "abcdef").expect("written");
        let error = read_or_make(&file).expect_err("too short");
        assert!(error.to_string().contains("64 hexadecimal digits"), "{error}");
        assert_eq!(fs::read_to_string(&file).expect("there"), "abcdef");
    }
}
