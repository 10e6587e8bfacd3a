//! Signing up and signing in: the two forms.

use serde::{Deserialize, Serialize};

/// The form of a new account and its first admin.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignUp {
    /// The organisation's name.
    pub account_name: String,
    /// The person's name.
    pub user_name: String,
    /// Their e-mail address.
    pub email: String,
    /// At least 12 characters.
    pub password: String,
}

/// The form of signing in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: String,
}
