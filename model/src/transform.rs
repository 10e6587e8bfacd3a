//! Transforms: what can be done to one value on its way. Chained, pure, and allocation-free where the value does not change.

use serde::{Deserialize, Serialize};

/// One step of a link's chain. An empty chain sends the value as it is, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Transform {
    /// Drops white space at both ends.
    Trim,
    /// Lower-cases, by Unicode.
    Lowercase,
    /// Trims and lower-cases an e-mail address, and checks that it is one.
    NormaliseEmail,
    /// Writes a telephone number in E.164 (`+4930123456`), and checks that it is one.
    PhoneE164 {
        /// ISO 3166-1 alpha-2, for numbers without an international prefix; such numbers are rejected when absent.
        default_country: Option<String>,
    },
    /// SHA-256 of the value as it then is, lower-case hexadecimal. An empty value stays empty, and a hash is not hashed again.
    Sha256Hex,
    /// The same, as Base64 of the 32 bytes.
    Sha256Base64,
    /// This value when it would be empty.
    DefaultWhenEmpty {
        /// The value to send instead.
        value: String,
    },
}
