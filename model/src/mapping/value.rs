//! Whether one value is what a destination field takes: its type, and its form.

use chrono::{DateTime, NaiveDate};

use crate::{
    field::{Field, FieldForm, FieldType},
    reject::RejectCode,
    transform::{Digest, HASHES_OF_NOTHING, check_email},
};

/// A value that a destination field does not take. The clause follows the field's name: `"E-mail" …`; it says nothing of the value itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) code: RejectCode,
    pub(super) clause: String,
}

impl Misfit {
    fn new(code: RejectCode, clause: impl Into<String>) -> Self {
        Self { code, clause: clause.into() }
    }
}

/// Checks a value that is not empty, as it would be sent.
pub(super) fn check_fit(field: &Field, value: &str) -> Result<(), Misfit> {
    match field.form {
        FieldForm::Raw => check_raw(field.field_type, value),
        FieldForm::Sha256Hex | FieldForm::Sha256Base64 => check_hash(field.form, value),
    }
}

fn check_hash(form: FieldForm, value: &str) -> Result<(), Misfit> {
    let (length, words, step) = match form {
        FieldForm::Sha256Base64 => (44, "SHA-256 hashes in Base64 (44 characters)", "SHA-256 as Base64"),
        FieldForm::Raw | FieldForm::Sha256Hex => {
            (64, "SHA-256 hashes in lower-case hexadecimal (64 characters)", "SHA-256 as hex")
        }
    };
    if HASHES_OF_NOTHING.contains(&value) {
        return Err(Misfit::new(
            RejectCode::InvalidValue,
            "got the hash of an empty value, which would match anybody; send nothing instead of it at the source",
        ));
    }
    let fits = match form {
        FieldForm::Sha256Base64 => value.len() == length && Digest::read(value).is_some(),
        FieldForm::Raw | FieldForm::Sha256Hex => {
            // Without leaving early, so that many digits are looked at at a time.
            let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            value.len() == length && value.bytes().fold(true, |fits, byte| fits & is_digit(byte))
        }
    };
    if fits {
        return Ok(());
    }
    Err(Misfit::new(
        RejectCode::InvalidValue,
        format!("takes {words}, and the value is none; end its transforms with “{step}”"),
    ))
}

fn check_raw(field_type: FieldType, value: &str) -> Result<(), Misfit> {
    let (code, fits, wanted, remedy) = match field_type {
        FieldType::Email => {
            let problem = match check_email(value) {
                Ok(()) => return Ok(()),
                Err(problem) => problem,
            };
            return Err(Misfit::new(
                RejectCode::InvalidEmail,
                format!("takes e-mail addresses, and the value is none: {problem}; correct it at the source"),
            ));
        }
        FieldType::Phone => (
            RejectCode::InvalidPhone,
            is_phone(value),
            "telephone numbers (5 to 15 digits)",
            "add the step “Phone as E.164”, or correct it at the source",
        ),
        FieldType::Integer => {
            (RejectCode::InvalidValue, is_integer(value), "whole numbers such as 42", "correct it at the source")
        }
        FieldType::Decimal => (
            RejectCode::InvalidValue,
            is_decimal(value),
            "numbers such as 12.50, with a point and without thousands separators",
            "correct it at the source",
        ),
        FieldType::Boolean => {
            let fits = ["true", "false", "1", "0", "yes", "no"].iter().any(|word| value.eq_ignore_ascii_case(word));
            (RejectCode::InvalidValue, fits, "true or false, 1 or 0, yes or no", "correct it at the source")
        }
        FieldType::Date => {
            (RejectCode::InvalidValue, is_date(value), "dates written as 2027-03-28", "correct it at the source")
        }
        FieldType::Timestamp => (
            RejectCode::InvalidValue,
            is_timestamp(value),
            "points in time written as 2027-03-28T09:30:00Z",
            "correct it at the source",
        ),
        FieldType::Country => (
            RejectCode::InvalidValue,
            is_country(value),
            "countries as two letters, such as DE",
            "correct it at the source",
        ),
        FieldType::MobileAdId
        | FieldType::CookieId
        | FieldType::CustomerId
        | FieldType::String
        | FieldType::PostalCode
        | FieldType::Other => return Ok(()),
    };
    if fits { Ok(()) } else { Err(Misfit::new(code, format!("takes {wanted}, and the value is none; {remedy}"))) }
}

/// Whether it may be a telephone number as people write it: 5 to 15 digits (ITU-T E.164) with the usual marks between them, a plus before them only.
/// Whether such a number exists is checked only by the step that writes E.164.
pub fn is_phone(value: &str) -> bool {
    // "(+351) 21..." is written as often as "+351 (21)...".
    let value = value.trim().trim_start_matches('(');
    let rest = value.strip_prefix('+').unwrap_or(value);
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    (5..=15).contains(&digits) && rest.chars().all(|c| c.is_ascii_digit() || " -.()/\u{a0}".contains(c))
}

/// Whether it is written as a country: two letters (ISO 3166-1).
pub fn is_country(value: &str) -> bool {
    value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_alphabetic())
}

pub(crate) fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is a finite number with a point, if any, and without thousands separators.
pub fn is_decimal(value: &str) -> bool {
    let characters_fit =
        value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    characters_fit && value.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Whether it is a date of the calendar, written as 2027-03-28.
pub fn is_date(value: &str) -> bool {
    // By hand up to the calendar: chrono's parser also takes 2027-3-8, and is slow for a column of each row.
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = value.as_bytes() else { return false };
    let number = |digits: &[u8]| {
        digits
            .iter()
            .try_fold(0_u32, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
    };
    let (Some(year), Some(month), Some(day)) =
        (number(&[*y1, *y2, *y3, *y4]), number(&[*m1, *m2]), number(&[*d1, *d2]))
    else {
        return false;
    };
    i32::try_from(year).is_ok_and(|year| NaiveDate::from_ymd_opt(year, month, day).is_some())
}

pub(crate) fn is_timestamp(value: &str) -> bool {
    DateTime::parse_from_rfc3339(value).is_ok()
}
