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
    suggest(source, destination, mapping)
        .into_iter()
        .map(|suggestion| match suggestion.link.source {
            Source::Field { name } => (suggestion.link.target, name),
            Source::Constant { .. } | Source::Joined { .. } => panic!("only a field is suggested"),
        })
        .collect()
}

fn suggested(source: &Field, target: &Field) -> bool {
    !suggest(std::slice::from_ref(source), std::slice::from_ref(target), &Mapping::default()).is_empty()
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
    let suggestion = suggest(&[identifier("mail", FieldType::Email)], &[hashed], &Mapping::default()).remove(0);
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
    let suggestion = suggest(std::slice::from_ref(&same), std::slice::from_ref(&same), &Mapping::default()).remove(0);
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
        for suggestion in suggest(&source, &destination, &mapping) {
            prop_assert!(mapping.link(&suggestion.link.target).is_none());
            prop_assert!((LEAST_CONFIDENCE..=100).contains(&suggestion.confidence));
            let Source::Field { name } = &suggestion.link.source else { panic!("a constant is never suggested") };
            let allowed = source.iter().filter(|field| field.name == *name).any(|field| {
                destination.iter().filter(|target| target.name == suggestion.link.target).any(|target| {
                    why_not(field, target).is_none() && default_transforms(field, target) == suggestion.link.transforms
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
