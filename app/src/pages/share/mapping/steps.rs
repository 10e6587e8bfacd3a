//! A link's steps as the page shows and changes them: what each can be told, which can be added, and where they go. Nothing here knows of the page.

use model::{
    field::{Field, FieldForm},
    mapping::default_transforms,
    preset::Preset,
    transform::{
        BooleanStyle, DateInput, DateOutput, DecimalMark, FARTHEST_PART, MOST_DECIMALS, NameRule, Otherwise, Transform,
    },
};

/// Steps that can be added, by what they are for: the word in the form, in the order in which they are offered.
pub const OFFERED: [(&str, &[&str]); 5] = [
    ("Text", &["trim", "lowercase", "uppercase", "title_case", "split", "look_up"]),
    (
        "Who somebody is",
        &[
            "normalise_email",
            "gmail_rule",
            "phone_e164",
            "digits_only",
            "normalise_name",
            "normalise_city",
            "normalise_region",
            "normalise_postal_code",
            "country_code",
        ],
    ),
    ("Dates, numbers, yes and no", &["date_format", "number_format", "boolean_words"]),
    ("Hash", &["sha256_hex", "sha256_base64"]),
    ("Nothing, or what does not fit", &["default_when_empty", "reject_when_empty", "empty_when_invalid"]),
];

/// The step of a word, as it is when it is added.
pub fn fresh(word: &str) -> Option<Transform> {
    let step = match word {
        "trim" => Transform::Trim,
        "lowercase" => Transform::Lowercase,
        "uppercase" => Transform::Uppercase,
        "title_case" => Transform::TitleCase,
        "normalise_email" => Transform::NormaliseEmail,
        "gmail_rule" => Transform::GmailRule { googlemail: false },
        "phone_e164" => Transform::PhoneE164 { default_country: None },
        "digits_only" => Transform::DigitsOnly,
        "normalise_name" => Transform::NormaliseName { rule: NameRule::Meta },
        "normalise_city" => Transform::NormaliseCity,
        "normalise_region" => Transform::NormaliseRegion,
        "normalise_postal_code" => Transform::NormalisePostalCode,
        "country_code" => Transform::CountryCode,
        "date_format" => Transform::DateFormat { from: DateInput::DayMonthYear, to: DateOutput::Date },
        "number_format" => Transform::NumberFormat { decimal_mark: DecimalMark::Comma, decimals: None },
        "boolean_words" => Transform::BooleanWords { write: BooleanStyle::TrueFalse },
        "split" => Transform::Split { separator: " ".to_owned(), part: 1 },
        "look_up" => Transform::LookUp { table: Vec::new(), otherwise: Otherwise::Keep },
        "sha256_hex" => Transform::Sha256Hex,
        "sha256_base64" => Transform::Sha256Base64,
        "default_when_empty" => Transform::DefaultWhenEmpty { value: String::new() },
        "empty_when_invalid" => Transform::EmptyWhenInvalid,
        "reject_when_empty" => Transform::RejectWhenEmpty,
        _ => return None,
    };
    Some(step)
}

/// The word of a step in the form; that of its stored form.
pub fn word(step: &Transform) -> &'static str {
    match step {
        Transform::Trim => "trim",
        Transform::Lowercase => "lowercase",
        Transform::Uppercase => "uppercase",
        Transform::TitleCase => "title_case",
        Transform::NormaliseEmail => "normalise_email",
        Transform::GmailRule { .. } => "gmail_rule",
        Transform::PhoneE164 { .. } => "phone_e164",
        Transform::DigitsOnly => "digits_only",
        Transform::NormaliseName { .. } => "normalise_name",
        Transform::NormaliseCity => "normalise_city",
        Transform::NormaliseRegion => "normalise_region",
        Transform::NormalisePostalCode => "normalise_postal_code",
        Transform::CountryCode => "country_code",
        Transform::DateFormat { .. } => "date_format",
        Transform::NumberFormat { .. } => "number_format",
        Transform::BooleanWords { .. } => "boolean_words",
        Transform::Split { .. } => "split",
        Transform::LookUp { .. } => "look_up",
        Transform::Sha256Hex => "sha256_hex",
        Transform::Sha256Base64 => "sha256_base64",
        Transform::DefaultWhenEmpty { .. } => "default_when_empty",
        Transform::EmptyWhenInvalid => "empty_when_invalid",
        Transform::RejectWhenEmpty => "reject_when_empty",
    }
}

/// What a step does, in a sentence.
pub fn help(step: &Transform) -> &'static str {
    match step {
        Transform::Trim => "Drops spaces at both ends.",
        Transform::Lowercase => "Writes it small.",
        Transform::Uppercase => "Writes it in capitals.",
        Transform::TitleCase => "Begins each word with a capital.",
        Transform::NormaliseEmail => "Drops spaces, writes it small, and checks that it is an e-mail address.",
        Transform::GmailRule { .. } => {
            "In gmail.com addresses, drops dots and what follows a +, which Gmail does not look at."
        }
        Transform::PhoneE164 { .. } => "Writes it as +4930123456, and checks that there can be such a number.",
        Transform::DigitsOnly => "Keeps only digits: a number without its +, as Meta takes it.",
        Transform::NormaliseName { .. } => "Writes a first or last name as the platform does before it hashes it.",
        Transform::NormaliseCity => "Small, letters and digits only: newyork. Meta's rule.",
        Transform::NormaliseRegion => {
            "Small, letters and digits only, states of the US as two letters: ca. Meta's rule."
        }
        Transform::NormalisePostalCode => "Small, no spaces or dashes, five digits in the US: m11ae. Meta's rule.",
        Transform::CountryCode => "Writes it as DE, from DE, DEU or Germany.",
        Transform::DateFormat { .. } => "Reads a date in one form and writes it in another.",
        Transform::NumberFormat { .. } => "Writes it with a decimal point and without thousands separators.",
        Transform::BooleanWords { .. } => "Reads true, false, 1, 0, yes, no, ja, nein and the like.",
        Transform::Split { .. } => "Cuts it at each separator and keeps one part.",
        Transform::LookUp { .. } => "Sends something else for each value that is listed.",
        Transform::Sha256Hex => {
            "64 characters. Nothing is hashed where there is no value, and a hash is not hashed again."
        }
        Transform::Sha256Base64 => {
            "44 characters. Nothing is hashed where there is no value, and a hash is not hashed again."
        }
        Transform::DefaultWhenEmpty { .. } => "Sends this where there is no value.",
        Transform::EmptyWhenInvalid => "A value that does not fit is left empty; the row is sent all the same.",
        Transform::RejectWhenEmpty => "A row for which there is no value in the end is not sent.",
    }
}

/// Something that a step is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in the form.
    pub part: &'static str,
    /// The words for people.
    pub label: &'static str,
    /// How it is told.
    pub control: Control,
}

/// How something is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Any text.
    Text {
        /// What is shown while there is none.
        placeholder: &'static str,
    },
    /// Two letters.
    Country,
    /// A whole number, or nothing.
    Number {
        /// The least.
        least: i32,
        /// The most.
        most: i32,
    },
    /// One of these: the word in the form, and the words for people.
    Choice(Vec<(&'static str, String)>),
    /// Yes or no.
    Flag,
    /// Lines such as `DE = Germany`.
    Table,
}

/// What a step can be told.
pub fn parameters(step: &Transform) -> Vec<Parameter> {
    let parameter = |part, label, control| Parameter { part, label, control };
    let choice = |all: &[(&'static str, &str)]| {
        Control::Choice(all.iter().map(|(word, text)| (*word, (*text).to_owned())).collect())
    };
    match step {
        Transform::GmailRule { .. } => vec![parameter(
            "googlemail",
            "Also for googlemail.com, as Google does; UID2 leaves those as they are",
            Control::Flag,
        )],
        Transform::PhoneE164 { .. } => vec![parameter("country", "Default country", Control::Country)],
        Transform::NormaliseName { .. } => {
            let rules = [("meta", "Meta: no punctuation"), ("google", "Google: no Mrs. in front, no Jr. behind")];
            vec![parameter("rule", "Rule", choice(&rules))]
        }
        Transform::DateFormat { .. } => {
            let inputs = DateInput::ALL.map(|input| (input_word(input), input.example().to_owned()));
            let outputs = DateOutput::ALL.map(|output| (output_word(output), output.example().to_owned()));
            vec![
                parameter("from", "Read as", Control::Choice(inputs.to_vec())),
                parameter("to", "Written as", Control::Choice(outputs.to_vec())),
            ]
        }
        Transform::NumberFormat { .. } => {
            let marks =
                [DecimalMark::Comma, DecimalMark::Point].map(|mark| (mark_word(mark), mark.example().to_owned()));
            vec![
                parameter("decimal_mark", "Read as", Control::Choice(marks.to_vec())),
                parameter(
                    "decimals",
                    "Rounded to decimals",
                    Control::Number { least: 0, most: i32::from(MOST_DECIMALS) },
                ),
            ]
        }
        Transform::BooleanWords { .. } => {
            let styles = [("true_false", "true, false"), ("one_zero", "1, 0"), ("yes_no", "yes, no"), ("y_n", "Y, N")];
            vec![parameter("write", "Written as", choice(&styles))]
        }
        Transform::Split { .. } => vec![
            parameter("separator", "Separator", Control::Text { placeholder: "" }),
            parameter(
                "part",
                "Part (1 is the first, -1 the last)",
                Control::Number { least: -FARTHEST_PART, most: FARTHEST_PART },
            ),
        ],
        Transform::LookUp { .. } => {
            let others = [("keep", "is sent as it is"), ("empty", "is left empty"), ("reject", "rejects the row")];
            vec![
                parameter("table", "One a line: value = what is sent", Control::Table),
                parameter("otherwise", "Any other value", choice(&others)),
            ]
        }
        Transform::DefaultWhenEmpty { .. } => {
            vec![parameter("value", "When empty, send", Control::Text { placeholder: "Nothing" })]
        }
        _ => Vec::new(),
    }
}

/// What a step was told, as its control shows it.
pub fn value(step: &Transform, part: &str) -> String {
    match (step, part) {
        (Transform::GmailRule { googlemail: true }, _) => "yes".to_owned(),
        (Transform::PhoneE164 { default_country }, _) => default_country.clone().unwrap_or_default(),
        (Transform::NormaliseName { rule }, _) => if *rule == NameRule::Meta { "meta" } else { "google" }.to_owned(),
        (Transform::DateFormat { from, .. }, "from") => input_word(*from).to_owned(),
        (Transform::DateFormat { to, .. }, _) => output_word(*to).to_owned(),
        (Transform::NumberFormat { decimal_mark, .. }, "decimal_mark") => mark_word(*decimal_mark).to_owned(),
        (Transform::NumberFormat { decimals: Some(decimals), .. }, _) => decimals.to_string(),
        (Transform::BooleanWords { write }, _) => style_word(*write).to_owned(),
        (Transform::Split { separator, .. }, "separator") => separator.clone(),
        (Transform::Split { part, .. }, _) => part.to_string(),
        (Transform::LookUp { table, .. }, "table") => table_text(table),
        (Transform::LookUp { otherwise, .. }, _) => otherwise_word(*otherwise).to_owned(),
        (Transform::DefaultWhenEmpty { value }, _) => value.clone(),
        _ => String::new(),
    }
}

/// The step, told this. What can't be read becomes what the mapping's check finds fault with, so that it is said where it stands.
pub fn told(mut step: Transform, part: &str, said: &str) -> Transform {
    match (&mut step, part) {
        (Transform::GmailRule { googlemail }, "googlemail") => *googlemail = !said.is_empty(),
        (Transform::PhoneE164 { default_country }, "country") => {
            let country = said.trim().to_ascii_uppercase();
            *default_country = Some(country).filter(|country| !country.is_empty());
        }
        (Transform::NormaliseName { rule }, "rule") => {
            *rule = if said == "google" { NameRule::Google } else { NameRule::Meta };
        }
        (Transform::DateFormat { from, .. }, "from") => {
            *from = DateInput::ALL.into_iter().find(|input| input_word(*input) == said).unwrap_or(*from);
        }
        (Transform::DateFormat { to, .. }, "to") => {
            *to = DateOutput::ALL.into_iter().find(|output| output_word(*output) == said).unwrap_or(*to);
        }
        (Transform::NumberFormat { decimal_mark, .. }, "decimal_mark") => {
            *decimal_mark = if said == "point" { DecimalMark::Point } else { DecimalMark::Comma };
        }
        (Transform::NumberFormat { decimals, .. }, "decimals") => {
            *decimals = if said.trim().is_empty() { None } else { Some(said.trim().parse().unwrap_or(u8::MAX)) };
        }
        (Transform::BooleanWords { write }, "write") => {
            let styles = [BooleanStyle::TrueFalse, BooleanStyle::OneZero, BooleanStyle::YesNo, BooleanStyle::YN];
            *write = styles.into_iter().find(|style| style_word(*style) == said).unwrap_or(*write);
        }
        (Transform::Split { separator, .. }, "separator") => said.clone_into(separator),
        (Transform::Split { part, .. }, "part") => *part = said.trim().parse().unwrap_or(0),
        (Transform::LookUp { table, .. }, "table") => *table = table_of(said),
        (Transform::LookUp { otherwise, .. }, "otherwise") => {
            let all = [Otherwise::Keep, Otherwise::Empty, Otherwise::Reject];
            *otherwise = all.into_iter().find(|one| otherwise_word(*one) == said).unwrap_or_default();
        }
        (Transform::DefaultWhenEmpty { value }, "value") => said.clone_into(value),
        _ => {}
    }
    step
}

fn input_word(input: DateInput) -> &'static str {
    match input {
        DateInput::YearMonthDay => "year_month_day",
        DateInput::DayMonthYear => "day_month_year",
        DateInput::MonthDayYear => "month_day_year",
        DateInput::Compact => "compact",
        DateInput::Timestamp => "timestamp",
        DateInput::UnixSeconds => "unix_seconds",
        DateInput::UnixMilliseconds => "unix_milliseconds",
    }
}

fn output_word(output: DateOutput) -> &'static str {
    match output {
        DateOutput::Date => "date",
        DateOutput::Compact => "compact",
        DateOutput::DayMonthYear => "day_month_year",
        DateOutput::DayMonthYearSlashed => "day_month_year_slashed",
        DateOutput::MonthDayYear => "month_day_year",
        DateOutput::Timestamp => "timestamp",
        DateOutput::UnixSeconds => "unix_seconds",
        DateOutput::Year => "year",
    }
}

fn mark_word(mark: DecimalMark) -> &'static str {
    match mark {
        DecimalMark::Point => "point",
        DecimalMark::Comma => "comma",
    }
}

fn style_word(style: BooleanStyle) -> &'static str {
    match style {
        BooleanStyle::TrueFalse => "true_false",
        BooleanStyle::OneZero => "one_zero",
        BooleanStyle::YesNo => "yes_no",
        BooleanStyle::YN => "y_n",
    }
}

fn otherwise_word(otherwise: Otherwise) -> &'static str {
    match otherwise {
        Otherwise::Keep => "keep",
        Otherwise::Empty => "empty",
        Otherwise::Reject => "reject",
    }
}

fn table_text(table: &[[String; 2]]) -> String {
    let lines: Vec<String> = table.iter().map(|[from, to]| format!("{from} = {to}")).collect();
    lines.join("\n")
}

fn table_of(text: &str) -> Vec<[String; 2]> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let (from, to) = line.split_once('=').unwrap_or((line, ""));
            [from.trim().to_owned(), to.trim().to_owned()]
        })
        .collect()
}

/// A change of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Add the step of a word, where it makes sense.
    Add(String),
    /// Take the step at this place away.
    Remove(usize),
    /// Do the step at this place earlier.
    Up(usize),
    /// Do it later.
    Down(usize),
    /// Tell the step at this place something.
    Tell(usize, &'static str, String),
}

/// The chain, changed.
pub fn changed(chain: &[Transform], change: &Change) -> Vec<Transform> {
    let mut chain = chain.to_vec();
    match change {
        Change::Add(word) => {
            if let Some(step) = fresh(word) {
                let place = place_of_new(&chain, &step);
                chain.insert(place, step);
            }
        }
        Change::Remove(at) if *at < chain.len() => {
            chain.remove(*at);
        }
        Change::Up(at) if (1..chain.len()).contains(at) => chain.swap(*at, at - 1),
        Change::Down(at) if at + 1 < chain.len() => chain.swap(*at, at + 1),
        Change::Tell(at, part, said) if *at < chain.len() => {
            chain[*at] = told(chain[*at].clone(), part, said);
        }
        Change::Remove(_) | Change::Up(_) | Change::Down(_) | Change::Tell(..) => {}
    }
    chain
}

/// Where a step that is added goes: what looks at values in front of the hash, a default in front of all, so that it is written and hashed like any
/// other value, and what holds for the whole chain behind all.
pub fn place_of_new(chain: &[Transform], step: &Transform) -> usize {
    let end = chain.iter().position(Transform::holds_for_the_chain).unwrap_or(chain.len());
    match step {
        Transform::DefaultWhenEmpty { .. } => 0,
        step if step.holds_for_the_chain() => chain.len(),
        step if step.hashes() => end,
        _ => chain.iter().position(Transform::hashes).unwrap_or(end),
    }
}

/// What a link should do: by a platform's rules, or as a fresh link does. What only the person can know (the default country, what is sent for nothing,
/// whether a row without a value is sent) stays as it was.
pub fn by_preset(
    preset: Option<Preset>,
    source: Option<&Field>,
    target: &Field,
    before: &[Transform],
) -> Vec<Transform> {
    // A constant is sent as it was typed, but in the form that the destination takes.
    let typed = Field { form: FieldForm::Raw, ..target.clone() };
    let source = source.unwrap_or(&typed);
    let mut chain = match preset {
        Some(preset) => preset.chain(source, target),
        None => default_transforms(source, target),
    };
    for step in before {
        match step {
            Transform::PhoneE164 { default_country: Some(country) } => {
                for step in &mut chain {
                    if let Transform::PhoneE164 { default_country } = step {
                        *default_country = Some(country.clone());
                    }
                }
            }
            Transform::DefaultWhenEmpty { .. } => chain.insert(0, step.clone()),
            Transform::RejectWhenEmpty => {
                chain.retain(|step| *step != Transform::EmptyWhenInvalid);
                chain.push(Transform::RejectWhenEmpty);
            }
            _ => {}
        }
    }
    chain
}

/// What a chain does, in words.
pub fn sentence(transforms: &[Transform]) -> String {
    let mut words = Vec::new();
    let mut in_the_end = "";
    for transform in transforms {
        match transform {
            Transform::PhoneE164 { default_country: Some(country) } => words.push(format!("E.164 phone ({country})")),
            Transform::PhoneE164 { default_country: None } => words.push("E.164 phone".to_owned()),
            Transform::Sha256Hex => words.push("SHA-256 hex".to_owned()),
            Transform::Sha256Base64 => words.push("SHA-256 Base64".to_owned()),
            Transform::DefaultWhenEmpty { value } => words.push(format!("“{value}” when empty")),
            Transform::Split { separator, part } => words.push(format!("Part {part} by “{separator}”")),
            Transform::DateFormat { to, .. } => words.push(format!("Date as {}", date_words(*to))),
            Transform::NumberFormat { decimals: Some(decimals), .. } => {
                let what = if *decimals == 1 { "decimal" } else { "decimals" };
                words.push(format!("Number with {decimals} {what}"));
            }
            Transform::BooleanWords { write } => words.push(format!("{} or {}", write.word(true), write.word(false))),
            Transform::LookUp { table, .. } => words.push(format!("Look up ({})", table.len())),
            Transform::EmptyWhenInvalid => in_the_end = ", else empty",
            Transform::RejectWhenEmpty => in_the_end = ", else no row",
            other => words.push(other.label().to_owned()),
        }
    }
    let done = if words.is_empty() { "As is".to_owned() } else { words.join(" → ") };
    format!("{done}{in_the_end}")
}

fn date_words(output: DateOutput) -> &'static str {
    output.example().split(' ').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

    use model::field::{FieldKind, FieldType};

    use super::*;

    fn all_words() -> impl Iterator<Item = &'static str> {
        OFFERED.into_iter().flat_map(|(_, words)| words.iter().copied())
    }

    #[test]
    fn every_step_is_offered_once_under_the_word_of_its_stored_form() {
        let mut seen = std::collections::HashSet::new();
        for offered in all_words() {
            assert!(seen.insert(offered));
            let step = fresh(offered).unwrap();
            assert_eq!(word(&step), offered);
            assert_eq!(serde_json::to_value(&step).unwrap()["name"], offered);
            assert!(help(&step).ends_with('.'));
        }
        assert_eq!(seen.len(), 23);
        assert_eq!(fresh("nothing"), None);
    }

    #[test]
    fn a_single_decimal_is_one() {
        let with = |decimals| told(fresh("number_format").unwrap(), "decimals", decimals);
        assert_eq!(sentence(&[with("1")]), "Number with 1 decimal");
        assert_eq!(sentence(&[with("2")]), "Number with 2 decimals");
    }

    #[test]
    fn what_a_step_was_told_comes_back_from_its_controls() {
        let steps = [
            Transform::GmailRule { googlemail: true },
            Transform::PhoneE164 { default_country: Some("DE".to_owned()) },
            Transform::PhoneE164 { default_country: None },
            Transform::NormaliseName { rule: NameRule::Google },
            Transform::DateFormat { from: DateInput::UnixMilliseconds, to: DateOutput::DayMonthYearSlashed },
            Transform::NumberFormat { decimal_mark: DecimalMark::Point, decimals: Some(2) },
            Transform::NumberFormat { decimal_mark: DecimalMark::Comma, decimals: None },
            Transform::BooleanWords { write: BooleanStyle::YN },
            Transform::Split { separator: " :: ".to_owned(), part: -2 },
            Transform::LookUp {
                table: vec![["DE".to_owned(), "Germany = nice".to_owned()], ["x".to_owned(), String::new()]],
                otherwise: Otherwise::Reject,
            },
            Transform::DefaultWhenEmpty { value: " as typed ".to_owned() },
        ];
        for step in steps {
            let mut again = fresh(word(&step)).unwrap();
            for Parameter { part, control, .. } in parameters(&step) {
                let value = value(&step, part);
                if let Control::Choice(choices) = control {
                    assert!(choices.iter().any(|(word, _)| *word == value), "{value}");
                }
                again = told(again, part, &value);
            }
            assert_eq!(again, step);
        }
    }

    #[test]
    fn what_can_not_be_read_is_found_fault_with_and_not_guessed() {
        let split = told(fresh("split").unwrap(), "part", "two");
        assert!(split.wrong_parameter().is_some());
        let number = told(fresh("number_format").unwrap(), "decimals", "many");
        assert!(number.wrong_parameter().is_some());
        let country = told(fresh("phone_e164").unwrap(), "country", " zz ");
        assert!(country.wrong_parameter().is_some());
    }

    #[test]
    fn a_step_that_is_added_goes_where_it_makes_sense() {
        let mut chain = vec![Transform::NormaliseEmail, Transform::Sha256Hex, Transform::EmptyWhenInvalid];
        for word in ["gmail_rule", "default_when_empty", "reject_when_empty"] {
            chain = changed(&chain, &Change::Add(word.to_owned()));
        }
        let words: Vec<&str> = chain.iter().map(word).collect();
        assert_eq!(
            words,
            [
                "default_when_empty",
                "normalise_email",
                "gmail_rule",
                "sha256_hex",
                "empty_when_invalid",
                "reject_when_empty"
            ]
        );
        let hashed = changed(&[Transform::Trim, Transform::EmptyWhenInvalid], &Change::Add("sha256_hex".to_owned()));
        assert_eq!(hashed, [Transform::Trim, Transform::Sha256Hex, Transform::EmptyWhenInvalid]);
    }

    #[test]
    fn steps_are_moved_and_taken_away_and_nothing_happens_beyond_the_ends() {
        let chain = [Transform::Trim, Transform::Lowercase, Transform::Sha256Hex];
        assert_eq!(changed(&chain, &Change::Up(1))[0], Transform::Lowercase);
        assert_eq!(changed(&chain, &Change::Down(1))[2], Transform::Lowercase);
        assert_eq!(changed(&chain, &Change::Remove(1)), [Transform::Trim, Transform::Sha256Hex]);
        for change in [Change::Up(0), Change::Up(3), Change::Down(2), Change::Down(usize::MAX - 1), Change::Remove(3)] {
            assert_eq!(changed(&chain, &change), chain, "{change:?}");
        }
    }

    #[test]
    fn a_preset_keeps_what_only_the_person_knows() {
        let phone = Field::new("phone", FieldKind::Identifier, FieldType::Phone);
        let before = [
            Transform::DefaultWhenEmpty { value: "+4930123456".to_owned() },
            Transform::PhoneE164 { default_country: Some("DE".to_owned()) },
            Transform::RejectWhenEmpty,
        ];
        assert_eq!(
            by_preset(Some(Preset::Meta), Some(&phone), &phone, &before),
            [before[0].clone(), before[1].clone(), Transform::DigitsOnly, Transform::RejectWhenEmpty]
        );
        assert_eq!(by_preset(None, Some(&phone), &phone, &before), before);
        let hashed = Field { form: FieldForm::Sha256Hex, ..phone };
        assert!(by_preset(None, None, &hashed, &[]).contains(&Transform::Sha256Hex), "a constant is hashed too");
    }

    #[test]
    fn a_chain_is_said_in_words() {
        let default = Transform::DefaultWhenEmpty { value: "a@example.com".to_owned() };
        let chain = [default, Transform::NormaliseEmail, Transform::Sha256Hex, Transform::EmptyWhenInvalid];
        assert_eq!(sentence(&chain), "“a@example.com” when empty → Normalise e-mail → SHA-256 hex, else empty");
        let part = Transform::Split { separator: ",".to_owned(), part: 2 };
        assert_eq!(sentence(&[part, Transform::RejectWhenEmpty]), "Part 2 by “,”, else no row");
        assert_eq!(sentence(&[]), "As is");
    }
}
