//! What speaks against a mapping before any row is read, which fields may be linked at all, and what a fresh link should do.

use std::collections::HashSet;

use super::{Finding, Link, Mapping, Source, plan::strict_value};
use crate::{
    field::{Field, FieldForm, FieldKind, FieldType},
    phone,
    transform::Transform,
};

/// All that is wrong with a mapping, or should be looked at, in the order of the destination's fields; what concerns the whole comes last.
pub fn check(mapping: &Mapping, source: &[Field], destination: &[Field]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for field in destination {
        let mut links = mapping.links.iter().filter(|link| link.target == field.name);
        let Some(link) = links.next() else {
            if field.required {
                findings.push(Finding::error(
                    Some(field),
                    format!("“{}” is required. Map a field to it, or give it a constant.", field.display_name()),
                ));
            }
            continue;
        };
        if links.next().is_some() {
            findings.push(Finding::two_links(field));
        }
        check_link(link, source, field, &mut findings);
    }
    let names: HashSet<&str> = destination.iter().map(|field| field.name.as_str()).collect();
    for link in mapping.links.iter().filter(|link| !names.contains(link.target.as_str())) {
        findings.push(Finding::unknown_target(&link.target));
    }
    let mut identifiers = destination.iter().filter(|field| field.kind == FieldKind::Identifier).peekable();
    if identifiers.peek().is_some() && !identifiers.any(|field| mapping.link(&field.name).is_some()) {
        findings.push(Finding::error(
            None,
            "No identifier is mapped, so the destination could not tell who is meant. Map at least one, such as e-mail or phone.",
        ));
    }
    findings
}

fn check_link(link: &Link, source: &[Field], target: &Field, findings: &mut Vec<Finding>) {
    let to = target.display_name();
    check_steps(&link.transforms, target, findings);
    match &link.source {
        Source::Constant { value } => {
            if target.kind == FieldKind::Identifier {
                findings.push(Finding::warning(
                    Some(target),
                    format!(
                        "“{to}” says who a person is, but a constant gives the same to everyone. Map a field instead."
                    ),
                ));
            }
            if let Err(reject) = strict_value(target, &link.transforms, value) {
                findings.push(Finding::error(Some(target), format!("The constant does not fit: {}", reject.reason)));
            }
        }
        Source::Field { name } => {
            let Some(field) = source.iter().find(|field| field.name == *name) else {
                findings.push(Finding::error(
                    Some(target),
                    format!("The audience has no field “{name}” (any more), which feeds “{to}”. Map another one."),
                ));
                return;
            };
            if let Some(reason) = why_not(field, target) {
                findings.push(Finding::error(Some(target), reason));
                return;
            }
            check_form(&link.transforms, field, target, findings);
            check_written_form(&link.transforms, field, target, findings);
        }
    }
}

/// What is wrong with a chain whatever its source is.
fn check_steps(transforms: &[Transform], target: &Field, findings: &mut Vec<Finding>) {
    let to = target.display_name();
    for (index, transform) in transforms.iter().enumerate() {
        let after_hash = transforms[..index].iter().any(Transform::hashes);
        match transform {
            Transform::NormaliseEmail | Transform::PhoneE164 { .. } | Transform::Lowercase if after_hash => {
                findings.push(Finding::error(
                    Some(target),
                    format!("“{to}”: “{}” stands behind the hash and would spoil it. Move it in front of the hash.", transform.label()),
                ));
            }
            Transform::PhoneE164 { default_country: None } => findings.push(Finding::warning(
                Some(target),
                format!(
                    "“{to}”: numbers without an international prefix such as +49 will be rejected. Choose a default country if there are any."
                ),
            )),
            Transform::PhoneE164 { default_country: Some(country) } if !phone::is_country(country) => {
                findings.push(Finding::error(
                    Some(target),
                    format!("“{to}”: the default country is not known. Choose one by its two letters, such as DE."),
                ));
            }
            Transform::DefaultWhenEmpty { value } => {
                if let Err(reject) = strict_value(target, &transforms[index + 1..], value) {
                    findings.push(Finding::error(Some(target), format!("The default does not fit: {}", reject.reason)));
                }
            }
            _ => {}
        }
    }
}

/// Whether the chain turns the source's form into the target's.
fn check_form(transforms: &[Transform], source: &Field, target: &Field, findings: &mut Vec<Finding>) {
    let (from, to) = (source.display_name(), target.display_name());
    let last_form = transforms.iter().rev().find_map(form_after).unwrap_or(source.form);
    if last_form != target.form {
        let message = match hash_step(target.form) {
            Some(step) => format!("“{to}” takes hashes. End its transforms with “{}”.", step.label()),
            None => format!("“{to}” takes readable values, but would get hashes. Take the hash step away."),
        };
        findings.push(Finding::error(Some(target), message));
    }
    if source.form == FieldForm::Raw {
        return;
    }
    if let Some(step) = transforms.iter().find(|transform| transform.normalises()) {
        findings.push(Finding::error(
            Some(target),
            format!("“{from}” is hashed already, so “{}” would reject every row. Take the step away.", step.label()),
        ));
    }
    if source.form == FieldForm::Sha256Base64 && transforms.contains(&Transform::Lowercase) {
        findings.push(Finding::error(
            Some(target),
            format!("“{from}” is a hash in Base64, in which upper and lower case differ. Take “Lower-case” away."),
        ));
    }
    if source.form == target.form && transforms.iter().any(Transform::hashes) {
        findings.push(Finding::warning(
            Some(target),
            format!("“{from}” is hashed already; its hashes are passed on, not hashed again. The hash step can go."),
        ));
    }
}

/// Whether e-mail addresses and telephone numbers are written the one way in which others find them again.
fn check_written_form(transforms: &[Transform], source: &Field, target: &Field, findings: &mut Vec<Finding>) {
    let Some(step) = normaliser(target.field_type) else { return };
    if source.form != FieldForm::Raw || transforms.iter().any(Transform::normalises) {
        return;
    }
    let to = target.display_name();
    let message = if target.form == FieldForm::Raw {
        format!("“{to}” is sent as it was typed, so the same person may not be found again. Add “{}”.", step.label())
    } else {
        format!(
            "“{to}” is hashed as it was typed, so hashes of the same person differ. Add “{}” in front of the hash.",
            step.label()
        )
    };
    findings.push(Finding::warning(Some(target), message));
}

/// Why `source` must not be linked to `target`, as a sentence for people; none when it may be.
pub fn why_not(source: &Field, target: &Field) -> Option<String> {
    let (from, to) = (source.display_name(), target.display_name());
    if source.form != FieldForm::Raw && target.form == FieldForm::Raw {
        return Some(format!("“{from}” is hashed, and a hash can't be turned back into what “{to}” takes."));
    }
    if target.kind == FieldKind::Identifier {
        let same = source.field_type == target.field_type;
        let key_as_text = target.field_type == FieldType::CustomerId
            && source.kind == FieldKind::Identifier
            && matches!(source.field_type, FieldType::String | FieldType::Integer | FieldType::Other);
        // A type that says who somebody is keeps its meaning whatever the producer calls it.
        let telling = source.kind == FieldKind::Identifier || says_who(source.field_type);
        if (same && telling) || key_as_text {
            return None;
        }
        return Some(if same {
            format!("“{to}” says who a person is; “{from}” only says something about them.")
        } else {
            format!("“{to}” takes {}, and “{from}” holds {}.", words(target.field_type), words(source.field_type))
        });
    }
    if converts(source.field_type, target.field_type) {
        return None;
    }
    Some(format!(
        "“{to}” takes {}, and “{from}” holds {}; not all of them can be written so.",
        words(target.field_type),
        words(source.field_type)
    ))
}

/// What a fresh link of the two should do, so that the destination gets its values in the type and form in which it finds people again.
pub fn default_transforms(source: &Field, target: &Field) -> Vec<Transform> {
    if source.form != FieldForm::Raw {
        return match (source.form == target.form, target.form) {
            (true, FieldForm::Sha256Hex) => vec![Transform::Trim, Transform::Lowercase],
            (true, _) => vec![Transform::Trim],
            (false, form) => hash_step(form).into_iter().collect(),
        };
    }
    let mut transforms = match normaliser(target.field_type) {
        Some(step) => vec![step],
        None if target.form != FieldForm::Raw => vec![Transform::Trim, Transform::Lowercase],
        // Plain text goes as it is, byte for byte.
        None if target.kind == FieldKind::Attribute && target.field_type.takes_any_text() => Vec::new(),
        None => vec![Transform::Trim],
    };
    transforms.extend(hash_step(target.form));
    // One misfit in a field that nobody needs should not keep a person from the destination.
    if !target.required && (target.form != FieldForm::Raw || !target.field_type.takes_any_text()) {
        transforms.push(Transform::EmptyWhenInvalid);
    }
    transforms
}

/// The step that writes values of a type the one way in which others find them again.
fn normaliser(field_type: FieldType) -> Option<Transform> {
    match field_type {
        FieldType::Email => Some(Transform::NormaliseEmail),
        FieldType::Phone => Some(Transform::PhoneE164 { default_country: None }),
        _ => None,
    }
}

/// The step that makes values of a form.
fn hash_step(form: FieldForm) -> Option<Transform> {
    match form {
        FieldForm::Raw => None,
        FieldForm::Sha256Hex => Some(Transform::Sha256Hex),
        FieldForm::Sha256Base64 => Some(Transform::Sha256Base64),
    }
}

fn form_after(transform: &Transform) -> Option<FieldForm> {
    match transform {
        Transform::Sha256Hex => Some(FieldForm::Sha256Hex),
        Transform::Sha256Base64 => Some(FieldForm::Sha256Base64),
        _ => None,
    }
}

fn says_who(field_type: FieldType) -> bool {
    matches!(
        field_type,
        FieldType::Email | FieldType::Phone | FieldType::MobileAdId | FieldType::CookieId | FieldType::CustomerId
    )
}

/// Whether every value of `from` is a value of `to` as it stands.
fn converts(from: FieldType, to: FieldType) -> bool {
    from == to
        // The producer did not say what it is: each row is checked.
        || from == FieldType::Other
        || matches!(to, FieldType::String | FieldType::Other | FieldType::PostalCode | FieldType::CustomerId)
        || (from, to) == (FieldType::Integer, FieldType::Decimal)
}

fn words(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Email => "e-mail addresses",
        FieldType::Phone => "telephone numbers",
        FieldType::MobileAdId => "mobile ad ids",
        FieldType::CookieId => "cookie ids",
        FieldType::CustomerId => "customer ids",
        FieldType::String | FieldType::Other => "text",
        FieldType::Integer => "whole numbers",
        FieldType::Decimal => "decimal numbers",
        FieldType::Boolean => "yes or no",
        FieldType::Date => "dates",
        FieldType::Timestamp => "points in time",
        FieldType::Country => "countries",
        FieldType::PostalCode => "postal codes",
    }
}
