//! Fields: what a column says about a person, and in which form (contract, "Fields").

use serde::{Deserialize, Serialize};

use crate::preset::Preset;

/// Whether a field says who somebody is, or what is known of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Says who: e-mail, phone, customer id.
    Identifier,
    /// Says what: name, country, last purchase.
    Attribute,
}

/// The data type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// An advertising id of a mobile device.
    MobileAdId,
    /// A cookie id.
    CookieId,
    /// The application's own key of a person.
    CustomerId,
    /// Any text.
    String,
    /// A whole number.
    Integer,
    /// A number with a decimal point.
    Decimal,
    /// `true`/`false`, `1`/`0`, `yes`/`no`.
    Boolean,
    /// A date, `YYYY-MM-DD`.
    Date,
    /// A point in time, RFC 3339.
    Timestamp,
    /// A country, ISO 3166-1 alpha-2.
    Country,
    /// A postal code.
    PostalCode,
    /// A type that this version does not know; treated as text.
    #[serde(other)]
    Other,
}

impl FieldType {
    /// Every type that can be chosen, with the word by which JSON and configuration files name it.
    pub const NAMED: [(&'static str, Self); 13] = [
        ("email", Self::Email),
        ("phone", Self::Phone),
        ("mobile_ad_id", Self::MobileAdId),
        ("cookie_id", Self::CookieId),
        ("customer_id", Self::CustomerId),
        ("string", Self::String),
        ("integer", Self::Integer),
        ("decimal", Self::Decimal),
        ("boolean", Self::Boolean),
        ("date", Self::Date),
        ("timestamp", Self::Timestamp),
        ("country", Self::Country),
        ("postal_code", Self::PostalCode),
    ];

    /// The word for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Email => "E-mail",
            Self::Phone => "Phone",
            Self::MobileAdId => "Mobile ad id",
            Self::CookieId => "Cookie id",
            Self::CustomerId => "Customer id",
            Self::String => "Text",
            Self::Integer => "Whole number",
            Self::Decimal => "Decimal number",
            Self::Boolean => "Yes or no",
            Self::Date => "Date",
            Self::Timestamp => "Date and time",
            Self::Country => "Country",
            Self::PostalCode => "Postal code",
            Self::Other => "Other",
        }
    }

    /// Whether any text is a legal value of this type.
    pub fn takes_any_text(self) -> bool {
        matches!(
            self,
            Self::String | Self::Other | Self::CustomerId | Self::CookieId | Self::PostalCode | Self::MobileAdId
        )
    }
}

/// In which form a field's values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FieldForm {
    /// As people write it.
    #[default]
    Raw,
    /// SHA-256 of the normalised value, lower-case hexadecimal.
    Sha256Hex,
    /// SHA-256 of the normalised value, Base64 of the 32 bytes.
    Sha256Base64,
}

/// One column of an audience, or one that a destination takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Field {
    /// The column's name in the CSV header.
    pub name: String,
    /// The name for people; the column's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Identifier or attribute.
    pub kind: FieldKind,
    /// The data type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// A destination refuses rows without it.
    #[serde(default)]
    pub required: bool,
    /// A destination works better with it.
    #[serde(default)]
    pub recommended: bool,
    /// The form of its values.
    #[serde(default)]
    pub form: FieldForm,
    /// What it means, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A made-up value that shows the form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Whose rules its values are normalised by before they are sent or hashed; nobody's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
}

impl Field {
    /// A raw, optional field without a label; the common case in tests and configurations.
    pub fn new(name: impl Into<String>, kind: FieldKind, field_type: FieldType) -> Self {
        Self {
            name: name.into(),
            label: None,
            kind,
            field_type,
            required: false,
            recommended: false,
            form: FieldForm::Raw,
            description: None,
            example: None,
            preset: None,
        }
    }

    /// The same field, but required.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The name for people.
    pub fn display_name(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_json_writes_them() -> Result<(), serde_json::Error> {
        for (word, field_type) in FieldType::NAMED {
            assert_eq!(serde_json::to_string(&field_type)?, format!("\"{word}\""));
            assert_eq!(serde_json::from_str::<FieldType>(&format!("\"{word}\""))?, field_type);
        }
        Ok(())
    }
}
