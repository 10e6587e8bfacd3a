//! The rows that were left out, as they came, with why: files of CSV without a header in the payload store; the download puts one header
//! before all of them.
//!
//! Also the way in which the source's rows of a part are kept beside it, so that rows that the destination refuses can be given back in
//! the source's shape.

use memchr::memchr_iter;
use model::{
    contract::Refusal,
    mapping::Row,
    mask::masked,
    reject::RejectCode,
    rows::{RawRow, RowError, RowReader, append_row, plain_line},
    view::RejectSample,
};

use super::runs::bounded_text;

/// The columns that stand after the source's own.
const ERROR_COLUMNS: [&str; 4] = ["_error_code", "_error_field", "_error_reason", "_error_line"];

/// Values of a code and field that are sampled.
const SAMPLED: usize = 3;

/// The header of the download.
pub(super) fn download_header(source_header: &[String]) -> Vec<u8> {
    let mut header = Vec::new();
    append_row(&mut header, source_header.iter().map(String::as_str).chain(ERROR_COLUMNS));
    header
}

/// Appends a row that was left out. A row with too few values is filled up so that the reasons stand in their columns; the values that
/// a row has too many come after them, so that none is lost.
pub(super) fn append_rejected(
    file: &mut Vec<u8>,
    columns: usize,
    source: Row<'_>,
    line: u64,
    code: &str,
    field: Option<&str>,
    reason: &str,
) {
    let line = line.to_string();
    let own = (0..columns).map(|index| source.value(index).unwrap_or_default());
    let why = [code, field.unwrap_or(""), reason, &line].into_iter().map(str::as_bytes);
    let surplus = (columns..source.columns()).map(|index| source.value(index).unwrap_or_default());
    append_row(file, own.chain(why).chain(surplus));
}

/// Which of the rejects: those with this code, those of this field, or both; all when neither is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RejectFilter {
    /// The code, as it stands in the file.
    pub code: Option<String>,
    /// The destination's field; empty is of no field.
    pub field: Option<String>,
}

impl RejectFilter {
    fn takes(&self, code: &[u8], field: &[u8]) -> bool {
        let is =
            |wanted: &Option<String>, value: &[u8]| wanted.as_ref().is_none_or(|wanted| wanted.as_bytes() == value);
        is(&self.code, code) && is(&self.field, field)
    }

    /// Everything is wanted.
    pub(super) fn is_open(&self) -> bool {
        self.code.is_none() && self.field.is_none()
    }
}

/// The rows of a file of rejects that a filter takes, as a file.
pub(super) fn only(file: &[u8], columns: usize, filter: &RejectFilter) -> Result<Vec<u8>, RowError> {
    let mut kept = Vec::new();
    read(file, &mut |row| {
        let value = |index: usize| row.value(index).unwrap_or_default();
        if filter.takes(value(columns), value(columns + 1)) {
            append_row(&mut kept, row.values());
        }
    })?;
    Ok(kept)
}

/// Values of each code and field in a file of rejects, added to those that are known already: what stands in the source's column that feeds the field.
pub(super) fn sample(
    file: &[u8],
    columns: usize,
    column_of: &dyn Fn(&str) -> Option<usize>,
    samples: &mut Vec<RejectSample>,
) -> Result<(), RowError> {
    read(file, &mut |row| {
        let text = |index: usize| String::from_utf8_lossy(row.value(index).unwrap_or_default()).into_owned();
        let (code, field) = (text(columns), text(columns + 1));
        let Some(column) = column_of(&field) else { return };
        let known = samples.iter().position(|sample| sample.code == code && sample.field == field);
        let place = known.unwrap_or_else(|| {
            samples.push(RejectSample { code, field, values: Vec::new() });
            samples.len() - 1
        });
        let value = masked(&text(column));
        let values = &mut samples[place].values;
        if values.len() < SAMPLED && !values.contains(&value) {
            values.push(value);
        }
    })
}

fn read(file: &[u8], on_row: &mut dyn FnMut(Row<'_>)) -> Result<(), RowError> {
    let mut reader = RowReader::headless();
    let mut each = |row: RawRow<'_>| {
        on_row(row.values);
        Ok::<_, RowError>(())
    };
    reader.feed(file, &mut each)?;
    reader.finish(&mut each)
}

/// Says of a row that it lies as one line, to be cut at its commas.
const AS_LINE: u32 = 1 << 31;

/// Appends a row as it came: its line and the number of its values, then the length of each and the values; or, when none of them has a comma or a
/// quote in it, the length of all and all, with commas between them. Numbers are little-endian.
pub(super) fn append_source_row(file: &mut Vec<u8>, line: u64, row: Row<'_>) {
    file.extend_from_slice(&line.to_le_bytes());
    let columns = length(row.columns());
    if let Some(text) = plain_line(row) {
        file.extend_from_slice(&(columns | AS_LINE).to_le_bytes());
        file.extend_from_slice(&length(text.len()).to_le_bytes());
        file.extend_from_slice(&text);
        return;
    }
    file.extend_from_slice(&columns.to_le_bytes());
    for value in row.values() {
        file.extend_from_slice(&length(value.len()).to_le_bytes());
    }
    for value in row.values() {
        file.extend_from_slice(value);
    }
}

/// A row has at most a mebibyte, by the reader's limit.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX) & !AS_LINE
}

/// Reads what [`append_source_row`] wrote; ends early when the file is not whole.
pub(super) struct SourceRows<'a> {
    file: &'a [u8],
    ends: Vec<usize>,
}

impl<'a> SourceRows<'a> {
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self { file, ends: Vec::new() }
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.file.split_at_checked(length)?;
        self.file = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// The next row's line, and its values.
    pub(super) fn next(&mut self) -> Option<(u64, Row<'_>)> {
        let line = u64::from_le_bytes(self.take(8)?.try_into().ok()?);
        let columns = self.number()?;
        self.ends.clear();
        if columns & AS_LINE != 0 {
            let length = self.length()?;
            let text = self.take(length)?;
            self.ends.extend(memchr_iter(b',', text));
            self.ends.push(text.len());
            return Some((line, Row::separated(text, &self.ends)));
        }
        let mut end = 0;
        for _ in 0..columns {
            end += self.length()?;
            self.ends.push(end);
        }
        let bytes = self.take(end)?;
        Some((line, Row::adjoining(bytes, &self.ends)))
    }
}

/// The reject file of the rows of a part that the destination refused. `refusals` name rows from 1; none when `source` has no such row.
pub(super) fn refused_file(source: &[u8], columns: usize, refusals: &[Refusal]) -> Option<Vec<u8>> {
    let mut ordered: Vec<&Refusal> = refusals.iter().collect();
    ordered.sort_by_key(|refusal| refusal.row);
    let mut rows = SourceRows::new(source);
    let mut file = Vec::new();
    let mut number = 0;
    for refusal in ordered {
        let passed_over = refusal.row.checked_sub(number + 1)?;
        for _ in 0..passed_over {
            rows.next()?;
        }
        number = refusal.row;
        let (line, row) = rows.next()?;
        let reason = format!("{} ({})", bounded_text(refusal.reason.trim(), 300), bounded_text(&refusal.code, 100));
        let field = refusal.field.as_deref().map(|field| bounded_text(field, 200));
        append_rejected(&mut file, columns, row, line, RejectCode::Refused.as_str(), field.as_deref(), &reason);
    }
    Some(file)
}

#[cfg(test)]
mod tests {
    use model::mapping::RowBuffer;

    use super::*;

    #[test]
    fn refused_rows_are_found_by_their_number_and_given_back_byte_for_byte() {
        let rows: [&[&[u8]]; 3] = [&[b"a", b"", b"\xff\"\r\n"], &[b"b", b"two", b"3,4"], &[b"", b"", b""]];
        let mut source = Vec::new();
        for (line, row) in (10..).zip(rows) {
            let buffer: RowBuffer = row.iter().collect();
            append_source_row(&mut source, line, buffer.row());
        }
        let refusal = |row, field: Option<&str>| Refusal {
            row,
            code: "bad".to_owned(),
            field: field.map(str::to_owned),
            reason: "No.".to_owned(),
        };
        let file = refused_file(&source, 3, &[refusal(3, None), refusal(1, Some("x"))]).expect("a file");
        let expected = b"a,,\"\xff\"\"\r\n\",refused,x,No. (bad),10\r\n,,,refused,,No. (bad),12\r\n";
        assert_eq!(file, expected);
        let by_field = RejectFilter { field: Some("x".to_owned()), ..RejectFilter::default() };
        assert_eq!(only(&file, 3, &by_field).expect("reads"), b"a,,\"\xff\"\"\r\n\",refused,x,No. (bad),10\r\n");
        let of_none = RejectFilter { field: Some(String::new()), code: Some("refused".to_owned()) };
        assert_eq!(only(&file, 3, &of_none).expect("reads"), b",,,refused,,No. (bad),12\r\n");
        let other = RejectFilter { code: Some("invalid_email".to_owned()), ..RejectFilter::default() };
        assert!(only(&file, 3, &other).expect("reads").is_empty());
        let mut samples = Vec::new();
        sample(&file, 3, &|field| (field == "x").then_some(0), &mut samples).expect("reads");
        let sampled = RejectSample { code: "refused".to_owned(), field: "x".to_owned(), values: vec!["a".to_owned()] };
        assert_eq!(samples, [sampled], "a field that nothing feeds has no sample");
        assert_eq!(refused_file(&source, 3, &[refusal(4, None)]), None);
        assert_eq!(refused_file(&source[..source.len() - 1], 3, &[refusal(3, None)]), None);
    }
}
