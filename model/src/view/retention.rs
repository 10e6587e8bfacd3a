//! How long what is left of runs' rows is kept.

use serde::{Deserialize, Serialize};

/// How long an account keeps what is left of an ended run's rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionView {
    /// Days after the run's end.
    pub days: u32,
    /// The installation's, which holds where the account has set nothing.
    pub default_days: u32,
    /// Who set the account's own, and when; absent where the installation's holds.
    pub changed: Option<(String, String)>,
    /// What is kept at present, when something is.
    pub kept: Option<KeptRows>,
}

/// Rows of ended runs that are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRows {
    /// Of how many runs.
    pub runs: u64,
    /// When the oldest of them ended.
    pub oldest_at: String,
}
