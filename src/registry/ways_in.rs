//! How people can come in here: with a password, at an OpenID provider; by themselves, or invited only.

use model::{error::HubError, people::WaysIn};
use sqlx::Row;

use crate::{
    hub::{Hub, Result, internal},
    outbound::OpenIdSettings,
    store::StoreError,
};

/// What an installation can set of signing in.
#[derive(Debug, Clone)]
pub struct SignInSettings {
    /// The OpenID provider, when the installation has one.
    pub provider: Option<OpenIdSettings>,
    /// One can sign in, and sign up, with a password.
    pub passwords: bool,
    /// Who was not invited can sign up.
    pub open_sign_up: bool,
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self { provider: None, passwords: true, open_sign_up: true }
    }
}

impl Hub {
    /// How people can come in here.
    pub async fn ways_in(&self) -> Result<WaysIn> {
        Ok(WaysIn {
            provider: self.provider().map(|provider| provider.name().to_owned()),
            passwords: self.sign_in_settings().passwords,
            sign_up: self.sign_up_is_open().await.map_err(internal)?,
        })
    }

    /// Whoever comes first has nobody to be invited by.
    async fn sign_up_is_open(&self) -> std::result::Result<bool, StoreError> {
        if self.sign_in_settings().open_sign_up {
            return Ok(true);
        }
        let row = sqlx::query("select count(*) as people from app_user").fetch_one(self.database().reader()).await?;
        Ok(row.try_get::<i64, _>("people")? == 0)
    }

    pub(super) async fn require_open_sign_up(&self) -> Result<()> {
        if self.sign_up_is_open().await.map_err(internal)? {
            return Ok(());
        }
        let message =
            "Here only people with an invitation come in. Ask an admin of your organisation's account for one.";
        Err(HubError::Forbidden { message: message.to_owned() })
    }

    /// Lets pass where one signs in with passwords.
    pub(super) fn require_passwords(&self) -> Result<()> {
        if self.sign_in_settings().passwords {
            return Ok(());
        }
        let at = self.provider().map_or_else(|| "elsewhere".to_owned(), |provider| format!("at {}", provider.name()));
        Err(HubError::Forbidden { message: format!("Here one signs in {at}, not with a password.") })
    }
}
