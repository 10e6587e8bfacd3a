//! Drift: what becomes of a mapping when the fields of either side change. Which changes break it, and how it could be mended.
//!
//! Nothing here changes a mapping by itself: a proposal is for a person to accept.

use serde::{Deserialize, Serialize};

use super::{Finding, Link, Mapping, Severity, Source, check, default_transforms, why_not};
use crate::{
    field::{Field, FieldForm},
    suggestion::suggest,
};

/// The fields of both sides at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BothFields {
    /// The audience's.
    pub source: Vec<Field>,
    /// The destination's.
    pub destination: Vec<Field>,
}

/// What the change of fields means for a mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// What the mapping can't be carried out for. With one, no run starts.
    pub breaks: Vec<Break>,
    /// Everything that changed since a person last looked, also what does no harm, as sentences.
    pub changes: Vec<String>,
}

/// One destination field for which the mapping can't be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// The destination field's name; none when the whole is concerned.
    pub target: Option<String>,
    /// What is wrong.
    pub message: String,
    /// How it could be mended; none when a person has to find out.
    pub proposal: Option<Proposal>,
}

/// How a break could be mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What would be done, and why it is likely right.
    pub message: String,
    /// The link to put in place; none to take the broken one away.
    pub link: Option<Link>,
}

/// What became of `mapping` between `known`, the fields when a person last looked, and `now`. Without `known` only what is broken can be told.
pub fn drift(mapping: &Mapping, known: Option<&BothFields>, now: &BothFields) -> Drift {
    let mut drift = Drift::default();
    if let Some(known) = known {
        changes("The audience", "offers", &known.source, &now.source, &mut drift.changes);
        changes("The destination", "takes", &known.destination, &now.destination, &mut drift.changes);
    }
    for finding in check(mapping, &now.source, &now.destination) {
        if finding.severity != Severity::Error {
            continue;
        }
        // Of several things that are wrong with one field the first says enough.
        if finding.target.is_some() && drift.breaks.iter().any(|known| known.target == finding.target) {
            continue;
        }
        let proposal = finding.target.as_deref().and_then(|target| proposal(target, mapping, known, now));
        let Finding { target, message, .. } = finding;
        drift.breaks.push(Break { target, message, proposal });
    }
    drift
}

/// The mapping with the proposals for these destination fields put in place.
pub fn mended(mapping: &Mapping, breaks: &[Break], accepted: &[String]) -> Mapping {
    let mut mended = mapping.clone();
    for broken in breaks {
        let (Some(target), Some(proposal)) = (&broken.target, &broken.proposal) else { continue };
        if accepted.contains(target) {
            mended = with_proposal(&mended, target, proposal);
        }
    }
    mended
}

fn with_proposal(mapping: &Mapping, target: &str, proposal: &Proposal) -> Mapping {
    let mut links = mapping.links.clone();
    links.retain(|link| link.target != target);
    if let Some(new) = &proposal.link {
        match links.iter_mut().find(|link| link.target == new.target) {
            Some(link) => *link = new.clone(),
            None => links.push(new.clone()),
        }
    }
    Mapping { links }
}

/// What is new, gone or otherwise on one side.
fn changes(side: &str, verb: &str, known: &[Field], now: &[Field], sentences: &mut Vec<String>) {
    for field in now {
        let name = field.display_name();
        match known.iter().find(|had| had.name == field.name) {
            None if field.required => sentences.push(format!("{side} has a new field, “{name}”, and requires it.")),
            None => sentences.push(format!("{side} has a new field, “{name}”.")),
            Some(had) => {
                if had.field_type != field.field_type {
                    sentences.push(format!(
                        "“{name}” was {} and is now {}.",
                        had.field_type.label().to_lowercase(),
                        field.field_type.label().to_lowercase()
                    ));
                }
                if had.form != field.form {
                    sentences.push(format!("“{name}” was {} and is now {}.", form(had.form), form(field.form)));
                }
                if had.required != field.required {
                    let now = if field.required { "required now" } else { "no longer required" };
                    sentences.push(format!("“{name}” is {now}."));
                }
            }
        }
    }
    for field in known.iter().filter(|had| !now.iter().any(|field| field.name == had.name)) {
        sentences.push(format!("{side} no longer {verb} “{}”.", field.display_name()));
    }
}

fn form(form: FieldForm) -> &'static str {
    match form {
        FieldForm::Raw => "readable",
        FieldForm::Sha256Hex => "hashed (SHA-256, hexadecimal)",
        FieldForm::Sha256Base64 => "hashed (SHA-256, Base64)",
    }
}

/// How the break of one destination field could be mended, so that nothing is wrong with it any more.
fn proposal(target: &str, mapping: &Mapping, known: Option<&BothFields>, now: &BothFields) -> Option<Proposal> {
    let link = mapping.link(target);
    let proposals = match (now.destination.iter().find(|field| field.name == target), link) {
        (None, Some(link)) => for_a_field_that_is_gone(link, mapping, known, now),
        (Some(field), Some(link)) => for_another_source(field, link, known, now),
        (Some(field), None) => suggested(&now.source, field).into_iter().collect(),
        (None, None) => Vec::new(),
    };
    proposals.into_iter().find(|proposal| {
        let mended = with_proposal(mapping, target, proposal);
        let concerned = [Some(target), proposal.link.as_ref().map(|link| link.target.as_str())];
        let whole_was_wrong = has_error(mapping, now, None);
        !concerned.into_iter().flatten().any(|name| has_error(&mended, now, Some(name)))
            && (whole_was_wrong || !has_error(&mended, now, None))
    })
}

fn has_error(mapping: &Mapping, now: &BothFields, target: Option<&str>) -> bool {
    check(mapping, &now.source, &now.destination)
        .iter()
        .any(|finding| finding.severity == Severity::Error && finding.target.as_deref() == target)
}

/// The destination no longer takes the field: another one may have come in its stead, else the link goes.
fn for_a_field_that_is_gone(
    link: &Link,
    mapping: &Mapping,
    known: Option<&BothFields>,
    now: &BothFields,
) -> Vec<Proposal> {
    let had = known.and_then(|known| known.destination.iter().find(|field| field.name == link.target));
    let name = had.map_or(link.target.as_str(), Field::display_name);
    let source = match &link.source {
        Source::Field { name } => now.source.iter().find(|field| field.name == *name),
        Source::Joined { .. } | Source::Constant { .. } => None,
    };
    let free: Vec<Field> = now
        .destination
        .iter()
        .filter(|field| mapping.link(&field.name).is_none())
        .filter(|field| known.is_none_or(|known| !known.destination.iter().any(|had| had.name == field.name)))
        .filter(|field| source.is_none_or(|source| why_not(source, field).is_none()))
        .cloned()
        .collect();
    let mut proposals = Vec::new();
    if let Some(heir) = had.and_then(|had| heir(had, &free)) {
        let moved = Link { target: heir.name.clone(), ..link.clone() };
        let fresh = source.map(|source| default_transforms(source, heir)).unwrap_or_default();
        let message = format!("Send it to “{}” instead, which came in place of “{name}”.", heir.display_name());
        proposals.push(Proposal { message: message.clone(), link: Some(moved.clone()) });
        proposals.push(Proposal { message, link: Some(Link { transforms: fresh, ..moved }) });
    }
    proposals
        .push(Proposal { message: format!("Take the link to “{name}” away; it is then not sent."), link: None });
    proposals
}

/// What feeds the field is gone, or does not fit any more: its heir, or what would be suggested for the field.
fn for_another_source(target: &Field, link: &Link, known: Option<&BothFields>, now: &BothFields) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    if let Source::Joined { names, separator } = &link.source {
        // The fields that are still there go on being joined.
        let left: Vec<String> =
            names.iter().filter(|name| now.source.iter().any(|field| field.name == **name)).cloned().collect();
        let source = match left.as_slice() {
            [] => None,
            [name] => Some(Source::Field { name: name.clone() }),
            _ if left.len() < names.len() => Some(Source::Joined { names: left.clone(), separator: separator.clone() }),
            _ => None,
        };
        proposals.extend(source.map(|source| Proposal {
            message: format!("Go on with what is left: {}.", left.join(", ")),
            link: Some(Link { source, ..link.clone() }),
        }));
    }
    let Source::Field { name } = &link.source else {
        proposals.extend(suggested(&now.source, target));
        return proposals;
    };
    let with = |field: &Field, transforms| Link {
        target: target.name.clone(),
        source: Source::Field { name: field.name.clone() },
        transforms,
    };
    if let Some(field) = now.source.iter().find(|field| field.name == *name) {
        // It is there: perhaps only what is done to it has to change.
        let message = format!("Go on with “{}”, and do to it what it needs now.", field.display_name());
        proposals.push(Proposal { message, link: Some(with(field, default_transforms(field, target))) });
    } else {
        let fit = |field: &&Field| why_not(field, target).is_none();
        let had = known.and_then(|known| known.source.iter().find(|field| field.name == *name));
        let new: Vec<Field> = now
            .source
            .iter()
            .filter(fit)
            .filter(|field| known.is_none_or(|known| !known.source.iter().any(|had| had.name == field.name)))
            .cloned()
            .collect();
        if let Some(heir) = had.and_then(|had| heir(had, &new)) {
            let message = format!(
                "Take “{}” instead, which came in place of “{}”.",
                heir.display_name(),
                had.map_or(name.as_str(), Field::display_name)
            );
            proposals.push(Proposal { message: message.clone(), link: Some(with(heir, link.transforms.clone())) });
            proposals.push(Proposal { message, link: Some(with(heir, default_transforms(heir, target))) });
        }
    }
    let others: Vec<Field> = now.source.iter().filter(|field| field.name != *name).cloned().collect();
    proposals.extend(suggested(&others, target));
    proposals
}

/// The field that most likely came in place of `had`: the one with a like name, else the only one of its kind and type.
fn heir<'a>(had: &Field, new: &'a [Field]) -> Option<&'a Field> {
    let stand_in = Field { form: FieldForm::Raw, ..had.clone() };
    let alike = suggest(new, std::slice::from_ref(&stand_in), &Mapping::default(), &[]).into_iter().next();
    if let Some(Source::Field { name }) = alike.map(|suggestion| suggestion.link.source) {
        return new.iter().find(|field| field.name == name);
    }
    let mut same =
        new.iter().filter(|field| (field.kind, field.field_type, field.form) == (had.kind, had.field_type, had.form));
    same.next().filter(|_| same.next().is_none())
}

fn suggested(source: &[Field], target: &Field) -> Option<Proposal> {
    let suggestion = suggest(source, std::slice::from_ref(target), &Mapping::default(), &[]).into_iter().next()?;
    let Source::Field { name } = &suggestion.link.source else { return None };
    let field = source.iter().find(|field| field.name == *name)?;
    let message = format!("Take “{}”: {}.", field.display_name(), suggestion.reason);
    Some(Proposal { message, link: Some(suggestion.link) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{FieldKind, FieldType};

    fn email(name: &str) -> Field {
        Field::new(name, FieldKind::Identifier, FieldType::Email)
    }

    fn text(name: &str) -> Field {
        Field::new(name, FieldKind::Attribute, FieldType::String)
    }

    fn link(target: &str, source: &str) -> Link {
        Link { target: target.to_owned(), source: Source::Field { name: source.to_owned() }, transforms: Vec::new() }
    }

    fn known() -> BothFields {
        BothFields {
            source: vec![email("email"), text("city"), text("notes")],
            destination: vec![email("address").required(), text("town")],
        }
    }

    fn mapping() -> Mapping {
        Mapping { links: vec![link("address", "email"), link("town", "city")] }
    }

    fn after(change: impl FnOnce(&mut BothFields)) -> (Drift, BothFields) {
        let mut now = known();
        change(&mut now);
        (drift(&mapping(), Some(&known()), &now), now)
    }

    /// Accepts everything, and expects that nothing is wrong any more.
    fn accepted(drift: &Drift, now: &BothFields) -> Mapping {
        let all: Vec<String> = drift.breaks.iter().filter_map(|broken| broken.target.clone()).collect();
        let mended = mended(&mapping(), &drift.breaks, &all);
        let errors = check(&mended, &now.source, &now.destination);
        assert!(errors.iter().all(|finding| finding.severity != Severity::Error), "{errors:?}");
        mended
    }

    #[test]
    fn nothing_changed_nothing_to_say() {
        assert_eq!(after(|_| {}).0, Drift::default());
    }

    #[test]
    fn a_renamed_source_field_is_proposed() {
        let (drift, now) = after(|now| now.source[0].name = "email_address".to_owned());
        assert_eq!(drift.breaks.len(), 1);
        assert_eq!(drift.breaks[0].target.as_deref(), Some("address"));
        assert_eq!(
            drift.changes,
            ["The audience has a new field, “email_address”.", "The audience no longer offers “email”."]
        );
        assert_eq!(
            accepted(&drift, &now).link("address").expect("is linked").source,
            Source::Field { name: "email_address".to_owned() }
        );
    }

    #[test]
    fn a_field_with_a_quite_different_name_is_proposed_when_it_is_the_only_one_of_its_type() {
        let (drift, now) = after(|now| now.source[1].name = "xq7".to_owned());
        assert_eq!(drift.breaks.len(), 1, "{drift:?}");
        assert_eq!(
            accepted(&drift, &now).link("town").expect("is linked").source,
            Source::Field { name: "xq7".to_owned() }
        );
        let (drift, _) = after(|now| {
            now.source.remove(1);
            now.source.extend([text("xq7"), text("xq8")]);
        });
        assert_eq!(drift.breaks[0].proposal, None, "which of the two it is nobody can tell");
    }

    #[test]
    fn a_renamed_destination_field_keeps_what_fed_it_and_one_that_went_lets_its_link_go() {
        let (drift, now) = after(|now| now.destination[0].name = "mail".to_owned());
        let mended = accepted(&drift, &now);
        assert_eq!(mended.link("mail"), Some(&link("mail", "email")));
        assert_eq!(mended.link("address"), None);

        let (drift, now) = after(|now| drop(now.destination.remove(1)));
        assert_eq!(drift.changes, ["The destination no longer takes “town”."]);
        assert_eq!(accepted(&drift, &now).links, [link("address", "email")]);
    }

    #[test]
    fn a_new_optional_field_breaks_nothing_but_is_mentioned_and_a_required_one_breaks() {
        let (drift, _) = after(|now| now.destination.push(text("nickname")));
        assert_eq!((drift.breaks.len(), drift.changes.len()), (0, 1));
        let (drift, _) = after(|now| now.source.push(text("nickname")));
        assert_eq!((drift.breaks.len(), drift.changes.len()), (0, 1));
        let (drift, _) = after(|now| drop(now.source.remove(2)));
        assert_eq!((drift.breaks.len(), drift.changes.len()), (0, 1), "nobody used it");

        let (drift, now) = after(|now| now.destination.push(text("notes").required()));
        assert_eq!(drift.breaks[0].target.as_deref(), Some("notes"));
        assert_eq!(drift.changes, ["The destination has a new field, “notes”, and requires it."]);
        assert_eq!(accepted(&drift, &now).links.len(), 3);
    }

    #[test]
    fn a_field_that_is_hashed_now_is_passed_on_as_the_destination_needs_it() {
        let (drift, now) = after(|now| now.destination[0].form = FieldForm::Sha256Hex);
        assert_eq!(drift.changes, ["“address” was readable and is now hashed (SHA-256, hexadecimal)."]);
        assert!(accepted(&drift, &now).link("address").expect("is linked").transforms.iter().any(|step| step.hashes()));
        let (drift, _) = after(|now| now.source[0].form = FieldForm::Sha256Hex);
        assert_eq!((drift.breaks.len(), &drift.breaks[0].proposal), (1, &None), "a hash can't be turned back");
    }

    #[test]
    fn of_joined_fields_those_that_are_left_go_on() {
        let joined = Source::Joined { names: vec!["city".to_owned(), "notes".to_owned()], separator: " ".to_owned() };
        let mapping = Mapping { links: vec![link("address", "email"), Link { source: joined, ..link("town", "") }] };
        let mut now = known();
        now.source.remove(2);
        let drift = drift(&mapping, Some(&known()), &now);
        let left = drift.breaks[0].proposal.as_ref().and_then(|proposal| proposal.link.as_ref());
        assert_eq!(left, Some(&link("town", "city")));
    }

    #[test]
    fn only_what_was_accepted_is_changed() {
        let (drift, _) = after(|now| {
            now.source[0].name = "email_address".to_owned();
            now.source[1].name = "city_name".to_owned();
        });
        assert_eq!(drift.breaks.len(), 2);
        let mended = mended(&mapping(), &drift.breaks, &["town".to_owned()]);
        assert_eq!(mended.link("address"), mapping().link("address"));
        assert_eq!(mended.link("town").expect("is linked").source, Source::Field { name: "city_name".to_owned() });
    }

    #[test]
    fn without_knowing_how_it_was_the_break_is_still_found() {
        let mut now = known();
        now.source.remove(1);
        let drift = drift(&mapping(), None, &now);
        assert_eq!((drift.breaks.len(), drift.changes.len()), (1, 0));
    }
}
