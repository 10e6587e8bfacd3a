#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::{
    field::{FieldForm, FieldKind, FieldType},
    reject::{Reject, RejectCode},
    transform::{BooleanStyle, DateInput, DateOutput, DecimalMark, Otherwise},
};

fn identifier(name: &str, field_type: FieldType) -> Field {
    Field::new(name, FieldKind::Identifier, field_type)
}

fn attribute(name: &str, field_type: FieldType) -> Field {
    Field::new(name, FieldKind::Attribute, field_type)
}

fn in_form(field: Field, form: FieldForm) -> Field {
    Field { form, ..field }
}

fn link(target: &str, source: &str, transforms: &[Transform]) -> Link {
    let source = Source::Field { name: source.to_owned() };
    Link { target: target.to_owned(), source, transforms: transforms.to_vec() }
}

fn constant(target: &str, value: &str) -> Link {
    Link { target: target.to_owned(), source: Source::Constant { value: value.to_owned() }, transforms: Vec::new() }
}

fn mapping(links: &[Link]) -> Mapping {
    Mapping { links: links.to_vec() }
}

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn phone(default_country: Option<&str>) -> Transform {
    Transform::PhoneE164 { default_country: default_country.map(str::to_owned) }
}

fn apply(plan: &Plan, values: &[&str]) -> Result<Vec<String>, Reject> {
    let input: RowBuffer = values.iter().collect();
    let mut output = RowBuffer::new();
    plan.apply(input.row(), &mut output, &mut Vec::new())?;
    Ok(output.row().values().map(|value| String::from_utf8(value.to_vec()).unwrap()).collect())
}

/// The one value that `target` gets from `value`, without transforms.
fn sent_to(target: &Field, value: &str) -> Result<String, Reject> {
    let plan =
        Plan::new(&mapping(&[link(&target.name, "x", &[])]), &header(&["x"]), std::slice::from_ref(target)).unwrap();
    apply(&plan, &[value]).map(|mut values| values.remove(0))
}

mod plans {
    use super::*;

    #[test]
    fn values_come_in_the_order_of_the_destination_and_untouched() {
        let destination = [
            identifier("email", FieldType::Email),
            attribute("name", FieldType::String),
            attribute("origin", FieldType::String),
        ];
        let links = [
            constant("origin", "Usher"),
            link("name", "surname", &[]),
            link("email", "mail", &[Transform::NormaliseEmail]),
        ];
        let plan = Plan::new(&mapping(&links), &header(&["surname", "unused", "mail"]), &destination).unwrap();
        assert_eq!(plan.targets(), destination);
        let sent = apply(&plan, &["O'Brien, \"Jr\"\r\n", "x", " ADA@example.com "]).unwrap();
        assert_eq!(sent, ["ada@example.com", "O'Brien, \"Jr\"\r\n", "Usher"]);
    }

    #[test]
    fn fields_without_a_link_are_not_sent() {
        let destination = [attribute("a", FieldType::String), attribute("b", FieldType::String)];
        let plan = Plan::new(&mapping(&[link("b", "x", &[])]), &header(&["x"]), &destination).unwrap();
        assert_eq!(plan.targets(), [destination[1].clone()]);
        assert_eq!(apply(&plan, &["1"]).unwrap(), ["1"]);
    }

    #[test]
    fn an_empty_phone_stays_empty_and_is_not_hashed() {
        let destination = [
            identifier("email", FieldType::Email).required(),
            in_form(identifier("phone", FieldType::Phone), FieldForm::Sha256Hex),
        ];
        let links = [link("email", "email", &[]), link("phone", "phone", &[phone(Some("DE")), Transform::Sha256Hex])];
        let plan = Plan::new(&mapping(&links), &header(&["email", "phone"]), &destination).unwrap();
        assert_eq!(apply(&plan, &["a@b.co", " "]).unwrap(), ["a@b.co", ""]);
        let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sent_to(&destination[1], of_nothing).unwrap_err().code, RejectCode::InvalidValue);
    }

    #[test]
    fn a_header_that_does_not_fit_is_named() {
        let destination = [attribute("a", FieldType::String), attribute("b", FieldType::String)];
        let told = |links: &[Link], names: &[&str]| -> Vec<String> {
            let findings = Plan::new(&mapping(links), &header(names), &destination).unwrap_err();
            assert!(findings.iter().all(|finding| finding.severity == Severity::Error));
            findings.into_iter().map(|finding| finding.message).collect()
        };
        let missing = told(&[link("a", "gone", &[]), link("b", "left", &[])], &["x"]);
        assert!(missing[0].contains("“gone”") && missing[1].contains("“left”"), "{missing:?}");
        assert!(told(&[link("a", "x", &[])], &["x", "y", "x"])[0].contains("“x” more than once"));
        assert!(told(&[link("c", "x", &[])], &["x"])[0].contains("no field “c”"));
        assert!(told(&[link("a", "x", &[]), link("a", "x", &[])], &["x"])[0].contains("two links"));
        assert!(told(&[], &["x"])[0].contains("Nothing is mapped"));
        // A column that stands there twice but is not mapped hurts nobody; nor do two targets of one column.
        let links = [link("a", "x", &[]), link("b", "x", &[])];
        let plan = Plan::new(&mapping(&links), &header(&["x", "y", "y"]), &destination).unwrap();
        assert_eq!(apply(&plan, &["1", "2", "3"]).unwrap(), ["1", "1"]);
    }

    #[test]
    fn a_ragged_row_is_rejected_with_what_was_expected() {
        let target = attribute("a", FieldType::String);
        let plan = Plan::new(&mapping(&[link("a", "x", &[])]), &header(&["x", "y"]), &[target]).unwrap();
        for (values, found) in [(&["1"][..], "1 value,"), (&["1", "2", "3"], "3 values,")] {
            let reject = apply(&plan, values).unwrap_err();
            assert_eq!((reject.code, reject.field.as_deref()), (RejectCode::WrongColumnCount, None));
            assert!(reject.reason.contains(found) && reject.reason.contains("2 names"), "{}", reject.reason);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_rejected_where_they_are() {
        let target = attribute("a", FieldType::String);
        let plan = Plan::new(&mapping(&[link("a", "x", &[])]), &header(&["x", "y"]), &[target]).unwrap();
        let mut output = RowBuffer::new();
        for (values, column) in [
            ([&b"ok"[..], b"\xff"], "y"),
            ([b"\xc3", b"\xa9"], "x"),
            ([b"\xc3\xa9\xe2\x82", b""], "x"),
            ([b"", b"a\x80"], "y"),
        ] {
            let input: RowBuffer = values.into_iter().collect();
            let reject = plan.apply(input.row(), &mut output, &mut Vec::new()).unwrap_err();
            assert_eq!((reject.code, reject.field.as_deref()), (RejectCode::InvalidUtf8, Some(column)), "{values:?}");
        }
    }

    #[test]
    fn required_means_that_there_is_something() {
        let target = attribute("name", FieldType::String).required();
        for nothing in ["", "  ", "\t"] {
            let reject = sent_to(&target, nothing).unwrap_err();
            assert_eq!((reject.code, reject.field.as_deref()), (RejectCode::RequiredEmpty, Some("name")));
        }
        let with_default = [link("name", "x", &[Transform::DefaultWhenEmpty { value: "?".to_owned() }])];
        let plan = Plan::new(&mapping(&with_default), &header(&["x"]), &[target]).unwrap();
        assert_eq!(apply(&plan, &[""]).unwrap(), ["?"]);
    }

    #[test]
    fn values_must_be_of_the_fields_type() {
        use FieldType as T;
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let base64 = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        let cases: [(T, FieldForm, &[&str], &[&str]); 11] = [
            (T::Email, FieldForm::Raw, &["Ada@Example.com"], &["ada", " ada@example.com", hash]),
            (
                T::Phone,
                FieldForm::Raw,
                &["+49 (30) 12-34.56", "030/123456"],
                &["12", "030 unknown", "1234567890123456", hash],
            ),
            (
                T::Integer,
                FieldForm::Raw,
                &["0", "-42", "+7", "123456789012345678901234567890"],
                &["1.0", "1e3", "-", "12a", " 1", "١"],
            ),
            (
                T::Decimal,
                FieldForm::Raw,
                &["0", "-1.50", ".5", "1e-7"],
                &["1,50", "1.2.3", "nan", "inf", "1e999", "-", "."],
            ),
            (T::Boolean, FieldForm::Raw, &["true", "FALSE", "1", "0", "Yes", "no"], &["t", "2", "maybe"]),
            (
                T::Date,
                FieldForm::Raw,
                &["2028-02-29"],
                &["2027-02-29", "2027-2-9", "28.03.2027", "2027-03-28T00:00:00Z"],
            ),
            (
                T::Timestamp,
                FieldForm::Raw,
                &["2027-03-28T09:30:00Z", "2027-03-28T09:30:00.123+02:00"],
                &["2027-03-28", "2027-03-28T09:30:00", "2027-13-28T09:30:00Z"],
            ),
            (T::Country, FieldForm::Raw, &["DE", "fr"], &["DEU", "D", "Deutschland", "1A", "Ü"]),
            (T::String, FieldForm::Raw, &["anything", " ", hash], &[]),
            (T::Email, FieldForm::Sha256Hex, &[hash], &["ada@example.com", &hash.to_uppercase(), &hash[1..], base64]),
            (T::Phone, FieldForm::Sha256Base64, &[base64], &["+4930123456", hash, &base64[1..]]),
        ];
        for (field_type, form, good, bad) in cases {
            let target = in_form(attribute("The field", field_type), form);
            for value in good.iter().copied().chain([""]) {
                assert_eq!(sent_to(&target, value).as_deref(), Ok(value), "{field_type:?} takes {value:?}");
            }
            for value in bad {
                let reject = sent_to(&target, value).expect_err(value);
                let expected = match (field_type, form) {
                    (T::Email, FieldForm::Raw) => RejectCode::InvalidEmail,
                    (T::Phone, FieldForm::Raw) => RejectCode::InvalidPhone,
                    _ => RejectCode::InvalidValue,
                };
                assert_eq!((reject.code, reject.field.as_deref()), (expected, Some("The field")), "{value:?}");
                assert!(reject.reason.contains("“The field”"), "{}", reject.reason);
            }
        }
    }

    #[test]
    fn several_fields_are_joined_without_those_that_are_empty() {
        let target = attribute("name", FieldType::String);
        let joined = |separator: &str| {
            let names = ["first", "middle", "last"].map(str::to_owned).to_vec();
            let source = Source::Joined { names, separator: separator.to_owned() };
            Link { target: "name".to_owned(), source, transforms: vec![Transform::Lowercase] }
        };
        let plan =
            Plan::new(&mapping(&[joined(" ")]), &header(&["last", "first", "middle"]), std::slice::from_ref(&target))
                .unwrap();
        for (row, sent) in [
            (["Lovelace", "Ada", "Byron"], "ada byron lovelace"),
            (["Lovelace", "Ada", " "], "ada lovelace"),
            (["", "", "Byron"], "byron"),
            (["", "", ""], ""),
        ] {
            assert_eq!(apply(&plan, &row).unwrap(), [sent]);
        }
        assert_eq!(plan.preview(&header(&["Lovelace", "Ada", ""])).cells[0].raw, "Ada Lovelace");
        let plan = Plan::new(&mapping(&[joined("")]), &header(&["last", "first", "middle"]), &[target]).unwrap();
        assert_eq!(apply(&plan, &["c", "a", "b"]).unwrap(), ["abc"]);
        let gone = Plan::new(&mapping(&[joined(" ")]), &header(&["last", "first"]), plan.targets()).unwrap_err();
        assert!(gone[0].message.contains("“middle”"), "{gone:?}");
    }

    #[test]
    fn a_row_without_a_value_is_rejected_where_the_mapping_says_so() {
        let target = attribute("country", FieldType::Country);
        let reason = |transforms: &[Transform], value: &str| {
            let links = [link("country", "x", transforms)];
            let plan = Plan::new(&mapping(&links), &header(&["x"]), std::slice::from_ref(&target)).unwrap();
            apply(&plan, &[value]).map_err(|reject| (reject.code, reject.field.unwrap()))
        };
        let empty = Err((RejectCode::RequiredEmpty, "country".to_owned()));
        let reject = [Transform::RejectWhenEmpty];
        assert_eq!(reason(&reject, " "), empty);
        assert_eq!(reason(&reject, "DE"), Ok(vec!["DE".to_owned()]));
        // Wherever it stands, it is about what is sent in the end.
        let with_default = [Transform::RejectWhenEmpty, Transform::DefaultWhenEmpty { value: "FR".to_owned() }];
        assert_eq!(reason(&with_default, ""), Ok(vec!["FR".to_owned()]));
        let table = vec![["none".to_owned(), String::new()]];
        let emptied = [Transform::RejectWhenEmpty, Transform::LookUp { table, otherwise: Otherwise::Keep }];
        assert_eq!(reason(&emptied, "none"), empty);
        // What is required can't be left empty because it is invalid.
        let both = [Transform::CountryCode, Transform::EmptyWhenInvalid, Transform::RejectWhenEmpty];
        assert_eq!(reason(&both, "nowhere"), Err((RejectCode::InvalidValue, "country".to_owned())));
        assert_eq!(reason(&both[..2], "nowhere"), Ok(vec![String::new()]));
    }

    #[test]
    fn every_problem_of_a_step_is_a_reject_with_code_field_and_remedy() {
        let target = attribute("the field", FieldType::Other);
        let table = vec![["DE".to_owned(), "Germany".to_owned()]];
        for transform in [
            Transform::NormaliseEmail,
            phone(None),
            Transform::CountryCode,
            Transform::DateFormat { from: DateInput::DayMonthYear, to: DateOutput::Date },
            Transform::NumberFormat { decimal_mark: DecimalMark::Comma, decimals: None },
            Transform::BooleanWords { write: BooleanStyle::OneZero },
            Transform::LookUp { table, otherwise: Otherwise::Reject },
        ] {
            let links = [link("the field", "x", std::slice::from_ref(&transform))];
            let plan = Plan::new(&mapping(&links), &header(&["x"]), std::slice::from_ref(&target)).unwrap();
            let reject = apply(&plan, &["Quatsch 7"]).unwrap_err();
            assert_eq!(reject.field.as_deref(), Some("the field"));
            assert_eq!(reject.reason.matches("“the field”").count(), 1, "{}", reject.reason);
            assert!(!reject.reason.contains("Quatsch"), "{}", reject.reason);
            assert!(reject.reason.ends_with('.'), "{}", reject.reason);
        }
    }

    #[test]
    fn the_preview_shows_each_value_and_what_is_wrong_with_it() {
        let destination = [
            identifier("email", FieldType::Email),
            attribute("age", FieldType::Integer),
            attribute("city", FieldType::String),
        ];
        let links =
            [link("email", "mail", &[Transform::NormaliseEmail]), link("age", "age", &[]), link("city", "city", &[])];
        let plan = Plan::new(&mapping(&links), &header(&["mail", "age", "city"]), &destination).unwrap();
        let preview = plan.preview(&header(&["nobody", "old", "Köln"]));
        let sent: Vec<_> =
            preview.cells.iter().map(|cell| (cell.raw.as_str(), cell.sent.as_str(), cell.problem.is_some())).collect();
        assert_eq!(sent, [("nobody", "", true), ("old", "", true), ("Köln", "Köln", false)]);
        assert_eq!(preview.reject.unwrap().code, RejectCode::InvalidEmail);
        let ragged = plan.preview(&header(&["ada@example.com"]));
        assert_eq!((ragged.cells.len(), ragged.reject.unwrap().code), (0, RejectCode::WrongColumnCount));
    }
}

mod checks {
    use super::*;

    fn told(links: &[Link], source: &[Field], destination: &[Field]) -> Vec<(Option<String>, Severity)> {
        let findings = check(&mapping(links), source, destination);
        assert!(findings.iter().all(|finding| finding.message.ends_with('.')), "{findings:?}");
        findings.into_iter().map(|finding| (finding.target, finding.severity)).collect()
    }

    fn about(target: &str, severity: Severity) -> (Option<String>, Severity) {
        (Some(target.to_owned()), severity)
    }

    #[test]
    fn a_good_mapping_has_nothing_against_it() {
        let source = [
            identifier("mail", FieldType::Email),
            attribute("age", FieldType::Integer),
            attribute("age2", FieldType::Integer),
        ];
        let destination = [
            identifier("email", FieldType::Email).required(),
            attribute("age", FieldType::Integer),
            attribute("again", FieldType::Decimal),
            attribute("origin", FieldType::Country),
        ];
        let links = [
            link("email", "mail", &[Transform::NormaliseEmail]),
            link("age", "age", &[]),
            link("again", "age", &[]),
            constant("origin", "DE"),
        ];
        assert_eq!(told(&links, &source, &destination), []);
    }

    #[test]
    fn what_is_missing_or_unknown_is_an_error() {
        let source = [identifier("mail", FieldType::Email)];
        let destination = [identifier("email", FieldType::Email).required(), attribute("city", FieldType::String)];
        assert_eq!(told(&[], &source, &destination), [about("email", Severity::Error), (None, Severity::Error)]);
        let links = [link("email", "gone", &[]), link("nowhere", "mail", &[])];
        assert_eq!(
            told(&links, &source, &destination),
            [about("email", Severity::Error), about("nowhere", Severity::Error)]
        );
        let twice = [link("email", "mail", &[Transform::NormaliseEmail]), constant("email", "a@b.co")];
        assert_eq!(told(&twice, &source, &destination), [about("email", Severity::Error)]);
        assert_eq!(told(&[], &source, &destination[1..]), [], "a destination without identifiers asks for none");
    }

    #[test]
    fn the_chain_must_end_in_the_form_that_the_destination_takes() {
        use Severity::{Error, Warning};
        use Transform::{Lowercase, NormaliseEmail, Sha256Base64, Sha256Hex, Trim};
        let email = identifier("email", FieldType::Email);
        let hex = in_form(email.clone(), FieldForm::Sha256Hex);
        let base64 = in_form(email.clone(), FieldForm::Sha256Base64);
        let cases: [(&Field, &Field, &[Transform], &[Severity]); 17] = [
            (&email, &email, &[NormaliseEmail], &[]),
            (&email, &email, &[], &[Warning]),
            (&email, &email, &[NormaliseEmail, Sha256Hex], &[Error]),
            (&email, &hex, &[NormaliseEmail, Sha256Hex], &[]),
            (&email, &hex, &[NormaliseEmail, Sha256Base64, Sha256Hex], &[]),
            (&email, &hex, &[NormaliseEmail], &[Error]),
            (&email, &hex, &[Sha256Hex], &[Warning]),
            (&email, &hex, &[Sha256Hex, NormaliseEmail], &[Error]),
            (&email, &hex, &[NormaliseEmail, Sha256Base64], &[Error]),
            (&email, &base64, &[NormaliseEmail, Sha256Base64, Lowercase], &[Error]),
            (&hex, &hex, &[Trim, Lowercase], &[]),
            (&hex, &hex, &[Sha256Hex], &[Warning]),
            (&hex, &hex, &[NormaliseEmail, Sha256Hex], &[Error, Warning]),
            (&hex, &base64, &[Sha256Base64], &[]),
            (&hex, &base64, &[], &[Error]),
            (&base64, &base64, &[Lowercase], &[Error]),
            (&hex, &email, &[], &[Error]),
        ];
        for (from, to, transforms, severities) in cases {
            let found =
                told(&[link("email", "email", transforms)], std::slice::from_ref(from), std::slice::from_ref(to));
            assert_eq!(
                found,
                severities.iter().map(|severity| about("email", *severity)).collect::<Vec<_>>(),
                "{transforms:?}"
            );
        }
    }

    #[test]
    fn chains_have_types() {
        use Severity::{Error, Warning};
        let text = attribute("x", FieldType::String);
        let told = |transforms: &[Transform], from: &Field, to: Field| {
            let target = Field { name: "to".to_owned(), ..to };
            let findings = check(&mapping(&[link("to", "x", transforms)]), std::slice::from_ref(from), &[target]);
            findings.into_iter().map(|finding| (finding.severity, finding.message)).collect::<Vec<_>>()
        };
        let fits = |transforms: &[Transform], from: &Field, to: Field| told(transforms, from, to).is_empty();
        let date = |from, to| Transform::DateFormat { from, to };
        let number = |decimals| Transform::NumberFormat { decimal_mark: DecimalMark::Comma, decimals };
        let to_date = attribute("", FieldType::Date);
        assert!(fits(&[date(DateInput::DayMonthYear, DateOutput::Date)], &text, to_date.clone()));
        assert!(fits(&[number(Some(0))], &text, attribute("", FieldType::Integer)));
        assert!(fits(&[number(None)], &text, attribute("", FieldType::Decimal)));
        assert!(fits(&[Transform::CountryCode, Transform::Lowercase], &text, attribute("", FieldType::Country)));
        let part = Transform::Split { separator: ",".to_owned(), part: 1 };
        assert!(fits(std::slice::from_ref(&part), &text, attribute("", FieldType::Integer)), "each row is checked");
        // A text field is an e-mail address when its chain makes it one.
        assert!(fits(&[Transform::NormaliseEmail], &text, identifier("", FieldType::Email)));
        let said = |transforms: &[Transform], from: &Field, to: Field, words: &str| {
            let findings = told(transforms, from, to);
            assert!(
                matches!(findings.as_slice(), [(Error, message)] if message.contains(words)),
                "{findings:?} has not {words:?}"
            );
        };
        said(&[], &text, to_date.clone(), "Add “Date format”.");
        said(
            &[date(DateInput::DayMonthYear, DateOutput::Compact)],
            &text,
            to_date.clone(),
            "takes dates, and “x” holds text",
        );
        said(&[Transform::CountryCode], &text, to_date.clone(), "the steps make countries of “x”");
        said(
            &[Transform::CountryCode, number(None)],
            &text,
            to_date,
            "“Number format” reads numbers, but is given countries",
        );
        let email = identifier("x", FieldType::Email);
        said(&[number(None)], &email, attribute("", FieldType::String), "is given e-mail addresses");
        said(&[Transform::Trim], &text, identifier("", FieldType::Email), "takes e-mail addresses");
        let bad_part = Transform::Split { separator: ",".to_owned(), part: 0 };
        said(&[bad_part], &text, attribute("", FieldType::String), "“to”: “Split” keeps a part that can't be.");
        let hashed = in_form(attribute("", FieldType::String), FieldForm::Sha256Hex);
        said(&[Transform::Sha256Hex, part], &text, hashed, "“Split” stands behind the hash");
        let both = [Transform::EmptyWhenInvalid, Transform::RejectWhenEmpty];
        assert_eq!(told(&both, &text, attribute("", FieldType::String))[0].0, Warning);
    }

    #[test]
    fn joined_fields_are_readable_text() {
        let source = [
            attribute("first", FieldType::String),
            attribute("last", FieldType::String),
            in_form(identifier("mail", FieldType::Email), FieldForm::Sha256Hex),
        ];
        let joined = |names: &[&str]| Link {
            target: "name".to_owned(),
            source: Source::Joined { names: header(names), separator: " ".to_owned() },
            transforms: Vec::new(),
        };
        let destination = [attribute("name", FieldType::String)];
        assert_eq!(told(&[joined(&["first", "last"])], &source, &destination), []);
        for wrong in [&["first"][..], &["first", "gone"], &["first", "mail"], &["first"; 11]] {
            assert_eq!(told(&[joined(wrong)], &source, &destination), [about("name", Severity::Error)], "{wrong:?}");
        }
    }

    #[test]
    fn telephone_numbers_need_a_country() {
        let field = identifier("phone", FieldType::Phone);
        let found = |country| {
            told(
                &[link("phone", "phone", &[phone(country)])],
                std::slice::from_ref(&field),
                std::slice::from_ref(&field),
            )
        };
        assert_eq!(found(Some("DE")), []);
        assert_eq!(found(None), [about("phone", Severity::Warning)]);
        for unknown in ["", "XX", "Germany", "é"] {
            assert_eq!(found(Some(unknown)), [about("phone", Severity::Error)], "{unknown}");
        }
    }

    #[test]
    fn constants_and_defaults_must_fit() {
        let destination = [identifier("email", FieldType::Email), attribute("age", FieldType::Integer).required()];
        let source = [identifier("mail", FieldType::Email), attribute("age", FieldType::Integer)];
        let age = |value: &str| told(&[constant("age", value)], &source, &destination[1..]);
        assert_eq!(
            (age("42"), age("old"), age("")),
            (vec![], vec![about("age", Severity::Error)], vec![about("age", Severity::Error)])
        );
        assert_eq!(
            told(&[constant("email", "a@b.co")], &source, &destination[..1]),
            [about("email", Severity::Warning)]
        );
        let default = |value: &str| {
            let transforms = [Transform::DefaultWhenEmpty { value: value.to_owned() }];
            told(&[link("age", "age", &transforms)], &source, &destination[1..])
        };
        assert_eq!((default("0"), default("none")), (vec![], vec![about("age", Severity::Error)]));
    }

    #[test]
    fn a_misfit_in_a_field_that_nobody_needs_can_be_left_empty() {
        let destination = [identifier("email", FieldType::Email).required(), identifier("phone", FieldType::Phone)];
        let lenient = [Transform::PhoneE164 { default_country: None }, Transform::EmptyWhenInvalid];
        let email = [Transform::NormaliseEmail, Transform::EmptyWhenInvalid];
        let mapping = Mapping { links: vec![link("email", "email", &email), link("phone", "phone", &lenient)] };
        let header = ["email".to_owned(), "phone".to_owned()];
        let plan = Plan::new(&mapping, &header, &destination).expect("is fine");
        let preview = plan.preview(&["a@b.co".to_owned(), "call me".to_owned()]);
        assert_eq!(preview.reject, None);
        assert_eq!(preview.cells[1].sent, "");
        assert!(preview.cells[1].problem.as_deref().is_some_and(|problem| problem.starts_with("Left empty: ")));
        let (mut sent, mut left_empty) = (RowBuffer::new(), Vec::new());
        let input: RowBuffer = ["a@b.co", "call me"].iter().collect();
        plan.apply(input.row(), &mut sent, &mut left_empty).expect("is sent");
        assert_eq!(left_empty.len(), 1);
        assert_eq!((left_empty[0].code, left_empty[0].field.as_deref()), (RejectCode::InvalidPhone, Some("phone")));
        let input: RowBuffer = ["a@b.co", "+351210000000"].iter().collect();
        plan.apply(input.row(), &mut sent, &mut left_empty).expect("is sent");
        assert!(left_empty.is_empty(), "only of the last row");
        let required = plan.preview(&["nobody".to_owned(), String::new()]);
        assert!(required.reject.is_some(), "a required field is never left empty");
    }

    #[test]
    fn only_what_always_makes_sense_may_be_linked() {
        use FieldType as T;
        let may = |source: &Field, target: &Field| why_not(source, target).is_none();
        for field_type in [T::Email, T::Phone, T::MobileAdId, T::CookieId, T::CustomerId] {
            assert!(may(&identifier("a", field_type), &identifier("b", field_type)));
            assert!(may(&attribute("a", field_type), &identifier("b", field_type)));
            assert!(may(&identifier("a", field_type), &attribute("b", T::String)));
            assert!(!may(&attribute("a", T::String), &identifier("b", field_type)));
        }
        assert!(may(&identifier("a", T::String), &identifier("b", T::CustomerId)));
        assert!(!may(&identifier("a", T::Email), &identifier("b", T::Phone)));
        assert!(!may(&attribute("a", T::String), &identifier("b", T::String)));
        for (from, to, expected) in [
            (T::Integer, T::Decimal, true),
            // With a step that converts, and tells where it can't.
            (T::Decimal, T::Integer, true),
            (T::Date, T::Timestamp, true),
            (T::Timestamp, T::Date, true),
            (T::String, T::Integer, true),
            (T::String, T::Country, true),
            (T::Boolean, T::Integer, false),
            (T::Email, T::Date, false),
            (T::Integer, T::Date, false),
            (T::Other, T::Integer, true),
            (T::Boolean, T::String, true),
            (T::Integer, T::PostalCode, true),
        ] {
            assert_eq!(may(&attribute("a", from), &attribute("b", to)), expected, "{from:?} to {to:?}");
        }
        let hashed = in_form(identifier("a", T::Email), FieldForm::Sha256Hex);
        assert!(!may(&hashed, &identifier("b", T::Email)));
        assert!(!may(&hashed, &attribute("b", T::String)));
        assert!(may(&hashed, &in_form(identifier("b", T::Email), FieldForm::Sha256Base64)));
    }
}

fn any_field() -> impl Strategy<Value = Field> {
    let types = vec![
        FieldType::Email,
        FieldType::Phone,
        FieldType::MobileAdId,
        FieldType::CookieId,
        FieldType::CustomerId,
        FieldType::String,
        FieldType::Integer,
        FieldType::Decimal,
        FieldType::Boolean,
        FieldType::Date,
        FieldType::Timestamp,
        FieldType::Country,
        FieldType::PostalCode,
        FieldType::Other,
    ];
    let kinds = select(vec![FieldKind::Identifier, FieldKind::Attribute]);
    let forms = select(vec![FieldForm::Raw, FieldForm::Sha256Hex, FieldForm::Sha256Base64]);
    ("[a-z]{1,3}", kinds, select(types), forms, any::<bool>()).prop_map(|(name, kind, field_type, form, required)| {
        Field { form, required, ..Field::new(name, kind, field_type) }
    })
}

fn any_transform() -> impl Strategy<Value = Transform> {
    prop_oneof![
        Just(Transform::Trim),
        Just(Transform::Lowercase),
        Just(Transform::NormaliseEmail),
        Just(Transform::CountryCode),
        Just(Transform::RejectWhenEmpty),
        Just(Transform::EmptyWhenInvalid),
        Just(Transform::DateFormat { from: DateInput::YearMonthDay, to: DateOutput::Compact }),
        Just(Transform::NumberFormat { decimal_mark: DecimalMark::Point, decimals: Some(1) }),
        select(vec![None, Some("DE".to_owned()), Some("?".to_owned())])
            .prop_map(|default_country| Transform::PhoneE164 { default_country }),
        Just(Transform::Sha256Hex),
        Just(Transform::Sha256Base64),
        ".{0,4}".prop_map(|value| Transform::DefaultWhenEmpty { value }),
    ]
}

/// A destination of three fields and a mapping from a header of three names.
fn any_plan() -> impl Strategy<Value = Plan> {
    let source = prop_oneof![
        3 => select(vec!["x", "y", "z"]).prop_map(|name| Source::Field { name: name.to_owned() }),
        1 => ".{0,6}".prop_map(|value| Source::Constant { value }),
        1 => ".{0,2}".prop_map(|separator| Source::Joined { names: header(&["z", "x"]), separator }),
    ];
    vec((any_field(), source, vec(any_transform(), 0..4)), 1..4).prop_map(|columns| {
        let mut destination = Vec::new();
        let mut links = Vec::new();
        for (index, (field, source, transforms)) in columns.into_iter().enumerate() {
            let field = Field { name: format!("{}{index}", field.name), ..field };
            links.push(Link { target: field.name.clone(), source, transforms });
            destination.push(field);
        }
        Plan::new(&Mapping { links }, &header(&["x", "y", "z"]), &destination).unwrap()
    })
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[+0-9 ]{0,16}",
        "[a-zA-Z]{1,4}@[a-z]{1,4}\\.[a-z]{2}",
        "[0-9a-f]{64}",
        Just(String::new())
    ]
}

proptest! {
    #[test]
    fn the_preview_is_what_is_sent(plan in any_plan(), row in vec(any_value(), 2..5)) {
        let input: RowBuffer = row.iter().collect();
        let mut output = RowBuffer::new();
        let applied = plan.apply(input.row(), &mut output, &mut Vec::new());
        let preview = plan.preview(&row);
        prop_assert_eq!(applied.as_ref().err(), preview.reject.as_ref());
        if applied.is_ok() {
            let shown: Vec<&[u8]> = preview.cells.iter().map(|cell| cell.sent.as_bytes()).collect();
            prop_assert_eq!(output.row().values().collect::<Vec<_>>(), shown);
            let is_left_empty = |cell: &PreviewCell| cell.problem.as_ref().is_some_and(|why| why.starts_with("Left empty: "));
            prop_assert!(preview.cells.iter().all(|cell| cell.problem.is_none() || is_left_empty(cell)));
        }
    }

    #[test]
    fn no_row_breaks_a_plan(plan in any_plan(), bytes in vec(any::<u8>(), 0..40), mut ends in vec(0_usize..60, 0..5)) {
        ends.sort_unstable();
        let mut output = RowBuffer::new();
        for row in [Row::adjoining(&bytes, &ends), Row::adjoining(&bytes, &[bytes.len(), 3, 500])] {
            if plan.apply(row, &mut output, &mut Vec::new()).is_ok() {
                prop_assert_eq!(output.row().columns(), plan.targets().len());
            }
        }
    }

    #[test]
    fn a_fresh_link_speaks_against_nothing(source in any_field(), target in any_field()) {
        if why_not(&source, &target).is_none() {
            let links = [link(&target.name, &source.name, &default_transforms(&source, &target))];
            let findings = check(&mapping(&links), std::slice::from_ref(&source), std::slice::from_ref(&target));
            // But for the country of telephone numbers, which only a person knows.
            let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            prop_assert!(errors.is_empty(), "{errors:?}");
            prop_assert!(target.field_type == FieldType::Phone || findings.is_empty(), "{findings:?}");
        }
    }
}
