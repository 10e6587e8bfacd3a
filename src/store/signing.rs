//! Signing: what the installation vouches for, so that anybody can tell later whether it is as it was. What is signed is not known here.
//!
//! Ed25519 (RFC 8032) with a key that is derived from the installation's first master key and then kept, sealed: an installation signs alike, also when
//! its master key was changed, and the signature of another one is told apart. The public half is no secret.

use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sqlx::Row;

use super::{
    database::{Database, StoreError},
    resealing::SealedColumn,
    sealing::{MasterKeys, Sealing},
};

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

/// What of the store itself is sealed.
pub(crate) const SEALED: [SealedColumn; 1] = [SealedColumn {
    table: "installation_secret",
    id: "name",
    column: "sealed",
    context: |name| format!("installation secret {name}"),
}];

const NAME: &str = "signing of receipts";

/// Why an installation can't sign.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the installation keeps does not open.
    #[error(
        "the master key is not the one that the data of this installation was sealed with; put the right one back from your backup, or \
         name the other keys too while the key is being changed"
    )]
    WrongMasterKey,
    /// It can't be told which key the installation began with.
    #[error(
        "other master keys are named, but this installation has not run with this version of Usher yet: start it once with only the key that it has had so far"
    )]
    NotYetKept,
}

/// Signs for the installation; cheap to clone, never prints its key.
#[derive(Clone)]
pub struct Signing(Arc<Ed25519KeyPair>);

impl Signing {
    /// With the key of this master key.
    pub fn new(master_key: &[u8; 32]) -> Self {
        Self::of_seed(&blake3::derive_key(CONTEXT, master_key))
    }

    fn of_seed(seed: &[u8; 32]) -> Self {
        match Ed25519KeyPair::from_seed_unchecked(seed) {
            Ok(pair) => Self(Arc::new(pair)),
            Err(_) => unreachable!("every 32 bytes are a seed"),
        }
    }

    /// The key that the installation keeps; made of its master key the first time. Tells as well whether the master keys are the right ones.
    pub async fn kept(database: &Database, sealing: &Sealing, keys: &MasterKeys) -> Result<Self, SigningError> {
        let context = (SEALED[0].context)(NAME);
        let mut kept = kept_seed(database).await?;
        if kept.is_none() {
            if sealing.has_others() {
                return Err(SigningError::NotYetKept);
            }
            let seed = blake3::derive_key(CONTEXT, &keys.current);
            sqlx::query("insert into installation_secret (name, sealed) values ($1, $2) on conflict (name) do nothing")
                .bind(NAME)
                .bind(sealing.seal(&seed, &context))
                .execute(database.writer())
                .await
                .map_err(StoreError::from)?;
            kept = kept_seed(database).await?;
        }
        let opened = kept.and_then(|sealed| sealing.open(&sealed, &context).ok());
        let seed = opened.and_then(|seed| <[u8; 32]>::try_from(seed).ok()).ok_or(SigningError::WrongMasterKey)?;
        Ok(Self::of_seed(&seed))
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

async fn kept_seed(database: &Database) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query("select sealed from installation_secret where name = $1")
        .bind(NAME)
        .fetch_optional(database.reader())
        .await?;
    Ok(row.map(|row| row.try_get("sealed")).transpose()?)
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
