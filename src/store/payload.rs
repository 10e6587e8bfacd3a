//! The payload store: sealed objects in a folder. It knows paths, keys and bytes, never what they mean.
//!
//! Every object is sealed with AES-256-GCM under the key of its owner (a run, a sample), bound to its path: an object that was moved, swapped
//! or cut does not open. Without the key nothing can be read, so that forgetting the key shreds the data. Nonces are random, which is safe for
//! some four thousand million objects of one owner (NIST SP 800-38D, 8.3). Layout: ciphertext, 16 bytes of tag, 12 bytes of nonce; so that a
//! large buffer is sealed and opened where it lies. The cipher is the one TLS uses here, since most of a run's bytes go through it twice.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read},
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
};
use bytes::Bytes;
use chacha20poly1305::aead::Generate;
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem, path::Path};
use tokio::task::JoinSet;

/// What can go wrong with the payload store. For the log; never for people.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The folder can't be made or used.
    #[error("the payload folder {folder} can't be used: {source}")]
    Folder {
        /// The folder of the setting.
        folder: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store of objects failed.
    #[error("the payload store failed: {0}")]
    Store(#[from] object_store::Error),
    /// An object is not there, or can't be read.
    #[error("an object can't be read: {0}")]
    Read(#[source] io::Error),
    /// What was put can't be brought to the disk.
    #[error("what was put can't be brought to the disk: {0}")]
    Sync(#[from] io::Error),
    /// The object is not what was sealed under this key for this path.
    #[error("the object {path} can't be opened: it was changed, or the key is another one")]
    Unopenable {
        /// Its path.
        path: String,
    },
}

impl PayloadError {
    /// Whether there is no room left for objects: the disk is full, or a quota or limit is reached.
    pub fn is_full(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<std::io::Error>() {
                use std::io::ErrorKind;
                return matches!(
                    error.kind(),
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
                );
            }
            cause = error.source();
        }
        false
    }
}

/// The key of one owner's objects.
#[derive(Clone)]
pub struct PayloadKey([u8; 32]);

impl PayloadKey {
    /// A new random key.
    pub fn generate() -> Self {
        Self(<[u8; 32]>::from(chacha20poly1305::Key::generate()))
    }

    /// The key of these bytes, as they came out of their wrapping; none when they are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    /// The bytes, for wrapping.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, Unspecified> {
        RandomizedNonceKey::new(&AES_256_GCM, &self.0)
    }
}

impl std::fmt::Debug for PayloadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PayloadKey")
    }
}

/// An object that is ready to be put.
pub struct SealedObject {
    path: String,
    bytes: Vec<u8>,
}

impl SealedObject {
    /// Seals `plain` for `path`, in place. Costs processor time in proportion to the size: not for an async thread when it is large.
    pub fn seal(key: &PayloadKey, path: String, mut plain: Vec<u8>) -> Result<Self, PayloadError> {
        let sealed =
            key.cipher().and_then(|cipher| cipher.seal_in_place_append_tag(Aad::from(path.as_bytes()), &mut plain));
        let Ok(nonce) = sealed else { return Err(PayloadError::Unopenable { path }) };
        plain.extend_from_slice(nonce.as_ref());
        Ok(Self { path, bytes: plain })
    }

    /// Its bytes, as they are put.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes it takes in the store.
    pub fn length(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }
}

/// Opens what [`SealedObject::seal`] made for this path, in place.
fn open(key: &PayloadKey, path: &str, mut bytes: Vec<u8>) -> Result<Vec<u8>, PayloadError> {
    let unopenable = || PayloadError::Unopenable { path: path.to_owned() };
    let sealed = bytes.len().checked_sub(NONCE_LEN).ok_or_else(unopenable)?;
    let nonce = Nonce::try_assume_unique_for_key(&bytes[sealed..]).map_err(|_| unopenable())?;
    bytes.truncate(sealed);
    let opened =
        key.cipher().and_then(|cipher| Ok(cipher.open_in_place(nonce, Aad::from(path.as_bytes()), &mut bytes)?.len()));
    bytes.truncate(opened.map_err(|_| unopenable())?);
    Ok(bytes)
}

/// A handle on the payload store; cheap to clone.
#[derive(Clone)]
pub struct PayloadStore {
    /// What is put through it is on the disk when the put returns.
    objects: Arc<LocalFileSystem>,
    /// The same folder; what is put through it gets to the disk some time.
    hasty: Arc<LocalFileSystem>,
    folder: PathBuf,
}

/// Objects that are on their way to the disk, see [`PayloadStore::put_soon`].
#[derive(Default)]
pub struct Underway {
    files: JoinSet<io::Result<()>>,
    folders: BTreeSet<PathBuf>,
}

/// Files that are brought to the disk side by side.
const SYNCED_AT_ONCE: usize = 4;

impl Underway {
    async fn next(&mut self) -> Result<bool, PayloadError> {
        match self.files.join_next().await {
            None => Ok(false),
            Some(synced) => Ok(synced.map_err(io::Error::other)?.map(|()| true)?),
        }
    }

    /// Returns once all of them are on the disk.
    pub async fn settle(mut self) -> Result<(), PayloadError> {
        while self.next().await? {}
        let folders = self.folders;
        let synced =
            tokio::task::spawn_blocking(move || folders.iter().try_for_each(|folder| File::open(folder)?.sync_all()));
        Ok(synced.await.map_err(io::Error::other)??)
    }
}

impl PayloadStore {
    /// Opens the store in a folder, which is made when it is not there. Objects are on the disk when a put returns.
    pub fn open(folder: &FilePath) -> Result<Self, PayloadError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| PayloadError::Folder { folder: folder.display().to_string(), source })?;
        let objects = LocalFileSystem::new_with_prefix(folder)?.with_automatic_cleanup(true);
        let hasty = objects.clone().with_fsync(false);
        let folder = folder.to_owned();
        Ok(Self { objects: Arc::new(objects.with_fsync(true)), hasty: Arc::new(hasty), folder })
    }

    /// Puts an object, whole or not at all; what was at its path is replaced.
    pub async fn put(&self, object: SealedObject) -> Result<(), PayloadError> {
        self.objects.put(&Path::from(object.path), PutPayload::from(object.bytes)).await?;
        Ok(())
    }

    /// The same, but it is certain to be on the disk only when `underway` has been settled: whoever reads a source again after a crash need not
    /// wait for the disk after each part. Gives the buffer back, for another object.
    pub async fn put_soon(&self, object: SealedObject, underway: &mut Underway) -> Result<Vec<u8>, PayloadError> {
        let path = Path::from(object.path);
        let file = self.hasty.path_to_filesystem(&path)?;
        let bytes = Bytes::from(object.bytes);
        self.hasty.put(&path, PutPayload::from(bytes.clone())).await?;
        let above = file.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.folder));
        underway.folders.extend(above.map(FilePath::to_owned));
        while underway.files.len() >= SYNCED_AT_ONCE {
            underway.next().await?;
        }
        underway.files.spawn_blocking(move || File::open(file)?.sync_all());
        // What was put is not held by anybody any more.
        Ok(bytes.try_into_mut().map(Vec::from).unwrap_or_default())
    }

    /// Gets an object and opens it, on a thread for blocking work.
    pub async fn get(&self, key: &PayloadKey, path: &str) -> Result<Vec<u8>, PayloadError> {
        self.get_into(key, path, Vec::new()).await
    }

    /// The same in a buffer that is there already. What is in it is lost.
    pub async fn get_into(&self, key: &PayloadKey, path: &str, mut buffer: Vec<u8>) -> Result<Vec<u8>, PayloadError> {
        let file = self.objects.path_to_filesystem(&Path::from(path))?;
        let (key, owned) = (key.clone(), path.to_owned());
        let opened = tokio::task::spawn_blocking(move || {
            buffer.clear();
            File::open(file).and_then(|mut file| file.read_to_end(&mut buffer)).map_err(PayloadError::Read)?;
            open(&key, &owned, buffer)
        });
        opened.await.unwrap_or_else(|_| Err(PayloadError::Unopenable { path: path.to_owned() }))
    }

    /// Removes every object below a prefix (`runs/run_1`). That there is none is no error.
    pub async fn remove_below(&self, prefix: &str) -> Result<(), PayloadError> {
        self.remove(prefix, |_| true).await
    }

    /// The same, but what lies below another prefix within it (`runs/run_1/rejects`) stays.
    pub async fn remove_below_except(&self, prefix: &str, kept: &str) -> Result<(), PayloadError> {
        let kept = Path::from(kept);
        self.remove(prefix, |path| !path.prefix_matches(&kept)).await
    }

    async fn remove(&self, prefix: &str, is_meant: impl Fn(&Path) -> bool) -> Result<(), PayloadError> {
        let prefix = Path::from(prefix);
        let found: Vec<Path> = self.objects.list(Some(&prefix)).map_ok(|meta| meta.location).try_collect().await?;
        for path in found.into_iter().filter(is_meant) {
            match self.objects.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, PayloadStore) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = PayloadStore::open(&folder.path().join("payload")).expect("opens");
        (folder, store)
    }

    fn sealed(key: &PayloadKey, path: &str, plain: &[u8]) -> SealedObject {
        SealedObject::seal(key, path.to_owned(), plain.to_vec()).expect("seals")
    }

    #[tokio::test]
    async fn what_was_put_comes_back_and_is_not_readable_on_the_disk() {
        let (folder, store) = store();
        let key = PayloadKey::generate();
        store.put(sealed(&key, "runs/run_1/parts/1", b"email\r\nann@example.org\r\n")).await.expect("puts");
        assert_eq!(store.get(&key, "runs/run_1/parts/1").await.expect("gets"), b"email\r\nann@example.org\r\n");
        let on_disk = std::fs::read(folder.path().join("payload/runs/run_1/parts/1")).expect("a file");
        assert!(!on_disk.windows(3).any(|bytes| bytes == b"ann"));
        store.put(sealed(&key, "runs/run_1/parts/1", b"")).await.expect("replaces");
        assert_eq!(store.get(&key, "runs/run_1/parts/1").await.expect("gets"), b"");
    }

    #[tokio::test]
    async fn an_object_that_was_changed_cut_moved_or_sealed_under_another_key_does_not_open() {
        let (folder, store) = store();
        let key = PayloadKey::generate();
        store.put(sealed(&key, "a/1", b"one row")).await.expect("puts");
        assert!(matches!(store.get(&PayloadKey::generate(), "a/1").await, Err(PayloadError::Unopenable { .. })));
        let file = folder.path().join("payload/a/1");
        let whole = std::fs::read(&file).expect("a file");
        std::fs::write(folder.path().join("payload/a/2"), &whole).expect("copies");
        assert!(matches!(store.get(&key, "a/2").await, Err(PayloadError::Unopenable { .. })));
        for length in [0, 10, whole.len() - 1] {
            std::fs::write(&file, &whole[..length]).expect("cuts");
            assert!(matches!(store.get(&key, "a/1").await, Err(PayloadError::Unopenable { .. })));
        }
        let mut changed = whole.clone();
        changed[0] ^= 1;
        std::fs::write(&file, changed).expect("changes");
        assert!(matches!(store.get(&key, "a/1").await, Err(PayloadError::Unopenable { .. })));
    }

    #[tokio::test]
    async fn removing_a_prefix_leaves_its_neighbours() {
        let (_folder, store) = store();
        let key = PayloadKey::generate();
        for path in ["runs/run_1/parts/1", "runs/run_1/parts/2", "runs/run_1/rejects/read-1", "runs/run_12/parts/1"] {
            store.put(sealed(&key, path, b"x")).await.expect("puts");
        }
        store.remove_below("runs/run_1/parts").await.expect("removes");
        assert!(store.get(&key, "runs/run_1/parts/1").await.is_err());
        assert!(store.get(&key, "runs/run_1/rejects/read-1").await.is_ok());
        store.put(sealed(&key, "runs/run_1/rejected", b"x")).await.expect("puts");
        store.remove_below_except("runs/run_1", "runs/run_1/rejects").await.expect("removes");
        assert!(store.get(&key, "runs/run_1/rejected").await.is_err());
        assert!(store.get(&key, "runs/run_1/rejects/read-1").await.is_ok());
        store.remove_below("runs/run_1").await.expect("removes");
        store.remove_below("runs/run_1").await.expect("nothing there is no error");
        assert!(store.get(&key, "runs/run_1/rejects/read-1").await.is_err());
        assert!(store.get(&key, "runs/run_12/parts/1").await.is_ok());
    }
}
