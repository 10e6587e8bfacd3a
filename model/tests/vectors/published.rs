//! What the platforms publish: a value as it is written, as they normalise it, and the hash that they expect. Run natively by `tests/vectors.rs`, and
//! in WASM by `examples/vectors.rs`, so that the browser shows what the server sends.
//!
//! Sources:
//! - Meta: developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
//! - Google: developers.google.com/data-manager/api/get-started/formatting, and the tests of the formatter that Google publishes with it
//!   (googleads/data-manager-java, `UserDataFormatterTest`)
//! - UID2: unifiedid.com/docs/getting-started/gs-normalization-encoding (IABTechLab/uid2docs)
//! - FIPS 180-2 for SHA-256 itself

use std::borrow::Cow;

use model::{
    preset::Preset,
    suggestion::Meaning,
    transform::{DateInput, DateOutput, Transform},
};

/// One line of what is published.
pub struct Vector {
    pub preset: Preset,
    pub meaning: Meaning,
    /// For telephone numbers without a prefix.
    pub country: Option<&'static str>,
    pub written: &'static str,
    pub normalised: &'static str,
    /// In the form in which the platform publishes it; none where it publishes only how a value is written.
    pub hashed: Option<&'static str>,
}

const fn vector(
    preset: Preset,
    meaning: Meaning,
    written: &'static str,
    normalised: &'static str,
    hashed: Option<&'static str>,
) -> Vector {
    Vector { preset, meaning, country: None, written, normalised, hashed }
}

const fn in_country(country: &'static str, vector: Vector) -> Vector {
    Vector { country: Some(country), ..vector }
}

use Meaning as M;
use Preset::{Google, Meta, Uid2};

/// Hashes of the platforms that publish them, spelt as they do.
const JOHN_SMITH: &str = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";
const META_PHONE: &str = "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176";
const MARY: &str = "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec";
const JEONG: &str = "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14";
const VALERY: &str = "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c";
const UNITED_STATES: &str = "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621";
const BORN: &str = "01acdbf6ec7b4f478a225f1a246e5d6767eeab1a7ffa17f025265b5b94f40f0c";
const ALEXZ: &str = "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a";
const GOOGLE_PHONE: &str = "fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b30";
const GIVEN_NAME: &str = "128a07bfe2df877c52076e60d7774cf5baaa046c5a6c48daf30ff43ecca2f814";
const FAMILY_NAME: &str = "77762c287e61ce065bee5c15464012c6fbe088398b8057627d5577249430d574";
const JANE_SAOIRSE: &str = "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8=";

pub const PUBLISHED: &[Vector] = &[
    vector(Meta, M::Email, "John_Smith@gmail.com", "john_smith@gmail.com", Some(JOHN_SMITH)),
    in_country("US", vector(Meta, M::Phone, "(650)555-1212", "16505551212", Some(META_PHONE))),
    vector(Meta, M::FirstName, "Mary", "mary", Some(MARY)),
    vector(Meta, M::FirstName, "정", "정", Some(JEONG)),
    vector(Meta, M::FirstName, "Valéry", "valéry", Some(VALERY)),
    vector(Meta, M::LastName, "O'Neill-Smith", "oneillsmith", None),
    vector(Meta, M::City, "Paris", "paris", None),
    vector(Meta, M::City, "New York", "newyork", None),
    vector(Meta, M::Region, "CA", "ca", None),
    vector(Meta, M::Region, "Arizona", "az", None),
    vector(Meta, M::PostalCode, "94035-1234", "94035", None),
    vector(Meta, M::PostalCode, "1987", "1987", None),
    vector(Meta, M::PostalCode, "M1 1AE", "m11ae", None),
    vector(Meta, M::Country, "United States", "us", Some(UNITED_STATES)),
    vector(Meta, M::Gender, "Female", "f", None),
    vector(Google, M::Email, "  ALEXZ@example.com   ", "alexz@example.com", Some(ALEXZ)),
    vector(Google, M::Email, "jefferson.Loves.hiking@gmail.com", "jeffersonloveshiking@gmail.com", None),
    vector(Google, M::Email, "Jefferson.LOVES.Hiking@googlemail.com", "jeffersonloveshiking@googlemail.com", None),
    vector(Google, M::Email, "Cloudy.SanFrancisco+shopping@gmail.com", "cloudysanfrancisco@gmail.com", None),
    vector(Google, M::Phone, "   +1-800-555-0100", "+18005550100", Some(GOOGLE_PHONE)),
    in_country("US", vector(Google, M::Phone, "1-800-555-0100   ", "+18005550100", Some(GOOGLE_PHONE))),
    in_country("US", vector(Google, M::Phone, "(800)555-0100", "+18005550100", Some(GOOGLE_PHONE))),
    vector(Google, M::Phone, "+44-113-496-0987", "+441134960987", None),
    vector(Google, M::FirstName, "  GivenName  ", "givenname", Some(GIVEN_NAME)),
    vector(Google, M::FirstName, " Mrs. Alex   ", "alex", None),
    vector(Google, M::FirstName, " Alex Dr.", "alex", None),
    vector(Google, M::FirstName, " Mralex   ", "mralex", None),
    vector(Google, M::FirstName, " Mr. ", "", None),
    vector(Google, M::LastName, "  FamilyName ", "familyname", Some(FAMILY_NAME)),
    vector(Google, M::LastName, "Quinn-Alex", "quinn-alex", None),
    vector(Google, M::LastName, " Quinn, Jr.   ", "quinn", None),
    vector(Google, M::LastName, " Quinn,Jr.   ", "quinn", None),
    vector(Google, M::LastName, "quinn, jr., dds", "quinn", None),
    vector(Google, M::LastName, "Boardds", "boardds", None),
    vector(Google, M::LastName, ", Jr. ", "", None),
    vector(Google, M::Country, "  us  ", "US", None),
    vector(Google, M::PostalCode, "  1229-076  ", "1229-076", None),
    vector(
        Uid2,
        M::Email,
        "USER@example.com",
        "user@example.com",
        Some("tMmiiTI7IaAcPpQPFQ65uMVCWH8av9jw4cwf/F5HVRQ="),
    ),
    vector(
        Uid2,
        M::Email,
        "MyEmail@example.com",
        "myemail@example.com",
        Some("FsGNM28LJQ8OLZB0Us65ZYp07NrovJSGTCMSKnLMJ6U="),
    ),
    vector(
        Uid2,
        M::Email,
        "My.Email@example.com",
        "my.email@example.com",
        Some("4itTvG+HEnTzpiqzejyu1yFPwU1nYhWpaiQvz62hyB8="),
    ),
    vector(
        Uid2,
        M::Email,
        "JaneSaoirse+Work@example.com",
        "janesaoirse+work@example.com",
        Some("KKruSBUjDNO069iMUVImVQZm6RrAGZKeOtrD9mwogYA="),
    ),
    vector(Uid2, M::Email, "JANE.SAOIRSE@gmail.com", "janesaoirse@gmail.com", Some(JANE_SAOIRSE)),
    vector(Uid2, M::Email, "Jane.Saoirse@gmail.com", "janesaoirse@gmail.com", Some(JANE_SAOIRSE)),
    vector(Uid2, M::Email, "JaneSaoirse+Work@gmail.com", "janesaoirse@gmail.com", Some(JANE_SAOIRSE)),
    vector(Uid2, M::Email, "Jane.Saoirse@googlemail.com", "jane.saoirse@googlemail.com", None),
];

/// Hashes of what is normalised already: numbers that are published as examples, but that no country gives out.
const HASHED: &[(&str, &str, &str)] = &[
    // UID2's example of a telephone number, in hexadecimal and in Base64.
    (
        "+12345678901",
        "10e6f0b47054a83359477dcb35231db6de5c69fb1816e1a6b98e192de9e5b9ee",
        "EObwtHBUqDNZR33LNSMdtt5cafsYFuGmuY4ZLenlue4=",
    ),
    (
        "abc",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
    ),
];

/// What does not come out as it is published; each line says where it stands.
pub fn wrong() -> Vec<(usize, String)> {
    let mut wrong = Vec::new();
    for (place, vector) in PUBLISHED.iter().enumerate() {
        let mut steps = vector.preset.steps(vector.meaning);
        for step in &mut steps {
            if let Transform::PhoneE164 { default_country } = step {
                *default_country = vector.country.map(str::to_owned);
            }
        }
        let normalised = made(&steps, vector.written);
        if normalised != vector.normalised {
            wrong.push((place, format!("{:?} becomes {normalised:?}, not {:?}", vector.written, vector.normalised)));
        }
        steps.extend(vector.preset.hash(vector.meaning));
        let hashed = made(&steps, vector.written);
        if vector.hashed.is_some_and(|published| published != hashed) {
            wrong.push((place, format!("{:?} is hashed as {hashed}, not {:?}", vector.written, vector.hashed)));
        }
    }
    let first = PUBLISHED.len();
    for (place, (value, hex, base64)) in HASHED.iter().enumerate() {
        for (step, published) in [(Transform::Sha256Hex, hex), (Transform::Sha256Base64, base64)] {
            let hashed = made(&[step], value);
            if hashed != *published {
                wrong.push((first + place, format!("{value:?} is hashed as {hashed}, not {published}")));
            }
        }
    }
    // Meta's date of birth is published as it is written in the US.
    let born = [Transform::DateFormat { from: DateInput::MonthDayYear, to: DateOutput::Compact }, Transform::Sha256Hex];
    let hashed = made(&born, "2/16/1997");
    if hashed != BORN {
        wrong.push((first + HASHED.len(), format!("a date of birth is hashed as {hashed}, not {BORN}")));
    }
    wrong
}

fn made(steps: &[Transform], value: &str) -> String {
    let mut made = Cow::Borrowed(value);
    for step in steps {
        made = match step.apply(made) {
            Ok(made) => made,
            Err(problem) => return format!("the value {problem}"),
        };
    }
    made.into_owned()
}
