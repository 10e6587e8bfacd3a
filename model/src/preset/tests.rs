use super::*;
use crate::{
    field::FieldKind,
    mapping::{Link, Mapping, Severity, Source, check},
};

fn attribute(name: &str, field_type: FieldType) -> Field {
    Field::new(name, FieldKind::Attribute, field_type)
}

fn hashed(field: Field) -> Field {
    Field { form: FieldForm::Sha256Hex, ..field }
}

#[test]
fn a_preset_sets_its_chain_and_the_hash_that_the_field_takes() {
    let email = Field::new("email", FieldKind::Identifier, FieldType::Email).required();
    assert_eq!(Preset::Meta.chain(&email, &email), [Transform::NormaliseEmail]);
    assert_eq!(Preset::Meta.chain(&email, &hashed(email.clone())), [Transform::NormaliseEmail, Transform::Sha256Hex]);
    let base64 = Field { form: FieldForm::Sha256Base64, ..email.clone() };
    assert_eq!(
        Preset::Uid2.chain(&email, &base64),
        [Transform::NormaliseEmail, Transform::GmailRule { googlemail: false }, Transform::Sha256Base64]
    );
    let phone = Field::new("phone", FieldKind::Identifier, FieldType::Phone);
    assert_eq!(Preset::Meta.chain(&phone, &phone)[1], Transform::DigitsOnly);
    assert!(!Preset::Google.chain(&phone, &phone).contains(&Transform::DigitsOnly));
    let (first, given) = (attribute("first_name", FieldType::String), attribute("given_name", FieldType::String));
    assert_eq!(
        Preset::Meta.chain(&first, &hashed(given.clone())),
        [Transform::NormaliseName { rule: NameRule::Meta }, Transform::Sha256Hex, Transform::EmptyWhenInvalid]
    );
    assert_eq!(Preset::Plain.chain(&first, &given), [], "plain text goes as it is");
}

#[test]
fn what_a_preset_would_spoil_is_left_to_the_field() {
    let born = attribute("birth_date", FieldType::Date);
    let date = |form| Field { form, ..attribute("birthday", FieldType::Date) };
    let compact = Transform::DateFormat { from: DateInput::YearMonthDay, to: DateOutput::Compact };
    // 20270328 is no date for a field that takes dates, but its hash is what Meta takes.
    assert_eq!(Preset::Meta.chain(&born, &date(FieldForm::Raw)), transforms_by_type(&born, &date(FieldForm::Raw)));
    assert_eq!(Preset::Meta.chain(&born, &date(FieldForm::Sha256Hex))[0], compact);
    let at = attribute("born_at", FieldType::Timestamp);
    let made = Preset::Meta.chain(&at, &date(FieldForm::Sha256Hex));
    assert_eq!(made[0], Transform::DateFormat { from: DateInput::Timestamp, to: DateOutput::Compact });
    let hashed_mail = hashed(Field::new("mail", FieldKind::Identifier, FieldType::Email));
    assert_eq!(Preset::Google.chain(&hashed_mail, &hashed_mail), [Transform::Trim, Transform::Lowercase]);
}

#[test]
fn no_preset_makes_a_mapping_that_can_not_be_shared() {
    use FieldType as T;
    let names = [
        ("email", T::Email),
        ("phone", T::Phone),
        ("first_name", T::String),
        ("surname", T::String),
        ("city", T::String),
        ("state", T::String),
        ("zip", T::PostalCode),
        ("zip", T::String),
        ("country", T::Country),
        ("country", T::String),
        ("dob", T::Date),
        ("dob", T::String),
        ("dob", T::Timestamp),
        ("gender", T::String),
        ("maid", T::MobileAdId),
        ("id", T::CustomerId),
        ("note", T::String),
        ("age", T::Integer),
        ("vip", T::Boolean),
    ];
    let forms = [FieldForm::Raw, FieldForm::Sha256Hex, FieldForm::Sha256Base64];
    for preset in Preset::ALL {
        for (from, from_type) in names {
            for (to, to_type) in names {
                for form in forms {
                    for kind in [FieldKind::Identifier, FieldKind::Attribute] {
                        let source = attribute(from, from_type);
                        let target = Field { form, ..Field::new(to, kind, to_type) };
                        if why_not(&source, &target).is_some() {
                            continue;
                        }
                        let link = Link {
                            target: to.to_owned(),
                            source: Source::Field { name: from.to_owned() },
                            transforms: preset.chain(&source, &target),
                        };
                        let mapping = Mapping { links: vec![link.clone()] };
                        let findings = check(&mapping, &[source], &[target]);
                        let errors: Vec<_> =
                            findings.into_iter().filter(|finding| finding.severity == Severity::Error).collect();
                        // That it is no identifier is no matter of the preset's.
                        assert!(errors.iter().all(|error| error.target.is_none()), "{preset:?} {link:?} {errors:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_field_may_say_whose_rules_it_follows() {
    let phone = Field::new("phone", FieldKind::Identifier, FieldType::Phone).required();
    let target = Field { preset: Some(Preset::Meta), ..hashed(phone.clone()) };
    let chain = crate::mapping::default_transforms(&phone, &target);
    assert_eq!(chain, [Transform::PhoneE164 { default_country: None }, Transform::DigitsOnly, Transform::Sha256Hex]);
}

#[test]
fn presets_are_known_by_their_words() {
    for preset in Preset::ALL {
        assert_eq!(Preset::of_word(preset.as_str()), Some(preset));
        assert_eq!(serde_json::to_string(&preset).ok(), Some(format!("\"{}\"", preset.as_str())));
    }
    assert_eq!(Preset::of_word("tiktok"), None);
}
