//! Mapping: which source field feeds which destination field, and with what done to it; what speaks against it; what sets two versions apart; what a
//! change of the fields does to it; and how rows go through it.
//!
//! Parsing and writing of CSV is not here (`rows`), and neither are suggestions (`suggestion`).

mod check;
mod difference;
mod drift;
mod plan;
mod row;
mod value;

pub use check::{check, default_transforms, joined, why_not};
pub(crate) use check::{converts, in_the_targets_form, may_link, transforms_by_type};
pub use difference::differences;
pub use drift::{BothFields, Break, Drift, Proposal, drift, mended};
pub use plan::{Plan, Preview, PreviewCell, leaves_empty};
pub use row::{Row, RowBuffer, RowNotUtf8, Rows, TextRow, TextRows};
pub use value::{is_country, is_date, is_decimal, is_phone};
pub(crate) use value::{is_integer, is_timestamp};

use serde::{Deserialize, Serialize};

use crate::{field::Field, transform::Transform};

/// Where a link's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Source {
    /// A field of the audience.
    Field {
        /// Its name.
        name: String,
    },
    /// Several fields of the audience, one behind the other. Those that are empty are left out, with their separator.
    Joined {
        /// Their names, in order.
        names: Vec<String>,
        /// What stands between them.
        separator: String,
    },
    /// The same value for every row.
    Constant {
        /// The value.
        value: String,
    },
}

/// The most fields that are joined.
pub const MOST_JOINED: usize = 10;

impl Source {
    /// The fields of the audience that it reads.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let names = match self {
            Self::Field { name } => std::slice::from_ref(name),
            Self::Joined { names, .. } => names,
            Self::Constant { .. } => &[],
        };
        names.iter().map(String::as_str)
    }

    /// Whether it reads that field of the audience.
    pub fn reads(&self, field: &str) -> bool {
        self.fields().any(|name| name == field)
    }
}

/// One line of a mapping: what a destination field gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The destination field's name.
    pub target: String,
    /// Where the value comes from.
    pub source: Source,
    /// What is done to it, in order.
    #[serde(default)]
    pub transforms: Vec<Transform>,
}

/// A share's mapping. At most one link per destination field; destination fields without one are not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// In the order of the destination's fields.
    pub links: Vec<Link>,
}

impl Mapping {
    /// The link of a destination field.
    pub fn link(&self, target: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.target == target)
    }
}

/// How bad a finding about a mapping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It can't be shared so.
    Error,
    /// It can, but look at it.
    Warning,
}

/// What the check of a mapping found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The destination field concerned; none when it is about the whole.
    pub target: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl Finding {
    fn error(target: Option<&Field>, message: impl Into<String>) -> Self {
        Self { target: target.map(|field| field.name.clone()), severity: Severity::Error, message: message.into() }
    }

    fn warning(target: Option<&Field>, message: impl Into<String>) -> Self {
        Self { target: target.map(|field| field.name.clone()), severity: Severity::Warning, message: message.into() }
    }

    fn unknown_target(name: &str) -> Self {
        Self {
            target: Some(name.to_owned()),
            severity: Severity::Error,
            message: format!("The destination has no field “{name}” (any more). Remove this link."),
        }
    }

    fn two_links(field: &Field) -> Self {
        Self::error(Some(field), format!("“{}” has two links. Remove one of them.", field.display_name()))
    }
}

#[cfg(test)]
mod tests;
