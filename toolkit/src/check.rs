//! Whether a value is one of its field's type: the reasons for which a consumer refuses a row.
//!
//! Values are looked at, never changed. What Usher takes for a value of a type before it sends it is one here too: `model::mapping` says so. The reasons
//! say which form is expected and never repeat the value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use model::field::{Field, FieldForm, FieldType};
use model::mapping::{is_country, is_date, is_decimal, is_phone};
use model::reject::RejectCode;

/// What is wrong with one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objection {
    /// The stable code.
    pub code: RejectCode,
    /// A sentence for people.
    pub reason: &'static str,
}

/// Checks one value; `needed` says that it must not be empty.
pub fn check_value(field: &Field, needed: bool, value: &str) -> Option<Objection> {
    if value.trim().is_empty() {
        return needed
            .then_some(Objection { code: RejectCode::RequiredEmpty, reason: "This field must not be empty." });
    }
    let (legal, code, reason) = match field.form {
        FieldForm::Sha256Hex => (
            value.len() == 64 && value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
            RejectCode::InvalidValue,
            "Expected a SHA-256 in lower-case hexadecimal, 64 characters.",
        ),
        FieldForm::Sha256Base64 => (
            value.len() == 44 && STANDARD.decode(value).is_ok_and(|bytes| bytes.len() == 32),
            RejectCode::InvalidValue,
            "Expected a SHA-256 in Base64, 44 characters.",
        ),
        FieldForm::Raw => raw(field.field_type, value),
    };
    (!legal).then_some(Objection { code, reason })
}

fn raw(field_type: FieldType, value: &str) -> (bool, RejectCode, &'static str) {
    let invalid = RejectCode::InvalidValue;
    match field_type {
        FieldType::Email => {
            (is_email(value), RejectCode::InvalidEmail, "Expected an e-mail address such as name@example.org.")
        }
        FieldType::Phone => {
            (is_phone(value), RejectCode::InvalidPhone, "Expected a telephone number of 5 to 15 digits.")
        }
        FieldType::Integer => (value.parse::<i64>().is_ok(), invalid, "Expected a whole number such as 42."),
        FieldType::Decimal => (is_decimal(value), invalid, "Expected a number with a decimal point such as 12.50."),
        FieldType::Boolean => (is_boolean(value), invalid, "Expected true or false, 1 or 0, yes or no."),
        FieldType::Date => (is_date(value), invalid, "Expected a date such as 2026-01-31."),
        FieldType::Timestamp => {
            (DateTime::parse_from_rfc3339(value).is_ok(), invalid, "Expected a time such as 2026-01-31T08:30:00Z.")
        }
        FieldType::Country => (is_country(value), invalid, "Expected two letters (ISO 3166-1) such as PT."),
        FieldType::String
        | FieldType::Other
        | FieldType::CustomerId
        | FieldType::CookieId
        | FieldType::PostalCode
        | FieldType::MobileAdId => (true, invalid, ""),
    }
}

/// The syntax that mail tools agree on: no quoted local parts, no comments, a domain of at least two labels.
fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.rsplit_once('@') else { return false };
    // Loops over bytes do not leave early, so that many bytes are looked at at a time: this runs for every row of an audience.
    let legal_byte = |byte: u8| {
        byte > b' '
            && byte != 0x7f
            && !matches!(byte, b'@' | b',' | b';' | b':' | b'<' | b'>' | b'(' | b')' | b'[' | b']' | b'"' | b'\\')
    };
    let beyond_ascii = |text: &str| text.is_ascii() || text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    let legal_local = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && local.as_bytes().windows(2).fold(true, |legal, pair| legal & (pair != b".."))
        && local.bytes().fold(true, |legal, byte| legal & legal_byte(byte))
        && beyond_ascii(local);
    let legal_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .fold(true, |legal, byte| legal & (byte.is_ascii_alphanumeric() || byte == b'-' || !byte.is_ascii()))
            && beyond_ascii(label)
    };
    let legal_domain = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(legal_label);
    legal_local && legal_domain
}

fn is_boolean(value: &str) -> bool {
    ["true", "false", "1", "0", "yes", "no"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use model::field::FieldKind;

    use super::*;

    fn code(field_type: FieldType, value: &str) -> Option<RejectCode> {
        check_value(&Field::new("x", FieldKind::Attribute, field_type), false, value).map(|objection| objection.code)
    }

    #[test]
    fn values_of_each_type_are_told_from_others() {
        let cases: &[(FieldType, &[&str], &[&str])] = &[
            (
                FieldType::Email,
                &["a@b.co", "o'brien+x@mail.example.org", "josé@correo.es", "用户@例子.公司", "ΑΝΝΑ@παράδειγμα.ελ"],
                &[
                    "a",
                    "a@b",
                    "@b.co",
                    "a@@b.co",
                    "a b@c.de",
                    "a@b..co",
                    ".a@b.co",
                    "a@-b.co",
                    " a@b.co",
                    "a@b.co,c@d.ef",
                ],
            ),
            (
                FieldType::Phone,
                &["+351 912 345 678", "(02) 1234-5678", "0049/30/123456", "(+351) 210 123 456", "12345"],
                &["12", "call me", "+", "+351+912345678", "1234567890123456"],
            ),
            (FieldType::Integer, &["0", "-7", "007"], &["1.5", "x", "99999999999999999999"]),
            (FieldType::Decimal, &["1", "-1.50", "+0.5", ".5", "1e5"], &["1,5", ".", "1.5.0", "NaN"]),
            (FieldType::Boolean, &["true", "No", "1"], &["ja", "2"]),
            (FieldType::Date, &["2024-02-29"], &["2023-02-29", "29.02.2024", "2024-2-9"]),
            (
                FieldType::Timestamp,
                &["2026-01-31T08:30:00Z", "2026-01-31T08:30:00.5+02:00"],
                &["2026-01-31", "yesterday"],
            ),
            (FieldType::Country, &["PT", "pt"], &["PRT", "P1"]),
            (FieldType::String, &["=SUM(A1)", "\u{1f600}", "a\nb"], &[]),
        ];
        for (field_type, legal, illegal) in cases {
            for value in *legal {
                assert_eq!(code(*field_type, value), None, "{field_type:?} should take {value:?}");
            }
            for value in *illegal {
                assert!(code(*field_type, value).is_some(), "{field_type:?} should not take {value:?}");
            }
        }
        assert_eq!(code(FieldType::Email, "x"), Some(RejectCode::InvalidEmail));
        assert_eq!(code(FieldType::Phone, "x"), Some(RejectCode::InvalidPhone));
    }

    #[test]
    fn empty_is_wrong_only_where_it_is_needed() {
        let field = Field::new("x", FieldKind::Identifier, FieldType::Email);
        assert_eq!(check_value(&field, false, ""), None);
        assert_eq!(check_value(&field, true, "  ").map(|o| o.code), Some(RejectCode::RequiredEmpty));
    }

    #[test]
    fn hashed_fields_take_hashes_only() {
        let mut field = Field::new("x", FieldKind::Identifier, FieldType::Email);
        field.form = FieldForm::Sha256Hex;
        assert_eq!(check_value(&field, true, &"ab".repeat(32)), None);
        assert!(check_value(&field, true, "a@b.co").is_some());
        field.form = FieldForm::Sha256Base64;
        assert_eq!(check_value(&field, true, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), None);
        assert!(check_value(&field, true, "47DEQpj8HBSa").is_some());
    }
}
