//! Made-up people for the Test Drive's imports: values that are right for each field's type, and one row that is wrong.

use base64::{Engine, engine::general_purpose::STANDARD};
use model::{
    field::{Field, FieldForm, FieldKind, FieldType},
    rows::append_row,
};
use sha2::{Digest, Sha256};

/// Rows of CSV with a header, for people of these numbers.
pub(super) fn csv(fields: &[Field], people: &[u32]) -> Vec<u8> {
    let mut csv = Vec::new();
    append_row(&mut csv, fields.iter().map(|field| field.name.as_bytes()));
    for person in people {
        append_row(&mut csv, fields.iter().map(|field| value(field, *person).into_bytes()));
    }
    csv
}

/// The same, but in the last row a field is wrong: which one; none when nothing that these fields take would be.
pub(super) fn with_a_bad_row(fields: &[Field], people: &[u32]) -> Option<(Vec<u8>, String)> {
    let wrong = fields.iter().position(|field| field.required)?;
    let (last, others) = people.split_last()?;
    let mut csv = csv(fields, others);
    append_row(
        &mut csv,
        fields
            .iter()
            .enumerate()
            .map(|(place, field)| if place == wrong { Vec::new() } else { value(field, *last).into_bytes() }),
    );
    Some((csv, fields[wrong].name.clone()))
}

/// A value of somebody who does not exist.
fn value(field: &Field, person: u32) -> String {
    let raw = raw(field, person);
    let digest = || Sha256::digest(raw.as_bytes());
    match field.form {
        FieldForm::Raw => raw,
        FieldForm::Sha256Hex => hex::encode(digest()),
        FieldForm::Sha256Base64 => STANDARD.encode(digest()),
    }
}

fn raw(field: &Field, person: u32) -> String {
    // Who somebody is has to differ from row to row; of what is known of them, an example is the best guess.
    if field.kind == FieldKind::Attribute
        && let Some(example) = &field.example
    {
        return example.clone();
    }
    match field.field_type {
        FieldType::Email => format!("usher-test-drive-{person}@example.org"),
        // A number of the range that is kept for films and books.
        FieldType::Phone => format!("+4930231250{:02}", person % 100),
        FieldType::MobileAdId => format!("00000000-0000-4000-8000-{person:012}"),
        FieldType::CookieId | FieldType::CustomerId => format!("usher-test-drive-{person}"),
        FieldType::String | FieldType::Other => match field.kind {
            FieldKind::Identifier => format!("usher-test-drive-{person}"),
            FieldKind::Attribute => "Test".to_owned(),
        },
        FieldType::Integer => person.to_string(),
        FieldType::Decimal => format!("{person}.5"),
        FieldType::Boolean => "true".to_owned(),
        FieldType::Date => "2001-02-03".to_owned(),
        FieldType::Timestamp => "2001-02-03T04:05:06Z".to_owned(),
        FieldType::Country => "DE".to_owned(),
        FieldType::PostalCode => "10115".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_differ_in_who_they_are_and_one_row_is_wrong() {
        let mut city = Field::new("city", FieldKind::Attribute, FieldType::String);
        city.example = Some("Porto, north".to_owned());
        let fields = [Field::new("email", FieldKind::Identifier, FieldType::Email).required(), city];
        let text = String::from_utf8(csv(&fields, &[1, 2])).expect("UTF-8");
        assert_eq!(
            text,
            "email,city\r\nusher-test-drive-1@example.org,\"Porto, north\"\r\nusher-test-drive-2@example.org,\"Porto, north\"\r\n"
        );
        let (bad, field) = with_a_bad_row(&fields, &[3, 4]).expect("an address is required");
        assert_eq!(field, "email");
        assert!(String::from_utf8(bad).expect("UTF-8").ends_with("\r\n,\"Porto, north\"\r\n"));
        assert_eq!(with_a_bad_row(&fields[1..], &[3]), None);
    }
}
