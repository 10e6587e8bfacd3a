//! Suggested mappings: by name, alias and type, each with a confidence and a reason. No outside service; never touches what a person set.

mod name;

pub use name::{Meaning, meaning};

use std::{cmp::Reverse, collections::HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    field::{Field, FieldForm, FieldKind, FieldType},
    mapping::{Link, Mapping, Source, default_transforms, why_not},
};
use name::Name;

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

/// Below this nothing is suggested: a wrong suggestion costs more than none.
const LEAST_CONFIDENCE: u8 = 50;

/// Links for destination fields that have none: for each at most one, and only a likely one, in the order of the destination's fields. Each source
/// field is suggested for at most one identifier, the likeliest; none is suggested for an identifier that a person has mapped it to already.
pub fn suggest(source: &[Field], destination: &[Field], mapping: &Mapping) -> Vec<Suggestion> {
    let source_names: Vec<Vec<Name>> = source.iter().map(Name::all_of).collect();
    let mut candidates = Vec::new();
    for (target_index, target) in destination.iter().enumerate() {
        if mapping.link(&target.name).is_some() {
            continue;
        }
        let target_names = Name::all_of(target);
        for (source_index, (field, names)) in source.iter().zip(&source_names).enumerate() {
            if why_not(field, target).is_some() {
                continue;
            }
            if let Some((confidence, reason)) = likeness(field, names, target, &target_names) {
                candidates.push(Candidate { target_index, source_index, confidence, reason });
            }
        }
    }
    // The likeliest first; of equals the one that comes first in the destination, then in the source.
    candidates.sort_by_key(|candidate| (Reverse(candidate.confidence), candidate.target_index, candidate.source_index));
    let mut taken_targets = HashSet::new();
    let mut taken_sources: HashSet<usize> = identifier_sources(source, destination, mapping).collect();
    let mut chosen: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let is_identifier = destination[candidate.target_index].kind == FieldKind::Identifier;
        if taken_targets.contains(&candidate.target_index)
            || (is_identifier && taken_sources.contains(&candidate.source_index))
        {
            continue;
        }
        taken_targets.insert(candidate.target_index);
        if is_identifier {
            taken_sources.insert(candidate.source_index);
        }
        chosen.push(candidate);
    }
    chosen.sort_by_key(|candidate| candidate.target_index);
    chosen
        .into_iter()
        .map(|candidate| {
            let (field, target) = (&source[candidate.source_index], &destination[candidate.target_index]);
            let link = Link {
                target: target.name.clone(),
                source: Source::Field { name: field.name.clone() },
                transforms: default_transforms(field, target),
            };
            Suggestion { link, confidence: candidate.confidence, reason: candidate.reason }
        })
        .collect()
}

struct Candidate {
    target_index: usize,
    source_index: usize,
    confidence: u8,
    reason: String,
}

/// The source fields that feed an identifier already.
fn identifier_sources<'a>(
    source: &'a [Field],
    destination: &'a [Field],
    mapping: &'a Mapping,
) -> impl Iterator<Item = usize> + 'a {
    let feeds_identifier = |link: &&Link| {
        let target = destination.iter().find(|target| target.name == link.target);
        target.is_some_and(|target| target.kind == FieldKind::Identifier)
    };
    let names = mapping.links.iter().filter(feeds_identifier).flat_map(|link| link.source.fields());
    names.filter_map(|name| source.iter().position(|field| field.name == name))
}

/// How likely the two mean the same, and why; none when it is not likely enough to be said.
fn likeness(field: &Field, names: &[Name], target: &Field, target_names: &[Name]) -> Option<(u8, String)> {
    // A name that is turned says so even when the label beside it does not.
    if field.name != target.name && names[0].turning != target_names[0].turning {
        return None;
    }
    let pairs = names.iter().flat_map(|name| target_names.iter().map(move |target_name| (name, target_name)));
    let (by_name, name_reason) = pairs
        .filter_map(|(name, target_name)| name_likeness(field, name, target, target_name))
        .max_by_key(|(confidence, _)| *confidence)?;
    let same_type = field.field_type == target.field_type;
    let (penalty, type_reason) = match (same_type, field.kind == target.kind) {
        (true, true) => (0, "same type"),
        (true, false) => (6, "same type"),
        (false, _) => (12, "its values fit"),
    };
    // Hashes of another making may not be hashes of the normalised value; what can be read is the better source.
    let form_penalty = if field.form != FieldForm::Raw && field.form != target.form { 5 } else { 0 };
    let confidence = by_name.saturating_sub(penalty + form_penalty);
    if confidence < LEAST_CONFIDENCE {
        return None;
    }
    let reason = match (name_reason, type_reason) {
        (NameReason::Same, "same type") => "same name and type".to_owned(),
        (NameReason::Same, other) => format!("same name; {other}"),
        (NameReason::Alias { word, stands_for }, other) => {
            format!("“{word}” is another word for “{stands_for}”; {other}")
        }
        (NameReason::Alike, other) => format!("similar name; {other}"),
        (NameReason::OnlyOne, _) => format!("the same type, “{}”", target.field_type.label().to_lowercase()),
    };
    Some((confidence, reason))
}

enum NameReason {
    Same,
    Alias { word: String, stands_for: String },
    Alike,
    OnlyOne,
}

fn name_likeness(field: &Field, name: &Name, target: &Field, target_name: &Name) -> Option<(u8, NameReason)> {
    if field.name == target.name {
        return Some((99, NameReason::Same));
    }
    // A name that is turned ("email status") means the same only as one that is turned alike.
    if name.turning != target_name.turning {
        return None;
    }
    if name.words == target_name.words {
        return Some((96, NameReason::Same));
    }
    if !name.core.is_empty() && name.core == target_name.core {
        // "phone" and "home phone" may be the same; "work phone" and "home phone" hardly are.
        let contradicts = name.words.len() > name.core.len() && target_name.words.len() > target_name.core.len();
        return Some((if contradicts { 64 } else { 86 }, NameReason::Alike));
    }
    if let (Some(one), Some(other)) = (name.meaning, target_name.meaning)
        && one == other
        && name.turning.is_empty()
    {
        let exact = name.meaning_is_whole && target_name.meaning_is_whole;
        let (word, stands_for) = (name.words.join(" "), target_name.words.join(" "));
        return Some((if exact { 92 } else { 80 }, NameReason::Alias { word, stands_for }));
    }
    let telling = matches!(
        field.field_type,
        FieldType::Email | FieldType::Phone | FieldType::MobileAdId | FieldType::CookieId | FieldType::CustomerId
    );
    let contradict = name.meaning.is_some() && target_name.meaning.is_some() && name.meaning != target_name.meaning;
    if telling
        && !contradict
        && field.field_type == target.field_type
        && field.kind == target.kind
        && name.turning.is_empty()
    {
        // Its type alone says what it is, whatever it is called.
        return Some((62, NameReason::OnlyOne));
    }
    let shared = name.core.iter().filter(|word| target_name.core.contains(word)).count();
    let all = name.core.len() + target_name.core.len() - shared;
    if name.meaning.is_none() && target_name.meaning.is_none() && shared >= 2 && shared * 3 >= all * 2 {
        return Some((68, NameReason::Alike));
    }
    None
}

#[cfg(test)]
mod tests;
