//! Names of fields, taken apart into words, and what they mean.

use std::collections::HashMap;

use crate::{
    field::{Field, FieldForm, FieldType},
    letter::{is_mark, taken_apart},
};

/// What a field is about, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// The given name.
    FirstName,
    /// The family name.
    LastName,
    /// The name that somebody signs in with.
    UserName,
    /// The whole name.
    FullName,
    /// A postal code.
    PostalCode,
    /// A country.
    Country,
    /// A town.
    City,
    /// A street with its number.
    Street,
    /// A state or province.
    Region,
    /// The day of birth.
    BirthDate,
    /// The gender.
    Gender,
    /// A company.
    Company,
    /// A language.
    Language,
    /// The application's own key of a person.
    CustomerId,
    /// An advertising id of a mobile device.
    MobileAdId,
    /// A cookie id.
    CookieId,
    /// When somebody came to be known.
    CreatedAt,
    /// When somebody bought last.
    LastPurchase,
}

/// Words for the same thing. The first of each line is the one that the others stand for; words are written as `folded` makes them.
pub(super) const ALIASES: &[(Meaning, &[&str])] = &[
    (
        Meaning::Email,
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
            "em",
            "e mail adresse",
            "email adresse",
            "mailadresse",
        ],
    ),
    (
        Meaning::Phone,
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
            "ph",
        ],
    ),
    (
        Meaning::FirstName,
        &[
            "first name",
            "firstname",
            "given name",
            "givenname",
            "forename",
            "fname",
            "vorname",
            "prenom",
            "nombre",
            "fn",
        ],
    ),
    (
        Meaning::LastName,
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
            "ln",
        ],
    ),
    (Meaning::UserName, &["user name", "username", "login", "login name", "nickname", "nick name"]),
    (Meaning::FullName, &["full name", "fullname", "name", "display name", "contact name"]),
    (
        Meaning::PostalCode,
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
            "zp",
        ],
    ),
    (Meaning::Country, &["country", "country code", "countrycode", "country iso", "land", "pays", "pais"]),
    (Meaning::City, &["city", "town", "locality", "ort", "stadt", "ville", "ciudad", "ct"]),
    (Meaning::Street, &["street", "street address", "address line", "address", "strasse", "rue", "calle"]),
    (Meaning::Region, &["region", "state", "province", "county", "bundesland", "st"]),
    (
        Meaning::BirthDate,
        &["birth date", "birthdate", "date of birth", "birthday", "dob", "geburtsdatum", "geburtstag", "db"],
    ),
    (Meaning::Gender, &["gender", "sex", "geschlecht", "ge", "gen"]),
    (Meaning::Company, &["company", "company name", "organisation", "organization", "employer", "firma"]),
    (Meaning::Language, &["language", "lang", "locale", "sprache"]),
    (
        Meaning::CustomerId,
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
    ),
    (
        Meaning::MobileAdId,
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
    ),
    (Meaning::CookieId, &["cookie id", "cookieid", "cookie", "browser id"]),
    (
        Meaning::CreatedAt,
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
    ),
    (
        Meaning::LastPurchase,
        &["last purchase", "last purchase date", "last order", "last order date", "last purchased at", "last bought"],
    ),
];

/// Words that turn a name into one about something else: `email_opt_in` is no e-mail address, and `phone_country` no phone.
pub(super) const TURNING: &[&str] = &[
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

/// Words by number, so that names are compared without looking at letters: with many fields on both sides, each is compared with each.
#[derive(Debug, Default)]
pub(super) struct Words(HashMap<String, u32>);

impl Words {
    fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.0.get(word) {
            return *number;
        }
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.insert(word.to_owned(), number);
        number
    }
}

/// A field's name, taken apart.
pub(super) struct Name {
    /// All words, with spaces between them.
    pub(super) text: String,
    /// All words.
    pub(super) words: Vec<u32>,
    /// The words that say what it is: without those of form and those that only say which one of several.
    pub(super) core: Vec<u32>,
    /// What it is about, when `ALIASES` has it.
    pub(super) meaning: Option<Meaning>,
    /// Whether all of its words are in that line, not only the core.
    pub(super) meaning_is_whole: bool,
    /// Words that make it about something else, sorted.
    pub(super) turning: Vec<u32>,
}

impl Name {
    /// The field's name, then its label if it has one.
    pub(super) fn all_of(field: &Field, numbers: &mut Words) -> Vec<Self> {
        std::iter::once(&field.name).chain(&field.label).map(|name| Self::of(name, field, numbers)).collect()
    }

    fn of(name: &str, field: &Field, numbers: &mut Words) -> Self {
        let all = folded(name);
        // In a field that is declared as a hash, "hash" in the name says nothing more.
        let words: Vec<String> = if field.form == FieldForm::Raw || all.iter().all(|word| FORM.contains(&word.as_str()))
        {
            all
        } else {
            all.into_iter().filter(|word| !FORM.contains(&word.as_str())).collect()
        };
        let is_core = |word: &&String| !WEAK.contains(&word.as_str());
        let text = words.join(" ");
        let core_text = words.iter().filter(is_core).map(String::as_str).collect::<Vec<_>>().join(" ");
        let whole = meaning_of(&text);
        let meaning = whole.or_else(|| meaning_of(&core_text));
        let core = words.iter().filter(is_core).map(|word| numbers.number(word)).collect();
        // The words of a known name are no turning words: the "date" of "birth date", the "id" of "customer id".
        let mut turning = Vec::new();
        if meaning.is_none() {
            let turns = words.iter().filter(|word| TURNING.contains(&word.as_str()));
            turning.extend(turns.map(|word| numbers.number(word)));
            turning.sort_unstable();
        }
        let words = words.iter().map(|word| numbers.number(word)).collect();
        Self { text, words, core, meaning, meaning_is_whole: whole.is_some(), turning }
    }
}

fn meaning_of(name: &str) -> Option<Meaning> {
    ALIASES.iter().find(|(_, line)| line.contains(&name)).map(|(meaning, _)| *meaning)
}

/// What a field is about: by its type where that says it, else by its name, else by its label.
pub fn meaning(field: &Field) -> Option<Meaning> {
    match field.field_type {
        FieldType::Email => Some(Meaning::Email),
        FieldType::Phone => Some(Meaning::Phone),
        FieldType::MobileAdId => Some(Meaning::MobileAdId),
        FieldType::CookieId => Some(Meaning::CookieId),
        FieldType::CustomerId => Some(Meaning::CustomerId),
        FieldType::Country => Some(Meaning::Country),
        FieldType::PostalCode => Some(Meaning::PostalCode),
        _ => Name::all_of(field, &mut Words::default()).into_iter().find_map(|name| name.meaning),
    }
}

/// The words of a name, in lower case without accents: `eMailAdresse`, `e-mail_adresse` and `E Mail Adresse` are the same.
pub(super) fn folded(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before: Option<char> = None;
    let plain: Vec<char> = taken_apart(name).chars().filter(|character| !is_mark(*character)).collect();
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
