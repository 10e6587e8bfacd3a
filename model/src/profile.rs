//! Profiles: what sampled values of a field look like, counted. Says nothing of any single value.

use crate::{
    field::FieldType,
    mapping::{is_date, is_decimal, is_integer, is_timestamp},
    transform::{Digest, check_email, is_boolean_word, is_country_code},
    view::Sample,
};

/// With fewer values than this nothing is concluded.
const ENOUGH: u32 = 4;

/// How many of a field's sampled values look like what. A value may look like several things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Profile {
    /// Values that are not empty.
    pub values: u32,
    emails: u32,
    phones: u32,
    hashes: u32,
    dates: u32,
    dates_day_first: u32,
    dates_month_first: u32,
    timestamps: u32,
    integers: u32,
    decimals: u32,
    decimals_with_comma: u32,
    booleans: u32,
    countries: u32,
    device_ids: u32,
    /// Nothing but digits and the marks of telephone numbers.
    digits: u32,
}

impl Profile {
    /// That of some values.
    pub fn of<'v>(values: impl IntoIterator<Item = &'v str>) -> Self {
        let mut profile = Self::default();
        for value in values.into_iter().map(str::trim).filter(|value| !value.is_empty()) {
            profile.count(value);
        }
        profile
    }

    /// Those of a sample's columns, by the names of `fields`; a field that the sample lacks has an empty one.
    pub fn of_sample<'n>(sample: &Sample, fields: impl IntoIterator<Item = &'n str>) -> Vec<Self> {
        let of_field = |name: &str| {
            let position = sample.columns.iter().position(|column| column == name);
            let values = sample.rows.iter().filter_map(|row| row.get(position?).map(String::as_str));
            Self::of(values)
        };
        fields.into_iter().map(of_field).collect()
    }

    fn count(&mut self, value: &str) {
        let is_day = is_date(value);
        let (day_first, month_first) = if is_day { (false, false) } else { day_or_month_first(value) };
        let is_number = is_decimal(value);
        self.values += 1;
        self.emails += u32::from(check_email(value).is_ok());
        self.phones += u32::from(!is_day && !day_first && !month_first && looks_like_phone(value));
        self.hashes += u32::from(Digest::read(value).is_some());
        self.dates += u32::from(is_day);
        self.dates_day_first += u32::from(day_first);
        self.dates_month_first += u32::from(month_first);
        self.timestamps += u32::from(is_timestamp(value));
        self.integers += u32::from(is_integer(value));
        self.decimals += u32::from(is_number);
        self.decimals_with_comma += u32::from(!is_number && is_decimal(&value.replace('.', "").replace(',', ".")));
        self.booleans += u32::from(is_boolean_word(value));
        self.countries += u32::from(is_country_code(value));
        self.device_ids += u32::from(looks_like_device_id(value));
        self.digits += u32::from(has_phone_marks_only(value));
    }

    /// How many per cent of the values look like that type; none when there are too few of them, or when anything is of that type.
    pub fn percent(&self, field_type: FieldType) -> Option<u8> {
        let count = match field_type {
            FieldType::Email => self.emails,
            FieldType::Phone => self.phones,
            FieldType::MobileAdId => self.device_ids,
            FieldType::Date => self.dates + self.dates_day_first.max(self.dates_month_first),
            FieldType::Timestamp => self.timestamps,
            FieldType::Integer => self.integers,
            FieldType::Decimal => self.decimals + self.decimals_with_comma,
            FieldType::Boolean => self.booleans,
            FieldType::Country => self.countries,
            FieldType::CookieId
            | FieldType::CustomerId
            | FieldType::String
            | FieldType::PostalCode
            | FieldType::Other => return None,
        };
        self.share(count)
    }

    /// Whether the values speak against that type: nearly none of them could be read as one.
    pub fn contradicts(&self, field_type: FieldType) -> bool {
        let possible = match field_type {
            FieldType::Email => self.emails,
            FieldType::Phone => self.digits,
            FieldType::MobileAdId => self.device_ids,
            // Seconds since 1970 are dates too.
            FieldType::Date | FieldType::Timestamp => {
                self.dates + self.dates_day_first.max(self.dates_month_first) + self.timestamps + self.integers
            }
            FieldType::Integer | FieldType::Decimal => self.decimals + self.decimals_with_comma,
            FieldType::Boolean => self.booleans,
            // Countries by name are not counted, and the others are any text.
            _ => return false,
        };
        self.share(possible).is_some_and(|percent| percent < 20)
    }

    /// How many per cent are SHA-256 hashes.
    pub fn percent_hashed(&self) -> Option<u8> {
        self.share(self.hashes)
    }

    /// Whether its dates are written with the day in front; none when it has no such dates, or both ways could be meant.
    pub fn day_comes_first(&self) -> Option<bool> {
        // 03/04/2027 counts for both: only what can't be a month tells them apart.
        if self.dates_day_first == self.dates_month_first || self.dates > 0 {
            return None;
        }
        Some(self.dates_day_first > self.dates_month_first)
    }

    /// Whether its numbers are written with a comma in front of the decimals.
    pub fn has_decimal_commas(&self) -> bool {
        self.decimals_with_comma > 0 && self.decimals == 0
    }

    fn share(&self, count: u32) -> Option<u8> {
        if self.values < ENOUGH {
            return None;
        }
        // Rounded down, so that 100 % are all.
        u8::try_from(u64::from(count.min(self.values)) * 100 / u64::from(self.values)).ok()
    }
}

/// What values of a type look like, in words that follow "look like"; none where they look like anything.
pub fn looks(field_type: FieldType) -> Option<&'static str> {
    match field_type {
        FieldType::Email => Some("e-mail addresses"),
        FieldType::Phone => Some("telephone numbers"),
        FieldType::MobileAdId => Some("mobile ad ids"),
        FieldType::Date => Some("dates"),
        FieldType::Timestamp => Some("points in time"),
        FieldType::Integer => Some("whole numbers"),
        FieldType::Decimal => Some("numbers"),
        FieldType::Boolean => Some("yes or no"),
        FieldType::Country => Some("countries"),
        _ => None,
    }
}

/// Digits with the marks of a telephone number. Digits alone are a key as likely as not, unless they begin with a 0.
fn looks_like_phone(value: &str) -> bool {
    let is_marked = value.starts_with(['+', '0', '(']) || value.contains([' ', '-', '/']);
    is_marked && has_phone_marks_only(value)
}

fn has_phone_marks_only(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let is_mark = |byte| matches!(byte, b' ' | b'+' | b'(' | b')' | b'-' | b'.' | b'/');
    (7..=15).contains(&digits) && value.bytes().all(|byte| byte.is_ascii_digit() || is_mark(byte))
}

/// 8-4-4-4-12 hexadecimal digits.
fn looks_like_device_id(value: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = value.split('-');
    let fits = lengths.iter().all(|length| {
        parts.next().is_some_and(|part| part.len() == *length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    fits && parts.next().is_none()
}

/// Whether it can be a date with the day, or with the month, in front.
fn day_or_month_first(value: &str) -> (bool, bool) {
    let Some(mark) = value.chars().find(|character| !character.is_ascii_digit()) else { return (false, false) };
    if !matches!(mark, '.' | '/' | '-') {
        return (false, false);
    }
    let mut parts = value.split(mark).map(str::parse::<u32>);
    let (Some(Ok(one)), Some(Ok(two)), Some(Ok(year)), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return (false, false);
    };
    if !(1000..=9999).contains(&year) {
        return (false, false);
    }
    let fits = |day: u32, month: u32| (1..=31).contains(&day) && (1..=12).contains(&month);
    (fits(one, two), fits(two, one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_by_what_they_look_like() {
        use FieldType as T;
        let percent = |values: &[&str], field_type| Profile::of(values.iter().copied()).percent(field_type);
        assert_eq!(percent(&["a@b.co", "c@d.org", "", "x@y.de", "nobody"], T::Email), Some(75));
        assert_eq!(percent(&["a@b.co", "c@d.org", "e@f.de"], T::Email), None, "three values say nothing");
        assert_eq!(percent(&["+49 30 1", "030 123456", "(650) 253-0000", "0049301234567"], T::Phone), Some(75));
        assert_eq!(
            percent(&["12345678", "23456789", "34567890", "45678901"], T::Phone),
            Some(0),
            "keys are no numbers"
        );
        assert_eq!(percent(&["2027-03-28", "2027-03-29", "2027-03-30", "soon"], T::Date), Some(75));
        assert_eq!(percent(&["2027-03-28", "2027-03-29", "2027-03-30", "2027-03-31"], T::Phone), Some(0));
        assert_eq!(percent(&["28.03.2027", "1.4.2027", "30/03/2027", "31.03.2027"], T::Date), Some(100));
        assert_eq!(percent(&["yes", "NO", "1", "0"], T::Boolean), Some(100));
        assert_eq!(percent(&["DE", "FR", "uk", "pt"], T::Country), Some(75));
        assert_eq!(percent(&["1.5", "2,5", "3", "x"], T::Decimal), Some(75));
        let device = "38400000-8cf0-11bd-b23e-10b96e40000d";
        assert_eq!(percent(&[device; 4], T::MobileAdId), Some(100));
        assert_eq!(percent(&[device; 4], T::String), None);
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Profile::of([hash, hash, "a@b.co", "c@d.co"]).percent_hashed(), Some(50));
    }

    #[test]
    fn how_dates_and_numbers_are_written_is_told_by_those_that_can_not_be_otherwise() {
        let day_first = |values: &[&str]| Profile::of(values.iter().copied()).day_comes_first();
        assert_eq!(day_first(&["01.02.2027", "28.02.2027"]), Some(true));
        assert_eq!(day_first(&["01/02/2027", "02/28/2027"]), Some(false));
        assert_eq!(day_first(&["01/02/2027"]), None);
        assert_eq!(day_first(&["2027-02-01", "28.02.2027"]), None, "both are there");
        assert!(Profile::of(["1.234,50", "2,5"]).has_decimal_commas());
        assert!(!Profile::of(["1.5", "2,5"]).has_decimal_commas());
    }

    #[test]
    fn a_sample_has_a_profile_for_each_field() {
        let row = |values: [&str; 2]| values.map(str::to_owned).to_vec();
        let sample = Sample {
            columns: vec!["id".to_owned(), "mail".to_owned()],
            rows: vec![
                row(["1", "a@b.co"]),
                row(["2", "c@d.co"]),
                row(["3", ""]),
                row(["4", "e@f.co"]),
                row(["5", "x@y.co"]),
            ],
            problem: None,
            ..Sample::default()
        };
        let profiles = Profile::of_sample(&sample, ["mail", "gone", "id"]);
        assert_eq!(profiles[0].percent(FieldType::Email), Some(100));
        assert_eq!(profiles[1], Profile::default());
        assert_eq!(profiles[2].values, 5);
    }
}
