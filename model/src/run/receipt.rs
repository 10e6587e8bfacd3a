//! The receipt: the final account, and whether it adds up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Changes, LeftEmpty, Mode, RejectGroup, RunCounts};
use crate::reject::RejectCode;

/// A count that does not add up. A run with one is failed, never complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{left_name} is {left}, but {right_name} is {right}")]
pub struct Gap {
    /// The name of the one count.
    pub left_name: String,
    /// The one count, rows.
    pub left: u64,
    /// The name of what it should equal.
    pub right_name: String,
    /// What it should equal, rows.
    pub right: u64,
}

/// A run's final account. Downloadable; proves that every row read was sent and acknowledged, or left out with a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The run.
    pub run_id: String,
    /// The share.
    pub share_id: String,
    /// The audience's name and the endpoint that it came from.
    pub source: String,
    /// The destination's name and segment.
    pub destination: String,
    /// How the segment was changed.
    pub mode: Mode,
    /// Which version of the share's mapping was used.
    pub mapping_version: u32,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC.
    pub finished_at: String,
    /// The counts.
    pub counts: RunCounts,
    /// The rows left out, by reason.
    pub left_out: Vec<RejectGroup>,
    /// The values that were sent empty, by field and reason.
    #[serde(default)]
    pub left_empty: Vec<LeftEmpty>,
    /// Parts sent.
    pub parts: u32,
    /// SHA-256 over the parts' SHA-256 digests (each 32 bytes, in order of their number), lower-case hexadecimal.
    pub sha256: String,
    /// By which anybody can tell later whether it is as it was written; absent in receipts that were written before there were signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<ReceiptSignature>,
}

/// What the installation that wrote a receipt vouches for it with: Ed25519 (RFC 8032) over the receipt without this, in the canonical form of
/// RFC 8785.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptSignature {
    /// `Ed25519`.
    pub algorithm: String,
    /// The installation's public key, 64 hexadecimal digits.
    pub key: String,
    /// The signature, Base64.
    pub value: String,
}

impl Receipt {
    /// Checks that the account adds up: declared = read = valid + rejected, valid = sent = acknowledged + refused, and that the
    /// rows left out by reason are exactly those rejected and refused. Of a mirror: valid = added + changed + unchanged, and
    /// sent = added + changed + removed.
    pub fn check(&self) -> Result<(), Gap> {
        let counts = &self.counts;
        if let Some(declared) = counts.declared {
            equal("declared", declared, "read", counts.read)?;
        }
        equal("read", counts.read, "valid plus rejected", counts.valid + counts.rejected)?;
        match counts.changes {
            None => equal("valid", counts.valid, "sent", counts.sent)?,
            Some(Changes { added, changed, removed, unchanged }) => {
                equal("valid", counts.valid, "added plus changed plus unchanged", added + changed + unchanged)?;
                equal("added plus changed plus removed", added + changed + removed, "sent", counts.sent)?;
            }
        }
        equal("sent", counts.sent, "acknowledged plus refused", counts.acknowledged + counts.refused)?;
        let mut by_side: BTreeMap<bool, u64> = BTreeMap::new();
        for group in &self.left_out {
            *by_side.entry(group.code == RejectCode::Refused).or_default() += group.rows;
        }
        equal("rejected", counts.rejected, "rejected by reason", by_side.get(&false).copied().unwrap_or(0))?;
        equal("refused", counts.refused, "refused by reason", by_side.get(&true).copied().unwrap_or(0))
    }
}

fn equal(left_name: &str, left: u64, right_name: &str, right: u64) -> Result<(), Gap> {
    if left == right {
        return Ok(());
    }
    Err(Gap { left_name: left_name.to_owned(), left, right_name: right_name.to_owned(), right })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(counts: RunCounts, left_out: Vec<(RejectCode, u64)>) -> Receipt {
        let group = |(code, rows)| RejectGroup {
            code,
            destination_code: None,
            field: None,
            reason: "a reason".to_owned(),
            rows,
        };
        Receipt {
            run_id: "run_1".to_owned(),
            share_id: "shr_1".to_owned(),
            source: "All people of Harbor CRM".to_owned(),
            destination: "News of Beacon Mail".to_owned(),
            mode: Mode::Add,
            mapping_version: 1,
            started_at: "2027-03-28T09:30:00Z".to_owned(),
            finished_at: "2027-03-28T09:31:00Z".to_owned(),
            counts,
            left_out: left_out.into_iter().map(group).collect(),
            left_empty: Vec::new(),
            parts: 1,
            sha256: String::new(),
            signature: None,
        }
    }

    #[test]
    fn a_mirrors_receipt_counts_what_was_not_sent_again() {
        let changes = Changes { added: 2, changed: 1, removed: 3, unchanged: 4 };
        let counts = RunCounts {
            read: 8,
            valid: 7,
            rejected: 1,
            sent: 6,
            acknowledged: 6,
            changes: Some(changes),
            ..RunCounts::default()
        };
        let left_out = vec![(RejectCode::Duplicate, 1)];
        assert_eq!(receipt(counts, left_out.clone()).check(), Ok(()));
        for (wrong, name) in [
            (Changes { unchanged: 3, ..changes }, "valid"),
            (Changes { removed: 2, ..changes }, "added plus changed plus removed"),
        ] {
            let counts = RunCounts { changes: Some(wrong), ..counts };
            assert_eq!(receipt(counts, left_out.clone()).check().expect_err("a gap").left_name, name);
        }
    }

    #[test]
    fn a_receipt_adds_up_or_names_the_gap() {
        let counts = RunCounts {
            declared: Some(10),
            read: 10,
            valid: 7,
            rejected: 3,
            sent: 7,
            acknowledged: 6,
            refused: 1,
            ..RunCounts::default()
        };
        let left_out = vec![(RejectCode::InvalidEmail, 2), (RejectCode::InvalidPhone, 1), (RejectCode::Refused, 1)];
        assert_eq!(receipt(counts, left_out.clone()).check(), Ok(()));
        assert_eq!(receipt(RunCounts { declared: None, ..counts }, left_out.clone()).check(), Ok(()));
        for (wrong, names) in [
            (RunCounts { declared: Some(11), ..counts }, ("declared", "read")),
            (RunCounts { rejected: 2, ..counts }, ("read", "valid plus rejected")),
            (RunCounts { sent: 6, ..counts }, ("valid", "sent")),
            (RunCounts { acknowledged: 7, ..counts }, ("sent", "acknowledged plus refused")),
        ] {
            let gap = receipt(wrong, left_out.clone()).check().expect_err("a gap");
            assert_eq!((gap.left_name.as_str(), gap.right_name.as_str()), names);
        }
        let gap = receipt(counts, left_out[1..].to_vec()).check().expect_err("a gap");
        assert_eq!((gap.left_name.as_str(), gap.left, gap.right), ("rejected", 3, 1));
        let gap = receipt(counts, left_out[..2].to_vec()).check().expect_err("a gap");
        assert_eq!((gap.left_name.as_str(), gap.left, gap.right), ("refused", 1, 0));
    }
}
