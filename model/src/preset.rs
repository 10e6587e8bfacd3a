//! Presets: how the places to which audiences go want identifiers written before they are hashed. One choice sets the right chain for each link.
//!
//! A preset says how a value is normalised; whether it is hashed in the end, and in which form, is what the destination's field says.

use serde::{Deserialize, Serialize};

use crate::{
    field::{Field, FieldForm, FieldType},
    mapping::{in_the_targets_form, transforms_by_type, why_not},
    suggestion::{Meaning, meaning},
    transform::{DateInput, DateOutput, NameRule, Otherwise, Shape, Transform},
};

/// Whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Nobody's: e-mail addresses in lower case, telephone numbers in E.164, all else trimmed.
    Plain,
    /// Meta's customer information parameters.
    Meta,
    /// Google's Customer Match and Data Manager.
    Google,
    /// Unified ID 2.0.
    Uid2,
}

impl Preset {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Meta, Self::Google, Self::Uid2];

    /// The words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Plain => "Plain",
            Self::Meta => "Meta",
            Self::Google => "Google",
            Self::Uid2 => "UID2",
        }
    }

    /// As it is written in files, forms and addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Meta => "meta",
            Self::Google => "google",
            Self::Uid2 => "uid2",
        }
    }

    /// That of the word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == word)
    }

    /// What it does, in a sentence.
    pub fn help(self) -> &'static str {
        match self {
            Self::Plain => "E-mail addresses in lower case, telephone numbers as +4930123456; no platform's own rules.",
            Self::Meta => {
                "Telephone numbers without +; names and towns in lower case without punctuation; countries as de; dates as 20270328."
            }
            Self::Google => {
                "Gmail addresses without dots and +tags; telephone numbers with +; names in lower case without Mrs. or Jr."
            }
            Self::Uid2 => "gmail.com addresses without dots and +tags; telephone numbers with +; hashes in Base64.",
        }
    }

    /// How a value is normalised, without the hash.
    pub fn steps(self, meaning: Meaning) -> Vec<Transform> {
        use Meaning as M;
        let phone = Transform::PhoneE164 { default_country: None };
        match (self, meaning) {
            (Self::Plain | Self::Meta, M::Email) => vec![Transform::NormaliseEmail],
            (Self::Google, M::Email) => vec![Transform::NormaliseEmail, Transform::GmailRule { googlemail: true }],
            (Self::Uid2, M::Email) => vec![Transform::NormaliseEmail, Transform::GmailRule { googlemail: false }],
            (Self::Meta, M::Phone) => vec![phone, Transform::DigitsOnly],
            (_, M::Phone) => vec![phone],
            (Self::Meta, M::FirstName | M::LastName) => vec![Transform::NormaliseName { rule: NameRule::Meta }],
            (Self::Google, M::FirstName | M::LastName) => vec![Transform::NormaliseName { rule: NameRule::Google }],
            (Self::Meta, M::City) => vec![Transform::NormaliseCity],
            (Self::Meta, M::Region) => vec![Transform::NormaliseRegion],
            (Self::Meta, M::PostalCode) => vec![Transform::NormalisePostalCode],
            (Self::Meta, M::Country) => vec![Transform::CountryCode, Transform::Lowercase],
            (_, M::Country) => vec![Transform::CountryCode],
            (Self::Meta, M::BirthDate) => {
                vec![Transform::DateFormat { from: DateInput::YearMonthDay, to: DateOutput::Compact }]
            }
            (Self::Meta, M::Gender) => {
                let line = |from: &str, to: &str| [from.to_owned(), to.to_owned()];
                let table = vec![line("female", "f"), line("male", "m"), line("f", "f"), line("m", "m")];
                vec![Transform::Trim, Transform::Lowercase, Transform::LookUp { table, otherwise: Otherwise::Empty }]
            }
            (Self::Meta, M::MobileAdId) => vec![Transform::Trim, Transform::Lowercase],
            _ => vec![Transform::Trim],
        }
    }

    /// The hash in which the platform itself takes it; none where it takes it readable.
    pub fn hash(self, meaning: Meaning) -> Option<Transform> {
        use Meaning as M;
        match (self, meaning) {
            (
                Self::Meta,
                M::Email
                | M::Phone
                | M::FirstName
                | M::LastName
                | M::City
                | M::Region
                | M::PostalCode
                | M::Country
                | M::BirthDate
                | M::Gender,
            )
            | (Self::Google, M::Email | M::Phone | M::FirstName | M::LastName) => Some(Transform::Sha256Hex),
            (Self::Uid2, M::Email | M::Phone) => Some(Transform::Sha256Base64),
            _ => None,
        }
    }

    /// What a link should do by this preset. Where its rules do not fit the destination's field, or say nothing of it, it is what a fresh link does.
    pub fn chain(self, source: &Field, target: &Field) -> Vec<Transform> {
        let Some(meaning) = meaning(target) else { return transforms_by_type(source, target) };
        let mut steps = self.steps(meaning);
        // The bare text of a field that nobody has a rule for goes as it is, not trimmed.
        if source.form != FieldForm::Raw || steps == [Transform::Trim] || why_not(source, target).is_some() {
            return transforms_by_type(source, target);
        }
        if let [Transform::DateFormat { from, .. }, ..] = steps.as_mut_slice()
            && source.field_type == FieldType::Timestamp
        {
            *from = DateInput::Timestamp;
        }
        let mut shape = Shape::of(source);
        for step in &steps {
            if !step.takes(shape.field_type) {
                return transforms_by_type(source, target);
            }
            shape = step.gives(shape);
        }
        let made = Field { field_type: shape.field_type, ..source.clone() };
        // Whether 20270328 is a date depends on the field: one that takes hashes takes the hash of anything.
        let fits = target.form != FieldForm::Raw || fits_as_it_is(&made, target);
        if fits { in_the_targets_form(steps, target) } else { transforms_by_type(source, target) }
    }
}

fn fits_as_it_is(made: &Field, target: &Field) -> bool {
    why_not(made, target).is_none() && (made.field_type == target.field_type || target.field_type.takes_any_text())
}

#[cfg(test)]
mod tests;
