//! The mapping as a plain form: what works without the page's program. Names are `links[0][target]`, `links[0][source]` and so on. How a posted one
//! is read is in `posted`.

use serde::{Deserialize, Serialize};

/// In a source select: the same value for every row.
pub const CONSTANT: &str = "=constant";
/// In a source select: several fields, one behind the other.
pub const JOINED: &str = "=joined";
/// Suggestions of at least this confidence can be accepted all at once.
pub const CONFIDENT: u8 = 80;
/// In `accept`: all confident ones.
pub const ACCEPT_ALL: &str = "=all";

/// One destination field of the form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FormLink {
    /// The destination field.
    pub target: String,
    /// Empty, an audience's field (see `source_value`), or `CONSTANT`.
    pub source: String,
    /// The constant.
    pub constant: String,
    /// How the value is written.
    pub writing: String,
    /// Default country of telephone numbers.
    pub country: String,
    /// The hash.
    pub hash: String,
    /// Instead of nothing.
    pub default: String,
    /// Not empty: a value that does not fit is left empty.
    pub misfit: String,
}

#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "the server is given whole lines"))]
impl FormLink {
    /// Sets the part that an input's name ends with.
    pub fn set(&mut self, part: &str, value: String) {
        match part {
            "target" => self.target = value,
            "source" => self.source = value,
            "constant" => self.constant = value,
            "writing" => self.writing = value,
            "country" => self.country = value,
            "hash" => self.hash = value,
            "default" => self.default = value,
            "misfit" => self.misfit = value,
            _ => {}
        }
    }
}

/// The value of a source select for a field: its name, marked only where it could be taken for something else.
pub fn source_value(name: &str) -> String {
    if name.starts_with('=') || name.is_empty() { format!("=field:{name}") } else { name.to_owned() }
}

/// What a source select says.
pub fn chosen_source(value: &str) -> Option<ChosenSource<'_>> {
    match value {
        "" => None,
        CONSTANT => Some(ChosenSource::Constant),
        JOINED => Some(ChosenSource::Joined),
        other => Some(ChosenSource::Field(other.strip_prefix("=field:").unwrap_or(other))),
    }
}

/// A source select's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenSource<'v> {
    /// The same for every row.
    Constant,
    /// Several fields of the audience.
    Joined,
    /// A field of the audience.
    Field(&'v str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_whose_name_looks_like_a_mark_is_still_a_field() {
        assert_eq!(chosen_source(&source_value("=odd")), Some(ChosenSource::Field("=odd")));
        assert_eq!(chosen_source(&source_value("=constant")), Some(ChosenSource::Field("=constant")));
        assert_eq!(chosen_source(&source_value("mail")), Some(ChosenSource::Field("mail")));
        assert_eq!(chosen_source(CONSTANT), Some(ChosenSource::Constant));
        assert_eq!(chosen_source(""), None);
    }
}
