//! Sealing: small secrets at rest (credentials of endpoints, keys of runs, samples) under the installation's master key.
//!
//! XChaCha20-Poly1305 with a random nonce; the context (which row and column it belongs to) is associated data, so that a sealed value
//! that was copied elsewhere does not open. Large objects are the payload store's matter.
//!
//! There is one current key, with which everything is sealed, and there may be others that only open: that is how the master key is changed
//! without stopping (`store::resealing`).

use std::sync::Arc;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Generate, Payload},
};

const NONCE_BYTES: usize = 24;

/// It does not open: it was changed, belongs elsewhere, or was sealed under another master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open: it was changed, or the master key is another one")]
pub struct Unopenable;

/// The installation's master keys.
#[derive(Clone)]
pub struct MasterKeys {
    /// What is sealed from now on is sealed with this one.
    pub current: [u8; 32],
    /// Only open what was sealed before the key was changed, or by a process that has changed already.
    pub others: Vec<[u8; 32]>,
}

impl MasterKeys {
    /// One key that was never changed.
    pub fn only(current: [u8; 32]) -> Self {
        Self { current, others: Vec::new() }
    }
}

/// Seals and opens with the master keys; cheap to clone, never prints them.
#[derive(Clone)]
pub struct Sealing(Arc<Keys>);

struct Keys {
    current: Key,
    others: Vec<Key>,
}

struct Key {
    cipher: XChaCha20Poly1305,
    bytes: [u8; 32],
}

impl Key {
    fn new(bytes: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(bytes.into()), bytes: *bytes }
    }

    fn open(&self, sealed: &[u8], context: &str) -> Result<Vec<u8>, Unopenable> {
        let (nonce, bytes) = sealed.split_at_checked(NONCE_BYTES).ok_or(Unopenable)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| Unopenable)?;
        self.cipher.decrypt(&nonce, Payload { msg: bytes, aad: context.as_bytes() }).map_err(|_| Unopenable)
    }

    fn derive(&self, purpose: &str, of: &str) -> [u8; 32] {
        *blake3::keyed_hash(&blake3::derive_key(purpose, &self.bytes), of.as_bytes()).as_bytes()
    }
}

impl Sealing {
    /// With these keys.
    pub fn new(keys: &MasterKeys) -> Self {
        Self(Arc::new(Keys { current: Key::new(&keys.current), others: keys.others.iter().map(Key::new).collect() }))
    }

    /// A new random master key, for the first start of an installation.
    pub fn generate_master_key() -> [u8; 32] {
        <[u8; 32]>::from(chacha20poly1305::Key::generate())
    }

    /// Seals `plain` for `context`.
    pub fn seal(&self, plain: &[u8], context: &str) -> Vec<u8> {
        let nonce = XNonce::generate();
        let mut sealed = nonce.to_vec();
        match self.0.current.cipher.encrypt(&nonce, Payload { msg: plain, aad: context.as_bytes() }) {
            Ok(bytes) => sealed.extend_from_slice(&bytes),
            Err(_) => unreachable!("the cipher only refuses messages of more than 256 GiB"),
        }
        sealed
    }

    /// Opens what was sealed for the same context, with whichever key.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Vec<u8>, Unopenable> {
        self.keys().find_map(|key| key.open(sealed, context).ok()).ok_or(Unopenable)
    }

    /// The same value sealed with the current key; none when it is already.
    pub fn resealed(&self, sealed: &[u8], context: &str) -> Result<Option<Vec<u8>>, Unopenable> {
        if self.0.current.open(sealed, context).is_ok() {
            return Ok(None);
        }
        Ok(Some(self.seal(&self.open(sealed, context)?, context)))
    }

    /// 32 bytes that belong to a thing, for a purpose; nobody makes them without the current key.
    pub fn derive(&self, purpose: &str, of: &str) -> [u8; 32] {
        self.0.current.derive(purpose, of)
    }

    /// The same by each key, the current one first.
    pub fn derive_with_each(&self, purpose: &str, of: &str) -> impl Iterator<Item = [u8; 32]> {
        self.keys().map(move |key| key.derive(purpose, of))
    }

    /// Whether there are keys that only open.
    pub fn has_others(&self) -> bool {
        !self.0.others.is_empty()
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.0.current).chain(&self.0.others)
    }
}

impl std::fmt::Debug for Sealing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_unchanged_in_its_place_and_under_its_key() {
        let sealing = Sealing::new(&MasterKeys::only(Sealing::generate_master_key()));
        let sealed = sealing.seal(b"a key", "endpoint ep_1");
        assert_eq!(sealing.open(&sealed, "endpoint ep_1"), Ok(b"a key".to_vec()));
        assert_eq!(sealing.open(&sealed, "endpoint ep_2"), Err(Unopenable));
        let another = Sealing::new(&MasterKeys::only(Sealing::generate_master_key()));
        assert_eq!(another.open(&sealed, "endpoint ep_1"), Err(Unopenable));
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert_eq!(sealing.open(&changed, "endpoint ep_1"), Err(Unopenable), "byte {position}");
        }
        assert_eq!(sealing.open(&sealed[..10], "endpoint ep_1"), Err(Unopenable));
        assert!(!sealed.windows(5).any(|window| window == b"a key"));
    }

    #[test]
    fn an_older_key_opens_and_seals_no_more() {
        let (old, new) = (Sealing::new(&MasterKeys::only([1; 32])), Sealing::new(&MasterKeys::only([2; 32])));
        let changing = Sealing::new(&MasterKeys { current: [2; 32], others: vec![[1; 32]] });
        let sealed = old.seal(b"a key", "endpoint ep_1");
        assert_eq!(changing.open(&sealed, "endpoint ep_1"), Ok(b"a key".to_vec()));
        let resealed = changing.resealed(&sealed, "endpoint ep_1").expect("opens").expect("is sealed with the old key");
        assert_eq!(new.open(&resealed, "endpoint ep_1"), Ok(b"a key".to_vec()));
        assert_eq!(changing.resealed(&resealed, "endpoint ep_1"), Ok(None));
        assert_eq!(new.resealed(&sealed, "endpoint ep_1"), Err(Unopenable));
        assert_eq!(old.open(&changing.seal(b"b", "c"), "c"), Err(Unopenable));
        assert_eq!(changing.derive("p", "x"), new.derive("p", "x"));
        assert_ne!(changing.derive("p", "x"), changing.derive("p", "y"));
        assert!(changing.derive_with_each("p", "x").any(|bytes| bytes == old.derive("p", "x")));
    }
}
