//! Sealing: small secrets at rest (credentials of endpoints, keys of runs, samples) under the installation's master key.
//!
//! XChaCha20-Poly1305 with a random nonce; the context (which row and column it belongs to) is associated data, so that a sealed value
//! that was copied elsewhere does not open. Large objects are the payload store's matter.

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

/// Seals and opens with the master key; cheap to clone, never prints it.
#[derive(Clone)]
pub struct Sealing(Arc<XChaCha20Poly1305>);

impl Sealing {
    /// With the master key's 32 bytes.
    pub fn new(master_key: &[u8; 32]) -> Self {
        Self(Arc::new(XChaCha20Poly1305::new(master_key.into())))
    }

    /// A new random master key, for the first start of an installation.
    pub fn generate_master_key() -> [u8; 32] {
        <[u8; 32]>::from(chacha20poly1305::Key::generate())
    }

    /// Seals `plain` for `context`.
    pub fn seal(&self, plain: &[u8], context: &str) -> Vec<u8> {
        let nonce = XNonce::generate();
        let mut sealed = nonce.to_vec();
        match self.0.encrypt(&nonce, Payload { msg: plain, aad: context.as_bytes() }) {
            Ok(bytes) => sealed.extend_from_slice(&bytes),
            Err(_) => unreachable!("the cipher only refuses messages of more than 256 GiB"),
        }
        sealed
    }

    /// Opens what was sealed for the same context.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Vec<u8>, Unopenable> {
        let (nonce, bytes) = sealed.split_at_checked(NONCE_BYTES).ok_or(Unopenable)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| Unopenable)?;
        self.0.decrypt(&nonce, Payload { msg: bytes, aad: context.as_bytes() }).map_err(|_| Unopenable)
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
        let sealing = Sealing::new(&Sealing::generate_master_key());
        let sealed = sealing.seal(b"a key", "endpoint ep_1");
        assert_eq!(sealing.open(&sealed, "endpoint ep_1"), Ok(b"a key".to_vec()));
        assert_eq!(sealing.open(&sealed, "endpoint ep_2"), Err(Unopenable));
        assert_eq!(Sealing::new(&Sealing::generate_master_key()).open(&sealed, "endpoint ep_1"), Err(Unopenable));
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert_eq!(sealing.open(&changed, "endpoint ep_1"), Err(Unopenable), "byte {position}");
        }
        assert_eq!(sealing.open(&sealed[..10], "endpoint ep_1"), Err(Unopenable));
        assert!(!sealed.windows(5).any(|window| window == b"a key"));
    }
}
