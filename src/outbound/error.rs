//! Why a call to an endpoint failed, in words for business users: what the application did, never a key or a value.

use std::time::Duration;

use model::contract::Problem;

/// A failed call. The texts complete the sentence "Beacon Mail: ...".
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// No connection could be made.
    #[error("it can't be reached; is it running, and is its address right?")]
    Unreachable,
    /// The address is private, and the installation does not allow its network.
    #[error("its address is not public, and this installation does not allow that network (USHER_ALLOW_NETWORKS)")]
    AddressNotAllowed,
    /// The address begins with http://, and the installation allows that in its own networks only.
    #[error(
        "its address begins with http://; without encryption this installation calls only its own networks (USHER_ALLOW_HTTP)"
    )]
    NotEncrypted,
    /// Its authorisation server gave no access token to call it with.
    #[error("its authorisation server gave no access token: {what}")]
    NoToken {
        /// Why.
        what: String,
        /// It may give one later.
        passes: bool,
    },
    /// Its authorisation server gives no access token any more for what is shown to it.
    #[error("its authorisation server gave no access token: {what}")]
    TokenRefused {
        /// Why.
        what: String,
    },
    /// No answer, or no further data, in time.
    #[error("it did not answer in time")]
    Timeout,
    /// The connection broke while data came or went.
    #[error("the connection broke")]
    Broken,
    /// 401: the key is not the right one.
    #[error("it refused the authentication key (401)")]
    KeyRefused,
    /// 429 or 503: later, please.
    #[error("it is busy ({status})")]
    Busy {
        /// The HTTP status.
        status: u16,
        /// What it asked for.
        retry_after: Option<Duration>,
    },
    /// Another error status, with what it said.
    #[error("it answered {status}{}", .problem.as_ref().map(|p| format!(": {}", said(p))).unwrap_or_default())]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its account (RFC 9457), cut to a bounded length.
        problem: Option<Box<Problem>>,
        /// What it asked for, when it asked to wait.
        retry_after: Option<Duration>,
    },
    /// The answer is not what the contract says.
    #[error("its answer can't be understood: {what}")]
    Nonsense {
        /// What is wrong with it.
        what: String,
    },
}

/// The detail of a problem, else its title; at most 300 characters.
fn said(problem: &Problem) -> String {
    let text = problem.detail.as_deref().unwrap_or(&problem.title);
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

impl CallError {
    /// The same call may succeed later, without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable | Self::Timeout | Self::Broken | Self::Busy { .. } => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 408 || *status == 425,
            Self::NoToken { passes, .. } => *passes,
            Self::AddressNotAllowed
            | Self::NotEncrypted
            | Self::TokenRefused { .. }
            | Self::KeyRefused
            | Self::Nonsense { .. } => false,
        }
    }

    /// How long the endpoint asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } | Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The HTTP status, when there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::KeyRefused => Some(401),
            Self::Busy { status, .. } | Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The same in a few words that are always Usher's own, for a log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable => "not reached",
            Self::AddressNotAllowed => "address not allowed",
            Self::NotEncrypted => "not encrypted",
            Self::NoToken { .. } | Self::TokenRefused { .. } => "no access token",
            Self::Timeout => "no answer in time",
            Self::Broken => "connection broke",
            Self::KeyRefused => "key refused",
            Self::Busy { .. } => "busy",
            Self::Refused { .. } => "refused",
            Self::Nonsense { .. } => "not understood",
        }
    }

    /// The application's own code of the problem.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { problem, .. } => problem.as_ref()?.code.as_deref(),
            _ => None,
        }
    }
}

impl From<super::address::NotAllowed> for CallError {
    fn from(why: super::address::NotAllowed) -> Self {
        match why {
            super::address::NotAllowed::Private => Self::AddressNotAllowed,
            super::address::NotAllowed::Plain => Self::NotEncrypted,
        }
    }
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        let mut undecodable = false;
        while let Some(inner) = cause {
            if let Some(why) = inner.downcast_ref::<super::address::NotAllowed>() {
                return Self::from(*why);
            }
            // The client library calls every failure while a body comes one of decoding; only these are about its content.
            let kind = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            undecodable |= matches!(kind, Some(std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput));
            cause = inner.source();
        }
        match () {
            () if error.is_timeout() => Self::Timeout,
            () if error.is_connect() => Self::Unreachable,
            () if undecodable => Self::Nonsense { what: "its content encoding is broken".to_owned() },
            () => Self::Broken,
        }
    }
}
