//! The people of the demo: generated, the same for the same seed, and as nasty as real ones.
//!
//! Person n depends on the seed and n alone, so a million of them need no more memory than one. Addresses end in the domains that
//! are reserved for examples, so nobody real is ever written to. The rates of each kind of nastiness stand here, next to what they do.

use chrono::{DateTime, Days, NaiveDate, SecondsFormat};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::locales::{LOCALES, Locale};

/// One of Harbor's customers.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// Seven digits, leading zeros and all. Unique.
    pub customer_id: String,
    /// As typed.
    pub email: Option<String>,
    /// As typed.
    pub phone: Option<String>,
    /// In the person's own script.
    pub first_name: Option<String>,
    /// In the person's own script.
    pub last_name: Option<String>,
    /// One or more lines.
    pub address: Option<String>,
    /// In the person's own script.
    pub city: Option<String>,
    /// In the country's format.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// ISO 639-1.
    pub language: String,
    /// `YYYY-MM-DD`, nearly always.
    pub birth_date: Option<String>,
    /// In euros.
    pub lifetime_value: Option<f64>,
    /// Whether the newsletter is wanted.
    pub newsletter: bool,
    /// RFC 3339 in UTC; `None` for those who never bought.
    pub last_purchase_at: Option<String>,
}

/// The newest purchase, in seconds since 1970: 2026-11-01.
const NEWEST_PURCHASE: i64 = 1_793_491_200;
/// Seconds in five years.
const FIVE_YEARS: i64 = 5 * 365 * 86_400;

/// The person of this number.
pub fn person(seed: u64, index: u64) -> Person {
    let mut rng = rng(seed, index);
    let customer_id = format!("{:07}", index + 1);
    if index > 0 && chance(&mut rng, 0.025) {
        // The same person once more, as imports and second sign-ups leave them.
        let mut twin = original(seed, rng.random_range(index.saturating_sub(5_000)..index));
        twin.customer_id = customer_id;
        if chance(&mut rng, 0.6) {
            retype(&mut twin, &mut rng);
        }
        return twin;
    }
    Person { customer_id, ..original(seed, index) }
}

fn rng(seed: u64, index: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index.wrapping_mul(0xd1b5_4a32_d192_ed03),
    )
}

fn chance(rng: &mut Xoshiro256PlusPlus, probability: f64) -> bool {
    rng.random_bool(probability)
}

fn pick<T: Copy>(rng: &mut Xoshiro256PlusPlus, from: &[T]) -> T {
    *from.choose(rng).expect("the lists of names are not empty")
}

/// A person who is nobody's twin.
fn original(seed: u64, index: u64) -> Person {
    let rng = &mut rng(!seed, index);
    let locale = LOCALES.choose_weighted(rng, |locale| locale.weight).expect("the weights are positive");
    let (first, first_latin) = pick(rng, locale.first);
    let (last, last_latin) = pick(rng, locale.last);
    let city = pick(rng, locale.cities);
    let mut person = Person {
        customer_id: format!("{:07}", index + 1),
        email: email(rng, first_latin, last_latin, index),
        phone: phone(rng, locale),
        first_name: Some(first.to_owned()),
        last_name: Some(last.to_owned()),
        address: address(rng, locale, city),
        city: Some(city.to_owned()),
        postal_code: Some(digits(rng, locale.postal)).filter(|code| !code.is_empty()),
        country: locale.country.to_owned(),
        language: locale.language.to_owned(),
        birth_date: birth_date(rng),
        lifetime_value: None,
        newsletter: chance(rng, 0.42),
        last_purchase_at: None,
    };
    if chance(rng, 0.9) {
        // Many small spenders, few great ones.
        let cents = (rng.random_range(0.0_f64..1.0).powi(4) * 600_000.0).round();
        person.lifetime_value = Some((cents + 495.0) / 100.0);
        let ago = (rng.random_range(0.0_f64..1.0).powi(2) * FIVE_YEARS as f64) as i64;
        person.last_purchase_at = DateTime::from_timestamp(NEWEST_PURCHASE - ago, 0)
            .map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    spoil(&mut person, rng);
    person
}

/// One of the patterns, with a digit for each `#`.
fn digits(rng: &mut Xoshiro256PlusPlus, patterns: &[&str]) -> String {
    pick(rng, patterns)
        .chars()
        .map(|c| if c == '#' { char::from(b'0' + rng.random_range(0..10_u8)) } else { c })
        .collect()
}

fn email(rng: &mut Xoshiro256PlusPlus, first: &str, last: &str, index: u64) -> Option<String> {
    const DOMAINS: [&str; 8] = [
        "example.com",
        "example.org",
        "example.net",
        "mail.example.com",
        "post.example.org",
        "correo.example.net",
        "uni-example.example",
        "shop.example",
    ];
    if chance(rng, 0.04) {
        return if chance(rng, 0.5) { None } else { Some(String::new()) };
    }
    let domain = pick(rng, &DOMAINS);
    let good = match rng.random_range(0..5) {
        0 => format!("{first}.{last}{index}@{domain}"),
        1 => format!("{}{last}.{index}@{domain}", &first[..1]),
        2 => format!("{first}_{index}@{domain}"),
        3 => format!("{first}.{last}+{index}@{domain}"),
        _ => format!("{last}-{first}-{index:x}@{domain}"),
    };
    Some(match rng.random_range(0..1_000) {
        0..2 => format!("{first}.{last}{index}.at.{domain}"),
        2..4 => format!("{first}{index}@{domain}").replace("example.", "example,"),
        4..6 => format!("{first}{index}@@{domain}"),
        6..8 => format!("{first} {last}{index}@{domain}"),
        8..10 => format!("{first}{index}@localhost"),
        10..12 => "n/a".to_owned(),
        12..14 => format!("{first}..{last}{index}@{domain}"),
        14..34 => good.to_uppercase(),
        34..42 => format!(" {good}"),
        42..50 => format!("{good} "),
        50..54 => format!("o'{good}"),
        54..56 => format!("{first}{index}@bücher.example"),
        _ => good,
    })
}

fn phone(rng: &mut Xoshiro256PlusPlus, locale: &Locale) -> Option<String> {
    if chance(rng, 0.14) {
        return if chance(rng, 0.5) { None } else { Some(String::new()) };
    }
    let good = digits(rng, locale.phones);
    Some(match rng.random_range(0..1_000) {
        0..4 => "call after five".to_owned(),
        4..7 => "0000".to_owned(),
        7..10 => format!("{good} / {good} (work)"),
        10..13 => "—".to_owned(),
        13..16 => good.chars().take(4).collect(),
        16..24 => format!(" {good}"),
        24..28 => good.replace(' ', "\u{a0}"),
        28..30 => good.chars().map(|c| c.to_digit(10).and_then(|d| char::from_u32(0x0660 + d)).unwrap_or(c)).collect(),
        _ => good,
    })
}

fn address(rng: &mut Xoshiro256PlusPlus, locale: &Locale, city: &str) -> Option<String> {
    if chance(rng, 0.2) {
        return None;
    }
    let street = pick(rng, locale.streets).replace('#', &rng.random_range(1..240).to_string());
    Some(match rng.random_range(0..100) {
        0..18 => format!("{street}\n{city}"),
        18..26 => format!("{street}\r\n2.º Esq.\r\n{city}"),
        26..30 => format!("c/o \"Casa Azul\", {street}"),
        30..32 => format!("{street}\n\n"),
        _ => street,
    })
}

fn birth_date(rng: &mut Xoshiro256PlusPlus) -> Option<String> {
    if chance(rng, 0.25) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(1936, 1, 1)?.checked_add_days(Days::new(rng.random_range(0..26_000)))?;
    Some(match rng.random_range(0..500) {
        0 => date.format("%d/%m/%Y").to_string(),
        1 => "0000-00-00".to_owned(),
        2 => "1979-02-30".to_owned(),
        _ => date.format("%Y-%m-%d").to_string(),
    })
}

/// How the same person types it another time.
fn retype(person: &mut Person, rng: &mut Xoshiro256PlusPlus) {
    person.email = person.email.take().map(|email| match rng.random_range(0..4) {
        0 => email.to_uppercase(),
        1 => format!("{} ", email.trim()),
        2 => email.trim().to_lowercase(),
        _ => email,
    });
    person.first_name =
        person.first_name.take().map(|name| if chance(rng, 0.5) { name.to_uppercase() } else { format!("{name} ") });
    person.phone = person.phone.take().map(|phone| phone.replace([' ', '-'], ""));
    if chance(rng, 0.5) {
        person.address = None;
    }
}

/// What people, forms and old imports do to values. About one person in fifteen gets some of it.
fn spoil(person: &mut Person, rng: &mut Xoshiro256PlusPlus) {
    let first = person.first_name.clone().unwrap_or_default();
    let last = person.last_name.clone().unwrap_or_default();
    match rng.random_range(0..1_000) {
        0..6 => person.last_name = Some(format!("{last}, Jr.")),
        6..12 => person.first_name = Some(format!("{first} \"{}\"", first.chars().take(3).collect::<String>())),
        12..20 => person.last_name = Some(format!("O'{last}")),
        20..25 => person.last_name = Some(format!("{last}-D’Angelo")),
        25..30 => person.first_name = Some(format!("{first} \u{1f600}")),
        30..32 => person.first_name = Some(format!("{first} \u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}")),
        32..34 => person.last_name = Some("=SUM(A1:A9)".to_owned()),
        34..36 => person.city = Some("=HYPERLINK(\"http://example.com\",\"x\")".to_owned()),
        36..37 => person.last_name = Some("+cmd|' /C calc'!A0".to_owned()),
        37..42 => person.first_name = Some(format!("  {first}")),
        42..47 => person.city = person.city.take().map(|city| format!("{city} ")),
        47..51 => person.last_name = Some(last.to_uppercase()),
        51..54 => person.last_name = Some(last.to_lowercase()),
        // Accents as separate marks (NFD), which look the same and compare as different.
        54..58 => person.first_name = Some("Jose\u{301} Andre\u{301}".to_owned()),
        58..60 => person.first_name = Some(format!("{first}\u{200b}")),
        60..62 => person.first_name = Some(format!("\u{200f}{first}\u{200e}")),
        62..64 => person.last_name = Some(format!("{last}\tMSc")),
        64..66 => person.address = Some("\"".to_owned()),
        66..68 => person.address = Some(",,,\r\n,\"\",\n".to_owned()),
        68..70 => person.last_name = Some("NULL".to_owned()),
        70..72 => person.first_name = Some("N/A".to_owned()),
        72..73 => {
            person.address =
                Some("Deliver to the back door, ring twice, mind the dog. ".repeat(rng.random_range(40..400)))
        }
        73..75 => person.last_name = Some("<b>Bold</b> & Sons; drop table people;--".to_owned()),
        75..79 => {
            person.first_name = Some(String::new());
            person.last_name = None;
        }
        79..82 => person.last_name = Some("Ẁọŕḿ ﷽ Z̷͝a̵l̴g̶o".to_owned()),
        82..84 => person.city = Some("Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch".to_owned()),
        84..88 => person.postal_code = person.postal_code.take().map(|code| code.replace(['-', ' '], "")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use model::field::{Field, FieldKind, FieldType};

    use super::*;
    use crate::check::check_value;

    #[test]
    fn the_same_seed_makes_the_same_people() {
        for index in [0, 1, 77, 19_999, 5_000_000] {
            assert_eq!(person(7, index), person(7, index));
        }
        assert_ne!(person(7, 3), person(8, 3));
    }

    #[test]
    fn the_demo_s_people_are_as_nasty_as_real_ones() {
        const PEOPLE: usize = 20_000;
        let people: Vec<Person> = (0..PEOPLE as u64).map(|index| person(7, index)).collect();
        let ids: HashSet<&str> = people.iter().map(|p| p.customer_id.as_str()).collect();
        assert_eq!(ids.len(), PEOPLE);

        let email = Field::new("email", FieldKind::Identifier, FieldType::Email);
        let phone = Field::new("phone", FieldKind::Identifier, FieldType::Phone);
        let share = |count: usize| count as f64 / PEOPLE as f64;
        let malformed = |field: &Field, value: &Option<String>| {
            value.as_ref().is_some_and(|value| check_value(field, false, value.trim()).is_some())
        };
        let bad_emails = share(people.iter().filter(|p| malformed(&email, &p.email)).count());
        let bad_phones = share(people.iter().filter(|p| malformed(&phone, &p.phone)).count());
        assert!((0.008..0.02).contains(&bad_emails), "{bad_emails} of the e-mails are malformed");
        assert!((0.008..0.025).contains(&bad_phones), "{bad_phones} of the phones are malformed");

        let emails: Vec<&str> = people.iter().filter_map(|p| p.email.as_deref()).filter(|e| e.contains('@')).collect();
        let distinct: HashSet<&str> = emails.iter().copied().collect();
        let alike: HashSet<String> = emails.iter().map(|e| e.trim().to_lowercase()).collect();
        assert!(distinct.len() < emails.len() && alike.len() < distinct.len(), "exact and near duplicates are there");

        let texts: String =
            people.iter().flat_map(|p| [&p.first_name, &p.last_name, &p.address, &p.city]).flatten().cloned().collect();
        for (what, range) in [
            ("Greek", 'α'..='ω'),
            ("Cyrillic", 'а'..='я'),
            ("Hebrew", 'א'..='ת'),
            ("Arabic", 'ا'..='ي'),
            ("Hindi", 'क'..='ह'),
            ("Thai", 'ก'..='ฮ'),
            ("Chinese", '\u{4e00}'..='\u{9fff}'),
            ("Japanese", 'ァ'..='ヶ'),
            ("Korean", '가'..='힣'),
            ("emoji", '\u{1f600}'..='\u{1f64f}'),
            ("quotes", '"'..='"'),
            ("line breaks", '\n'..='\r'),
            ("combining accents", '\u{300}'..='\u{36f}'),
        ] {
            assert!(texts.chars().any(|c| range.contains(&c)), "no {what}");
        }
        assert!(texts.contains("=SUM("));
        assert!(people.iter().any(|p| p.address.as_ref().is_some_and(|a| a.len() > 2_000)), "no very long value");
        assert!(
            people.iter().any(|p| p.postal_code.as_ref().is_some_and(|code| code.starts_with('0'))),
            "no leading zero"
        );
    }
}
