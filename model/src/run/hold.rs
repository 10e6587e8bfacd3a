//! How much a run may shrink a segment, and why one that would go beyond is held.

use serde::{Deserialize, Serialize};

/// How much a run may shrink the destination's segment before it is held for approval, in percent of the members; 100 never holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct ShrinkLimit(u8);

impl ShrinkLimit {
    /// From 0 to 100.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// From 0 to 100.
    pub fn percent(self) -> u8 {
        self.0
    }

    /// Holds a change of a segment that has `before` members and would have `after`.
    pub fn hold(self, before: u64, after: u64) -> Option<Hold> {
        let lost = before.saturating_sub(after);
        let is_beyond = u128::from(lost) * 100 > u128::from(before) * u128::from(self.0);
        is_beyond.then_some(Hold { before, after, limit: self })
    }
}

impl Default for ShrinkLimit {
    /// Half of the members.
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<u8> for ShrinkLimit {
    type Error = String;

    fn try_from(percent: u8) -> Result<Self, String> {
        Self::new(percent).ok_or_else(|| format!("{percent} is more than 100 percent"))
    }
}

impl From<ShrinkLimit> for u8 {
    fn from(limit: ShrinkLimit) -> u8 {
        limit.0
    }
}

/// Why a run is held: what it would do to the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Members that the segment has.
    pub before: u64,
    /// Members that it would have, at least.
    pub after: u64,
    /// The share's limit.
    pub limit: ShrinkLimit,
}

impl Hold {
    /// How many members would be lost, at most.
    pub fn lost(self) -> u64 {
        self.before.saturating_sub(self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_may_shrink_to_the_limit_and_no_further() {
        let limit = ShrinkLimit::new(30).expect("a percentage");
        assert_eq!(limit.hold(100, 70), None);
        assert_eq!(limit.hold(100, 200), None);
        assert_eq!(limit.hold(100, 69).map(Hold::lost), Some(31));
        assert_eq!(limit.hold(0, 0), None);
        assert!(ShrinkLimit::new(0).expect("a percentage").hold(u64::MAX, u64::MAX - 1).is_some());
        assert_eq!(ShrinkLimit::new(100).expect("a percentage").hold(10, 0), None, "100 never holds");
        assert_eq!(ShrinkLimit::new(101), None);
        assert!(serde_json::from_str::<ShrinkLimit>("101").is_err());
    }
}
