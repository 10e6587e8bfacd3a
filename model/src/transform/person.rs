//! What says who somebody is, written as the ad platforms write it before they hash it: names, towns, states, postal codes, Gmail addresses.
//!
//! The rules are those that the platforms publish: Meta's in its customer information parameters, Google's in the Data Manager API's "Format
//! user data". All are given a value without white space at its ends, and do nothing more when they are done again.

use serde::{Deserialize, Serialize};

use super::{EmailProblem, lowercase};

/// Whose rule a name is written by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameRule {
    /// Lower case, no punctuation.
    Meta,
    /// Lower case, no titles in front (`Mrs.`) and no suffixes behind (`Jr.`).
    Google,
}

/// Titles in front of a name, without their dots.
const TITLES: [&str; 8] = ["mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir"];

/// What may stand behind a name, without its dots.
const SUFFIXES: [&str; 19] = [
    "jr", "sr", "2nd", "3rd", "4th", "ii", "iii", "iv", "v", "vi", "cpa", "dc", "dds", "dr", "esq", "jd", "md", "phd",
    "vm",
];

/// A first or last name.
pub(super) fn name(value: &str, rule: NameRule) -> String {
    let lower = lowercase(value.into());
    match rule {
        NameRule::Meta => {
            let letters: String = lower.chars().filter(|character| !is_punctuation(*character)).collect();
            in_single_spaces(letters.split_whitespace())
        }
        NameRule::Google => {
            let mut words: &[&str] = &lower
                .split(|character: char| character.is_whitespace() || character == ',')
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>();
            // A name of one word is one, even when it looks like a title.
            while let [first, rest @ ..] = words
                && is_one_of(first, &TITLES)
                && (!rest.is_empty() || first.ends_with('.'))
            {
                words = rest;
            }
            while let [rest @ .., last] = words
                && is_one_of(last, &SUFFIXES)
                && (!rest.is_empty() || last.ends_with('.'))
            {
                words = rest;
            }
            in_single_spaces(words.iter().copied())
        }
    }
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.contains(&word.trim_end_matches('.'))
}

fn in_single_spaces<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let mut made = String::new();
    for word in words {
        if !made.is_empty() {
            made.push(' ');
        }
        made.push_str(word);
    }
    made
}

/// A town.
pub(super) fn city(value: &str) -> String {
    letters_and_digits(value)
}

/// A state or province.
pub(super) fn region(value: &str) -> String {
    let made = letters_and_digits(value);
    match STATES.iter().find(|(name, _)| *name == made) {
        Some((_, code)) => (*code).to_owned(),
        None => made,
    }
}

/// A postal code.
pub(super) fn postal_code(value: &str) -> String {
    let made = letters_and_digits(value);
    // ZIP+4, which no other country's codes look like.
    let is_zip_plus_4 = made.len() == 9 && made.bytes().all(|byte| byte.is_ascii_digit());
    if is_zip_plus_4 { made[..5].to_owned() } else { made }
}

/// An address without the dots, and the + with what follows it, that Gmail does not look at.
pub(super) fn without_what_gmail_ignores(value: &str, googlemail: bool) -> Result<String, EmailProblem> {
    let Some((local, domain)) = value.rsplit_once('@') else { return Ok(value.to_owned()) };
    let is_gmail =
        domain.eq_ignore_ascii_case("gmail.com") || (googlemail && domain.eq_ignore_ascii_case("googlemail.com"));
    if !is_gmail {
        return Ok(value.to_owned());
    }
    let local: String = local.split('+').next().unwrap_or_default().chars().filter(|letter| *letter != '.').collect();
    if local.is_empty() {
        return Err(EmailProblem::LocalPartLength);
    }
    Ok(format!("{local}@{domain}"))
}

/// In lower case, and nothing but letters (with their marks) and digits.
fn letters_and_digits(value: &str) -> String {
    let is_kept = |character: &char| character.is_alphanumeric() || crate::letter::is_mark(*character);
    lowercase(value.into()).chars().filter(is_kept).collect()
}

/// Marks that are no letters, digits or spaces, but for the marks of letters.
fn is_punctuation(character: char) -> bool {
    !character.is_alphanumeric() && !character.is_whitespace() && !crate::letter::is_mark(character)
}

/// The states of the US and what is written like them, by `letters_and_digits`.
const STATES: [(&str, &str); 57] = [
    ("alabama", "al"),
    ("alaska", "ak"),
    ("arizona", "az"),
    ("arkansas", "ar"),
    ("california", "ca"),
    ("colorado", "co"),
    ("connecticut", "ct"),
    ("delaware", "de"),
    ("districtofcolumbia", "dc"),
    ("washingtondc", "dc"),
    ("florida", "fl"),
    ("georgia", "ga"),
    ("hawaii", "hi"),
    ("idaho", "id"),
    ("illinois", "il"),
    ("indiana", "in"),
    ("iowa", "ia"),
    ("kansas", "ks"),
    ("kentucky", "ky"),
    ("louisiana", "la"),
    ("maine", "me"),
    ("maryland", "md"),
    ("massachusetts", "ma"),
    ("michigan", "mi"),
    ("minnesota", "mn"),
    ("mississippi", "ms"),
    ("missouri", "mo"),
    ("montana", "mt"),
    ("nebraska", "ne"),
    ("nevada", "nv"),
    ("newhampshire", "nh"),
    ("newjersey", "nj"),
    ("newmexico", "nm"),
    ("newyork", "ny"),
    ("newyorkstate", "ny"),
    ("northcarolina", "nc"),
    ("northdakota", "nd"),
    ("ohio", "oh"),
    ("oklahoma", "ok"),
    ("oregon", "or"),
    ("pennsylvania", "pa"),
    ("rhodeisland", "ri"),
    ("southcarolina", "sc"),
    ("southdakota", "sd"),
    ("tennessee", "tn"),
    ("texas", "tx"),
    ("utah", "ut"),
    ("vermont", "vt"),
    ("virginia", "va"),
    ("washington", "wa"),
    ("westvirginia", "wv"),
    ("wisconsin", "wi"),
    ("wyoming", "wy"),
    ("puertorico", "pr"),
    ("guam", "gu"),
    ("americansamoa", "as"),
    ("virginislands", "vi"),
];
