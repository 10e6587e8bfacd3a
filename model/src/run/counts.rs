//! What is counted: of a run's rows, of what a mirror found, and of what was left out or left empty, by reason.

use serde::{Deserialize, Serialize};

use crate::reject::RejectCode;

/// What a mirror found, compared with what this share had sent before. Rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Not sent before.
    pub added: u64,
    /// Sent before, with other values.
    pub changed: u64,
    /// Sent before, and no longer in the audience.
    pub removed: u64,
    /// Sent before just as they are; not sent again.
    pub unchanged: u64,
}

/// What a run counted so far. Rows, but for the bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Rows that the producer says there are; absent when it says nothing.
    pub declared: Option<u64>,
    /// Data rows read from the producer.
    pub read: u64,
    /// Of these, fit to be sent.
    pub valid: u64,
    /// Of these, rejected by Usher with a reason.
    pub rejected: u64,
    /// Rows in parts that were sent.
    pub sent: u64,
    /// Rows that the destination took.
    pub acknowledged: u64,
    /// Rows that the destination refused with a reason.
    pub refused: u64,
    /// Bytes of CSV read.
    pub bytes_read: u64,
    /// Bytes of CSV sent.
    pub bytes_sent: u64,
    /// What a mirror found; absent in other modes, and before all was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

impl RunCounts {
    /// Rows that there are to send, once all was read.
    pub fn to_send(&self) -> u64 {
        self.changes.map_or(self.valid, |changes| changes.added + changes.changed + changes.removed)
    }
}

/// Why rows were left out: one line of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectGroup {
    /// What was wrong.
    pub code: RejectCode,
    /// The destination's own code, when it refused the rows.
    pub destination_code: Option<String>,
    /// The field concerned.
    pub field: Option<String>,
    /// A sentence for people.
    pub reason: String,
    /// How many rows.
    pub rows: u64,
}

/// Values that were sent empty because they did not fit and the mapping says to leave them empty: one line of the account. Their rows
/// were sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftEmpty {
    /// The destination's field.
    pub field: String,
    /// What was wrong.
    pub code: RejectCode,
    /// A sentence for people.
    pub reason: String,
    /// How many rows.
    pub rows: u64,
}
