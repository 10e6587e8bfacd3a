//! A folder of CSV files: which files are in it, what columns and how many rows they have, and whether one has changed.
//!
//! Knows nothing of segments' names, jobs or people. No file outside the folder is ever opened, wherever a link points.

mod scan;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use model::contract::{MAX_COLUMNS, MAX_ROW_BYTES};
use sha2::{Digest, Sha256};

pub use scan::Scan;

use crate::config::is_legal_id;
use crate::database::Identifier;
use crate::fault::{Code, Fault};
use crate::state::lock;

/// The clock by which a file's changes are told ticks this coarsely on some systems.
const TICK: Duration = Duration::from_millis(20);
/// Bytes that are read at once.
pub const CHUNK: usize = 256 * 1024;

/// A folder of CSV files.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    delimiter: u8,
}

/// What a file is known by: when two looks at a file give the same, it has not changed between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    length: u64,
    modified: SystemTime,
}

impl Stamp {
    /// The stamp of an open file.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn of(file: &File) -> Result<Self, Error> {
        let metadata = file.metadata()?;
        Ok(Self { inode: metadata.ino(), length: metadata.len(), modified: metadata.modified()? })
    }

    /// When the content last changed.
    pub fn modified(&self) -> SystemTime {
        self.modified
    }

    /// Waits, if need be, until another change would give the file another stamp.
    fn settle(&self) {
        let age = self.modified.elapsed().unwrap_or(Duration::ZERO);
        std::thread::sleep(TICK.saturating_sub(age));
    }
}

/// A file that is open for reading.
#[derive(Debug)]
pub struct Opened {
    /// Where it lies, without links.
    pub path: PathBuf,
    /// The file, at its start.
    pub file: File,
    /// As it was when it was opened.
    pub stamp: Stamp,
}

impl Opened {
    /// Fails when the file has changed since it was opened.
    ///
    /// # Errors
    /// [`Code::FILE_CHANGED`].
    pub fn check_unchanged(&self) -> Result<(), Fault> {
        if Stamp::of(&self.file).map_err(Fault::folder)? == self.stamp { Ok(()) } else { Err(file_changed()) }
    }

    /// Fails when the file has changed, or another has taken its place.
    ///
    /// # Errors
    /// [`Code::FILE_CHANGED`].
    pub fn check_in_place(&self) -> Result<(), Fault> {
        let now = File::open(&self.path).and_then(|file| Stamp::of(&file)).map_err(Fault::folder)?;
        if now == self.stamp { Ok(()) } else { Err(file_changed()) }
    }
}

/// The answer when somebody else writes a file while it is read here.
pub fn file_changed() -> Fault {
    Fault::new(
        Code::FILE_CHANGED,
        "The file changed while it was read; nothing was changed here. Try again. A file that is written under another name and then \
         renamed is never seen half.",
    )
}

/// Whether a path leads downwards only.
pub fn stays_within(path: &Path) -> bool {
    path.components().next().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

impl Folder {
    /// The folder at this path; nothing is looked at yet.
    pub fn new(path: PathBuf, delimiter: u8) -> Self {
        Self { path, delimiter }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What stands between the values in its files.
    pub fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// Whether it is there and can be read.
    ///
    /// # Errors
    /// What the system says.
    pub fn ping(&self) -> Result<(), Error> {
        std::fs::read_dir(&self.path).map(drop)
    }

    /// The names of its CSV files by the ids that are made of them, in the order of the ids. Hidden files are left alone.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn files(&self) -> Result<Vec<(String, String)>, Error> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            if let Some(id) = id_of(&name)
                && self.resolve(Path::new(&name)).is_ok()
            {
                files.push((id, name));
            }
        }
        files.sort();
        Ok(files)
    }

    /// The name of the file with this id.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn file_of(&self, id: &str) -> Result<Option<String>, Error> {
        let usual = format!("{id}.csv");
        if is_legal_id(id) && self.resolve(Path::new(&usual)).is_ok() {
            return Ok(Some(usual));
        }
        Ok(self.files()?.into_iter().find(|(known, _)| known == id).map(|(_, name)| name))
    }

    /// Opens a file of the folder for reading.
    ///
    /// # Errors
    /// When it is not there, is no file, or lies outside.
    pub fn open(&self, name: &Path) -> Result<Opened, Error> {
        let path = self.resolve(name)?;
        let file = File::open(&path)?;
        let stamp = Stamp::of(&file)?;
        stamp.settle();
        // Once more, because it may have changed within the tick.
        let stamp = Stamp::of(&file)?;
        Ok(Opened { path, file, stamp })
    }

    /// Where a file really lies.
    fn resolve(&self, name: &Path) -> Result<PathBuf, Error> {
        let outside = || Error::new(ErrorKind::PermissionDenied, "the file lies outside the folder");
        if !stays_within(name) {
            return Err(outside());
        }
        let path = self.path.join(name).canonicalize()?;
        if !path.starts_with(self.path.canonicalize()?) {
            return Err(outside());
        }
        // Anything else could block whoever opens it.
        if !std::fs::metadata(&path)?.is_file() {
            return Err(Error::new(ErrorKind::InvalidInput, "it is not a file"));
        }
        Ok(path)
    }

    /// The columns of a file: the values of its first line.
    ///
    /// # Errors
    /// A sentence that says why these cannot be columns.
    pub fn header(&self, file: &File) -> Result<Vec<String>, String> {
        let unreadable = |error| format!("it cannot be read ({error})");
        let mut start = read_start(file, CHUNK).map_err(unreadable)?;
        // Hardly any header is that long.
        if start.len() == CHUNK && !start.contains(&b'\n') {
            start = read_start(file, 2 * MAX_ROW_BYTES).map_err(unreadable)?;
        }
        let mut reader =
            csv::ReaderBuilder::new().delimiter(self.delimiter).flexible(true).from_reader(start.as_slice());
        let header = reader.headers().map_err(|_| "its first line is not UTF-8".to_owned())?;
        if header.is_empty() {
            return Err("it is empty; its first line must name the columns".to_owned());
        }
        if header.as_slice().len() + header.len() > MAX_ROW_BYTES {
            return Err(format!("its first line has more than {MAX_ROW_BYTES} bytes"));
        }
        if header.len() > MAX_COLUMNS {
            return Err(format!("it has {} columns; Usher takes at most {MAX_COLUMNS}", header.len()));
        }
        let mut columns: Vec<String> = Vec::new();
        for (place, name) in (1..).zip(header) {
            Identifier::parse(name).map_err(|problem| format!("its column {place} has no usable name ({problem})"))?;
            if columns.iter().any(|known| known == name) {
                return Err(format!("it has two columns \"{name}\""));
            }
            columns.push(name.to_owned());
        }
        Ok(columns)
    }
}

/// The first bytes of a file, wherever its position is.
fn read_start(file: &File, most: usize) -> Result<Vec<u8>, Error> {
    let mut start = vec![0; most];
    let mut filled = 0;
    while filled < most {
        match file.read_at(&mut start[filled..], filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    start.truncate(filled);
    Ok(start)
}

/// The id of a file: its name without `.csv` when that can be one, else made of it. `None` for files that are not looked at.
fn id_of(name: &str) -> Option<String> {
    if name.starts_with('.') {
        return None;
    }
    let (stem, extension) = name.rsplit_once('.')?;
    if !extension.eq_ignore_ascii_case("csv") {
        return None;
    }
    if extension == "csv" && is_legal_id(stem) {
        return Some(stem.to_owned());
    }
    let digest = hex::encode(Sha256::digest(name.as_bytes()));
    Some(format!("{}-{}", plain_name(stem), &digest[..8]))
}

/// A file's name without its ending.
pub fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// A name that can stand as an id and as a file's name everywhere, as like the given one as possible.
pub fn plain_name(name: &str) -> String {
    let mut plain = String::new();
    for character in name.chars() {
        if plain.len() == 40 {
            break;
        }
        if character.is_ascii_alphanumeric() || character == '_' {
            plain.push(character.to_ascii_lowercase());
        } else if !plain.is_empty() && !plain.ends_with('-') {
            plain.push('-');
        }
    }
    let plain = plain.trim_end_matches('-');
    if plain.is_empty() { "segment".to_owned() } else { plain.to_owned() }
}

/// How many rows files have: counted once for each stamp.
#[derive(Debug, Default)]
pub struct Sizes {
    known: Mutex<HashMap<PathBuf, (Stamp, u64)>>,
}

impl Sizes {
    /// The rows of a file, without its header, and whether that is only near the truth because somebody writes it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rows(&self, opened: &Opened, delimiter: u8) -> Result<(u64, bool), Fault> {
        // Held while it counts, so that nobody counts the same file at the same time.
        let mut known = lock(&self.known);
        if let Some((stamp, rows)) = known.get(&opened.path)
            && *stamp == opened.stamp
        {
            return Ok((*rows, false));
        }
        let mut scan = Scan::new(delimiter);
        let mut chunk = vec![0; CHUNK];
        let mut file = &opened.file;
        loop {
            let read = file.read(&mut chunk).map_err(Fault::folder)?;
            if read == 0 {
                break;
            }
            scan.take(&chunk[..read]);
        }
        let rows = scan.end().rows;
        let has_changed = opened.check_unchanged().is_err();
        if !has_changed {
            known.insert(opened.path.clone(), (opened.stamp, rows));
        }
        Ok((rows, has_changed))
    }

    /// Remembers what was counted when the file was written.
    pub fn remember(&self, path: &Path, stamp: Stamp, rows: u64) {
        lock(&self.known).insert(path.to_owned(), (stamp, rows));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn ids_are_made_of_any_file_name_and_differ() {
        assert_eq!(id_of("news_letter-1.csv").as_deref(), Some("news_letter-1"));
        for other in [".hidden.csv", "notes.txt", "csv", "x.csv.partial"] {
            assert_eq!(id_of(other), None, "{other}");
        }
        let names = ["Spring 2026.csv", "Spring-2026.CSV", "客户.csv", "клиенты.csv", "a/b.csv", "a.CSV", " .csv"];
        let mut ids: Vec<String> = names.iter().map(|name| id_of(name).unwrap()).collect();
        assert!(ids.iter().all(|id| is_legal_id(id)), "{ids:?}");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), names.len());
        assert!(is_legal_id(&id_of(&format!("{}.csv", "long".repeat(50))).unwrap()));
    }

    #[test]
    fn no_file_outside_is_opened() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("secret.csv"), "a\n").unwrap();
        let inside = place.path().join("inside");
        std::fs::create_dir_all(inside.join("below")).unwrap();
        std::fs::write(inside.join("below/good.csv"), "a\n").unwrap();
        std::os::unix::fs::symlink("../secret.csv", inside.join("link.csv")).unwrap();
        std::os::unix::fs::symlink("..", inside.join("up")).unwrap();
        std::os::unix::fs::symlink("below/good.csv", inside.join("within.csv")).unwrap();
        std::fs::create_dir(inside.join("folder.csv")).unwrap();
        let folder = Folder::new(inside, b',');
        for name in ["link.csv", "up/secret.csv", "../secret.csv", "/etc/passwd", "", ".", "folder.csv", "none.csv"] {
            assert!(folder.open(Path::new(name)).is_err(), "{name}");
        }
        for name in ["below/good.csv", "within.csv"] {
            assert!(folder.open(Path::new(name)).is_ok(), "{name}");
        }
        assert_eq!(folder.files().unwrap(), [("within".to_owned(), "within.csv".to_owned())]);
        assert_eq!(folder.file_of("link").unwrap(), None);
    }

    #[test]
    fn headers_that_name_no_columns_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().to_owned(), b',');
        let header = |bytes: &[u8]| {
            std::fs::write(place.path().join("a.csv"), bytes).unwrap();
            folder.header(&folder.open(Path::new("a.csv")).unwrap().file)
        };
        assert_eq!(header(b"\xef\xbb\xbfe-mail,\"a, b\"\r\n1,2\r\n").unwrap(), ["e-mail", "a, b"]);
        let wide = vec!["x"; MAX_COLUMNS + 1].join(",");
        for (bytes, expected) in [
            (&b""[..], "it is empty"),
            (b"\n\n", "it is empty"),
            (b"a,b,a\n", "two columns \"a\""),
            (b"a,,c\n", "column 2 has no usable name"),
            (b"a,\xff\n", "not UTF-8"),
            (wide.as_bytes(), "513 columns"),
            (&vec![b'x'; 3 * MAX_ROW_BYTES], "more than"),
        ] {
            let error = header(bytes).unwrap_err();
            assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        }
    }
}
