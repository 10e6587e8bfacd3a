//! A version of an application as lines to read, and what differs from another version.

use model::{
    application::{CredentialField, Credentials, Definition, Line},
    contract::{JobMode, Movement},
    field::{Field, FieldForm, FieldKind},
};

/// All that a version says, each beside what the approved one says where that differs. What only the approved one says comes where it stood.
pub(in crate::registry) fn compared(approved: Option<&Definition>, now: &Definition) -> Vec<Line> {
    let now = said(now);
    let Some(approved) = approved else {
        return now.into_iter().map(|(what, text)| Line { what, before: None, now: Some(text) }).collect();
    };
    let before = said(approved);
    let find = |lines: &[(String, String)], what: &str| {
        lines.iter().find(|(known, _)| known == what).map(|(_, text)| text.clone())
    };
    let mut lines: Vec<Line> = now
        .iter()
        .map(|(what, text)| Line { what: what.clone(), before: find(&before, what), now: Some(text.clone()) })
        .collect();
    for (place, (what, text)) in before.iter().enumerate() {
        if find(&now, what).is_none() {
            // After the line that it followed.
            let after =
                before[..place].iter().rev().find_map(|(what, _)| lines.iter().position(|line| line.what == *what));
            let line = Line { what: what.clone(), before: Some(text.clone()), now: None };
            lines.insert(after.map_or(0, |place| place + 1), line);
        }
    }
    lines
}

/// What a version says, without what it does not.
fn said(definition: &Definition) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut line = |what: &str, text: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            lines.push((what.to_owned(), text));
        }
    };
    line("Name", Some(definition.name.clone()));
    line("Description", Some(definition.description.clone()));
    line("Category", Some(definition.category.label().to_owned()));
    line("Support", definition.support.clone());
    line("Logo", definition.logo.as_ref().map(|digest| format!("Picture {}", digest.get(..12).unwrap_or(digest))));
    line("Offers audiences", definition.producer.map(|movement| producer(movement).to_owned()));
    line("Takes audiences", definition.consumer.map(|movement| consumer(movement).to_owned()));
    let urls = &definition.urls;
    line("Address", urls.base.clone());
    line("Contact address", urls.contact.clone());
    line("Address of v1/endpoint", urls.endpoint.clone());
    line("Address of v1/segments", urls.segments.clone());
    line("Address of v1/jobs", urls.jobs.clone());
    line("Address of v1/health", urls.health.clone());
    if let Some(delivery) = &definition.delivery {
        let modes: Vec<&str> = delivery
            .modes
            .iter()
            .map(|mode| match mode {
                JobMode::Add => "add",
                JobMode::Replace => "replace",
                JobMode::Remove => "remove",
            })
            .collect();
        line("Changes of segments", Some(modes.join(", ")));
        let segments = match (delivery.new_segment, delivery.existing_segment) {
            (true, true) => "new and existing ones",
            (true, false) => "new ones",
            (false, true) => "existing ones",
            (false, false) => "",
        };
        line("Segments", Some(segments.to_owned()));
        line("Rows per part", delivery.rows_per_part.map(|rows| format!("at most {rows}")));
        line("Rows per second", delivery.rows_per_second.map(|rows| format!("at most {rows}")));
        line("Members are kept", delivery.member_lifetime_days.map(|days| format!("{days} days")));
    }
    for field in &definition.fields {
        line(&format!("Field {}", field.name), Some(field_text(field)));
    }
    line("Credentials", Some(definition.credentials.label().to_owned()));
    match &definition.credentials {
        Credentials::Key | Credentials::Basic => {}
        Credentials::ClientCredentials { token_url, scopes } => {
            line("Address of tokens", Some(token_url.clone()));
            line("Scopes", Some(scopes.join(" ")));
        }
        Credentials::AuthorizationCode { authorization_url, token_url, client_id, scopes } => {
            line("Address of consent", Some(authorization_url.clone()));
            line("Address of tokens", Some(token_url.clone()));
            line("Client id", Some(client_id.clone()));
            line("Scopes", Some(scopes.join(" ")));
        }
        Credentials::Instructions { steps } => line("Instructions", Some(steps.clone())),
    }
    for field in &definition.credential_fields {
        line(&format!("Asked for: {}", field.label), Some(credential_text(field)));
    }
    line("Where credentials are found", Some(definition.credential_help.clone()));
    lines
}

fn producer(movement: Movement) -> &'static str {
    match movement {
        Movement::Pull => "PULL: Usher fetches them",
        Movement::Push => "PUSH: it sends them itself",
    }
}

fn consumer(movement: Movement) -> &'static str {
    match movement {
        Movement::Push => "PUSH: Usher sends them",
        Movement::Pull => "PULL: it fetches them itself",
    }
}

fn field_text(field: &Field) -> String {
    let kind = match field.kind {
        FieldKind::Identifier => "identifier",
        FieldKind::Attribute => "attribute",
    };
    let mut parts = vec![kind.to_owned(), field.field_type.label().to_owned()];
    match field.form {
        FieldForm::Raw => {}
        FieldForm::Sha256Hex => parts.push("SHA-256, hexadecimal".to_owned()),
        FieldForm::Sha256Base64 => parts.push("SHA-256, Base64".to_owned()),
    }
    match (field.required, field.recommended) {
        (true, _) => parts.push("required".to_owned()),
        (false, true) => parts.push("recommended".to_owned()),
        (false, false) => {}
    }
    parts.extend(field.label.as_ref().map(|label| format!("“{label}”")));
    parts.extend(field.description.clone());
    parts.extend(field.example.as_ref().map(|example| format!("for instance {example}")));
    parts.join(", ")
}

fn credential_text(field: &CredentialField) -> String {
    let mut parts = vec![match &field.header {
        Some(header) => format!("sent as {header}"),
        None => format!("stands for {{{}}} in addresses", field.name),
    }];
    if field.secret {
        parts.push("secret".to_owned());
    }
    if field.required {
        parts.push("required".to_owned());
    }
    if !field.help.is_empty() {
        parts.push(field.help.clone());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::field::FieldType;

    #[test]
    fn only_what_differs_has_a_before_that_is_not_now() {
        let field = |name: &str| Field::new(name, FieldKind::Attribute, FieldType::String);
        let approved = Definition {
            name: "Mail".to_owned(),
            consumer: Some(Movement::Push),
            fields: vec![field("email"), field("gone"), field("city")],
            ..Definition::default()
        };
        let now = Definition {
            name: "Mail 2".to_owned(),
            fields: vec![field("email"), field("city"), field("new").required()],
            ..approved.clone()
        };
        let lines = compared(Some(&approved), &now);
        let differing: Vec<_> = lines
            .iter()
            .filter(|line| line.before != line.now)
            .map(|line| (line.what.as_str(), line.before.is_some(), line.now.is_some()))
            .collect();
        assert_eq!(differing, [("Name", true, true), ("Field gone", true, false), ("Field new", false, true)]);
        let places: Vec<_> =
            lines.iter().filter(|line| line.what.starts_with("Field")).map(|line| &line.what[6..]).collect();
        assert_eq!(places, ["email", "gone", "city", "new"], "what went stands where it stood");
        assert!(compared(None, &now).iter().all(|line| line.before.is_none()));
    }
}
