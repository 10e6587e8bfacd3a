//! What sets two mappings apart, in sentences for people.

use super::{Link, Mapping, Source};
use crate::{field::Field, transform::Transform};

/// What was changed from `before` to `after`, a sentence for each destination field, in the order of the later mapping; what is no longer sent comes
/// last. Fields are called as they are called now.
pub fn differences(before: &Mapping, after: &Mapping, source: &[Field], destination: &[Field]) -> Vec<String> {
    let names = Names { source, destination };
    let mut sentences = Vec::new();
    for link in &after.links {
        let to = names.target(&link.target);
        let from = names.origin(&link.source);
        match before.link(&link.target) {
            None if link.transforms.is_empty() => sentences.push(format!("{to} gets {from}.")),
            None => sentences.push(format!("{to} gets {from} ({}).", steps(&link.transforms))),
            Some(had) => {
                if had.source != link.source {
                    sentences.push(format!("{to} gets {from} instead of {}.", names.origin(&had.source)));
                }
                sentences.extend(step_difference(&to, had, link));
            }
        }
    }
    for link in before.links.iter().filter(|link| after.link(&link.target).is_none()) {
        sentences.push(format!("{} is no longer sent.", names.target(&link.target)));
    }
    sentences
}

fn step_difference(to: &str, had: &Link, link: &Link) -> Option<String> {
    if had.transforms == link.transforms {
        return None;
    }
    let (before, after) = (steps(&had.transforms), steps(&link.transforms));
    Some(if before == after {
        format!("{to}: the settings of “{after}” were changed.")
    } else {
        format!("{to}: “{after}” instead of “{before}”.")
    })
}

/// A chain in words; what the steps are set to is left out, because it may be about people.
fn steps(transforms: &[Transform]) -> String {
    if transforms.is_empty() {
        return "as is".to_owned();
    }
    transforms.iter().map(Transform::label).collect::<Vec<_>>().join(" → ")
}

struct Names<'a> {
    source: &'a [Field],
    destination: &'a [Field],
}

impl Names<'_> {
    fn target(&self, name: &str) -> String {
        quoted(self.destination, name)
    }

    fn origin(&self, source: &Source) -> String {
        match source {
            Source::Field { name } => quoted(self.source, name),
            Source::Joined { names, .. } => {
                let names: Vec<String> = names.iter().map(|name| quoted(self.source, name)).collect();
                format!("{} joined", names.join(" and "))
            }
            Source::Constant { value } => format!("the constant “{value}”"),
        }
    }
}

fn quoted(fields: &[Field], name: &str) -> String {
    let field = fields.iter().find(|field| field.name == name);
    format!("“{}”", field.map_or(name, Field::display_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{FieldKind, FieldType};

    fn link(target: &str, source: &str, transforms: Vec<Transform>) -> Link {
        Link { target: target.to_owned(), source: Source::Field { name: source.to_owned() }, transforms }
    }

    #[test]
    fn each_change_is_one_sentence() {
        let mut mail = Field::new("email", FieldKind::Identifier, FieldType::Email);
        mail.label = Some("E-mail".to_owned());
        let source = [mail];
        let before = Mapping {
            links: vec![
                link("mail", "email", vec![Transform::Trim]),
                link("town", "city", Vec::new()),
                link("tel", "phone", vec![Transform::PhoneE164 { default_country: None }]),
                link("nick", "nickname", Vec::new()),
            ],
        };
        let constant = Link {
            target: "origin".to_owned(),
            source: Source::Constant { value: "CRM".to_owned() },
            transforms: Vec::new(),
        };
        let after = Mapping {
            links: vec![
                link("mail", "email", vec![Transform::NormaliseEmail]),
                link("town", "place", Vec::new()),
                link("tel", "phone", vec![Transform::PhoneE164 { default_country: Some("DE".to_owned()) }]),
                constant,
            ],
        };
        let said = differences(&before, &after, &source, &[]);
        let email = Transform::NormaliseEmail.label();
        let phone = Transform::PhoneE164 { default_country: None };
        assert_eq!(
            said,
            [
                format!("“mail”: “{email}” instead of “{}”.", Transform::Trim.label()),
                "“town” gets “place” instead of “city”.".to_owned(),
                format!("“tel”: the settings of “{}” were changed.", phone.label()),
                "“origin” gets the constant “CRM”.".to_owned(),
                "“nick” is no longer sent.".to_owned(),
            ]
        );
        assert_eq!(differences(&after, &after, &source, &[]), Vec::<String>::new());
        let first = differences(&Mapping::default(), &before, &source, &[]);
        assert_eq!(first[0], format!("“mail” gets “E-mail” ({}).", Transform::Trim.label()));
    }
}
