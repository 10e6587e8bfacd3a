//! Fields: the words for them, and what a column probably is where the file does not say.

use std::collections::HashSet;

use model::field::{Field, FieldForm, FieldKind, FieldType};
use model::preset::Preset;

use super::name::identifier;
use super::raw::RawField;
use super::{ConfigError, wrong};

pub(super) fn fields(key: &str, raw: Vec<RawField>) -> Result<Vec<Field>, ConfigError> {
    let mut names = HashSet::new();
    let mut fields = Vec::new();
    for (index, field) in raw.into_iter().enumerate() {
        let at = |part: &str| format!("{key}[{index}].{part}");
        identifier(&at("name"), &field.name)?;
        // SQL does not tell columns apart by case.
        if !names.insert(field.name.to_lowercase()) {
            return Err(wrong(at("name"), format!("is \"{}\" once more", field.name), "Name each field once."));
        }
        let guessed = guess(&field.name);
        let field_type = match field.field_type.as_deref() {
            None => guessed.field_type,
            Some(word) => field_type(word).ok_or_else(|| {
                wrong(
                    at("type"),
                    format!("is \"{word}\""),
                    format!("Use one of {}.", FieldType::NAMED.map(|(word, _)| word).join(", ")),
                )
            })?,
        };
        let kind = match field.kind.as_deref() {
            None => guessed.kind,
            Some("identifier") => FieldKind::Identifier,
            Some("attribute") => FieldKind::Attribute,
            Some(word) => {
                return Err(wrong(at("kind"), format!("is \"{word}\""), "Use \"identifier\" or \"attribute\"."));
            }
        };
        let form = match field.form.as_deref() {
            None | Some("raw") => FieldForm::Raw,
            Some("sha256_hex") => FieldForm::Sha256Hex,
            Some("sha256_base64") => FieldForm::Sha256Base64,
            Some(word) => {
                return Err(wrong(
                    at("form"),
                    format!("is \"{word}\""),
                    "Use \"raw\", \"sha256_hex\" or \"sha256_base64\".",
                ));
            }
        };
        let preset = match field.preset.as_deref() {
            None => None,
            Some(word) => Some(Preset::of_word(word).ok_or_else(|| {
                let words = Preset::ALL.map(Preset::as_str).join(", ");
                wrong(at("preset"), format!("is \"{word}\""), format!("Use one of {words}."))
            })?),
        };
        fields.push(Field {
            name: field.name,
            label: field.label,
            kind,
            field_type,
            required: field.required,
            recommended: field.recommended,
            form,
            description: field.description,
            example: field.example,
            preset,
        });
    }
    Ok(fields)
}

fn field_type(word: &str) -> Option<FieldType> {
    FieldType::NAMED.iter().find(|(name, _)| *name == word).map(|(_, field_type)| *field_type)
}

/// The field that a column probably is, by its name alone: identifiers that are usual, and text for all else.
pub fn guess(column: &str) -> Field {
    let plain: String = column.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let (kind, field_type) = match plain.as_str() {
        "email" | "mail" | "emailaddress" => (FieldKind::Identifier, FieldType::Email),
        "phone" | "phonenumber" | "mobile" | "mobilenumber" | "telephone" | "tel" => {
            (FieldKind::Identifier, FieldType::Phone)
        }
        "id" | "customerid" | "customernumber" | "externalid" | "personid" | "userid" | "contactid" => {
            (FieldKind::Identifier, FieldType::CustomerId)
        }
        "mobileadid" | "maid" | "idfa" | "gaid" => (FieldKind::Identifier, FieldType::MobileAdId),
        "cookieid" | "cookie" => (FieldKind::Identifier, FieldType::CookieId),
        _ => (FieldKind::Attribute, FieldType::String),
    };
    Field::new(column, kind, field_type)
}
