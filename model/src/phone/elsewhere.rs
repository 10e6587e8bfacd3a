//! Numbers are read by somebody else, who may have yet to come.

use std::{borrow::Cow, sync::OnceLock};

use super::PhoneProblem;

/// What reads numbers: the functions of a place where the plans are.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// Whether it is the code of a country with a numbering plan.
    pub is_country: fn(&str) -> bool,
    /// The country calling code of a country.
    pub calling_code: fn(&str) -> Option<i32>,
    /// Writes a number in E.164.
    pub to_e164: fn(&str, Option<&str>) -> Result<String, PhoneProblem>,
}

static READER: OnceLock<Reader> = OnceLock::new();

/// From now on numbers are read by this one; the first stays.
pub fn install(reader: Reader) {
    READER.get_or_init(|| reader);
}

/// Whether `code` is the code of a country with a numbering plan; as long as nobody knows, it is not doubted.
pub fn is_country(code: &str) -> bool {
    READER.get().is_none_or(|reader| (reader.is_country)(code))
}

/// The country calling code of a country, such as 49; none as long as nobody knows.
pub fn calling_code(country: &str) -> Option<i32> {
    READER.get().and_then(|reader| (reader.calling_code)(country))
}

/// Reads a telephone number and writes it in E.164.
pub fn to_e164<'w>(written: &'w str, default_country: Option<&str>) -> Result<Cow<'w, str>, PhoneProblem> {
    let reader = READER.get().ok_or(PhoneProblem::PlansMissing)?;
    (reader.to_e164)(written, default_country).map(Cow::Owned)
}
