//! Why a run failed.

use serde::{Deserialize, Serialize};

/// Why a run failed: stable codes, each documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The application could not be reached.
    EndpointUnreachable,
    /// The application did not answer in time.
    EndpointTimeout,
    /// The application refused the authentication key.
    KeyRefused,
    /// The application's answer was not what the contract says.
    NonsenseAnswer,
    /// The application reported an error of its own.
    EndpointFailed,
    /// The data ended in the middle.
    SourceTruncated,
    /// The data has another number of rows, or another digest, than the producer said.
    SourceMismatch,
    /// The header lacks a mapped column, or there is none.
    HeaderUnusable,
    /// A limit was passed: row size, columns.
    LimitPassed,
    /// There was not one row to send, and the mode would empty the destination.
    NothingToSend,
    /// The destination's account of a part, or of the whole, does not add up.
    AcknowledgementMismatch,
    /// The mapping no longer fits the fields.
    MappingUnusable,
    /// Usher itself failed: its database or its payload store.
    Internal,
}

/// Why a run failed, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable.
    pub code: FailureCode,
    /// What happened, with the line or byte where there is one; what was kept; what to do. No values.
    pub message: String,
    /// Trying again may help, without changing anything.
    pub retryable: bool,
}
