use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    name::{ALIASES, TURNING, folded},
    *,
};

fn identifier(name: &str, field_type: FieldType) -> Field {
    Field::new(name, FieldKind::Identifier, field_type)
}

fn attribute(name: &str, field_type: FieldType) -> Field {
    Field::new(name, FieldKind::Attribute, field_type)
}

/// What is suggested, as (target, source).
fn pairs(source: &[Field], destination: &[Field], mapping: &Mapping) -> Vec<(String, String)> {
    suggest(source, destination, mapping, &[])
        .into_iter()
        .map(|suggestion| match suggestion.link.source {
            Source::Field { name } => (suggestion.link.target, name),
            Source::Constant { .. } | Source::Joined { .. } => panic!("only a field is suggested"),
        })
        .collect()
}

fn suggested(source: &Field, target: &Field) -> bool {
    !suggest(std::slice::from_ref(source), std::slice::from_ref(target), &Mapping::default(), &[]).is_empty()
}

#[test]
fn names_fall_into_the_same_words_however_they_are_written() {
    for name in
        ["emailAddress", "EmailAddress", "email_address", "E\u{301}MAIL-ADDRESS", "email.address", " Email  Address "]
    {
        assert_eq!(folded(name), ["email", "address"], "{name}");
    }
    assert_eq!(folded("HTTPStatus2"), ["http", "status", "2"]);
    assert_eq!(folded("Straße"), ["strasse"]);
    assert_eq!(folded("電話番号"), ["電話番号"]);
}

#[test]
fn the_same_thing_is_found_under_its_other_names() {
    use FieldType as T;
    for (field_type, target, others) in [
        (T::Email, "email", &["E-Mail", "mail", "EmailAddress", "primary_email", "user_email", "email1"][..]),
        (T::Phone, "phone", &["mobile", "TelephoneNumber", "msisdn", "Handy", "customer_phone"]),
        (T::CustomerId, "customer_id", &["crm_id", "external_id", "CustomerID", "Kundennummer", "id"]),
    ] {
        for other in others {
            assert!(suggested(&identifier(other, field_type), &identifier(target, field_type)), "{other} -> {target}");
        }
    }
    for (target, others) in [
        ("first_name", &["given_name", "Vorname", "fname", "FirstName", "prénom"][..]),
        ("surname", &["last_name", "Nachname", "family-name"]),
        ("zip", &["postal_code", "PLZ", "PostCode"]),
        ("birth_date", &["dob", "dateOfBirth", "Geburtsdatum"]),
    ] {
        for other in others {
            assert!(suggested(&attribute(other, T::String), &attribute(target, T::String)), "{other} -> {target}");
        }
    }
}

#[test]
fn what_is_only_about_an_address_is_not_taken_for_one() {
    // Even where everything is declared as the same type, as careless producers do.
    for (target, others) in [
        (
            "email",
            &[
                "email_opt_in",
                "emailOptIn",
                "email_consent",
                "email_status",
                "email_verified",
                "email_bounced",
                "is_email_valid",
                "email_domain",
                "last_email_sent_at",
                "email_hash",
                "email_sha256",
            ][..],
        ),
        ("phone", &["phone_country", "phone_type", "mobile_opt_in", "phone_verified"]),
        ("first_name", &["last_name", "name_count"]),
        ("country", &["phone_country", "country_opt_in"]),
    ] {
        for other in others {
            for field_type in [FieldType::Email, FieldType::String] {
                for kind in [FieldKind::Identifier, FieldKind::Attribute] {
                    let source = Field::new(*other, kind, field_type);
                    assert!(!suggested(&source, &Field::new(target, kind, field_type)), "{other} -> {target}");
                }
            }
        }
    }
}

#[test]
fn each_identifier_gets_its_likeliest_source_once() {
    let source = [
        identifier("contact", FieldType::Email),
        identifier("e_mail", FieldType::Email),
        attribute("Vorname", FieldType::String),
    ];
    let destination = [
        identifier("email", FieldType::Email).required(),
        identifier("second_email", FieldType::Email),
        attribute("first_name", FieldType::String),
        attribute("salutation_name", FieldType::String),
    ];
    assert_eq!(
        pairs(&source, &destination, &Mapping::default()),
        [("email", "e_mail"), ("second_email", "contact"), ("first_name", "Vorname")]
            .map(|(t, s)| (t.to_owned(), s.to_owned()))
    );
}

#[test]
fn says_why_and_what_the_link_would_do() {
    let mut hashed = identifier("email", FieldType::Email);
    hashed.form = FieldForm::Sha256Hex;
    let suggestion = suggest(&[identifier("mail", FieldType::Email)], &[hashed], &Mapping::default(), &[]).remove(0);
    assert_eq!(suggestion.reason, "“mail” is another word for “email”; same type");
    assert_eq!(
        suggestion.link.transforms,
        [
            crate::transform::Transform::NormaliseEmail,
            crate::transform::Transform::Sha256Hex,
            crate::transform::Transform::EmptyWhenInvalid
        ]
    );
    let same = identifier("email", FieldType::Email);
    let suggestion =
        suggest(std::slice::from_ref(&same), std::slice::from_ref(&same), &Mapping::default(), &[]).remove(0);
    assert_eq!((suggestion.reason.as_str(), suggestion.confidence), ("same name and type", 99));
}

#[test]
fn what_a_person_set_stays() {
    let fields = [identifier("email", FieldType::Email), attribute("city", FieldType::String)];
    let mut mapping = Mapping::default();
    mapping.links.push(Link {
        target: "email".to_owned(),
        source: Source::Constant { value: "x".to_owned() },
        transforms: Vec::new(),
    });
    assert_eq!(pairs(&fields, &fields, &mapping), [("city".to_owned(), "city".to_owned())]);
}

/// The one suggestion for a source field with these values.
fn by_values(source: &Field, target: &Field, values: &[&str]) -> Option<Suggestion> {
    let profile = Profile::of(values.iter().copied());
    suggest(std::slice::from_ref(source), std::slice::from_ref(target), &Mapping::default(), &[profile]).pop()
}

const MAILS: [&str; 5] = ["ada@b.co", "bob@c.org", "cy@d.de", "", "di@e.fr"];

#[test]
fn what_the_values_look_like_confirms_a_name_or_speaks_for_a_field_that_has_none() {
    let email = identifier("email", FieldType::Email);
    let named = by_values(&identifier("mail", FieldType::Email), &email, &MAILS).expect("is suggested");
    let unseen = by_values(&identifier("mail", FieldType::Email), &email, &[]).expect("is suggested");
    assert!(named.confidence > unseen.confidence);
    assert!(named.reason.ends_with("; 100\u{202f}% of the sample look like e-mail addresses"), "{}", named.reason);
    // A column of text that nobody named so, but that holds e-mail addresses.
    let text = attribute("column_7", FieldType::String);
    assert_eq!(by_values(&text, &email, &[]), None);
    let found = by_values(&text, &email, &MAILS).expect("is suggested");
    assert_eq!(found.link.transforms.first(), Some(&Transform::NormaliseEmail));
    assert!((LEAST_CONFIDENCE..80).contains(&found.confidence), "not among those that are accepted all at once");
    assert_eq!(found.reason, "100\u{202f}% of the sample look like e-mail addresses");
    // Its link has nothing against it: the steps make e-mail addresses of the text, and check each.
    let findings = crate::mapping::check(&Mapping { links: vec![found.link] }, &[text], std::slice::from_ref(&email));
    assert!(findings.is_empty(), "{findings:?}");
    // A name that says that it is something else is believed, and so is one that says that it is something about it.
    for other in ["email_opt_in", "email consent", "phone", "first_name", "unsubscribed_email"] {
        let other = attribute(other, FieldType::String);
        assert_eq!(by_values(&other, &email, &MAILS), None, "{}", other.name);
    }
}

#[test]
fn values_that_are_something_else_speak_against_a_name() {
    let email = identifier("email", FieldType::Email);
    let source = identifier("email_address", FieldType::Email);
    let flags = by_values(&source, &email, &["yes", "no", "yes", "yes"]);
    assert!(flags.is_none_or(|found| found.confidence < 80 && found.reason.contains("something else")));
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let hashed = by_values(&source, &email, &[hash; 4]);
    assert!(hashed.is_none_or(|found| found.confidence < 80 && found.reason.contains("look hashed")));
    let takes_hashes = Field { form: FieldForm::Sha256Hex, ..email };
    assert!(by_values(&source, &takes_hashes, &[hash; 4]).is_some_and(|found| found.confidence > 80));
}

#[test]
fn dates_and_numbers_are_read_as_they_are_written() {
    let born = attribute("birth_date", FieldType::String);
    let target = attribute("date_of_birth", FieldType::Date);
    let from = |values: &[&str]| match by_values(&born, &target, values).expect("is suggested").link.transforms.first()
    {
        Some(Transform::DateFormat { from, .. }) => *from,
        other => panic!("{other:?} reads no dates"),
    };
    assert_eq!(from(&["28.03.1990", "01.02.1991", "30.12.1970", "02.03.1980"]), DateInput::DayMonthYear);
    assert_eq!(from(&["03/28/1990", "01/02/1991", "12/30/1970", "02/03/1980"]), DateInput::MonthDayYear);
    assert_eq!(from(&["1990-03-28", "1991-02-01", "1970-12-30", "1980-03-02"]), DateInput::YearMonthDay);
    let value = attribute("lifetime_value", FieldType::String);
    let target = attribute("lifetime_value", FieldType::Decimal);
    let found = by_values(&value, &target, &["1.234,50", "2,5", "3,75", "9,99"]).expect("is suggested");
    let mark = DecimalMark::Comma;
    assert_eq!(found.link.transforms.first(), Some(&Transform::NumberFormat { decimal_mark: mark, decimals: None }));
}

/// Not a measurement, but far too slow code is found: two hundred fields on both sides, in the slowest build.
#[test]
fn many_fields_on_both_sides_are_matched_at_once() {
    let side = |prefix: &str| -> Vec<Field> {
        (0..200)
            .map(|number| {
                let (_, line) = ALIASES[number % ALIASES.len()];
                attribute(&format!("{prefix}_{}_{number}", line[number % line.len()]), FieldType::String)
            })
            .collect()
    };
    let (source, destination) = (side("crm"), side("contact"));
    let profiles = vec![Profile::of(MAILS); 200];
    let begun = std::time::Instant::now();
    let found = suggest(&source, &destination, &Mapping::default(), &profiles);
    assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(found.len() < 200);
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    let name = prop_oneof![
        select(ALIASES.iter().flat_map(|(_, line)| line.iter().copied()).collect::<Vec<_>>()).prop_map(str::to_owned),
        select(TURNING).prop_map(|word| format!("email_{word}")),
        any::<String>(),
    ];
    let field_type = select(vec![
        FieldType::Email,
        FieldType::Phone,
        FieldType::CustomerId,
        FieldType::String,
        FieldType::Integer,
        FieldType::Country,
    ]);
    let kind = select(vec![FieldKind::Identifier, FieldKind::Attribute]);
    let form = select(vec![FieldForm::Raw, FieldForm::Sha256Hex, FieldForm::Sha256Base64]);
    vec((name, field_type, kind, form), 0..8).prop_map(|fields| {
        fields
            .into_iter()
            .map(|(name, field_type, kind, form)| Field { form, ..Field::new(name, kind, field_type) })
            .collect()
    })
}

proptest! {
    #[test]
    fn never_suggests_what_is_forbidden_or_set(source in fields(), destination in fields(), linked in any::<prop::sample::Index>()) {
        let mut mapping = Mapping::default();
        if !destination.is_empty() {
            let target = linked.get(&destination).name.clone();
            mapping.links.push(Link { target, source: Source::Constant { value: String::new() }, transforms: Vec::new() });
        }
        let mut identifier_sources = HashSet::new();
        for suggestion in suggest(&source, &destination, &mapping, &[]) {
            prop_assert!(mapping.link(&suggestion.link.target).is_none());
            prop_assert!((LEAST_CONFIDENCE..=100).contains(&suggestion.confidence));
            let Source::Field { name } = &suggestion.link.source else { panic!("a constant is never suggested") };
            let allowed = source.iter().filter(|field| field.name == *name).any(|field| {
                destination.iter().filter(|target| target.name == suggestion.link.target).any(|target| {
                    crate::mapping::why_not(field, target).is_none() && default_transforms(field, target) == suggestion.link.transforms
                })
            });
            prop_assert!(allowed, "{suggestion:?}");
            let for_identifier = destination.iter().filter(|target| target.name == suggestion.link.target)
                .all(|target| target.kind == FieldKind::Identifier);
            let unique = source.iter().filter(|field| field.name == *name).count() == 1;
            if for_identifier && unique {
                prop_assert!(identifier_sources.insert(name.clone()), "{name} feeds two identifiers");
            }
        }
    }
}
