#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::{prelude::*, sample::select};

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

fn one(transform: Transform, value: &str) -> Result<String, TransformProblem> {
    apply(&[transform], value)
}

#[test]
fn case_is_changed_word_by_word_or_as_a_whole() {
    assert_eq!(one(Transform::Uppercase, "o'brien-groß").unwrap(), "O'BRIEN-GROSS");
    for (written, titled) in [
        ("ADA LOVELACE", "Ada Lovelace"),
        ("o'brien-SMITH", "O'Brien-Smith"),
        ("DON'T", "Don't"),
        ("jean-rené d’arc", "Jean-René D’Arc"),
        ("ÉMILIE", "Émilie"),
        ("e\u{301}MILIE", "E\u{301}milie"),
        ("3rd street", "3Rd Street"),
        ("", ""),
    ] {
        assert_eq!(one(Transform::TitleCase, written).unwrap(), titled);
    }
}

#[test]
fn gmail_ignores_dots_and_what_follows_a_plus_and_no_other_does() {
    let gmail = |googlemail, value| one(Transform::GmailRule { googlemail }, value);
    for (written, made) in [
        ("jane.doe+home@gmail.com", "janedoe@gmail.com"),
        ("Jane.Doe@Gmail.com", "JaneDoe@Gmail.com"),
        ("jane.doe+home@example.com", "jane.doe+home@example.com"),
        ("jane.doe@notgmail.com", "jane.doe@notgmail.com"),
        ("jane.doe@gmail.com.example", "jane.doe@gmail.com.example"),
        ("no address", "no address"),
        (" ", ""),
    ] {
        assert_eq!(gmail(true, written).as_deref(), Ok(made), "{written}");
    }
    assert_eq!(gmail(true, "j.d+x@googlemail.com").unwrap(), "jd@googlemail.com");
    assert_eq!(gmail(false, "j.d+x@googlemail.com").unwrap(), "j.d+x@googlemail.com");
    assert_eq!(gmail(true, "+x@gmail.com"), Err(TransformProblem::Email(EmailProblem::LocalPartLength)));
}

#[test]
fn countries_are_known_by_letters_and_names() {
    for (written, code) in [
        ("de", "DE"),
        (" DEU ", "DE"),
        ("Germany", "DE"),
        ("GERMANY", "DE"),
        ("United States", "US"),
        ("U.S.A.", "US"),
        ("uk", "GB"),
        ("Cote d'Ivoire", "CI"),
        ("Côte d’Ivoire", "CI"),
        ("South Korea", "KR"),
        ("Kosovo", "XK"),
    ] {
        assert_eq!(one(Transform::CountryCode, written).as_deref(), Ok(code), "{written}");
    }
    for written in ["XX", "Atlantis", "D", "49"] {
        assert_eq!(one(Transform::CountryCode, written), Err(TransformProblem::Country));
    }
    assert_eq!(country_name("pt"), Some("Portugal"));
    assert_eq!(country_name("XX"), None);
}

#[test]
fn dates_are_read_as_said_and_never_guessed() {
    use {DateInput as I, DateOutput as O};
    let date = |from, to, value| one(Transform::DateFormat { from, to }, value);
    for (from, to, written, made) in [
        (I::YearMonthDay, O::DayMonthYear, "2027-3-8", "08.03.2027"),
        (I::DayMonthYear, O::Date, "28.03.2027", "2027-03-28"),
        (I::DayMonthYear, O::Date, " 8/3/2027 ", "2027-03-08"),
        (I::MonthDayYear, O::Compact, "2/16/1997", "19970216"),
        (I::Compact, O::DayMonthYearSlashed, "20270328", "28/03/2027"),
        (I::Timestamp, O::Date, "2027-03-28T23:30:00-05:00", "2027-03-28"),
        (I::Timestamp, O::Timestamp, "2027-03-28T23:30:00-05:00", "2027-03-29T04:30:00Z"),
        (I::Timestamp, O::Timestamp, "2027-03-28 09:30:00.250", "2027-03-28T09:30:00Z"),
        (I::YearMonthDay, O::Timestamp, "2027-03-28", "2027-03-28T00:00:00Z"),
        (I::UnixSeconds, O::Timestamp, "1806226200", "2027-03-28T09:30:00Z"),
        (I::UnixMilliseconds, O::Date, "1806226200000", "2027-03-28"),
        (I::Timestamp, O::UnixSeconds, "2027-03-28T09:30:00Z", "1806226200"),
        (I::YearMonthDay, O::Year, "2027-03-28", "2027"),
        (I::YearMonthDay, O::MonthDayYear, "2027-03-28", "03/28/2027"),
        (I::YearMonthDay, O::Date, "", ""),
    ] {
        assert_eq!(date(from, to, written).as_deref(), Ok(made), "{written}");
    }
    for (from, written) in [
        (I::DayMonthYear, "03/28/2027"),
        (I::MonthDayYear, "28/03/2027"),
        (I::DayMonthYear, "28.03.27"),
        (I::DayMonthYear, "28.03-2027"),
        (I::YearMonthDay, "2027-02-29"),
        (I::YearMonthDay, "2027-03"),
        (I::Compact, "2027032"),
        (I::Compact, "2027０328"),
        (I::Timestamp, "2027-03-28"),
        (I::UnixSeconds, "99999999999999999999"),
        (I::UnixSeconds, "9223372036854775807"),
        (I::YearMonthDay, "soon"),
    ] {
        let problem = date(from, O::Date, written).expect_err(written);
        assert_eq!(problem, TransformProblem::Date(from));
        assert_eq!(problem.code(), RejectCode::InvalidValue);
        assert!(problem.to_string().contains(from.example()));
    }
}

#[test]
fn numbers_are_read_exactly_or_not_at_all() {
    use DecimalMark::{Comma, Point};
    let number = |decimal_mark, decimals, value| one(Transform::NumberFormat { decimal_mark, decimals }, value);
    for (mark, decimals, written, made) in [
        (Comma, None, "1.234,50", "1234.50"),
        (Comma, None, "-1 234 567,8", "-1234567.8"),
        (Point, None, "1,234.50", "1234.50"),
        (Point, None, "12,34,567", "1234567"),
        (Point, None, "1'234.5", "1234.5"),
        (Point, None, "+007", "7"),
        (Point, None, ".5", "0.5"),
        (Point, None, "5.", "5"),
        (Point, None, "-0", "0"),
        (Point, None, "-0.00", "0.00"),
        (Point, None, "123456789012345678901234567890.10", "123456789012345678901234567890.10"),
        (Point, Some(2), "1.005", "1.01"),
        (Point, Some(0), "2.5", "3"),
        (Point, Some(0), "-2.5", "-3"),
        (Point, Some(0), "999.5", "1000"),
        (Point, Some(2), "9.999", "10.00"),
        (Point, Some(2), "-0.001", "0.00"),
        (Point, Some(3), "1", "1.000"),
        (Comma, None, "  ", ""),
    ] {
        assert_eq!(number(mark, decimals, written).as_deref(), Ok(made), "{written}");
    }
    // What could mean two things, or nothing, is not guessed.
    for (mark, written) in [
        (Point, "1,5"),
        (Comma, "1.5"),
        (Point, "1.234,50"),
        (Comma, "1234.567"),
        (Point, "1,2345"),
        (Point, "1,,234"),
        (Point, "12 €"),
        (Point, "1e3"),
        (Point, "-"),
        (Point, "."),
        (Point, "--1"),
        (Point, "1.2.3"),
        (Point, "NaN"),
    ] {
        assert_eq!(number(mark, None, written), Err(TransformProblem::Number(mark)), "{written}");
    }
}

#[test]
fn yes_and_no_have_many_words() {
    let write = |style, value| one(Transform::BooleanWords { write: style }, value);
    for yes in ["true", "TRUE", "1", "Yes", " y ", "on", "Ja", "SÍ"] {
        assert_eq!(write(BooleanStyle::OneZero, yes).unwrap(), "1");
    }
    for no in ["false", "0", "No", "N", "off", "nein", "não"] {
        assert_eq!(write(BooleanStyle::TrueFalse, no).unwrap(), "false");
    }
    assert_eq!(write(BooleanStyle::YN, "true").unwrap(), "Y");
    assert_eq!(write(BooleanStyle::YesNo, "").unwrap(), "");
    assert_eq!(write(BooleanStyle::YesNo, "perhaps"), Err(TransformProblem::Boolean));
}

#[test]
fn one_part_of_a_value_is_kept() {
    let split = |separator: &str, part, value| one(Transform::Split { separator: separator.to_owned(), part }, value);
    for (separator, part, value, made) in [
        (" ", 1, "Ada Byron Lovelace", "Ada"),
        (" ", -1, "Ada Byron Lovelace", "Lovelace"),
        (" ", -3, "Ada Byron Lovelace", "Ada"),
        (" ", 4, "Ada Byron Lovelace", ""),
        ("::", 2, "a::b::c", "b"),
        ("@", 2, "ada@example.com", "example.com"),
        (",", 1, "no comma", "no comma"),
        (",", 0, "a,b", ""),
        (",", i32::MIN, "a,b", ""),
        ("", 2, "a,b", "a,b"),
        (",", 1, "", ""),
    ] {
        assert_eq!(split(separator, part, value).unwrap(), made, "{value} by {separator}");
    }
}

#[test]
fn a_table_says_what_is_sent_for_what() {
    let table = || vec![["DE".to_owned(), "Germany".to_owned()], ["".to_owned(), "nobody".to_owned()]];
    let look = |otherwise, value| one(Transform::LookUp { table: table(), otherwise }, value);
    for otherwise in [Otherwise::Keep, Otherwise::Empty, Otherwise::Reject] {
        assert_eq!(look(otherwise, "DE").unwrap(), "Germany");
        assert_eq!(look(otherwise, "").unwrap(), "", "an empty value is not looked up");
    }
    assert_eq!(look(Otherwise::Keep, "de").unwrap(), "de");
    assert_eq!(look(Otherwise::Empty, "FR").unwrap(), "");
    assert_eq!(look(Otherwise::Reject, "FR"), Err(TransformProblem::NotInTable));
}

#[test]
fn no_step_makes_something_else_of_a_hash() {
    let base64 = one(Transform::Sha256Base64, "ada@example.com").unwrap();
    for transform in steps_that_read() {
        for hash in [ADA_HEX, &ADA_HEX.to_uppercase(), &base64] {
            assert_eq!(one(transform.clone(), hash), Err(TransformProblem::AlreadyHashed), "{transform:?}");
        }
        assert_eq!(one(transform, " \t").unwrap(), "", "and nothing of nothing");
    }
}

#[test]
fn mappings_that_were_stored_before_are_still_read() {
    let stored = r#"[{"name":"trim"},{"name":"lowercase"},{"name":"normalise_email"},{"name":"phone_e164","default_country":null},
        {"name":"phone_e164","default_country":"DE"},{"name":"sha256_hex"},{"name":"sha256_base64"},
        {"name":"default_when_empty","value":"x"},{"name":"empty_when_invalid"}]"#;
    let read: Vec<Transform> = serde_json::from_str(stored).unwrap();
    assert_eq!(read.len(), 9);
    assert_eq!(read[4], phone(Some("DE")));
}

#[test]
fn a_stored_step_says_in_words_what_it_does() {
    let table = vec![["DE".to_owned(), "Germany".to_owned()]];
    for (transform, json) in [
        (Transform::GmailRule { googlemail: true }, r#"{"name":"gmail_rule","googlemail":true}"#),
        (Transform::NormaliseName { rule: NameRule::Meta }, r#"{"name":"normalise_name","rule":"meta"}"#),
        (
            Transform::DateFormat { from: DateInput::DayMonthYear, to: DateOutput::Date },
            r#"{"name":"date_format","from":"day_month_year","to":"date"}"#,
        ),
        (
            Transform::NumberFormat { decimal_mark: DecimalMark::Comma, decimals: Some(2) },
            r#"{"name":"number_format","decimal_mark":"comma","decimals":2}"#,
        ),
        (
            Transform::LookUp { table, otherwise: Otherwise::Reject },
            r#"{"name":"look_up","table":[["DE","Germany"]],"otherwise":"reject"}"#,
        ),
        (Transform::Split { separator: ",".to_owned(), part: -1 }, r#"{"name":"split","separator":",","part":-1}"#),
        (Transform::BooleanWords { write: BooleanStyle::YN }, r#"{"name":"boolean_words","write":"y_n"}"#),
    ] {
        assert_eq!(serde_json::to_string(&transform).unwrap(), json);
        assert_eq!(serde_json::from_str::<Transform>(json).unwrap(), transform);
    }
}

#[test]
fn what_a_step_is_told_has_bounds() {
    let split = |separator: &str, part| Transform::Split { separator: separator.to_owned(), part };
    let line = |from: &str| [from.to_owned(), String::new()];
    let look = |table: Vec<[String; 2]>| Transform::LookUp { table, otherwise: Otherwise::Keep };
    for wrong in [
        split("", 1),
        split(",", 0),
        split(",", 51),
        split(",", i32::MIN),
        phone(Some("?")),
        look(vec![]),
        look(vec![line("a"), line("b"), line("a")]),
        Transform::NumberFormat { decimal_mark: DecimalMark::Point, decimals: Some(13) },
    ] {
        assert!(wrong.wrong_parameter().is_some_and(|wrong| wrong.ends_with('.')), "{wrong:?}");
    }
    for right in [split(",", -50), phone(Some("DE")), phone(None), look(vec![line("a"), line("b")])] {
        assert_eq!((right.wrong_parameter(), right.too_large()), (None, None));
    }
    assert!(look((0..201).map(|number| line(&number.to_string())).collect()).too_large().is_some());
    assert!(split(&"x".repeat(1001), 1).too_large().is_some());
}

/// Steps that read the value, so that a hash is not theirs to change.
fn steps_that_read() -> Vec<Transform> {
    vec![
        Transform::NormaliseEmail,
        Transform::GmailRule { googlemail: true },
        phone(Some("DE")),
        Transform::DigitsOnly,
        Transform::NormaliseName { rule: NameRule::Meta },
        Transform::NormaliseName { rule: NameRule::Google },
        Transform::NormaliseCity,
        Transform::NormaliseRegion,
        Transform::NormalisePostalCode,
        Transform::CountryCode,
        Transform::DateFormat { from: DateInput::YearMonthDay, to: DateOutput::Date },
        Transform::NumberFormat { decimal_mark: DecimalMark::Point, decimals: None },
        Transform::BooleanWords { write: BooleanStyle::TrueFalse },
    ]
}

fn any_transform() -> impl Strategy<Value = Transform> {
    prop_oneof![
        Just(Transform::Trim),
        Just(Transform::Lowercase),
        Just(Transform::Uppercase),
        Just(Transform::TitleCase),
        select(steps_that_read()),
        Just(Transform::NumberFormat { decimal_mark: DecimalMark::Point, decimals: Some(2) }),
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
    fn rounding_is_that_of_whole_numbers(whole in 0_u32..1_000_000, thousandths in 0_u32..1000, negative in any::<bool>()) {
        let sign = if negative { "-" } else { "" };
        let rounds = Transform::NumberFormat { decimal_mark: DecimalMark::Point, decimals: Some(1) };
        let made = apply(&[rounds], &format!("{sign}{whole}.{thousandths:03}")).unwrap();
        let tenths = u64::from(whole) * 10 + u64::from((thousandths + 50) / 100);
        let sign = if tenths == 0 { "" } else { sign };
        prop_assert_eq!(made, format!("{sign}{}.{}", tenths / 10, tenths % 10));
    }

    #[test]
    fn dates_survive_every_form_that_keeps_the_day(days in -700_000_i64..2_900_000) {
        let date = chrono::DateTime::from_timestamp(days * 86_400, 0).unwrap().date_naive();
        let written = date.format("%Y-%m-%d").to_string();
        prop_assume!(written.len() == 10);
        let forms = [
            (DateOutput::Compact, DateInput::Compact),
            (DateOutput::DayMonthYear, DateInput::DayMonthYear),
            (DateOutput::DayMonthYearSlashed, DateInput::DayMonthYear),
            (DateOutput::MonthDayYear, DateInput::MonthDayYear),
            (DateOutput::Timestamp, DateInput::Timestamp),
            (DateOutput::UnixSeconds, DateInput::UnixSeconds),
        ];
        for (to, from) in forms {
            let there = Transform::DateFormat { from: DateInput::YearMonthDay, to };
            let back = Transform::DateFormat { from, to: DateOutput::Date };
            prop_assert_eq!(apply(&[there, back], &written), Ok(written.clone()));
        }
    }

    #[test]
    fn parts_put_together_again_are_the_value(value in "[ab,]{0,12}") {
        let part = |part| apply(&[Transform::Split { separator: ",".to_owned(), part }], &value).unwrap();
        let parts = i32::try_from(value.split(',').count()).unwrap();
        prop_assert_eq!((1..=parts).map(part).collect::<Vec<_>>().join(","), value.clone());
        prop_assert_eq!((-parts..=-1).map(part).collect::<Vec<_>>().join(","), value.clone());
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
