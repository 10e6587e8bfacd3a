//! The one error that crosses from the hub to its callers: the pages, the API and the tests see the same variants.
//!
//! Rooms of the hub have errors of their own; they turn into one of these at the hub's edge. Texts are for people and never carry a
//! secret, a row's value or a database's message.

use serde::{Deserialize, Serialize};

/// One wrong form field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// The input's name in the form.
    pub field: String,
    /// What is wrong and how to mend it, as a sentence.
    pub message: String,
}

impl FieldProblem {
    /// A problem of one field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// What a caller of the hub can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum HubError {
    /// Nobody is signed in.
    #[error("Please sign in.")]
    SignedOut,
    /// Signed in, but the role does not allow it.
    #[error("{message}")]
    Forbidden {
        /// Who could do it.
        message: String,
    },
    /// Not there, or not there for this account: the two are not told apart.
    #[error("There is no such {what}.")]
    NotFound {
        /// The kind of thing, in `product.md`'s words.
        what: String,
    },
    /// Some of the input is wrong; nothing was changed.
    #[error("{}", .problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join(" "))]
    Invalid {
        /// At least one problem.
        problems: Vec<FieldProblem>,
    },
    /// The thing's present state forbids it; nothing was changed.
    #[error("{message}")]
    Conflict {
        /// What stands in the way and what to do.
        message: String,
    },
    /// Somebody changed the thing after the person had it before them; nothing was changed.
    #[error("{message}")]
    Outdated {
        /// Who changed it, and what to do.
        message: String,
    },
    /// Too many attempts.
    #[error("Too many attempts. Try again in {retry_after_seconds} seconds.")]
    SlowDown {
        /// Seconds to wait.
        retry_after_seconds: u64,
    },
    /// An application on the other side did not do its part.
    #[error("{message}")]
    Endpoint {
        /// Which endpoint, what happened, what to do.
        message: String,
    },
    /// Our fault. The details are in the log under this request id.
    #[error("Something went wrong on our side. Nothing was changed. Request {request_id}.")]
    Internal {
        /// Finds the log line.
        request_id: String,
    },
}

impl HubError {
    /// The error of one wrong form field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { problems: vec![FieldProblem::new(field, message)] }
    }

    /// "There is no such {what}."
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    /// The HTTP status that goes with it.
    pub fn status(&self) -> u16 {
        match self {
            Self::SignedOut => 401,
            Self::Forbidden { .. } => 403,
            Self::NotFound { .. } => 404,
            Self::Invalid { .. } => 422,
            Self::Conflict { .. } | Self::Outdated { .. } => 409,
            Self::SlowDown { .. } => 429,
            Self::Endpoint { .. } => 502,
            Self::Internal { .. } => 500,
        }
    }

    /// The sentence about one form field, when there is one.
    pub fn problem_of(&self, field: &str) -> Option<&str> {
        match self {
            Self::Invalid { problems } => problems.iter().find(|p| p.field == field).map(|p| p.message.as_str()),
            _ => None,
        }
    }
}
