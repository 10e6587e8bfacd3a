//! A link's transforms as the form shows them: one way of writing the value, one hash, one default; and back. Chains that others made and that
//! don't fit into the form are kept as they are.

use model::{field::Field, mapping::default_transforms, transform::Transform};

/// How a value is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Writing {
    /// As it came.
    #[default]
    AsIs,
    /// Without white space at its ends.
    Trim,
    /// In lower case.
    Lowercase,
    /// Both.
    TrimLowercase,
    /// As an e-mail address.
    Email,
    /// As a telephone number.
    Phone,
    /// A chain that the form can't show.
    Other(Vec<Transform>),
}

impl Writing {
    /// What the form offers: the word in the form, and the words for people.
    pub const CHOICES: [(&'static str, &'static str); 6] = [
        ("as_is", "As is"),
        ("trim", "Trim"),
        ("lowercase", "Lower-case"),
        ("trim_lowercase", "Trim and lower-case"),
        ("normalise_email", "Normalise e-mail"),
        ("phone_e164", "E.164 phone"),
    ];

    /// The word in the form.
    pub fn word(&self) -> &'static str {
        match self {
            Self::AsIs => "as_is",
            Self::Trim => "trim",
            Self::Lowercase => "lowercase",
            Self::TrimLowercase => "trim_lowercase",
            Self::Email => "normalise_email",
            Self::Phone => "phone_e164",
            Self::Other(_) => KEEP,
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        [Self::AsIs, Self::Trim, Self::Lowercase, Self::TrimLowercase, Self::Email, Self::Phone]
            .into_iter()
            .find(|known| known.word() == word)
    }
}

/// In the form: what is recommended for the two fields.
pub const RECOMMENDED: &str = "recommended";
/// In the form: the chain that was there.
pub const KEEP: &str = "keep";

/// Whether the value is hashed at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hashing {
    /// No.
    #[default]
    None,
    /// SHA-256 in hexadecimal.
    Hex,
    /// SHA-256 in Base64.
    Base64,
}

impl Hashing {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::None, Self::Hex, Self::Base64];

    /// The word in the form.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hex => "sha256_hex",
            Self::Base64 => "sha256_base64",
        }
    }

    /// The words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "No hash",
            Self::Hex => "SHA-256 hex",
            Self::Base64 => "SHA-256 Base64",
        }
    }

    /// That of the word.
    pub fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|known| known.word() == word).unwrap_or_default()
    }
}

/// What is done to a link's value, as the form shows it. In this order: the default, the writing, the hash, so that a default is written and hashed
/// like any other value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Steps {
    /// How it is written.
    pub writing: Writing,
    /// For telephone numbers without a prefix: two letters, or nothing.
    pub country: String,
    /// The hash at the end.
    pub hashing: Hashing,
    /// What is sent instead of nothing; empty for no default.
    pub default: String,
    /// A value that does not fit is left empty, instead of the row being rejected.
    pub empty_when_invalid: bool,
}

impl Steps {
    /// What a chain is in the form.
    pub fn of(transforms: &[Transform]) -> Self {
        let mut rest = transforms;
        let mut steps = Self::default();
        if let [others @ .., Transform::EmptyWhenInvalid] = rest {
            steps.empty_when_invalid = true;
            rest = others;
        }
        if let [Transform::DefaultWhenEmpty { value }, others @ ..] = rest {
            steps.default.clone_from(value);
            rest = others;
        }
        match rest {
            [others @ .., Transform::Sha256Hex] => (rest, steps.hashing) = (others, Hashing::Hex),
            [others @ .., Transform::Sha256Base64] => (rest, steps.hashing) = (others, Hashing::Base64),
            _ => {}
        }
        steps.writing = match rest {
            [] => Writing::AsIs,
            [Transform::Trim] => Writing::Trim,
            [Transform::Lowercase] => Writing::Lowercase,
            [Transform::Trim, Transform::Lowercase] => Writing::TrimLowercase,
            [Transform::NormaliseEmail] => Writing::Email,
            [Transform::PhoneE164 { default_country }] => {
                steps.country = default_country.clone().unwrap_or_default();
                Writing::Phone
            }
            other => Writing::Other(other.to_vec()),
        };
        steps
    }

    /// The chain.
    pub fn transforms(&self) -> Vec<Transform> {
        let mut chain = Vec::new();
        if !self.default.is_empty() {
            chain.push(Transform::DefaultWhenEmpty { value: self.default.clone() });
        }
        match &self.writing {
            Writing::AsIs => {}
            Writing::Trim => chain.push(Transform::Trim),
            Writing::Lowercase => chain.push(Transform::Lowercase),
            Writing::TrimLowercase => chain.extend([Transform::Trim, Transform::Lowercase]),
            Writing::Email => chain.push(Transform::NormaliseEmail),
            Writing::Phone => {
                let country = self.country.trim().to_ascii_uppercase();
                chain.push(Transform::PhoneE164 {
                    default_country: Some(country).filter(|country| !country.is_empty()),
                });
            }
            Writing::Other(transforms) => chain.extend(transforms.iter().cloned()),
        }
        match self.hashing {
            Hashing::None => {}
            Hashing::Hex => chain.push(Transform::Sha256Hex),
            Hashing::Base64 => chain.push(Transform::Sha256Base64),
        }
        if self.empty_when_invalid {
            chain.push(Transform::EmptyWhenInvalid);
        }
        chain
    }

    /// With the writing of a word of the form. The recommended one brings its hash along.
    pub fn with_writing(mut self, word: &str, source: Option<&Field>, target: Option<&Field>) -> Self {
        if word == RECOMMENDED {
            let Some(target) = target else { return self };
            let recommended = recommended(source, target);
            self.writing = recommended.writing;
            self.hashing = recommended.hashing;
            self.empty_when_invalid = recommended.empty_when_invalid;
        } else if let Some(writing) = Writing::of_word(word) {
            self.writing = writing;
        }
        self
    }
}

/// What a fresh link should do; a constant is sent as it was typed, but in the form that the destination takes.
pub fn recommended(source: Option<&Field>, target: &Field) -> Steps {
    match source {
        Some(source) => Steps::of(&default_transforms(source, target)),
        None => Steps::of(&default_transforms(&Field { form: model::field::FieldForm::Raw, ..target.clone() }, target)),
    }
}

/// What a chain does, in words.
pub fn sentence(transforms: &[Transform]) -> String {
    let mut words = Vec::new();
    let mut else_empty = "";
    for transform in transforms {
        match transform {
            Transform::PhoneE164 { default_country: Some(country) } => words.push(format!("E.164 phone ({country})")),
            Transform::PhoneE164 { default_country: None } => words.push("E.164 phone".to_owned()),
            Transform::Sha256Hex => words.push("SHA-256 hex".to_owned()),
            Transform::Sha256Base64 => words.push("SHA-256 Base64".to_owned()),
            Transform::DefaultWhenEmpty { value } => words.push(format!("“{value}” when empty")),
            Transform::EmptyWhenInvalid => else_empty = ", else empty",
            other => words.push(other.label().to_owned()),
        }
    }
    let done = if words.is_empty() { "As is".to_owned() } else { words.join(" → ") };
    format!("{done}{else_empty}")
}

#[cfg(test)]
mod tests {
    use model::field::{FieldForm, FieldKind, FieldType};

    use super::*;

    #[test]
    fn chains_that_the_form_can_show_come_back_the_same() {
        let chains = [
            vec![],
            vec![Transform::Trim],
            vec![Transform::Trim, Transform::Lowercase, Transform::Sha256Base64],
            vec![Transform::NormaliseEmail, Transform::Sha256Hex],
            vec![Transform::DefaultWhenEmpty { value: "DE".to_owned() }, Transform::Trim],
            vec![Transform::PhoneE164 { default_country: Some("DE".to_owned()) }],
            vec![Transform::PhoneE164 { default_country: None }, Transform::Sha256Hex],
        ];
        for chain in chains {
            let steps = Steps::of(&chain);
            assert!(!matches!(steps.writing, Writing::Other(_)), "{chain:?}");
            assert_eq!(steps.transforms(), chain);
        }
    }

    #[test]
    fn a_chain_that_the_form_cannot_show_is_kept() {
        let chain = vec![
            Transform::Lowercase,
            Transform::DefaultWhenEmpty { value: "x".to_owned() },
            Transform::Trim,
            Transform::Sha256Hex,
        ];
        let steps = Steps::of(&chain);
        assert_eq!(steps.writing.word(), KEEP);
        assert_eq!(steps.transforms(), chain);
        let field = Field::new("a", FieldKind::Attribute, FieldType::String);
        assert_eq!(steps.clone().with_writing(KEEP, None, Some(&field)), steps);
        assert_eq!(
            steps.with_writing("trim", None, Some(&field)).transforms(),
            vec![Transform::Trim, Transform::Sha256Hex]
        );
    }

    #[test]
    fn what_is_recommended_brings_its_hash() {
        let source = Field::new("mail", FieldKind::Identifier, FieldType::Email);
        let target = Field { form: FieldForm::Sha256Hex, ..source.clone() };
        let steps = Steps { default: "a@example.com".to_owned(), ..Steps::default() }.with_writing(
            RECOMMENDED,
            Some(&source),
            Some(&target),
        );
        assert_eq!(steps.writing, Writing::Email);
        assert_eq!(steps.hashing, Hashing::Hex);
        assert_eq!(
            sentence(&steps.transforms()),
            "“a@example.com” when empty → Normalise e-mail → SHA-256 hex, else empty"
        );
        assert_eq!(recommended(None, &target).hashing, Hashing::Hex, "a constant is hashed too");
    }

    #[test]
    fn a_country_is_written_in_upper_case_and_without_white_space() {
        let steps = Steps { writing: Writing::Phone, country: " de ".to_owned(), ..Steps::default() };
        assert_eq!(steps.transforms(), vec![Transform::PhoneE164 { default_country: Some("DE".to_owned()) }]);
    }
}
