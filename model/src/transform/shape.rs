//! Chains have types: what a step takes, and what it gives.

use super::{BooleanStyle, DateOutput, Transform};
use crate::field::{Field, FieldForm, FieldType};

/// What a value is at a point of its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Its type. `Other` is anything: each row is checked.
    pub field_type: FieldType,
    /// Readable, or a hash.
    pub form: FieldForm,
}

impl Shape {
    /// That of a field's values.
    pub fn of(field: &Field) -> Self {
        Self { field_type: field.field_type, form: field.form }
    }

    /// The words for people.
    pub fn label(self) -> String {
        match self.form {
            FieldForm::Raw => self.field_type.label().to_owned(),
            FieldForm::Sha256Hex => "SHA-256, hex".to_owned(),
            FieldForm::Sha256Base64 => "SHA-256, Base64".to_owned(),
        }
    }
}

impl Transform {
    /// What the step makes of a value of that shape.
    pub fn gives(&self, taken: Shape) -> Shape {
        let raw = |field_type| Shape { field_type, form: FieldForm::Raw };
        match self {
            Self::Trim
            | Self::Lowercase
            | Self::Uppercase
            | Self::TitleCase
            | Self::DefaultWhenEmpty { .. }
            | Self::EmptyWhenInvalid
            | Self::RejectWhenEmpty => taken,
            Self::NormaliseEmail | Self::GmailRule { .. } => raw(FieldType::Email),
            Self::PhoneE164 { .. } => raw(FieldType::Phone),
            Self::DigitsOnly if taken.field_type == FieldType::Phone => taken,
            // What they make depends on the row.
            Self::DigitsOnly | Self::Split { .. } | Self::LookUp { .. } => raw(FieldType::Other),
            Self::NormaliseName { .. } | Self::NormaliseCity | Self::NormaliseRegion => raw(FieldType::String),
            Self::NormalisePostalCode => raw(FieldType::PostalCode),
            Self::CountryCode => raw(FieldType::Country),
            Self::DateFormat { to, .. } => raw(match to {
                DateOutput::Date => FieldType::Date,
                DateOutput::Timestamp => FieldType::Timestamp,
                DateOutput::UnixSeconds | DateOutput::Year => FieldType::Integer,
                DateOutput::Compact
                | DateOutput::DayMonthYear
                | DateOutput::DayMonthYearSlashed
                | DateOutput::MonthDayYear => FieldType::String,
            }),
            Self::NumberFormat { decimals: Some(0), .. } => raw(FieldType::Integer),
            Self::NumberFormat { .. } => raw(FieldType::Decimal),
            Self::BooleanWords { write: BooleanStyle::YN } => raw(FieldType::String),
            Self::BooleanWords { .. } => raw(FieldType::Boolean),
            Self::Sha256Hex => Shape { form: FieldForm::Sha256Hex, ..taken },
            Self::Sha256Base64 => Shape { form: FieldForm::Sha256Base64, ..taken },
        }
    }

    /// Whether the step can make anything of readable values of that type.
    pub fn takes(&self, field_type: FieldType) -> bool {
        use FieldType as T;
        let is_text = matches!(field_type, T::String | T::Other | T::CustomerId | T::CookieId | T::PostalCode);
        match self {
            Self::NormaliseEmail | Self::GmailRule { .. } => is_text || field_type == T::Email,
            Self::PhoneE164 { .. } => is_text || matches!(field_type, T::Phone | T::Integer),
            Self::NormaliseName { .. } | Self::NormaliseCity | Self::NormaliseRegion => is_text,
            Self::NormalisePostalCode => is_text || field_type == T::Integer,
            Self::CountryCode => is_text || field_type == T::Country,
            Self::DateFormat { .. } => is_text || matches!(field_type, T::Date | T::Timestamp | T::Integer),
            Self::NumberFormat { .. } => is_text || matches!(field_type, T::Integer | T::Decimal),
            Self::BooleanWords { .. } => is_text || matches!(field_type, T::Boolean | T::Integer),
            Self::Trim
            | Self::Lowercase
            | Self::Uppercase
            | Self::TitleCase
            | Self::DigitsOnly
            | Self::Split { .. }
            | Self::LookUp { .. }
            | Self::Sha256Hex
            | Self::Sha256Base64
            | Self::DefaultWhenEmpty { .. }
            | Self::EmptyWhenInvalid
            | Self::RejectWhenEmpty => true,
        }
    }

    /// What it reads, in words; none when it reads anything.
    pub fn reads(&self) -> Option<&'static str> {
        match self {
            Self::NormaliseEmail | Self::GmailRule { .. } => Some("e-mail addresses"),
            Self::PhoneE164 { .. } => Some("telephone numbers"),
            Self::NormaliseName { .. } => Some("names"),
            Self::NormaliseCity => Some("towns"),
            Self::NormaliseRegion => Some("states and provinces"),
            Self::NormalisePostalCode => Some("postal codes"),
            Self::CountryCode => Some("countries"),
            Self::DateFormat { .. } => Some("dates"),
            Self::NumberFormat { .. } => Some("numbers"),
            Self::BooleanWords { .. } => Some("words for yes and no"),
            _ => None,
        }
    }

    /// Whether a hash would be spoilt or refused by it: it looks at what people write.
    pub fn needs_readable(&self) -> bool {
        !matches!(
            self,
            Self::Trim
                | Self::Sha256Hex
                | Self::Sha256Base64
                | Self::DefaultWhenEmpty { .. }
                | Self::EmptyWhenInvalid
                | Self::RejectWhenEmpty
        )
    }
}
