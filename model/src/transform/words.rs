//! The words for yes and no.

use serde::{Deserialize, Serialize};

/// A pair of words that a destination reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BooleanStyle {
    /// `true`, `false`.
    TrueFalse,
    /// `1`, `0`.
    OneZero,
    /// `yes`, `no`.
    YesNo,
    /// `Y`, `N`.
    YN,
}

impl BooleanStyle {
    /// The word for one of the two.
    pub fn word(self, truth: bool) -> &'static str {
        match (self, truth) {
            (Self::TrueFalse, true) => "true",
            (Self::TrueFalse, false) => "false",
            (Self::OneZero, true) => "1",
            (Self::OneZero, false) => "0",
            (Self::YesNo, true) => "yes",
            (Self::YesNo, false) => "no",
            (Self::YN, true) => "Y",
            (Self::YN, false) => "N",
        }
    }
}

const YES: [&str; 12] = ["true", "t", "1", "yes", "y", "on", "ja", "oui", "si", "sí", "sim", "wahr"];
const NO: [&str; 11] = ["false", "f", "0", "no", "n", "off", "nein", "non", "não", "nao", "falsch"];

/// Whether it is a word for yes or no.
pub(crate) fn is_word(value: &str) -> bool {
    // None is longer; most values are.
    value.len() <= 6 && truth(value).is_some()
}

/// What a word says; none when it says neither.
pub(super) fn truth(value: &str) -> Option<bool> {
    let word = value.to_lowercase();
    if YES.contains(&word.as_str()) {
        return Some(true);
    }
    NO.contains(&word.as_str()).then_some(false)
}
