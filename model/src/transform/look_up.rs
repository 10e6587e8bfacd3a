//! Steps that choose: one part of a value, or another value by a table.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{TransformProblem, is_empty};

/// What happens to a value that a look-up table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// It is sent as it is.
    #[default]
    Keep,
    /// Nothing is sent.
    Empty,
    /// The row is rejected.
    Reject,
}

/// The value that the table has for this one. An empty value is not looked up.
pub(super) fn look_up<'v>(
    value: Cow<'v, str>,
    table: &'v [[String; 2]],
    otherwise: Otherwise,
) -> Result<Cow<'v, str>, TransformProblem> {
    if is_empty(&value) {
        return Ok(value);
    }
    let found = table.iter().find(|[from, _]| *from == value);
    match (found, otherwise) {
        (Some([_, to]), _) => Ok(Cow::Borrowed(to)),
        (None, Otherwise::Keep) => Ok(value),
        (None, Otherwise::Empty) => Ok(Cow::Borrowed("")),
        (None, Otherwise::Reject) => Err(TransformProblem::NotInTable),
    }
}

/// One part of the value: 1 is the first, -1 the last.
pub(super) fn split<'v>(value: Cow<'v, str>, separator: &str, part: i32) -> Cow<'v, str> {
    if separator.is_empty() {
        return value;
    }
    match value {
        Cow::Borrowed(text) => Cow::Borrowed(part_of(text, separator, part)),
        Cow::Owned(text) => Cow::Owned(part_of(&text, separator, part).to_owned()),
    }
}

fn part_of<'v>(text: &'v str, separator: &str, part: i32) -> &'v str {
    let place = usize::try_from(part.unsigned_abs()).unwrap_or(usize::MAX);
    let Some(place) = place.checked_sub(1) else { return "" };
    let found = if part > 0 { text.split(separator).nth(place) } else { text.rsplit(separator).nth(place) };
    found.unwrap_or_default()
}
