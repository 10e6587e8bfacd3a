//! What speaks against a mapping before any row is read, which fields may be linked at all, and what a fresh link should do.

use std::collections::HashSet;

use super::{Finding, Link, MOST_JOINED, Mapping, Source, plan::strict_value};
use crate::{
    field::{Field, FieldForm, FieldKind, FieldType},
    suggestion::meaning,
    transform::{BooleanStyle, DateInput, DateOutput, DecimalMark, Shape, Transform},
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
            if let Err(reject) = strict_value(target, &link.transforms, value.into()) {
                findings.push(Finding::error(Some(target), format!("The constant does not fit: {}", reject.reason)));
            }
        }
        Source::Field { name } => {
            let Some(field) = known(name, source, target, findings) else { return };
            check_flow(&link.transforms, field, target, findings);
        }
        Source::Joined { names, .. } => {
            if !(2..=MOST_JOINED).contains(&names.len()) {
                findings.push(Finding::error(
                    Some(target),
                    format!("“{to}” joins 2 to {MOST_JOINED} fields. Add one, take one away, or map a single field."),
                ));
            }
            let mut fields = Vec::new();
            for name in names {
                let Some(field) = known(name, source, target, findings) else { return };
                if field.form != FieldForm::Raw {
                    findings.push(Finding::error(
                        Some(target),
                        format!(
                            "“{}” is hashed, and joined hashes match nobody. Take it away from “{to}”.",
                            field.display_name()
                        ),
                    ));
                    return;
                }
                fields.push(field);
            }
            check_flow(&link.transforms, &joined(&fields), target, findings);
        }
    }
}

fn known<'f>(name: &str, source: &'f [Field], target: &Field, findings: &mut Vec<Finding>) -> Option<&'f Field> {
    let field = source.iter().find(|field| field.name == name);
    if field.is_none() {
        findings.push(Finding::error(
            Some(target),
            format!(
                "The audience has no field “{name}” (any more), which feeds “{}”. Map another one.",
                target.display_name()
            ),
        ));
    }
    field
}

/// What several fields are, one behind the other: text.
pub fn joined(fields: &[&Field]) -> Field {
    let names: Vec<&str> = fields.iter().map(|field| field.display_name()).collect();
    Field::new(names.join(" + "), FieldKind::Attribute, FieldType::String)
}

/// Whether what the chain makes of the field is what the target takes.
fn check_flow(transforms: &[Transform], field: &Field, target: &Field, findings: &mut Vec<Finding>) {
    if field.form != FieldForm::Raw && target.form == FieldForm::Raw {
        findings.extend(why_not(field, target).map(|reason| Finding::error(Some(target), reason)));
        return;
    }
    let mut shape = Shape::of(field);
    for step in transforms {
        if shape.form == FieldForm::Raw && !step.takes(shape.field_type) {
            let reads = step.reads().unwrap_or("something else");
            findings.push(Finding::error(
                Some(target),
                format!(
                    "“{}”: “{}” reads {reads}, but is given {}. Take the step away, or map another field.",
                    target.display_name(),
                    step.label(),
                    words(shape.field_type)
                ),
            ));
            return;
        }
        shape = step.gives(shape);
    }
    // A hash shows no type: that of a date fits, however the date was written, when dates fit.
    let fits_hashed = target.form != FieldForm::Raw && why_not(field, target).is_none();
    if !fits_hashed && let Some(reason) = does_not_fit(field, shape.field_type, target) {
        findings.push(Finding::error(Some(target), reason));
        return;
    }
    check_form(transforms, field, target, findings);
    check_written_form(transforms, field, target, findings);
}

/// What is wrong with a chain whatever its source is.
fn check_steps(transforms: &[Transform], target: &Field, findings: &mut Vec<Finding>) {
    let to = target.display_name();
    for (index, transform) in transforms.iter().enumerate() {
        if let Some(wrong) = transform.wrong_parameter() {
            findings.push(Finding::error(Some(target), format!("“{to}”: {wrong}")));
            continue;
        }
        let after_hash = transforms[..index].iter().any(Transform::hashes);
        match transform {
            transform if after_hash && transform.needs_readable() => {
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
            Transform::DefaultWhenEmpty { value } => {
                if let Err(reject) = strict_value(target, &transforms[index + 1..], value.into()) {
                    findings.push(Finding::error(Some(target), format!("The default does not fit: {}", reject.reason)));
                }
            }
            Transform::EmptyWhenInvalid if transforms.contains(&Transform::RejectWhenEmpty) => {
                findings.push(Finding::warning(
                    Some(target),
                    format!(
                        "“{to}” rejects rows without a value, so “{}” never happens. Take one of the two away.",
                        transform.label()
                    ),
                ));
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
    let refuses =
        |step: &&Transform| step.needs_readable() && !matches!(step, Transform::Lowercase | Transform::LookUp { .. });
    if let Some(step) = transforms.iter().find(refuses) {
        findings.push(Finding::error(
            Some(target),
            format!(
                "“{from}” is hashed already, so “{}” would reject every row or spoil it. Take the step away.",
                step.label()
            ),
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

/// Why `source` must not be linked to `target`, as a sentence for people; none when it may be, with a step that converts where one is needed.
pub fn why_not(source: &Field, target: &Field) -> Option<String> {
    if source.form != FieldForm::Raw && target.form == FieldForm::Raw {
        let (from, to) = (source.display_name(), target.display_name());
        return Some(format!("“{from}” is hashed, and a hash can't be turned back into what “{to}” takes."));
    }
    if source.form == FieldForm::Raw && converter(source.field_type, target).is_some() {
        return None;
    }
    does_not_fit(source, source.field_type, target)
}

/// Whether `source` may be linked to `target`: the same as `why_not`, without the words, for those who ask of each field of each side.
pub(crate) fn may_link(source: &Field, target: &Field) -> bool {
    if source.form != FieldForm::Raw && target.form == FieldForm::Raw {
        return false;
    }
    (source.form == FieldForm::Raw && converter(source.field_type, target).is_some())
        || fits(source, source.field_type, target)
}

/// Whether values of `source` that have become `made` fit `target`.
fn fits(source: &Field, made: FieldType, target: &Field) -> bool {
    if target.kind != FieldKind::Identifier {
        return converts(made, target.field_type);
    }
    if made == target.field_type {
        // A type that says who somebody is keeps its meaning whatever the producer calls it. Names and parts of an address say who somebody is
        // together; each producer calls them attributes.
        return source.kind == FieldKind::Identifier
            || says_who(made)
            || meaning(source).is_some_and(|of_source| Some(of_source) == meaning(target));
    }
    target.field_type == FieldType::CustomerId
        && source.kind == FieldKind::Identifier
        && matches!(made, FieldType::String | FieldType::Integer | FieldType::Other)
}

/// Why values that have become `made` do not fit `target`, as a sentence for people.
fn does_not_fit(source: &Field, made: FieldType, target: &Field) -> Option<String> {
    if fits(source, made, target) {
        return None;
    }
    let (from, to) = (source.display_name(), target.display_name());
    let holds = |made: FieldType| {
        if made == source.field_type {
            format!("“{from}” holds {}", words(made))
        } else {
            format!("the steps make {} of “{from}”", words(made))
        }
    };
    if target.kind == FieldKind::Identifier {
        return Some(if made == target.field_type {
            format!("“{to}” says who a person is; “{from}” only says something about them.")
        } else {
            format!("“{to}” takes {}, and {}.", words(target.field_type), holds(made))
        });
    }
    let remedy = match converter(made, target) {
        Some(step) => format!("Add “{}”.", step.label()),
        None => "Not all of them can be written so.".to_owned(),
    };
    Some(format!("“{to}” takes {}, and {}. {remedy}", words(target.field_type), holds(made)))
}

/// The step that makes what an attribute takes of values that may be written otherwise. Each row is checked by it.
fn converter(from: FieldType, target: &Field) -> Option<Transform> {
    use FieldType as T;
    let to = target.field_type;
    if target.kind == FieldKind::Identifier || converts(from, to) {
        return None;
    }
    let decimal_mark = DecimalMark::Point;
    match (from, to) {
        (T::String, T::Integer) | (T::Decimal, T::Integer) => {
            Some(Transform::NumberFormat { decimal_mark, decimals: Some(0) })
        }
        (T::String, T::Decimal) => Some(Transform::NumberFormat { decimal_mark, decimals: None }),
        (T::String | T::Integer, T::Boolean) => Some(Transform::BooleanWords { write: BooleanStyle::TrueFalse }),
        (T::String | T::Timestamp, T::Date) => {
            let from = if from == T::Timestamp { DateInput::Timestamp } else { DateInput::YearMonthDay };
            Some(Transform::DateFormat { from, to: DateOutput::Date })
        }
        (T::String | T::Date, T::Timestamp) => {
            let from = if from == T::Date { DateInput::YearMonthDay } else { DateInput::Timestamp };
            Some(Transform::DateFormat { from, to: DateOutput::Timestamp })
        }
        (T::String, T::Country) => Some(Transform::CountryCode),
        _ => None,
    }
}

/// What a fresh link of the two should do, so that the destination gets its values in the type and form in which it finds people again.
pub fn default_transforms(source: &Field, target: &Field) -> Vec<Transform> {
    match target.preset {
        Some(preset) => preset.chain(source, target),
        None => transforms_by_type(source, target),
    }
}

/// The same by the types and forms of the two alone.
pub(crate) fn transforms_by_type(source: &Field, target: &Field) -> Vec<Transform> {
    if source.form != FieldForm::Raw {
        return match (source.form == target.form, target.form) {
            (true, FieldForm::Sha256Hex) => vec![Transform::Trim, Transform::Lowercase],
            (true, _) => vec![Transform::Trim],
            (false, form) => hash_step(form).into_iter().collect(),
        };
    }
    let steps = match normaliser(target.field_type).or_else(|| converter(source.field_type, target)) {
        Some(step) => vec![step],
        None if target.form != FieldForm::Raw => vec![Transform::Trim, Transform::Lowercase],
        // Plain text goes as it is, byte for byte.
        None if target.kind == FieldKind::Attribute && target.field_type.takes_any_text() => Vec::new(),
        None => vec![Transform::Trim],
    };
    in_the_targets_form(steps, target)
}

/// Steps, with the hash that the target takes behind them.
pub(crate) fn in_the_targets_form(mut transforms: Vec<Transform>, target: &Field) -> Vec<Transform> {
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
pub(crate) fn converts(from: FieldType, to: FieldType) -> bool {
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
