//! Suggested mappings: by name, alias and type, each with a confidence and a reason. No outside service; never touches what a person set.

use std::{cmp::Reverse, collections::HashSet};

use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::{
    field::{Field, FieldForm, FieldKind, FieldType},
    mapping::{Link, Mapping, Source, default_transforms, why_not},
};

/// A link that a person may accept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// What it would be.
    pub link: Link,
    /// 0 to 100.
    pub confidence: u8,
    /// Why, as a phrase: "same name and type".
    pub reason: String,
}

/// Below this nothing is suggested: a wrong suggestion costs more than none.
const LEAST_CONFIDENCE: u8 = 50;

/// Words for the same thing. The first of each line is the one that the others stand for; words are written as `folded` makes them.
const ALIASES: &[&[&str]] = &[
    &[
        "email",
        "e mail",
        "mail",
        "email address",
        "e mail address",
        "mail address",
        "electronic mail",
        "correo",
        "courriel",
    ],
    &[
        "phone",
        "phone number",
        "telephone",
        "telephone number",
        "tel",
        "telefon",
        "telefonnummer",
        "telefono",
        "mobile",
        "mobile phone",
        "mobile number",
        "cell",
        "cell phone",
        "msisdn",
        "handy",
        "handynummer",
        "portable",
    ],
    &["first name", "firstname", "given name", "givenname", "forename", "fname", "vorname", "prenom", "nombre"],
    &[
        "last name",
        "lastname",
        "surname",
        "family name",
        "familyname",
        "lname",
        "sname",
        "nachname",
        "familienname",
        "nom",
        "apellido",
    ],
    &["user name", "username", "login", "login name", "nickname", "nick name"],
    &["full name", "fullname", "name", "display name", "contact name"],
    &[
        "postal code",
        "postalcode",
        "postcode",
        "post code",
        "zip",
        "zip code",
        "zipcode",
        "plz",
        "postleitzahl",
        "code postal",
    ],
    &["country", "country code", "countrycode", "country iso", "land", "pays", "pais"],
    &["city", "town", "locality", "ort", "stadt", "ville", "ciudad"],
    &["street", "street address", "address line", "address", "strasse", "rue", "calle"],
    &["region", "state", "province", "county", "bundesland"],
    &["birth date", "birthdate", "date of birth", "birthday", "dob", "geburtsdatum", "geburtstag"],
    &["gender", "sex", "geschlecht"],
    &["company", "company name", "organisation", "organization", "employer", "firma"],
    &["language", "lang", "locale", "sprache"],
    &[
        "customer id",
        "customerid",
        "customer number",
        "customer no",
        "customer key",
        "crm id",
        "crmid",
        "external id",
        "externalid",
        "client id",
        "contact id",
        "member id",
        "person id",
        "user id",
        "userid",
        "kundennummer",
        "kunden nr",
        "id",
    ],
    &[
        "mobile ad id",
        "mobile advertising id",
        "advertising id",
        "device id",
        "maid",
        "idfa",
        "gaid",
        "aaid",
        "adid",
        "android id",
    ],
    &["cookie id", "cookieid", "cookie", "browser id"],
    &[
        "created at",
        "created",
        "created on",
        "signup date",
        "sign up date",
        "registered at",
        "joined at",
        "member since",
    ],
    &["last purchase", "last purchase date", "last order", "last order date", "last purchased at", "last bought"],
];

/// Words that turn a name into one about something else: `email_opt_in` is no e-mail address, and `phone_country` no phone.
const TURNING: &[&str] = &[
    "allowed",
    "at",
    "blocked",
    "bounce",
    "bounced",
    "campaign",
    "clicked",
    "confirmed",
    "consent",
    "count",
    "country",
    "date",
    "deleted",
    "domain",
    "extension",
    "flag",
    "format",
    "has",
    "hash",
    "hashed",
    "id",
    "in",
    "is",
    "key",
    "language",
    "last",
    "md",
    "md5",
    "on",
    "opened",
    "opt",
    "optin",
    "optout",
    "out",
    "permission",
    "preference",
    "preferred",
    "provider",
    "score",
    "sent",
    "sha",
    "sha1",
    "sha256",
    "source",
    "state",
    "status",
    "subscribed",
    "subscription",
    "template",
    "time",
    "type",
    "unsubscribed",
    "valid",
    "validated",
    "verified",
];

/// Words that say only which one of several, or in which form; the field is still the same thing.
const WEAK: &[&str] = &[
    "1", "2", "main", "primary", "default", "home", "private", "personal", "work", "business", "customer", "contact",
    "user", "person", "client", "member", "raw", "value", "field", "the", "of", "my", "your",
];

/// Words for the form, not for the thing; the form itself is declared.
const FORM: &[&str] = &["hash", "hashed", "sha", "sha256", "256", "hex", "base64"];

/// Links for destination fields that have none: for each at most one, and only a likely one, in the order of the destination's fields. Each source
/// field is suggested for at most one identifier, the likeliest; none is suggested for an identifier that a person has mapped it to already.
pub fn suggest(source: &[Field], destination: &[Field], mapping: &Mapping) -> Vec<Suggestion> {
    let source_names: Vec<Vec<Name>> = source.iter().map(Name::all_of).collect();
    let mut candidates = Vec::new();
    for (target_index, target) in destination.iter().enumerate() {
        if mapping.link(&target.name).is_some() {
            continue;
        }
        let target_names = Name::all_of(target);
        for (source_index, (field, names)) in source.iter().zip(&source_names).enumerate() {
            if why_not(field, target).is_some() {
                continue;
            }
            if let Some((confidence, reason)) = likeness(field, names, target, &target_names) {
                candidates.push(Candidate { target_index, source_index, confidence, reason });
            }
        }
    }
    // The likeliest first; of equals the one that comes first in the destination, then in the source.
    candidates.sort_by_key(|candidate| (Reverse(candidate.confidence), candidate.target_index, candidate.source_index));
    let mut taken_targets = HashSet::new();
    let mut taken_sources: HashSet<usize> = identifier_sources(source, destination, mapping).collect();
    let mut chosen: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let is_identifier = destination[candidate.target_index].kind == FieldKind::Identifier;
        if taken_targets.contains(&candidate.target_index)
            || (is_identifier && taken_sources.contains(&candidate.source_index))
        {
            continue;
        }
        taken_targets.insert(candidate.target_index);
        if is_identifier {
            taken_sources.insert(candidate.source_index);
        }
        chosen.push(candidate);
    }
    chosen.sort_by_key(|candidate| candidate.target_index);
    chosen
        .into_iter()
        .map(|candidate| {
            let (field, target) = (&source[candidate.source_index], &destination[candidate.target_index]);
            let link = Link {
                target: target.name.clone(),
                source: Source::Field { name: field.name.clone() },
                transforms: default_transforms(field, target),
            };
            Suggestion { link, confidence: candidate.confidence, reason: candidate.reason }
        })
        .collect()
}

struct Candidate {
    target_index: usize,
    source_index: usize,
    confidence: u8,
    reason: String,
}

/// The source fields that feed an identifier already.
fn identifier_sources<'a>(
    source: &'a [Field],
    destination: &'a [Field],
    mapping: &'a Mapping,
) -> impl Iterator<Item = usize> + 'a {
    mapping.links.iter().filter_map(|link| {
        let Source::Field { name } = &link.source else { return None };
        let target = destination.iter().find(|target| target.name == link.target)?;
        if target.kind != FieldKind::Identifier {
            return None;
        }
        source.iter().position(|field| field.name == *name)
    })
}

/// How likely the two mean the same, and why; none when it is not likely enough to be said.
fn likeness(field: &Field, names: &[Name], target: &Field, target_names: &[Name]) -> Option<(u8, String)> {
    // A name that is turned says so even when the label beside it does not.
    if field.name != target.name && names[0].turning != target_names[0].turning {
        return None;
    }
    let pairs = names.iter().flat_map(|name| target_names.iter().map(move |target_name| (name, target_name)));
    let (by_name, name_reason) = pairs
        .filter_map(|(name, target_name)| name_likeness(field, name, target, target_name))
        .max_by_key(|(confidence, _)| *confidence)?;
    let same_type = field.field_type == target.field_type;
    let (penalty, type_reason) = match (same_type, field.kind == target.kind) {
        (true, true) => (0, "same type"),
        (true, false) => (6, "same type"),
        (false, _) => (12, "its values fit"),
    };
    // Hashes of another making may not be hashes of the normalised value; what can be read is the better source.
    let form_penalty = if field.form != FieldForm::Raw && field.form != target.form { 5 } else { 0 };
    let confidence = by_name.saturating_sub(penalty + form_penalty);
    if confidence < LEAST_CONFIDENCE {
        return None;
    }
    let reason = match (name_reason, type_reason) {
        (NameReason::Same, "same type") => "same name and type".to_owned(),
        (NameReason::Same, other) => format!("same name; {other}"),
        (NameReason::Alias { word, stands_for }, other) => {
            format!("“{word}” is another word for “{stands_for}”; {other}")
        }
        (NameReason::Alike, other) => format!("similar name; {other}"),
        (NameReason::OnlyOne, _) => format!("the same type, “{}”", target.field_type.label().to_lowercase()),
    };
    Some((confidence, reason))
}

enum NameReason {
    Same,
    Alias { word: String, stands_for: String },
    Alike,
    OnlyOne,
}

fn name_likeness(field: &Field, name: &Name, target: &Field, target_name: &Name) -> Option<(u8, NameReason)> {
    if field.name == target.name {
        return Some((99, NameReason::Same));
    }
    // A name that is turned ("email status") means the same only as one that is turned alike.
    if name.turning != target_name.turning {
        return None;
    }
    if name.words == target_name.words {
        return Some((96, NameReason::Same));
    }
    if !name.core.is_empty() && name.core == target_name.core {
        // "phone" and "home phone" may be the same; "work phone" and "home phone" hardly are.
        let contradicts = name.words.len() > name.core.len() && target_name.words.len() > target_name.core.len();
        return Some((if contradicts { 64 } else { 86 }, NameReason::Alike));
    }
    if let (Some(one), Some(other)) = (name.meaning, target_name.meaning)
        && one == other
        && name.turning.is_empty()
    {
        let exact = name.meaning_is_whole && target_name.meaning_is_whole;
        let (word, stands_for) = (name.words.join(" "), target_name.words.join(" "));
        return Some((if exact { 92 } else { 80 }, NameReason::Alias { word, stands_for }));
    }
    let telling = matches!(
        field.field_type,
        FieldType::Email | FieldType::Phone | FieldType::MobileAdId | FieldType::CookieId | FieldType::CustomerId
    );
    let contradict = name.meaning.is_some() && target_name.meaning.is_some() && name.meaning != target_name.meaning;
    if telling
        && !contradict
        && field.field_type == target.field_type
        && field.kind == target.kind
        && name.turning.is_empty()
    {
        // Its type alone says what it is, whatever it is called.
        return Some((62, NameReason::OnlyOne));
    }
    let shared = name.core.iter().filter(|word| target_name.core.contains(word)).count();
    let all = name.core.len() + target_name.core.len() - shared;
    if name.meaning.is_none() && target_name.meaning.is_none() && shared >= 2 && shared * 3 >= all * 2 {
        return Some((68, NameReason::Alike));
    }
    None
}

/// A field's name, taken apart.
struct Name {
    /// All words.
    words: Vec<String>,
    /// The words that say what it is: without those of form and those that only say which one of several.
    core: Vec<String>,
    /// The line of `ALIASES` that it is found in.
    meaning: Option<usize>,
    /// Whether all of its words are in that line, not only the core.
    meaning_is_whole: bool,
    /// Words that make it about something else, sorted.
    turning: Vec<String>,
}

impl Name {
    /// The field's name, then its label if it has one.
    fn all_of(field: &Field) -> Vec<Self> {
        std::iter::once(&field.name).chain(&field.label).map(|name| Self::of(name, field)).collect()
    }

    fn of(name: &str, field: &Field) -> Self {
        let all = folded(name);
        // In a field that is declared as a hash, "hash" in the name says nothing more.
        let words: Vec<String> = if field.form == FieldForm::Raw || all.iter().all(|word| FORM.contains(&word.as_str()))
        {
            all
        } else {
            all.into_iter().filter(|word| !FORM.contains(&word.as_str())).collect()
        };
        let core: Vec<String> = words.iter().filter(|word| !WEAK.contains(&word.as_str())).cloned().collect();
        let whole = meaning_of(&words);
        let meaning = whole.or_else(|| meaning_of(&core));
        // The words of a known name are no turning words: the "date" of "birth date", the "id" of "customer id".
        let turning = if meaning.is_some() {
            Vec::new()
        } else {
            let mut turning: Vec<String> =
                words.iter().filter(|word| TURNING.contains(&word.as_str())).cloned().collect();
            turning.sort_unstable();
            turning
        };
        Self { words, core, meaning, meaning_is_whole: whole.is_some(), turning }
    }
}

fn meaning_of(words: &[String]) -> Option<usize> {
    let joined = words.join(" ");
    ALIASES.iter().position(|line| line.contains(&joined.as_str()))
}

/// The words of a name, in lower case without accents: `eMailAdresse`, `e-mail_adresse` and `E Mail Adresse` are the same.
fn folded(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before: Option<char> = None;
    let plain: Vec<char> = name.nfkd().filter(|character| !is_combining_mark(*character)).collect();
    for (index, character) in plain.iter().copied().enumerate() {
        if !character.is_alphanumeric() {
            flush(&mut word, &mut words);
            before = None;
            continue;
        }
        let next_is_lower = plain.get(index + 1).is_some_and(|next| next.is_lowercase());
        let starts_word = before.is_some_and(|before| {
            (before.is_lowercase() && character.is_uppercase())
                || (before.is_uppercase() && character.is_uppercase() && next_is_lower)
                || (before.is_alphabetic() && character.is_numeric())
                || (before.is_numeric() && character.is_alphabetic())
        });
        if starts_word {
            flush(&mut word, &mut words);
        }
        match character {
            'ß' => word.push_str("ss"),
            'ø' | 'Ø' => word.push('o'),
            'ł' | 'Ł' => word.push('l'),
            _ => word.extend(character.to_lowercase()),
        }
        before = Some(character);
    }
    flush(&mut word, &mut words);
    words
}

fn flush(word: &mut String, words: &mut Vec<String>) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

#[cfg(test)]
mod tests;
