//! Numbers are read here, by the plans that are compiled in.

use std::borrow::Cow;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, Region};

use super::PhoneProblem;

/// Whether `code` is the ISO 3166-1 alpha-2 code, in either case, of a country with a known numbering plan.
pub fn is_country(code: &str) -> bool {
    region(code).is_some_and(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region).is_some())
}

/// The country calling code of a country, such as 49.
pub fn calling_code(country: &str) -> Option<i32> {
    region(country).and_then(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region))
}

/// Reads a telephone number and writes it in E.164: `+`, country, number, digits only, without an extension.
///
/// `default_country` (ISO 3166-1 alpha-2, either case) is for numbers without an international prefix. A number must lie in a range that its
/// country gives out, not only be of a possible length: that is what shows a wrong default country, and numbers out of range match nobody.
pub fn to_e164<'w>(written: &'w str, default_country: Option<&str>) -> Result<Cow<'w, str>, PhoneProblem> {
    let written = written.trim();
    if is_e164(written) {
        return Ok(Cow::Borrowed(written));
    }
    read(written, default_country).map(Cow::Owned)
}

fn read(written: &str, default_country: Option<&str>) -> Result<String, PhoneProblem> {
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

/// National prefixes, which people write and which are no part of a number in E.164, begin with 0; by these calling codes also with one of these
/// digits (`nationalPrefixForParsing` in libphonenumber's metadata). A test compares all codes with the library.
const OTHER_PREFIXES: [(i32, &str); 18] = [
    (1, "1"),
    (7, "8"),
    (44, "1"),
    (54, "123456789"),
    (55, "9"),
    (61, "1"),
    (86, "1"),
    (261, "2456789"),
    (298, "1"),
    (352, "1"),
    (370, "8"),
    (375, "8"),
    (378, "89"),
    (423, "1"),
    (506, "1"),
    (672, "1258"),
    (692, "1"),
    (993, "8"),
];

/// Whether this is a valid number that is already written as E.164 wants it. Most numbers are, and then nothing has to be read: it takes a fraction
/// of the time. What is not certain here is not said to be one.
fn is_e164(written: &str) -> bool {
    let Some(digits) = written.strip_prefix('+') else { return false };
    if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    // No code is the beginning of another.
    let codes = (1..=3).filter_map(|length| {
        let (code, national) = digits.split_at(length);
        let code: i32 = code.parse().ok()?;
        PHONE_NUMBER_UTIL.get_region_for_country_code(code).map(|_| (code, national))
    });
    let Some((country_code, national)) = { codes }.next() else { return false };
    let other_prefixes = OTHER_PREFIXES.iter().find(|(code, _)| *code == country_code).map_or("", |(_, digits)| digits);
    let may_have_prefix = national.starts_with(|digit| digit == '0' || other_prefixes.contains(digit));
    let Ok(national_number) = national.parse() else { return false };
    let number = PhoneNumber { country_code, national_number, ..PhoneNumber::default() };
    !may_have_prefix && PHONE_NUMBER_UTIL.is_valid_number(&number)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of every calling code: examples of the library, with digits put before them, taken away and changed.
    fn written() -> impl Iterator<Item = String> {
        let examples = PHONE_NUMBER_UTIL.get_supported_regions().filter_map(|region| {
            let example = PHONE_NUMBER_UTIL.get_example_number(region).ok()?;
            Some((example.country_code, example.national_number))
        });
        examples.flat_map(|(code, national)| {
            let national = national.to_string();
            let mut random = u64::from(code.unsigned_abs());
            (0..150_u64).map(move |round| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let prefix = ["", "", "", "0", "1", "8", "9", "15", "90", "180020"][(round % 10) as usize];
                let kept = (random >> 33) as usize % (national.len() + 1);
                let changed: String = national[kept..]
                    .bytes()
                    .zip(0..)
                    .map(|(digit, place)| char::from(b'0' + (u64::from(digit) + (random >> (place % 50))) as u8 % 10))
                    .collect();
                format!("+{code}{prefix}{}{changed}", &national[..kept])
            })
        })
    }

    #[test]
    fn what_is_taken_as_written_is_what_would_be_read() {
        let (mut taken, mut valid) = (0, 0);
        for number in written() {
            let read = read(&number, None);
            valid += u32::from(read.is_ok());
            if is_e164(&number) {
                taken += 1;
                assert_eq!(read.as_ref(), Ok(&number), "{number}");
            }
            assert_eq!(to_e164(&number, Some("DE")).map(Cow::into_owned), read);
        }
        assert!(taken * 2 > valid && valid > 1000, "{taken} of {valid} valid numbers were taken as written");
    }
}
