//! How long it takes to suggest links, with few fields and with as many as anybody maps: `cargo run --release -p usher-model --example suggestions`.
//! The server does it once when it renders a mapping, the browser after each change of who feeds whom. Nothing here asserts a time.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use std::time::{Duration, Instant};

use model::{
    field::{Field, FieldKind, FieldType},
    mapping::{Mapping, check},
    profile::Profile,
    suggestion::suggest,
};

/// What fields are called, on the one side and on the other.
const NAMES: [(&str, &str, FieldType); 10] = [
    ("email", "e_mail_address", FieldType::Email),
    ("mobile_phone", "telephone", FieldType::Phone),
    ("first_name", "given name", FieldType::String),
    ("last_name", "Surname", FieldType::String),
    ("city", "Town", FieldType::String),
    ("zip", "postal_code", FieldType::PostalCode),
    ("last_purchase_at", "LastPurchaseAt", FieldType::Timestamp),
    ("total_spent", "TotalSpent", FieldType::Decimal),
    ("newsletter_opt_in", "opted in to newsletter", FieldType::Boolean),
    ("favourite_shop_of_the_year", "favourite shop", FieldType::String),
];

fn main() {
    println!("fields on each side   suggested   to suggest   to check all of them mapped");
    for count in [10, 50, 100, 200, 512] {
        let (source, destination) = (side(count, |names| names.0), side(count, |names| names.1));
        let values: Vec<String> = (0..20).map(|number| format!("person{number}@example.com")).collect();
        let profiles: Vec<Profile> = source.iter().map(|_| Profile::of(values.iter().map(String::as_str))).collect();
        let nothing = Mapping::default();
        let (suggestions, to_suggest) = timed(|| suggest(&source, &destination, &nothing, &profiles));
        let mapping = Mapping { links: suggestions.into_iter().map(|suggestion| suggestion.link).collect() };
        let (_, to_check) = timed(|| check(&mapping, &source, &destination));
        println!(
            "{count:>19}   {:>9}   {:>7.2} ms   {:>10.2} ms",
            mapping.links.len(),
            to_suggest.as_secs_f64() * 1000.0,
            to_check.as_secs_f64() * 1000.0
        );
    }
}

fn side(count: usize, name: impl Fn((&'static str, &'static str)) -> &'static str) -> Vec<Field> {
    let field = |index: usize| {
        let (one, other, field_type) = NAMES[index % NAMES.len()];
        let name = name((one, other));
        let kind = if matches!(field_type, FieldType::Email | FieldType::Phone) {
            FieldKind::Identifier
        } else {
            FieldKind::Attribute
        };
        let name = if index < NAMES.len() { name.to_owned() } else { format!("{name} {}", index / NAMES.len()) };
        Field::new(name, kind, field_type)
    };
    (0..count).map(field).collect()
}

/// The shortest of some times: what else the machine does only adds.
fn timed<T>(work: impl Fn() -> T) -> (T, Duration) {
    let once = || {
        let started = Instant::now();
        (work(), started.elapsed())
    };
    (0..20).map(|_| once()).fold(once(), |best, next| if next.1 < best.1 { next } else { best })
}
