//! Suggested mappings: by name, alias and type, each with a confidence and a reason. No outside service; never touches what a person set.

use serde::{Deserialize, Serialize};

use crate::mapping::Link;

/// A link that a person may accept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// What it would be.
    pub link: Link,
    /// 0 to 100.
    pub confidence: u8,
    /// Why, as a phrase: "same name and type".
    pub reason: String,
}
