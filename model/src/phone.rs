//! Telephone numbers: what people write, read by the numbering plans of all countries, and written in E.164.
//!
//! The numbering plans are those of Google's libphonenumber, compiled in; the same on the server and in the browser.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

/// Why something can't be read as a telephone number. Says nothing of the number itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneProblem {
    /// No international prefix, and no country was given to read it in.
    #[error(
        "it has no international prefix such as +49; choose a default country in the mapping, or write numbers with the prefix"
    )]
    CountryUnknown,
    /// Letters, other than those of an extension.
    #[error("it has letters in it")]
    Letters,
    /// More or less than a number, or nothing like one.
    #[error("it does not read as one")]
    Unreadable,
    /// It has the shape of a number, but no country gives out such numbers.
    #[error("no such number can exist in its country; look at the default country, or correct it at the source")]
    NotAssigned,
}

/// Whether `code` is the ISO 3166-1 alpha-2 code, in either case, of a country with a known numbering plan.
pub fn is_country(code: &str) -> bool {
    region(code).is_some_and(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region).is_some())
}

/// Reads a telephone number and writes it in E.164: `+`, country, number, digits only, without an extension.
///
/// `default_country` (ISO 3166-1 alpha-2, either case) is for numbers without an international prefix. A number must lie in a range that its
/// country gives out, not only be of a possible length: that is what shows a wrong default country, and numbers out of range match nobody.
pub fn to_e164(written: &str, default_country: Option<&str>) -> Result<String, PhoneProblem> {
    let written = written.trim();
    if has_letters(written) {
        // Google's library would dial them (1-800-FLOWERS), and so make numbers of what is only a remark.
        return Err(PhoneProblem::Letters);
    }
    let default_region = default_country.and_then(region);
    let number = PHONE_NUMBER_UTIL.parse(written, default_region).map_err(|error| match error {
        rlibphonenumber::ParseError::InvalidCountryCode
            if default_region.is_none() && !written.contains(['+', '＋']) =>
        {
            PhoneProblem::CountryUnknown
        }
        _ => PhoneProblem::Unreadable,
    })?;
    if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
        return Err(PhoneProblem::NotAssigned);
    }
    Ok(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
}

fn region(code: &str) -> Option<Region> {
    if code.len() != 2 {
        return None;
    }
    code.to_ascii_uppercase().parse().ok()
}

/// Letters other than the scheme of RFC 3966 in front and the mark of an extension behind.
fn has_letters(written: &str) -> bool {
    let number = match written.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => &written[4..],
        _ => written,
    };
    let Some(first) = number.find(char::is_alphabetic) else { return false };
    let rest = &number[first..];
    let extension = ["ext.", "ext", "x"].iter().find_map(|mark| {
        let start = rest.get(..mark.len()).filter(|start| start.eq_ignore_ascii_case(mark))?;
        Some(&rest[start.len()..])
    });
    extension.is_none_or(|digits| digits.chars().any(char::is_alphabetic))
}
