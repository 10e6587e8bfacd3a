//! Transforms: what can be done to one value on its way. Chained, pure, and allocation-free where the value does not change.
//!
//! A value of nothing but white space counts as empty: it is never normalised, hashed or rejected here. Whether a field may be empty is
//! the plan's matter.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    phone::{self, PhoneProblem},
    reject::RejectCode,
};

/// One step of a link's chain. An empty chain sends the value as it is, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Transform {
    /// Drops white space at both ends.
    Trim,
    /// Lower-cases, by Unicode.
    Lowercase,
    /// Trims and lower-cases an e-mail address, and checks that it is one.
    NormaliseEmail,
    /// Writes a telephone number in E.164 (`+4930123456`), and checks that it is one.
    PhoneE164 {
        /// ISO 3166-1 alpha-2, for numbers without an international prefix; such numbers are rejected when absent.
        default_country: Option<String>,
    },
    /// SHA-256 of the value as it then is, lower-case hexadecimal. An empty value stays empty, and a hash is not hashed again.
    Sha256Hex,
    /// The same, as Base64 of the 32 bytes.
    Sha256Base64,
    /// This value when it would be empty.
    DefaultWhenEmpty {
        /// The value to send instead.
        value: String,
    },
    /// A value that the destination's field can't take, or that another step can't read, is left empty, instead of the row being rejected.
    /// Holds for the whole chain, wherever it stands in it; without effect on a required field.
    EmptyWhenInvalid,
}

/// Why a transform can't be applied to a value. Says nothing of the value itself; each is a clause that follows "the value".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransformProblem {
    /// It can't be read as an e-mail address.
    #[error("is not an e-mail address: {0}")]
    Email(EmailProblem),
    /// It can't be read as a telephone number.
    #[error("is not a telephone number: {0}")]
    Phone(PhoneProblem),
    /// It should be normalised, but is a SHA-256 hash.
    #[error(
        "is a SHA-256 hash already, so it can't be normalised and hashed; take the steps before the hash away, or share the \
         audience with readable values in this field"
    )]
    AlreadyHashed,
}

impl TransformProblem {
    /// The code of a row that is rejected for it.
    pub fn code(self) -> RejectCode {
        match self {
            Self::Email(_) => RejectCode::InvalidEmail,
            Self::Phone(_) => RejectCode::InvalidPhone,
            Self::AlreadyHashed => RejectCode::AlreadyHashed,
        }
    }
}

impl Transform {
    /// Does it to `value`. What does not change is handed back as it came, without a copy.
    pub fn apply<'v>(&'v self, value: Cow<'v, str>) -> Result<Cow<'v, str>, TransformProblem> {
        match self {
            Self::Trim => Ok(trim(value)),
            Self::Lowercase => Ok(lowercase(value)),
            Self::NormaliseEmail => {
                let value = trim(value);
                if value.is_empty() {
                    return Ok(value);
                }
                if Digest::read(&value).is_some() {
                    return Err(TransformProblem::AlreadyHashed);
                }
                let value = lowercase(value);
                check_email(&value).map_err(TransformProblem::Email)?;
                Ok(value)
            }
            Self::PhoneE164 { default_country } => {
                if is_empty(&value) {
                    return Ok(Cow::Borrowed(""));
                }
                if Digest::read(&value).is_some() {
                    return Err(TransformProblem::AlreadyHashed);
                }
                let number = phone::to_e164(&value, default_country.as_deref()).map_err(TransformProblem::Phone)?;
                Ok(if number == value { value } else { Cow::Owned(number) })
            }
            Self::Sha256Hex => Ok(Digest::of(&value).map_or(Cow::Borrowed(""), |digest| {
                let written = digest.hex();
                if written == value { value } else { Cow::Owned(written) }
            })),
            Self::Sha256Base64 => Ok(Digest::of(&value).map_or(Cow::Borrowed(""), |digest| {
                let written = digest.base64();
                if written == value { value } else { Cow::Owned(written) }
            })),
            Self::DefaultWhenEmpty { value: default } => {
                Ok(if is_empty(&value) { Cow::Borrowed(default.as_str()) } else { value })
            }
            // What it says holds for the whole chain, so the plan sees to it.
            Self::EmptyWhenInvalid => Ok(value),
        }
    }

    /// The words for people.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Trim => "Trim",
            Self::Lowercase => "Lower-case",
            Self::NormaliseEmail => "Normalise e-mail",
            Self::PhoneE164 { .. } => "Phone as E.164",
            Self::Sha256Hex => "SHA-256 as hex",
            Self::Sha256Base64 => "SHA-256 as Base64",
            Self::DefaultWhenEmpty { .. } => "Default when empty",
            Self::EmptyWhenInvalid => "Leave empty when invalid",
        }
    }

    /// Whether its result is a hash.
    pub fn hashes(&self) -> bool {
        matches!(self, Self::Sha256Hex | Self::Sha256Base64)
    }

    /// Whether it reads the value as an e-mail address or a telephone number.
    pub fn normalises(&self) -> bool {
        matches!(self, Self::NormaliseEmail | Self::PhoneE164 { .. })
    }
}

/// Nothing, or nothing but white space.
pub(crate) fn is_empty(value: &str) -> bool {
    value.chars().all(char::is_whitespace)
}

fn trim(value: Cow<'_, str>) -> Cow<'_, str> {
    match value {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => {
            let trimmed = text.trim();
            if trimmed.len() == text.len() { Cow::Owned(text) } else { Cow::Owned(trimmed.to_owned()) }
        }
    }
}

fn lowercase(value: Cow<'_, str>) -> Cow<'_, str> {
    let unchanged = if value.is_ascii() {
        !value.bytes().any(|byte| byte.is_ascii_uppercase())
    } else {
        // A character whose lower case is itself; the one rule that looks at its neighbours (final sigma) starts from an upper-case letter.
        value.chars().all(|character| {
            let mut lower = character.to_lowercase();
            lower.next() == Some(character) && lower.next().is_none()
        })
    };
    if unchanged { value } else { Cow::Owned(value.to_lowercase()) }
}

/// The 32 bytes of a SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The digest that `value` already is, in hexadecimal of either case or in Base64; else the digest of its bytes; none when it is empty.
    fn of(value: &str) -> Option<Self> {
        if is_empty(value) {
            return None;
        }
        Some(Self::read(value).unwrap_or_else(|| Self(Sha256::digest(value.as_bytes()).into())))
    }

    /// The digest that `value` is, when it is one: 64 hexadecimal digits, or the Base64 of 32 bytes.
    pub(crate) fn read(value: &str) -> Option<Self> {
        let value = value.trim();
        let mut bytes = [0; 32];
        match value.len() {
            64 => hex::decode_to_slice(value, &mut bytes).ok()?,
            44 => {
                let decoded = STANDARD.decode(value).ok()?;
                bytes.copy_from_slice(decoded.get(..32).filter(|_| decoded.len() == 32)?);
            }
            _ => return None,
        }
        Some(Self(bytes))
    }

    /// In lower-case hexadecimal.
    fn hex(self) -> String {
        let mut digits = vec![0; 64];
        hex::encode_to_slice(self.0, &mut digits).expect("32 bytes are 64 digits");
        String::from_utf8(digits).expect("hexadecimal digits are text")
    }

    /// In Base64.
    fn base64(self) -> String {
        STANDARD.encode(self.0)
    }
}

/// The SHA-256 of nothing, in both forms: what careless systems write for people without a value.
pub(crate) const HASHES_OF_NOTHING: [&str; 2] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
];

/// What is wrong with an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailProblem {
    /// Longer than any mail system takes.
    #[error("it is longer than 254 characters")]
    TooLong,
    /// None, or more than one.
    #[error("it must have exactly one @")]
    NotOneAt,
    /// Nothing in front of the @, or too much.
    #[error("there must be 1 to 64 characters in front of the @")]
    LocalPartLength,
    /// The part behind the @ can't be a domain.
    #[error("what stands behind the @ is not a domain such as example.com")]
    Domain,
    /// White space, control characters, invisible ones, or punctuation that separates addresses.
    #[error("it has spaces, invisible characters, commas, quotes or brackets in it")]
    Characters,
    /// A dot where none may be.
    #[error("it has a dot at the start, at the end or beside another dot or the @")]
    Dots,
}

/// Checks the form of an e-mail address, without asking anyone whether it exists. International domains and local parts are fine; quoted local
/// parts, comments and addresses in brackets are not, since no application that takes audiences knows them.
pub(crate) fn check_email(address: &str) -> Result<(), EmailProblem> {
    // Loops over bytes do not leave early, so that many bytes are looked at at a time: this runs for every row of an audience.
    let forbidden = if address.is_ascii() {
        address.bytes().fold(false, |found, byte| found | (byte <= b' ' || byte == 0x7f || separates_addresses(byte)))
    } else {
        address.chars().any(is_forbidden_in_email)
    };
    if forbidden {
        return Err(EmailProblem::Characters);
    }
    let Some((local, domain)) = address.split_once('@').filter(|(_, domain)| !domain.contains('@')) else {
        return Err(EmailProblem::NotOneAt);
    };
    if address.len() > 254 {
        return Err(EmailProblem::TooLong);
    }
    if local.is_empty() || local.len() > 64 {
        return Err(EmailProblem::LocalPartLength);
    }
    for part in [local, domain] {
        if part.starts_with('.')
            || part.ends_with('.')
            || part.as_bytes().windows(2).fold(false, |found, pair| found | (pair == b".."))
        {
            return Err(EmailProblem::Dots);
        }
    }
    let labels_fit = domain.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .fold(true, |fits, byte| fits & (!byte.is_ascii() || byte.is_ascii_alphanumeric() || byte == b'-'))
    });
    let top = domain.rsplit('.').next().unwrap_or_default();
    let top_fits = top.len() >= 2 && !top.bytes().all(|byte| byte.is_ascii_digit());
    if !domain.contains('.') || !labels_fit || !top_fits {
        return Err(EmailProblem::Domain);
    }
    Ok(())
}

fn separates_addresses(byte: u8) -> bool {
    matches!(byte, b'"' | b'(' | b')' | b',' | b':' | b';' | b'<' | b'>' | b'[' | b'\\' | b']')
}

fn is_forbidden_in_email(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
        || u8::try_from(character).is_ok_and(separates_addresses)
}

#[cfg(test)]
mod tests;
