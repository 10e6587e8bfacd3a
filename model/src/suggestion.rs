//! Suggested mappings: by name, alias, type and the profile of sampled values, each with a confidence and a reason. No outside service; never touches
//! what a person set.

mod name;

pub use name::{Meaning, meaning};

use std::{cmp::Reverse, collections::HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    field::{Field, FieldForm, FieldKind, FieldType},
    mapping::{Link, Mapping, Source, converts, default_transforms, may_link},
    profile::{Profile, looks},
    transform::{DateInput, DecimalMark, Transform},
};
use name::{Name, Words};

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
/// Nothing is certain.
const MOST_CONFIDENCE: u8 = 99;
/// So many per cent of the sampled values confirm what the name says.
const CONFIRMS: u8 = 80;

/// Links for destination fields that have none: for each at most one, and only a likely one, in the order of the destination's fields. Each source
/// field is suggested for at most one identifier, the likeliest; none is suggested for an identifier that a person has mapped it to already.
///
/// `profiles` says what the source fields' values look like, in their order; without it only names and types count.
pub fn suggest(source: &[Field], destination: &[Field], mapping: &Mapping, profiles: &[Profile]) -> Vec<Suggestion> {
    Likely::new(source, destination, profiles).suggest(source, destination, mapping)
}

/// All pairs of fields that are likely to mean the same. To find them takes a look at each pair; what of it is suggested beside a mapping is then known
/// quickly, for any number of mappings.
#[derive(Debug, Clone)]
pub struct Likely {
    /// The likeliest first; of equals the one that comes first in the destination, then in the source.
    candidates: Vec<Candidate>,
}

impl Likely {
    /// Looks at all pairs. `profiles` as for [`suggest`].
    pub fn new(source: &[Field], destination: &[Field], profiles: &[Profile]) -> Self {
        let mut numbers = Words::default();
        let source_names: Vec<Vec<Name>> = source.iter().map(|field| Name::all_of(field, &mut numbers)).collect();
        let nothing = Profile::default();
        let mut candidates = Vec::new();
        for (target_index, target) in destination.iter().enumerate() {
            let target_names = Name::all_of(target, &mut numbers);
            for (source_index, (field, names)) in source.iter().zip(&source_names).enumerate() {
                let profile = profiles.get(source_index).unwrap_or(&nothing);
                let found = likeness(field, names, target, &target_names, profile);
                // Text whose values look like the identifier may feed it: its steps check each row.
                if let Some((confidence, reason)) = found
                    && (may_link(field, target) || is_readable_as(field, target, profile))
                {
                    let written = Written::of(profile);
                    candidates.push(Candidate { target_index, source_index, confidence, reason, written });
                }
            }
        }
        candidates
            .sort_by_key(|candidate| (Reverse(candidate.confidence), candidate.target_index, candidate.source_index));
        Self { candidates }
    }

    /// What is suggested beside a mapping of these fields, which have to be those that were looked at.
    pub fn suggest(&self, source: &[Field], destination: &[Field], mapping: &Mapping) -> Vec<Suggestion> {
        let mapped: HashSet<&str> = mapping.links.iter().map(|link| link.target.as_str()).collect();
        let mut taken_targets = HashSet::new();
        let mut taken_sources: HashSet<usize> = identifier_sources(source, destination, mapping).collect();
        let mut chosen: Vec<(&Candidate, &Field, &Field)> = Vec::new();
        for candidate in &self.candidates {
            let fields = (source.get(candidate.source_index), destination.get(candidate.target_index));
            let (Some(field), Some(target)) = fields else { continue };
            let is_identifier = target.kind == FieldKind::Identifier;
            if mapped.contains(target.name.as_str())
                || taken_targets.contains(&candidate.target_index)
                || (is_identifier && taken_sources.contains(&candidate.source_index))
            {
                continue;
            }
            taken_targets.insert(candidate.target_index);
            if is_identifier {
                taken_sources.insert(candidate.source_index);
            }
            chosen.push((candidate, field, target));
        }
        chosen.sort_by_key(|(candidate, ..)| candidate.target_index);
        chosen
            .into_iter()
            .map(|(candidate, field, target)| {
                let link = Link {
                    target: target.name.clone(),
                    source: Source::Field { name: field.name.clone() },
                    transforms: as_the_values_are_written(default_transforms(field, target), candidate.written),
                };
                Suggestion { link, confidence: candidate.confidence, reason: candidate.reason.clone() }
            })
            .collect()
    }
}

#[derive(Debug, Clone)]
struct Candidate {
    target_index: usize,
    source_index: usize,
    confidence: u8,
    reason: String,
    written: Written,
}

/// How the values of a field write dates and numbers.
#[derive(Debug, Clone, Copy)]
struct Written {
    day_comes_first: Option<bool>,
    has_decimal_commas: bool,
}

impl Written {
    fn of(profile: &Profile) -> Self {
        Self { day_comes_first: profile.day_comes_first(), has_decimal_commas: profile.has_decimal_commas() }
    }
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

/// Whether a text field's values look like what an identifier takes, so that a step can read them.
fn is_readable_as(field: &Field, target: &Field, profile: &Profile) -> bool {
    let is_text = matches!(field.field_type, FieldType::String | FieldType::Other);
    is_text
        && field.form == FieldForm::Raw
        && matches!(target.field_type, FieldType::Email | FieldType::Phone)
        && profile.percent(target.field_type).is_some_and(|percent| percent >= CONFIRMS)
}

/// Steps that read dates and numbers, told how the values are written.
fn as_the_values_are_written(mut transforms: Vec<Transform>, written: Written) -> Vec<Transform> {
    for step in &mut transforms {
        match step {
            Transform::DateFormat { from: from @ DateInput::YearMonthDay, .. } => match written.day_comes_first {
                Some(true) => *from = DateInput::DayMonthYear,
                Some(false) => *from = DateInput::MonthDayYear,
                None => {}
            },
            Transform::NumberFormat { decimal_mark, .. } if written.has_decimal_commas => {
                *decimal_mark = DecimalMark::Comma;
            }
            _ => {}
        }
    }
    transforms
}

/// How likely the two mean the same, and why; none when it is not likely enough to be said.
fn likeness(
    field: &Field,
    names: &[Name],
    target: &Field,
    target_names: &[Name],
    profile: &Profile,
) -> Option<(u8, String)> {
    // A name that is turned says so even when the label beside it does not.
    if field.name != target.name && names[0].turning != target_names[0].turning {
        return None;
    }
    let pairs = names.iter().flat_map(|name| target_names.iter().map(move |target_name| (name, target_name)));
    let seen = if field.form == FieldForm::Raw { profile.percent(target.field_type) } else { None };
    let confirmed = seen.filter(|percent| *percent >= CONFIRMS);
    let by_name = pairs
        .filter_map(|(name, target_name)| name_likeness(field, name, target, target_name))
        .max_by_key(|(confidence, _)| *confidence);
    let (by_name, name_reason) = match by_name {
        Some(found) => found,
        // What the values look like tells alone only where hardly anything else looks so, and the name does not say that it is something else.
        None if confirmed.is_some() && tells_by_values(field, names, target, target_names) => {
            (72, NameReason::ByValues)
        }
        None => return None,
    };
    let same_type = field.field_type == target.field_type;
    let (penalty, type_reason) = match (same_type, field.kind == target.kind) {
        (true, true) => (0, "same type"),
        (true, false) => (6, "same type"),
        (false, _) if converts(field.field_type, target.field_type) => (12, "its values fit"),
        (false, _) => (14, "each value is read anew"),
    };
    // Hashes of another making may not be hashes of the normalised value; what can be read is the better source.
    let form_penalty = if field.form != FieldForm::Raw && field.form != target.form { 5 } else { 0 };
    let looks_hashed = field.form == FieldForm::Raw && profile.percent_hashed().is_some_and(|percent| percent >= 50);
    let (bonus, values_penalty) = match confirmed {
        Some(_) => (4, 0),
        None if looks_hashed && target.form == FieldForm::Raw => (0, 40),
        None if field.form == FieldForm::Raw && !looks_hashed && profile.contradicts(target.field_type) => (0, 40),
        None => (0, 0),
    };
    let confidence = (by_name + bonus).min(MOST_CONFIDENCE).saturating_sub(penalty + form_penalty + values_penalty);
    if confidence < LEAST_CONFIDENCE {
        return None;
    }
    let mut reason = match (name_reason, type_reason) {
        (NameReason::Same, "same type") => "same name and type".to_owned(),
        (NameReason::Same, other) => format!("same name; {other}"),
        (NameReason::Alias { word, stands_for }, other) => {
            format!("“{word}” is another word for “{stands_for}”; {other}")
        }
        (NameReason::Alike, other) => format!("similar name; {other}"),
        (NameReason::OnlyOne, _) => format!("the same type, “{}”", target.field_type.label().to_lowercase()),
        (NameReason::ByValues, _) => String::new(),
    };
    if let (Some(percent), Some(looks)) = (confirmed, looks(target.field_type)) {
        if !reason.is_empty() {
            reason.push_str("; ");
        }
        reason.push_str(&format!("{percent}\u{202f}% of the sample look like {looks}"));
    } else if values_penalty > 0 {
        reason.push_str(if looks_hashed {
            "; but its values look hashed"
        } else {
            "; but its values look like something else"
        });
    }
    Some((confidence, reason))
}

enum NameReason {
    Same,
    Alias { word: String, stands_for: String },
    Alike,
    OnlyOne,
    ByValues,
}

/// Whether the values alone may speak for the two: nothing in the names may say that they are something else.
fn tells_by_values(field: &Field, names: &[Name], target: &Field, target_names: &[Name]) -> bool {
    let can_tell = matches!(target.field_type, FieldType::Email | FieldType::Phone | FieldType::MobileAdId);
    // A field that is declared as something else is that.
    let may_be = field.field_type == target.field_type
        || (target.field_type != FieldType::MobileAdId
            && matches!(field.field_type, FieldType::String | FieldType::Other));
    let is_plain = |name: &Name| name.turning.is_empty();
    let means = |names: &[Name]| names.iter().find_map(|name| name.meaning);
    let contradict = matches!((means(names), means(target_names)), (Some(one), Some(other)) if one != other);
    can_tell && may_be && !contradict && names.iter().all(is_plain) && target_names.iter().all(is_plain)
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
        let (word, stands_for) = (name.text.clone(), target_name.text.clone());
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
