//! Transforms: what can be done to one value on its way. Chained, pure, and allocation-free where the value does not change.
//!
//! A value of nothing but white space counts as empty: it is never normalised, hashed or rejected here. Whether a field may be empty is
//! the plan's matter. What a step takes and gives, as types, is said here (`Shape`); whether a chain makes sense is `mapping::check`'s matter.

mod case;
mod country;
mod date;
mod look_up;
mod number;
mod person;
mod shape;
mod words;

pub use country::{country_code, country_name};
pub use date::{DateInput, DateOutput};
pub use look_up::Otherwise;
pub use number::DecimalMark;
pub use person::NameRule;
pub use shape::Shape;
pub use words::BooleanStyle;

pub(crate) use country::is_code as is_country_code;
pub(crate) use words::is_word as is_boolean_word;

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
    /// Upper-cases, by Unicode.
    Uppercase,
    /// Begins each word with a capital, and writes the rest of it small.
    TitleCase,
    /// Trims and lower-cases an e-mail address, and checks that it is one.
    NormaliseEmail,
    /// Drops what Gmail does not look at in front of the @ of a gmail.com address: dots, and a + with what follows it.
    GmailRule {
        /// Also for googlemail.com.
        #[serde(default)]
        googlemail: bool,
    },
    /// Writes a telephone number in E.164 (`+4930123456`), and checks that it is one.
    PhoneE164 {
        /// ISO 3166-1 alpha-2, for numbers without an international prefix; such numbers are rejected when absent.
        default_country: Option<String>,
    },
    /// Keeps nothing but digits: E.164 without its +, as Meta hashes it.
    DigitsOnly,
    /// Writes a first or last name as an ad platform does before it hashes it.
    NormaliseName {
        /// Whose rule.
        rule: NameRule,
    },
    /// Writes a town in lower case, letters and digits only (`newyork`), as Meta does before it hashes it.
    NormaliseCity,
    /// Writes a state or province in lower case, letters and digits only, states of the US by their two letters, as Meta does before it hashes it.
    NormaliseRegion,
    /// Writes a postal code in lower case without spaces and dashes, those of the US by their first five digits, as Meta does before it hashes it.
    NormalisePostalCode,
    /// Writes a country by its two letters (ISO 3166-1 alpha-2), read from two letters, three letters or its English name.
    CountryCode,
    /// Reads a date or point in time in one form and writes it in another.
    DateFormat {
        /// How it is read.
        from: DateInput,
        /// How it is written.
        to: DateOutput,
    },
    /// Reads a number as people write it and writes it plainly: a point, no thousands separators.
    NumberFormat {
        /// What stands in front of the decimals when it is read.
        decimal_mark: DecimalMark,
        /// Rounds to so many decimals; leaves them as they are when absent.
        #[serde(default)]
        decimals: Option<u8>,
    },
    /// Reads the usual words for yes and no, and writes one pair of them.
    BooleanWords {
        /// Which pair.
        write: BooleanStyle,
    },
    /// Cuts the value at each separator and keeps one part; nothing when there is no such part.
    Split {
        /// Where it is cut.
        separator: String,
        /// Which part: 1 is the first, -1 the last.
        part: i32,
    },
    /// Exchanges the value by a table.
    LookUp {
        /// What is sent for what; the first line that has the value counts.
        table: Vec<[String; 2]>,
        /// What happens to a value that is not in it.
        otherwise: Otherwise,
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
    /// A row is rejected when nothing would be sent in the end, as if the field were required. Holds for the whole chain, wherever it stands in it.
    RejectWhenEmpty,
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
    /// It can't be read as a date in the form that was chosen.
    #[error("is not a date written as {}; look at how the step “Date format” reads it, or correct it at the source", .0.example())]
    Date(DateInput),
    /// It can't be read as a number.
    #[error("is not a number with {}, such as {}; look at how the step “Number format” reads it, or correct it at the source", .0.words(), .0.example())]
    Number(DecimalMark),
    /// It is neither yes nor no.
    #[error("is none of the words for yes and no (such as true, false, 1, 0, yes, no); correct it at the source")]
    Boolean,
    /// It is no country.
    #[error("is not a country, by its two letters, three letters or English name; correct it at the source")]
    Country,
    /// The table does not have it.
    #[error("is not in the look-up table; add it there, or choose what else happens to it")]
    NotInTable,
}

impl TransformProblem {
    /// The code of a row that is rejected for it.
    pub fn code(self) -> RejectCode {
        match self {
            Self::Email(_) => RejectCode::InvalidEmail,
            Self::Phone(_) => RejectCode::InvalidPhone,
            Self::AlreadyHashed => RejectCode::AlreadyHashed,
            Self::Date(_) | Self::Number(_) | Self::Boolean | Self::Country | Self::NotInTable => {
                RejectCode::InvalidValue
            }
        }
    }
}

impl Transform {
    /// Does it to `value`. What does not change is handed back as it came, without a copy.
    pub fn apply<'v>(&'v self, value: Cow<'v, str>) -> Result<Cow<'v, str>, TransformProblem> {
        match self {
            Self::Trim => Ok(trim(value)),
            Self::Lowercase => Ok(lowercase(value)),
            Self::Uppercase => Ok(case::uppercase(value)),
            Self::TitleCase => Ok(case::title_case(value)),
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
                let changed = match number {
                    Cow::Borrowed(number) if number.len() == value.len() => None,
                    number => Some(number.into_owned()).filter(|number| *number != value),
                };
                Ok(changed.map_or(value, Cow::Owned))
            }
            Self::GmailRule { googlemail } => read_raw(value, |value| {
                person::without_what_gmail_ignores(value, *googlemail).map_err(TransformProblem::Email)
            }),
            Self::DigitsOnly => read_raw(value, |value| Ok(value.chars().filter(char::is_ascii_digit).collect())),
            Self::NormaliseName { rule } => read_raw(value, |value| Ok(person::name(value, *rule))),
            Self::NormaliseCity => read_raw(value, |value| Ok(person::city(value))),
            Self::NormaliseRegion => read_raw(value, |value| Ok(person::region(value))),
            Self::NormalisePostalCode => read_raw(value, |value| Ok(person::postal_code(value))),
            Self::CountryCode => read_raw(value, |value| {
                // What most rows have needs no search.
                if country::is_code(value) {
                    return Ok(value.to_ascii_uppercase());
                }
                country_code(value).map(str::to_owned).ok_or(TransformProblem::Country)
            }),
            Self::DateFormat { from, to } => {
                read_raw(value, |value| date::convert(value, *from, *to).ok_or(TransformProblem::Date(*from)))
            }
            Self::NumberFormat { decimal_mark, decimals } => read_raw(value, |value| {
                number::plain(value, *decimal_mark, *decimals).ok_or(TransformProblem::Number(*decimal_mark))
            }),
            Self::BooleanWords { write } => read_raw(value, |value| {
                words::truth(value).map(|truth| write.word(truth).to_owned()).ok_or(TransformProblem::Boolean)
            }),
            Self::Split { separator, part } => Ok(look_up::split(value, separator, *part)),
            Self::LookUp { table, otherwise } => look_up::look_up(value, table, *otherwise),
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
            Self::EmptyWhenInvalid | Self::RejectWhenEmpty => Ok(value),
        }
    }

    /// The words for people.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Trim => "Trim",
            Self::Lowercase => "Lower-case",
            Self::Uppercase => "Upper-case",
            Self::TitleCase => "Title case",
            Self::NormaliseEmail => "Normalise e-mail",
            Self::GmailRule { .. } => "Gmail rule",
            Self::PhoneE164 { .. } => "Phone as E.164",
            Self::DigitsOnly => "Digits only",
            Self::NormaliseName { .. } => "Normalise name",
            Self::NormaliseCity => "Normalise town",
            Self::NormaliseRegion => "Normalise state",
            Self::NormalisePostalCode => "Normalise postal code",
            Self::CountryCode => "Country as two letters",
            Self::DateFormat { .. } => "Date format",
            Self::NumberFormat { .. } => "Number format",
            Self::BooleanWords { .. } => "Words for yes and no",
            Self::Split { .. } => "Split",
            Self::LookUp { .. } => "Look up",
            Self::Sha256Hex => "SHA-256 as hex",
            Self::Sha256Base64 => "SHA-256 as Base64",
            Self::DefaultWhenEmpty { .. } => "Default when empty",
            Self::EmptyWhenInvalid => "Leave empty when invalid",
            Self::RejectWhenEmpty => "Reject when empty",
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

    /// Whether it says something of the whole chain, wherever it stands in it.
    pub fn holds_for_the_chain(&self) -> bool {
        matches!(self, Self::EmptyWhenInvalid | Self::RejectWhenEmpty)
    }
}

/// The longest text that a step is given: a default, a separator, what a table says.
const LONGEST_TEXT: usize = 1000;
/// The most lines of a look-up table.
pub const MOST_LINES: usize = 200;
/// The farthest part that a value is split for.
pub const FARTHEST_PART: i32 = 50;
/// The most decimals that a number is rounded to.
pub const MOST_DECIMALS: u8 = 12;

impl Transform {
    /// Why the step is too large to be kept, when it is: a sentence for people.
    pub fn too_large(&self) -> Option<String> {
        let longest = match self {
            Self::DefaultWhenEmpty { value } => value.len(),
            Self::PhoneE164 { default_country } => default_country.as_ref().map_or(0, String::len),
            Self::Split { separator, .. } => separator.len(),
            Self::LookUp { table, .. } => {
                if table.len() > MOST_LINES {
                    return Some(format!("A look-up table has at most {MOST_LINES} lines."));
                }
                table.iter().flatten().map(String::len).max().unwrap_or(0)
            }
            _ => 0,
        };
        (longest > LONGEST_TEXT).then(|| format!("What “{}” is given has at most {LONGEST_TEXT} bytes.", self.label()))
    }

    /// What is wrong with what the step was told, as a sentence for people that says how to mend it.
    pub fn wrong_parameter(&self) -> Option<String> {
        let wrong = match self {
            Self::PhoneE164 { default_country: Some(country) } if !phone::is_country(country) => {
                "The default country is not known. Choose one by its two letters, such as DE.".to_owned()
            }
            Self::NumberFormat { decimals: Some(decimals), .. } if *decimals > MOST_DECIMALS => {
                format!("A number is rounded to at most {MOST_DECIMALS} decimals.")
            }
            Self::Split { separator, .. } if separator.is_empty() => {
                "“Split” has no separator. Say where the value is cut, such as a comma.".to_owned()
            }
            Self::Split { part, .. } if *part == 0 || part.unsigned_abs() > FARTHEST_PART.unsigned_abs() => {
                format!(
                    "“Split” keeps a part that can't be. Say 1 for the first to {FARTHEST_PART}, or -1 for the last to -{FARTHEST_PART}."
                )
            }
            Self::LookUp { table, .. } if table.is_empty() => {
                "The look-up table is empty. Write a line for each value, such as DE = Germany.".to_owned()
            }
            Self::LookUp { table, .. } => {
                let mut known = std::collections::HashSet::new();
                let (line, _) = table.iter().enumerate().find(|(_, [from, _])| !known.insert(from))?;
                format!("Line {} of the look-up table is for a value that an earlier line has already.", line + 1)
            }
            _ => return None,
        };
        Some(wrong)
    }
}

/// What a step that reads the value makes of it: nothing of nothing, and never something of a hash. What does not change is handed back as it came.
fn read_raw<'v>(
    value: Cow<'v, str>,
    make: impl FnOnce(&str) -> Result<String, TransformProblem>,
) -> Result<Cow<'v, str>, TransformProblem> {
    let read = value.trim();
    if read.is_empty() {
        return Ok(Cow::Borrowed(""));
    }
    if Digest::read(read).is_some() {
        return Err(TransformProblem::AlreadyHashed);
    }
    let made = make(read)?;
    Ok(if made == value { value } else { Cow::Owned(made) })
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
