//! Mapping: which source field feeds which destination field, and with what done to it.

use serde::{Deserialize, Serialize};

use crate::transform::Transform;

/// Where a link's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Source {
    /// A field of the audience.
    Field {
        /// Its name.
        name: String,
    },
    /// The same value for every row.
    Constant {
        /// The value.
        value: String,
    },
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
