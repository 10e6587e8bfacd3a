//! Passwords: Argon2id with the crate's defaults (19 MiB, two passes), on a blocking thread, a few at once.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

use crate::hub::Hub;

/// A hash was not made or read; our own fault.
#[derive(Debug, thiserror::Error)]
#[error("the password hash can't be made or read")]
pub(super) struct HashingFailed;

impl Hub {
    pub(super) async fn hash_password(&self, password: String) -> Result<String, HashingFailed> {
        let _turn = self.hashing().acquire().await.map_err(|_| HashingFailed)?;
        tokio::task::spawn_blocking(move || {
            Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|_| HashingFailed)
        })
        .await
        .map_err(|_| HashingFailed)?
    }

    /// Whether it is the password. Without a hash (nobody of that name) the same work is done, so that the time does not tell.
    pub(super) async fn verify_password(&self, password: String, hash: Option<String>) -> Result<bool, HashingFailed> {
        let _turn = self.hashing().acquire().await.map_err(|_| HashingFailed)?;
        tokio::task::spawn_blocking(move || match hash {
            Some(hash) => {
                let hash = PasswordHash::new(&hash).map_err(|_| HashingFailed)?;
                Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
            }
            None => {
                Argon2::default().hash_password(password.as_bytes()).map_err(|_| HashingFailed)?;
                Ok(false)
            }
        })
        .await
        .map_err(|_| HashingFailed)?
    }
}
