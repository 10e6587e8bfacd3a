//! Fields from a file: the header of a CSV, or JSON as the contract writes fields.

use model::{
    contract::MAX_COLUMNS,
    error::HubError,
    field::{Field, FieldKind, FieldType},
    rows::{RowError, RowReader},
    suggestion::{Meaning, meaning},
};
use serde::Deserialize;

use super::checks::{field_name, same_name};
use crate::hub::Result;

/// Bytes of a file of fields at most.
pub const LARGEST_FIELDS_FILE: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(untagged)]
enum Json {
    List(Vec<Field>),
    Object { fields: Vec<Field> },
}

/// The fields that a file tells, checked. What is wrong is said with the place in the file.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Field>> {
    let wrong = |message: String| HubError::invalid("file", message);
    if bytes.len() > LARGEST_FIELDS_FILE {
        return Err(wrong("The file is larger than 1 MiB. A header line is enough.".to_owned()));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| wrong("The file is not UTF-8 text. Choose a CSV or a JSON file.".to_owned()))?;
    let text = text.trim_start_matches('\u{feff}');
    let fields = match text.trim_start().chars().next() {
        None => return Err(wrong("The file is empty. Choose a CSV file with a header, or a JSON file.".to_owned())),
        Some('[' | '{') => json(text).map_err(wrong)?,
        Some(_) => header(text).map_err(wrong)?,
    };
    if fields.is_empty() {
        return Err(wrong("The file names no field.".to_owned()));
    }
    if fields.len() > MAX_COLUMNS {
        return Err(wrong(format!(
            "The file names {} fields; an application has at most {MAX_COLUMNS}.",
            fields.len()
        )));
    }
    for (place, field) in fields.iter().enumerate() {
        let number = place + 1;
        field_name(&field.name).map_err(|message| wrong(format!("Field {number} of the file: {message}")))?;
        if let Some(other) = fields[..place].iter().position(|other| same_name(&other.name, &field.name)) {
            return Err(wrong(format!(
                "Fields {} and {number} of the file are both called “{}”. Each name can stand once.",
                other + 1,
                field.name
            )));
        }
        let texts = [(&field.label, 100), (&field.description, 500), (&field.example, 200)];
        if texts.into_iter().any(|(text, most)| {
            text.as_ref()
                .is_some_and(|text| text.chars().count() > most || text.chars().any(|c| c.is_control() && c != '\n'))
        }) {
            return Err(wrong(format!(
                "Field {number} of the file: a label has at most 100 characters, a description 500, an example 200."
            )));
        }
    }
    Ok(fields)
}

fn json(text: &str) -> std::result::Result<Vec<Field>, String> {
    // An untagged enum does not say where it is wrong.
    let place = |error: serde_json::Error| {
        format!(
            "This is no JSON of fields (line {}, column {}). Write [{{\"name\": \"email\", \"kind\": \"identifier\", \"type\": \"email\"}}, …].",
            error.line(),
            error.column()
        )
    };
    if text.trim_start().starts_with('[') {
        return serde_json::from_str::<Vec<Field>>(text).map_err(place).map(trimmed);
    }
    match serde_json::from_str::<Json>(text) {
        Ok(Json::Object { fields } | Json::List(fields)) => Ok(trimmed(fields)),
        Err(_) => {
            serde_json::from_str::<serde_json::Value>(text).map_err(place)?;
            Err("This JSON has no list “fields” of fields. Write {\"fields\": [{\"name\": \"email\", \"kind\": \"identifier\", \"type\": \"email\"}, …]}.".to_owned())
        }
    }
}

fn trimmed(mut fields: Vec<Field>) -> Vec<Field> {
    for field in &mut fields {
        field.name = field.name.trim().to_owned();
    }
    fields
}

/// The columns of the first line; what they are is guessed from their names, to be looked over.
fn header(text: &str) -> std::result::Result<Vec<Field>, String> {
    let line = text.lines().next().unwrap_or_default();
    let mut reader = RowReader::new();
    let told = |error: RowError| format!("The header can’t be read: {error}.");
    let mut ignore = |_: model::rows::RawRow<'_>| Ok::<(), RowError>(());
    reader.feed(format!("{line}\n").as_bytes(), &mut ignore).map_err(told)?;
    reader.finish(&mut ignore).map_err(told)?;
    let columns = reader.header().unwrap_or_default();
    if let [only] = columns
        && only.contains([';', '\t', '|'])
    {
        return Err("The header has no commas. Save the file with commas between the columns.".to_owned());
    }
    Ok(columns.iter().map(|name| guessed(name.trim())).collect())
}

fn guessed(name: &str) -> Field {
    let field = Field::new(name, FieldKind::Attribute, FieldType::String);
    let (kind, field_type) = match meaning(&field) {
        Some(Meaning::Email) => (FieldKind::Identifier, FieldType::Email),
        Some(Meaning::Phone) => (FieldKind::Identifier, FieldType::Phone),
        Some(Meaning::CustomerId) => (FieldKind::Identifier, FieldType::CustomerId),
        Some(Meaning::MobileAdId) => (FieldKind::Identifier, FieldType::MobileAdId),
        Some(Meaning::CookieId) => (FieldKind::Identifier, FieldType::CookieId),
        Some(Meaning::PostalCode) => (FieldKind::Attribute, FieldType::PostalCode),
        Some(Meaning::Country) => (FieldKind::Attribute, FieldType::Country),
        Some(Meaning::BirthDate) => (FieldKind::Attribute, FieldType::Date),
        _ => (FieldKind::Attribute, FieldType::String),
    };
    Field { kind, field_type, ..field }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(bytes: &[u8]) -> String {
        read(bytes).expect_err("is refused").problem_of("file").expect("at the file").to_owned()
    }

    #[test]
    fn a_header_is_read_and_its_columns_are_guessed() {
        let fields = read("\u{feff}\"E-mail\",phone,\"first, name\",postal_code,имя\r\na,b,c,d,e\r\n".as_bytes())
            .expect("reads");
        let found: Vec<_> = fields.iter().map(|field| (field.name.as_str(), field.kind, field.field_type)).collect();
        assert_eq!(found[0], ("E-mail", FieldKind::Identifier, FieldType::Email));
        assert_eq!(found[1], ("phone", FieldKind::Identifier, FieldType::Phone));
        assert_eq!(found[2], ("first, name", FieldKind::Attribute, FieldType::String));
        assert_eq!(found[3], ("postal_code", FieldKind::Attribute, FieldType::PostalCode));
        assert_eq!(found[4].0, "имя");
    }

    #[test]
    fn json_is_read_as_a_list_and_as_a_part_of_what_an_endpoint_says() {
        let list = br#"[{"name": " email ", "kind": "identifier", "type": "email", "required": true}]"#;
        let object = br#"{"movement": "PUSH", "fields": [{"name": "email", "kind": "identifier", "type": "email", "required": true}]}"#;
        assert_eq!(read(list).expect("reads"), read(object).expect("reads"));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_place() {
        assert!(problem(b"").contains("empty"));
        assert!(problem(&[0xff, 0xfe, 0]).contains("UTF-8"));
        assert!(problem(b"email,name,EMAIL\n").contains("Fields 1 and 3"));
        assert!(problem(b"email;name\n").contains("commas"));
        assert!(problem(b"email,_error_code\n").contains("Field 2"));
        assert!(problem(b"[{\"name\": \"email\"}]").contains("line 1"));
        assert!(problem(b"{\"columns\": []}").contains("fields"));
        assert!(problem(b"{\"columns\": ").contains("line 1"));
        let many: Vec<String> = (0..10_000).map(|number| format!("column_{number}")).collect();
        let told = problem(many.join(",").as_bytes());
        assert!(told.contains("512"), "{told}");
        let many: Vec<Field> =
            many.into_iter().take(2000).map(|name| Field::new(name, FieldKind::Attribute, FieldType::String)).collect();
        let told = problem(&serde_json::to_vec(&many).expect("writes"));
        assert!(told.contains("2000 fields"), "{told}");
    }
}
