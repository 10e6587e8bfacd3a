//! What a server function can answer instead of its result: the hub's error, or that the server could not be reached.

use leptos::{
    prelude::FromServerFnError,
    server_fn::{codec::JsonEncoding, error::ServerFnErrorErr},
};
use model::error::HubError;
use serde::{Deserialize, Serialize};

/// An error of a server function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AppError {
    /// What the hub says.
    #[error(transparent)]
    Hub(HubError),
    /// The call did not reach the server, or its answer did not reach us.
    #[error("Usher could not be reached. What you entered is still here; try again.")]
    Transport(String),
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            // A form that lacks a field, or has one of the wrong kind, was not made by our pages.
            // (In the browser it is an answer that makes no sense, for instance that of a proxy.)
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) | ServerFnErrorErr::Deserialization(_)
                if cfg!(feature = "ssr") =>
            {
                Self::Hub(HubError::invalid("form", "The form is incomplete. Reload the page and fill it in again."))
            }
            other => Self::Transport(other.to_string()),
        }
    }
}

impl From<HubError> for AppError {
    fn from(error: HubError) -> Self {
        Self::Hub(error)
    }
}

impl AppError {
    /// Nobody is signed in (any more).
    pub fn is_signed_out(&self) -> bool {
        matches!(self, Self::Hub(HubError::SignedOut))
    }

    /// The sentence about one form field, when there is one.
    pub fn problem_of(&self, field: &str) -> Option<&str> {
        match self {
            Self::Hub(error) => error.problem_of(field),
            Self::Transport(_) => None,
        }
    }
}
