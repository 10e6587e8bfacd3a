//! Why a row could not be sent, or was refused. Every reject has a code, a field where there is one, and a sentence.

use serde::{Deserialize, Serialize};

/// What was wrong with a row. The code is stable and documented; the sentence beside it is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// The row has more or fewer values than the header has names.
    WrongColumnCount,
    /// The row's bytes are not UTF-8.
    InvalidUtf8,
    /// A required destination field would be empty.
    RequiredEmpty,
    /// Not an e-mail address.
    InvalidEmail,
    /// Not a telephone number.
    InvalidPhone,
    /// Not a value of the destination field's type.
    InvalidValue,
    /// The value is already a hash, and the mapping would hash it again.
    AlreadyHashed,
    /// Every identifier of the row is empty, so that nobody could be found by it.
    NoIdentifier,
    /// Another row of the audience has the same identifiers, and the share sends one of them.
    Duplicate,
    /// The destination refused the row; its own code and reason stand beside.
    Refused,
}

impl RejectCode {
    /// Every code, for the page that documents them.
    pub const ALL: [Self; 10] = [
        Self::WrongColumnCount,
        Self::InvalidUtf8,
        Self::RequiredEmpty,
        Self::InvalidEmail,
        Self::InvalidPhone,
        Self::InvalidValue,
        Self::AlreadyHashed,
        Self::NoIdentifier,
        Self::Duplicate,
        Self::Refused,
    ];

    /// The code as it is written in files, in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongColumnCount => "wrong_column_count",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::RequiredEmpty => "required_empty",
            Self::InvalidEmail => "invalid_email",
            Self::InvalidPhone => "invalid_phone",
            Self::InvalidValue => "invalid_value",
            Self::AlreadyHashed => "already_hashed",
            Self::NoIdentifier => "no_identifier",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
        }
    }
}

/// One row's fate, when it is not to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// What was wrong.
    pub code: RejectCode,
    /// The destination field concerned, when there is one.
    pub field: Option<String>,
    /// A sentence for people. Never carries the row's values.
    pub reason: String,
}
