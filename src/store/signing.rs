//! Signing: what the installation vouches for, so that anybody can tell later whether it is as it was. What is signed is not known here.
//!
//! Ed25519 (RFC 8032) with a key that is derived from the master key: an installation signs alike for as long as it keeps that, and the
//! signature of another one is told apart. The public half is no secret.

use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// What the signing key is derived for (BLAKE3's context string). Another text would be another key.
const CONTEXT: &str = "Usher 2026-11 signing of receipts";

/// The public half of an installation's signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Of 64 hexadecimal digits; none when it is not that.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Whether this key's other half has signed exactly these bytes.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Signs for the installation; cheap to clone, never prints its key.
#[derive(Clone)]
pub struct Signing(Arc<Ed25519KeyPair>);

impl Signing {
    /// With the key of this master key.
    pub fn new(master_key: &[u8; 32]) -> Self {
        let seed = blake3::derive_key(CONTEXT, master_key);
        match Ed25519KeyPair::from_seed_unchecked(&seed) {
            Ok(pair) => Self(Arc::new(pair)),
            Err(_) => unreachable!("every 32 bytes are a seed"),
        }
    }

    /// The half that others verify with.
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs these bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_signs_alike_and_no_other_does() {
        let (ours, theirs) = (Signing::new(&[7; 32]), Signing::new(&[8; 32]));
        let signature = ours.sign(b"a receipt");
        assert_eq!(signature, Signing::new(&[7; 32]).sign(b"a receipt"), "after a restart too");
        let key = PublicKey::parse(&ours.public_key().to_string()).expect("reads back");
        assert!(key.has_signed(b"a receipt", &signature));
        assert!(!key.has_signed(b"a receipt.", &signature));
        assert!(!key.has_signed(b"a receipt", &theirs.sign(b"a receipt")));
        assert!(!theirs.public_key().has_signed(b"a receipt", &signature));
        assert!(!key.has_signed(b"a receipt", &signature[1..]));
        assert_eq!(PublicKey::parse("00"), None);
    }
}
