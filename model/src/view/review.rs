//! What is looked at before sharing: the review with its warnings and who confirmed them, and the run that only looks.

use serde::{Deserialize, Serialize};

use super::{RunView, ShareSummary, ShareView};
use crate::mapping::Finding;

/// All of a share on one page, before it is shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareReview {
    /// The share.
    pub share: ShareView,
    /// What the check found; one error forbids sharing.
    pub findings: Vec<Finding>,
    /// Of the sample's rows.
    pub sample_rows: u32,
    /// Of these, fit to be sent.
    pub sample_valid: u32,
    /// What has to be confirmed before it is shared.
    pub warnings: Vec<ReviewWarning>,
    /// Other shares of the same audience to the same destination.
    pub other_shares: Vec<ShareSummary>,
}

/// Something that a person confirms by name before sharing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewWarning {
    /// Its name in the form; the same as long as it says the same.
    pub name: String,
    /// What is to be known, as a sentence.
    pub message: String,
    /// Where it can be looked at or mended, below the share's own address.
    pub page: Option<String>,
    /// Who confirmed it before, and when.
    pub confirmed: Option<Confirmation>,
}

/// Who confirmed a warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The warning's name.
    pub name: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: String,
}

/// What a run that only looked has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreFlight {
    /// The run.
    pub run: RunView,
    /// Nothing of the share was changed since.
    pub is_current: bool,
}
