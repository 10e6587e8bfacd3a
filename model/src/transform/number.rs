//! Numbers as people write them, read exactly: no floating point in between.

use serde::{Deserialize, Serialize};

/// What stands in front of the decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    /// `1,234.50`
    Point,
    /// `1.234,50`
    Comma,
}

impl DecimalMark {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Point => "a decimal point",
            Self::Comma => "a decimal comma",
        }
    }

    /// A number written so.
    pub fn example(self) -> &'static str {
        match self {
            Self::Point => "1,234.50",
            Self::Comma => "1.234,50",
        }
    }

    fn characters(self) -> (char, char) {
        match self {
            Self::Point => ('.', ','),
            Self::Comma => (',', '.'),
        }
    }
}

/// The number with a point and without thousands separators; none when it can't be read for certain. `decimals` rounds, half away from zero.
pub(super) fn plain(value: &str, mark: DecimalMark, decimals: Option<u8>) -> Option<String> {
    let (is_negative, digits) = match value.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, value.strip_prefix('+').unwrap_or(value)),
    };
    let (point, other) = mark.characters();
    let (whole, fraction) = digits.split_once(point).unwrap_or((digits, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut number = without_separators(whole, other)?;
    if number.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut fraction = fraction.to_owned();
    if let Some(decimals) = decimals {
        round(&mut number, &mut fraction, usize::from(decimals));
    }
    let whole = number.trim_start_matches('0');
    let mut made = String::with_capacity(number.len() + fraction.len() + 2);
    if is_negative && (!whole.is_empty() || fraction.bytes().any(|digit| digit != b'0')) {
        made.push('-');
    }
    made.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        made.push('.');
        made.push_str(&fraction);
    }
    Some(made)
}

/// The digits in front of the decimals. Separators must stand where thousands end (or lakhs, as in `12,34,567`): else `1,5` would be read as 15.
fn without_separators(whole: &str, other: char) -> Option<String> {
    let is_separator = |character: char| {
        character == other || matches!(character, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’')
    };
    let groups: Vec<&str> = whole.split(is_separator).collect();
    if groups.iter().any(|group| !group.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    if let [first, middle @ .., last] = groups.as_slice() {
        let fits = (1..=3).contains(&first.len())
            && middle.iter().all(|group| (2..=3).contains(&group.len()))
            && last.len() == 3;
        if !fits {
            return None;
        }
    }
    Some(groups.concat())
}

fn round(number: &mut String, fraction: &mut String, decimals: usize) {
    let rounds_up = fraction.as_bytes().get(decimals).is_some_and(|digit| *digit >= b'5');
    fraction.truncate(decimals);
    while fraction.len() < decimals {
        fraction.push('0');
    }
    if rounds_up && !add_one(fraction) && !add_one(number) {
        number.insert(0, '1');
    }
}

/// Adds one at the last digit; false when it is carried beyond the first.
fn add_one(digits: &mut String) -> bool {
    let mut all: Vec<u8> = std::mem::take(digits).into_bytes();
    let mut is_done = false;
    for digit in all.iter_mut().rev() {
        if *digit == b'9' {
            *digit = b'0';
        } else {
            *digit += 1;
            is_done = true;
            break;
        }
    }
    digits.extend(all.into_iter().map(char::from));
    is_done
}
