//! The identifier lab: what a platform's rules make of sampled values, raw -> normalised -> hashed, and what looks wrong with them as a whole.

use std::{borrow::Cow, collections::HashMap};

use crate::{
    phone,
    preset::Preset,
    suggestion::Meaning,
    transform::{Digest, HASHES_OF_NOTHING, Transform, country_name},
};

/// What the lab found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// The steps that normalise.
    pub steps: Vec<Transform>,
    /// The hash behind them; none where the platform takes the value readable.
    pub hash: Option<Transform>,
    /// Each value on its way.
    pub values: Vec<Examined>,
    /// What looks wrong with the values as a whole, as sentences without values.
    pub warnings: Vec<String>,
}

/// One value on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// As it came.
    pub raw: String,
    /// As the platform writes it; why that can't be, as a clause that follows "the value".
    pub normalised: Result<String, String>,
    /// Hashed; empty where there is nothing to hash.
    pub hashed: String,
}

/// The MD5 and the SHA-1 of nothing.
const OTHER_HASHES_OF_NOTHING: [&str; 2] =
    ["d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709"];

/// In front of the @ of addresses that people make up.
const MADE_UP_NAMES: [&str; 18] = [
    "test",
    "tests",
    "testing",
    "tester",
    "noreply",
    "no-reply",
    "donotreply",
    "none",
    "null",
    "na",
    "n.a",
    "unknown",
    "example",
    "fake",
    "dummy",
    "asdf",
    "abc",
    "noemail",
];

/// Behind the @ of addresses that people make up; none of them takes mail for a person.
const MADE_UP_DOMAINS: [&str; 9] = [
    "test.com",
    "none.com",
    "noemail.com",
    "no.com",
    "fake.com",
    "asdf.com",
    "domain.com",
    "mailinator.com",
    "xxx.com",
];

/// Countries that are tried when the chosen one does not fit.
const TRIED: [&str; 16] =
    ["US", "GB", "DE", "FR", "ES", "IT", "PT", "NL", "BE", "AT", "CH", "PL", "SE", "BR", "IN", "AU"];

/// Examines values of a meaning by a platform's rules. `country` (ISO 3166-1 alpha-2) is for telephone numbers without a prefix.
pub fn examine<'v>(
    values: impl IntoIterator<Item = &'v str>,
    meaning: Meaning,
    preset: Preset,
    country: Option<&str>,
) -> Examination {
    let mut steps = preset.steps(meaning);
    for step in &mut steps {
        if let Transform::PhoneE164 { default_country } = step {
            *default_country = country.map(str::to_owned);
        }
    }
    let hash = preset.hash(meaning);
    let values: Vec<Examined> = values.into_iter().map(|raw| examined(raw, &steps, hash.as_ref())).collect();
    let filled: Vec<&Examined> = values.iter().filter(|value| !value.raw.trim().is_empty()).collect();
    let mut warnings = Vec::new();
    warn_of_hashes(&filled, &mut warnings);
    warn_of_repeats(&filled, &mut warnings);
    match meaning {
        Meaning::Email => warn_of_made_up_addresses(&filled, &mut warnings),
        Meaning::Phone => warn_of_countries(&filled, country, &mut warnings),
        _ => {}
    }
    Examination { steps, hash, values, warnings }
}

fn examined(raw: &str, steps: &[Transform], hash: Option<&Transform>) -> Examined {
    let mut value = Cow::Borrowed(raw);
    for step in steps {
        match step.apply(value) {
            Ok(made) => value = made,
            Err(problem) => {
                return Examined { raw: raw.to_owned(), normalised: Err(problem.to_string()), hashed: String::new() };
            }
        }
    }
    let normalised = value.into_owned();
    let hashed = hash.and_then(|hash| hash.apply(Cow::Borrowed(&normalised)).ok().map(Cow::into_owned));
    Examined { raw: raw.to_owned(), hashed: hashed.unwrap_or_default(), normalised: Ok(normalised) }
}

fn of_all(count: usize, all: usize) -> String {
    if count == all { format!("All {all} values") } else { format!("{count} of {all} values") }
}

fn is_hex(value: &str, digits: usize) -> bool {
    value.len() == digits && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn warn_of_hashes(filled: &[&Examined], warnings: &mut Vec<String>) {
    let all = filled.len();
    let count = |is: &dyn Fn(&str) -> bool| filled.iter().filter(|value| is(value.raw.trim())).count();
    let is_of_nothing = |value: &str| {
        HASHES_OF_NOTHING.iter().chain(&OTHER_HASHES_OF_NOTHING).any(|nothing| value.eq_ignore_ascii_case(nothing))
    };
    let nothing = count(&is_of_nothing);
    if nothing > 0 {
        warnings.push(format!(
            "{} are the hash of nothing (such as e3b0c442…): people without a value, who would all be taken for the same person. \
             Have the source send nothing for them.",
            of_all(nothing, all)
        ));
    }
    let hashed = count(&|value| Digest::read(value).is_some());
    if hashed > 0 && hashed == all {
        warnings.push(
            "All values are hashed already. They are passed on as they are; whether they were normalised before can't be seen."
                .to_owned(),
        );
    } else if hashed > 0 {
        warnings.push(format!(
            "{} are hashed already, and the others are readable. Such a column can't be normalised as a whole: have the source send \
             one or the other.",
            of_all(hashed, all)
        ));
    }
    for (digits, name) in [(32, "MD5"), (40, "SHA-1")] {
        let others = count(&|value| is_hex(value, digits));
        if others > 0 {
            warnings.push(format!(
                "{} look like {name} hashes, which no platform here takes. Have the source send readable values, or SHA-256.",
                of_all(others, all)
            ));
        }
    }
}

fn warn_of_repeats(filled: &[&Examined], warnings: &mut Vec<String>) {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for value in filled.iter().filter_map(|value| value.normalised.as_deref().ok()).filter(|value| !value.is_empty()) {
        *counts.entry(value).or_default() += 1;
    }
    let most = counts.into_values().max().unwrap_or(0);
    if most >= 3 && most * 5 >= filled.len() && filled.len() >= 5 {
        warnings.push(format!(
            "{} are the same. What many people share tells nobody apart; it may be a value that stands for none.",
            of_all(most, filled.len())
        ));
    }
}

fn warn_of_made_up_addresses(filled: &[&Examined], warnings: &mut Vec<String>) {
    let addresses: Vec<(&str, &str)> =
        filled.iter().filter_map(|value| value.normalised.as_deref().ok()?.rsplit_once('@')).collect();
    let is_made_up = |(local, domain): &&(&str, &str)| {
        let is_one_letter =
            local.len() >= 3 && local.chars().next().is_some_and(|first| local.chars().all(|other| other == first));
        MADE_UP_NAMES.contains(local) || MADE_UP_DOMAINS.contains(domain) || is_one_letter
    };
    let made_up = addresses.iter().filter(is_made_up).count();
    if made_up > 0 {
        warnings.push(format!(
            "{} look made up (such as test@ or noreply@). They reach nobody, and may be shared by many.",
            of_all(made_up, addresses.len())
        ));
    }
    let is_reserved = |(_, domain): &&(&str, &str)| {
        let top = domain.rsplit('.').next().unwrap_or_default();
        matches!(top, "example" | "invalid" | "test" | "localhost")
            || ["example.com", "example.org", "example.net"]
                .iter()
                .any(|reserved| domain.strip_suffix(reserved).is_some_and(|sub| sub.is_empty() || sub.ends_with('.')))
    };
    let reserved = addresses.iter().filter(is_reserved).count();
    if reserved > 0 {
        warnings.push(format!(
            "{} are at domains that are reserved for examples: nobody has an address there.",
            of_all(reserved, addresses.len())
        ));
    }
}

fn warn_of_countries(filled: &[&Examined], country: Option<&str>, warnings: &mut Vec<String>) {
    let all = filled.len();
    let is_national = |value: &&&Examined| !value.raw.trim_start().starts_with(['+', '＋']);
    let failed: Vec<&str> = filled
        .iter()
        .filter(is_national)
        .filter(|value| value.normalised.is_err() && Digest::read(&value.raw).is_none())
        .map(|value| value.raw.as_str())
        .collect();
    match country {
        Some(country) => {
            let name = country_name(country).unwrap_or(country);
            if failed.len() * 5 >= all && failed.len() >= 2 {
                let better = better_country(&failed, country);
                let better = better.map(|better| format!(" They would fit {better}.")).unwrap_or_default();
                warnings.push(format!(
                    "{} can't be numbers of {name}: is it the wrong default country?{better}",
                    of_all(failed.len(), all)
                ));
            }
            let Some(code) = phone::calling_code(country) else { return };
            let digits = |value: &&&Examined| {
                let normalised = value.normalised.as_deref().unwrap_or_default();
                let digits = normalised.trim_start_matches('+');
                !digits.is_empty() && !digits.starts_with(&code.to_string())
            };
            let abroad = filled.iter().filter(digits).count();
            if abroad > 0 {
                warnings.push(format!("{} are of another country than {name} (+{code}).", of_all(abroad, all)));
            }
        }
        None if !failed.is_empty() => {
            let better = better_country(&failed, "");
            let better = better.map(|better| format!(" Those here would fit {better}.")).unwrap_or_default();
            warnings.push(format!(
                "{} have no international prefix such as +49. Choose a default country to read them in.{better}",
                of_all(failed.len(), all)
            ));
        }
        None => {}
    }
}

/// The country in which most of the numbers can exist, when there is one in which nearly all can.
fn better_country(numbers: &[&str], but: &str) -> Option<&'static str> {
    // A few are enough to tell, and each costs.
    let some: Vec<&str> = numbers.iter().copied().take(8).collect();
    let fits = |country: &str| some.iter().filter(|number| phone::to_e164(number, Some(country)).is_ok()).count();
    let others = TRIED.into_iter().filter(|country| *country != but).map(|country| (fits(country), country));
    // Of equals the first.
    let (count, country) = others.reduce(|best, other| if other.0 > best.0 { other } else { best })?;
    if count * 10 >= some.len() * 9 { country_name(country) } else { None }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

    use super::*;

    const HASH: &str = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

    fn warnings(values: &[&str], meaning: Meaning, country: Option<&str>) -> Vec<String> {
        let warnings = examine(values.iter().copied(), meaning, Preset::Meta, country).warnings;
        assert!(warnings.iter().all(|warning| warning.ends_with('.')), "{warnings:?}");
        warnings
    }

    #[test]
    fn each_value_is_shown_on_its_way() {
        let found = examine([" John_Smith@gmail.com", "", "nobody", HASH], Meaning::Email, Preset::Meta, None);
        assert_eq!(found.hash, Some(Transform::Sha256Hex));
        assert_eq!(found.values[0].normalised.as_deref(), Ok("john_smith@gmail.com"));
        assert_eq!(found.values[0].hashed, HASH);
        assert_eq!((found.values[1].normalised.as_deref(), found.values[1].hashed.as_str()), (Ok(""), ""));
        assert!(found.values[2].normalised.as_ref().unwrap_err().contains("exactly one @"));
        assert!(found.values[3].normalised.as_ref().unwrap_err().contains("SHA-256 hash already"));
        let plain = examine(["A@B.co"], Meaning::Email, Preset::Plain, None);
        assert_eq!((plain.hash, plain.values[0].hashed.as_str()), (None, ""));
    }

    #[test]
    fn hashes_are_told_and_those_of_nothing_above_all() {
        let said = |values: &[&str]| warnings(values, Meaning::Email, None).join(" ");
        assert!(said(&[HASH, HASH]).starts_with("All values are hashed already."));
        assert!(said(&[HASH, "a@b.co", ""]).starts_with("1 of 2 values are hashed already"));
        for nothing in HASHES_OF_NOTHING.iter().chain(&OTHER_HASHES_OF_NOTHING) {
            assert!(said(&[nothing, "a@b.co"]).starts_with("1 of 2 values are the hash of nothing"), "{nothing}");
        }
        assert!(said(&["5f4dcc3b5aa765d61d8327deb882cf99"]).contains("MD5"));
        assert!(said(&["5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"]).contains("SHA-1"));
        assert_eq!(said(&["ada@lovelace.co.uk", "bob@b.de"]), "");
    }

    #[test]
    fn addresses_that_are_made_up_are_told() {
        let said = |values: &[&str]| warnings(values, Meaning::Email, None).join(" ");
        assert!(said(&["test@b.co", "ada@c.co"]).starts_with("1 of 2 values look made up"));
        assert!(said(&["xxxx@b.co", "a@mailinator.com"]).starts_with("All 2 values look made up"));
        assert!(said(&["ada@mail.example.com", "bob@b.co"]).contains("1 of 2 values are at domains that are reserved"));
        assert_eq!(said(&["ada@myexample.com", "bob@b.co"]), "");
        assert!(
            said(&["same@b.co", "same@b.co", "same@b.co", "x@b.co", "y@b.co"]).contains("3 of 5 values are the same")
        );
    }

    #[test]
    fn a_wrong_country_is_told_and_a_better_one_named() {
        let german = ["030 123456", "089 12345678", "040 7654321", "+4930123456"];
        assert_eq!(warnings(&german, Meaning::Phone, Some("DE")), Vec::<String>::new());
        let us = warnings(&german, Meaning::Phone, Some("US")).join(" ");
        assert!(us.contains("can't be numbers of United States") && us.contains("fit Germany"), "{us}");
        let none = warnings(&german, Meaning::Phone, None).join(" ");
        assert!(none.starts_with("3 of 4 values have no international prefix") && none.contains("Germany"), "{none}");
        let abroad = warnings(&["+351 210 000 000", "030 123456"], Meaning::Phone, Some("DE")).join(" ");
        assert!(abroad.starts_with("1 of 2 values are of another country than Germany (+49)"), "{abroad}");
    }
}
