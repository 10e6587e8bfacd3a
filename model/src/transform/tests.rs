#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

fn apply(transforms: &[Transform], value: &str) -> Result<String, TransformProblem> {
    let mut value = Cow::Borrowed(value);
    for transform in transforms {
        value = transform.apply(value)?;
    }
    Ok(value.into_owned())
}

fn phone(default_country: Option<&str>) -> Transform {
    Transform::PhoneE164 { default_country: default_country.map(str::to_owned) }
}

/// Made with `printf %s ada@example.com | sha256sum`.
const ADA_HEX: &str = "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72";

#[test]
fn a_value_without_transforms_is_the_same_bytes() {
    for value in ["O'Brien", " O''Brien ", "Müller, \"Ann\"\r\n", "=1+1", ""] {
        assert_eq!(apply(&[], value).unwrap(), value);
    }
}

#[test]
fn what_does_not_change_is_not_copied() {
    for (transform, value) in [
        (Transform::Trim, " already ".trim()),
        (Transform::Trim, "  borrowed even when trimmed "),
        (Transform::Lowercase, "o'brien"),
        (Transform::Lowercase, "größe 東京"),
        (Transform::NormaliseEmail, "ada@example.com"),
        (phone(None), "+4930123456"),
        (Transform::Sha256Hex, &"ab".repeat(32)),
        (Transform::DefaultWhenEmpty { value: "x".to_owned() }, "y"),
    ] {
        assert!(matches!(transform.apply(Cow::Borrowed(value)), Ok(Cow::Borrowed(_))), "{transform:?} of {value:?}");
    }
}

#[test]
fn lower_case_is_unicode() {
    assert_eq!(apply(&[Transform::Lowercase], "ÅSA O'BRIEN ΣΑΣ").unwrap(), "åsa o'brien σας");
}

#[test]
fn e_mail_addresses_are_trimmed_and_lower_cased() {
    for (written, normal) in [
        ("  Ada.Lovelace@Example.COM \t", "ada.lovelace@example.com"),
        ("o'brien+news@example.co.uk", "o'brien+news@example.co.uk"),
        ("Jörg@MÜLLER.de", "jörg@müller.de"),
        ("用户@例子.公司", "用户@例子.公司"),
        ("a@b.co", "a@b.co"),
    ] {
        assert_eq!(apply(&[Transform::NormaliseEmail], written).unwrap(), normal);
    }
}

#[test]
fn what_is_no_e_mail_address_is_told() {
    use EmailProblem as P;
    let long_local = format!("{}@example.com", "a".repeat(65));
    let long = format!("a@{}.com", format!("{}.", "b".repeat(60)).repeat(5).trim_end_matches('.'));
    for (written, problem) in [
        ("ada", P::NotOneAt),
        ("ada@home@example.com", P::NotOneAt),
        ("@example.com", P::LocalPartLength),
        (&long_local, P::LocalPartLength),
        (&long, P::TooLong),
        ("ada@localhost", P::Domain),
        ("ada@", P::Domain),
        ("ada@exa_mple.com", P::Domain),
        ("ada@-example.com", P::Domain),
        ("ada@127.0.0.1", P::Domain),
        (".ada@example.com", P::Dots),
        ("ada.@example.com", P::Dots),
        ("ada..l@example.com", P::Dots),
        ("ada@example..com", P::Dots),
        ("ada@example.com.", P::Dots),
        ("ada l@example.com", P::Characters),
        ("ada\u{200b}@example.com", P::Characters),
        ("ada\u{7}@example.com", P::Characters),
        ("Ada <ada@example.com>", P::Characters),
        ("ada@example.com,bob@example.com", P::Characters),
    ] {
        let problem = TransformProblem::Email(problem);
        assert_eq!(apply(&[Transform::NormaliseEmail], written), Err(problem), "{written:?}");
        assert_eq!(problem.code(), RejectCode::InvalidEmail);
    }
}

#[test]
fn telephone_numbers_are_written_in_e_164() {
    for (written, country, normal) in [
        ("030 123456", Some("DE"), "+4930123456"),
        ("030 123456", Some("de"), "+4930123456"),
        ("+49 (0) 30 / 123456", None, "+4930123456"),
        ("0044 20 7946 0958", Some("DE"), "+442079460958"),
        ("(650) 253-0000", Some("US"), "+16502530000"),
        ("+39 06 6982 1234", None, "+390669821234"),
        ("tel:+49-30-123456", None, "+4930123456"),
        ("+49 30 123456 ext. 7", None, "+4930123456"),
        ("\u{a0}+49\u{a0}30\u{a0}123456 ", None, "+4930123456"),
    ] {
        assert_eq!(apply(&[phone(country)], written).unwrap(), normal, "{written}");
    }
}

#[test]
fn what_is_no_telephone_number_is_told() {
    use PhoneProblem as P;
    for (written, country, problem) in [
        ("030 123456", None, P::CountryUnknown),
        ("unknown", Some("DE"), P::Letters),
        ("1-800-FLOWERS", Some("US"), P::Letters),
        ("ask for 030 123456", Some("DE"), P::Letters),
        ("-", Some("DE"), P::Unreadable),
        ("12", Some("DE"), P::NotAssigned),
        ("+999 123456", None, P::Unreadable),
        ("030 123456789012345", Some("DE"), P::NotAssigned),
        ("555 0100", Some("US"), P::NotAssigned),
        ("ada@example.com", Some("DE"), P::Letters),
    ] {
        let problem = TransformProblem::Phone(problem);
        assert_eq!(apply(&[phone(country)], written), Err(problem), "{written:?}");
        assert_eq!(problem.code(), RejectCode::InvalidPhone);
    }
}

#[test]
fn the_hash_is_that_of_the_normalised_value() {
    // The vectors of FIPS 180-2.
    let hex = |value| apply(&[Transform::Sha256Hex], value).unwrap();
    assert_eq!(hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_eq!(hex(long), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_eq!(apply(&[Transform::Sha256Base64], "abc").unwrap(), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    let chain = [Transform::NormaliseEmail, Transform::Sha256Hex];
    for written in ["ada@example.com", "  ADA@Example.com "] {
        assert_eq!(apply(&chain, written).unwrap(), ADA_HEX);
    }
    let chain = [phone(Some("DE")), Transform::Sha256Hex];
    assert_eq!(apply(&chain, "030 123456").unwrap(), hex("+4930123456"));
}

#[test]
fn nothing_is_never_hashed() {
    for nothing in ["", " ", "\t\r\n", "\u{a0}"] {
        for hash in [Transform::Sha256Hex, Transform::Sha256Base64] {
            assert_eq!(apply(std::slice::from_ref(&hash), nothing).unwrap(), "");
            assert_eq!(apply(&[phone(Some("DE")), hash.clone()], nothing).unwrap(), "");
            assert_eq!(apply(&[Transform::NormaliseEmail, hash], nothing).unwrap(), "");
        }
    }
}

#[test]
fn a_hash_is_passed_on_and_not_hashed_again() {
    let base64 = apply(&[Transform::Sha256Base64], "ada@example.com").unwrap();
    assert_eq!(apply(&[Transform::Sha256Hex], &ADA_HEX.to_uppercase()).unwrap(), ADA_HEX);
    assert_eq!(apply(&[Transform::Sha256Hex], &base64).unwrap(), ADA_HEX);
    assert_eq!(apply(&[Transform::Sha256Base64], &ADA_HEX.to_uppercase()).unwrap(), base64);
    assert_eq!(apply(&[Transform::Sha256Base64], &base64).unwrap(), base64);
    for normalise in [Transform::NormaliseEmail, phone(Some("DE"))] {
        for hash in [ADA_HEX, &base64] {
            assert_eq!(apply(&[normalise.clone(), Transform::Sha256Hex], hash), Err(TransformProblem::AlreadyHashed));
        }
    }
}

#[test]
fn a_default_takes_the_place_of_nothing() {
    let default = [Transform::DefaultWhenEmpty { value: "DE".to_owned() }];
    assert_eq!(apply(&default, "").unwrap(), "DE");
    assert_eq!(apply(&default, "  ").unwrap(), "DE");
    assert_eq!(apply(&default, "FR").unwrap(), "FR");
}

fn any_transform() -> impl Strategy<Value = Transform> {
    prop_oneof![
        Just(Transform::Trim),
        Just(Transform::Lowercase),
        Just(Transform::NormaliseEmail),
        prop_oneof![Just(None), Just(Some("DE".to_owned())), Just(Some("US".to_owned())), any::<Option<String>>()]
            .prop_map(|default_country| Transform::PhoneE164 { default_country }),
        Just(Transform::Sha256Hex),
        Just(Transform::Sha256Base64),
    ]
}

proptest! {
    #[test]
    fn doing_it_twice_changes_nothing_more(transform in any_transform(), value in any_value()) {
        if let Ok(once) = apply(std::slice::from_ref(&transform), &value) {
            prop_assert_eq!(apply(&[transform.clone(), transform], &value), Ok(once));
        }
    }

    #[test]
    fn lower_case_is_that_of_the_standard_library(value in any::<String>()) {
        prop_assert_eq!(apply(&[Transform::Lowercase], &value).unwrap(), value.to_lowercase());
    }

    #[test]
    fn a_problem_does_not_repeat_the_value(transform in any_transform(), value in "[a-z]{3}[0-9 @.+-]{6,20}[a-z]{3}") {
        if let Err(problem) = apply(&[transform], &value) {
            prop_assert!(!problem.to_string().contains(value.trim()));
        }
    }
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[+0-9 ()/.x-]{0,20}",
        "\\+?(49|1|44)[0-9]{6,12}",
        " ?[A-Za-z.ÄÜß]{1,10}@[A-Za-zÄÜ.-]{1,12}\\.(com|DE) ?",
        "[0-9a-fA-F]{64}",
    ]
}
