//! One part of an import: from the bytes of its CSV to rows that are taken and rows that are refused.
//!
//! What is wrong with the part as a whole (not UTF-8, ragged, another header) fails it as a whole and names the line; what is wrong
//! with one row is a refusal of that row. Reading and keeping are apart, so that one part is read while another is kept.

use std::ops::Index;

use model::contract::{JobMode, MAX_ROW_BYTES, PartResult, Refusal};
use model::field::{Field, FieldKind};
use model::mapping::{TextRow, TextRows};
use model::reject::RejectCode;
use model::rows::{RowError, RowReader};

use crate::check::{Objection, check_value};
use crate::config::ConsumerConfig;
use crate::fault::{Code, Fault};

/// Where a part goes.
pub struct Target<'a> {
    /// What is configured.
    pub config: &'a ConsumerConfig,
    /// The job that the part belongs to.
    pub job_id: &'a str,
    /// The segment that it changes.
    pub segment_id: &'a str,
    /// What is done with its rows.
    pub mode: JobMode,
    /// What the job announced.
    pub fields: &'a [Field],
}

impl Target<'_> {
    /// The place of the key among the announced fields.
    pub fn key(&self) -> Option<usize> {
        self.fields.iter().position(|field| field.name == self.config.key.as_str())
    }
}

/// A column of the part.
pub struct Column<'a> {
    /// The field as it is configured.
    pub field: &'a Field,
    /// Its place in the part's rows.
    pub place: usize,
    /// A row without it is refused.
    needed: bool,
}

/// A row that is taken.
#[derive(Clone, Copy)]
pub struct Record<'r> {
    /// Its number in the part, from 1.
    pub number: u64,
    /// Its values.
    pub row: TextRow<'r>,
}

impl Index<usize> for Record<'_> {
    type Output = str;

    /// The value at a place; a place that it does not have is empty.
    fn index(&self, place: usize) -> &str {
        self.row.value(place).unwrap_or_default()
    }
}

/// The rows of a part that are taken.
#[derive(Default)]
pub struct Accepted {
    rows: TextRows,
    /// The number of each in the part.
    numbers: Vec<u64>,
    /// In which order they are handed out.
    order: Vec<usize>,
}

impl Accepted {
    fn push(&mut self, number: u64, row: TextRow<'_>) {
        self.order.push(self.rows.len());
        self.numbers.push(number);
        self.rows.push(row);
    }

    /// By the value at a place; those with the same one stay in the order in which they came.
    fn sort_by_value(&mut self, place: usize) {
        let Self { rows, order, .. } = self;
        let value = |index: &usize| rows.get(*index).and_then(|row| row.value(place));
        order.sort_by(|one, other| value(one).cmp(&value(other)));
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The one at `index`, from 0; none behind the last.
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        let place = *self.order.get(index)?;
        Some(Record { number: *self.numbers.get(place)?, row: self.rows.get(place)? })
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// A part that was read: what is to be kept, and what will be answered.
pub struct Read<'a> {
    /// The announced fields, in the order of the announcement.
    pub columns: Vec<Column<'a>>,
    /// The rows that are taken: by the key, if that is among the columns; of one key in the order in which they came.
    pub accepted: Accepted,
    /// The answer, once the rows are kept.
    pub result: PartResult,
}

impl<'a> Read<'a> {
    /// The answer when these rows were refused as they were kept.
    pub fn refusing(&self, refusals: Vec<Refusal>) -> PartResult {
        let mut result = self.result.clone();
        result.accepted -= refusals.len() as u64;
        result.refusals.extend(refusals);
        result.refusals.sort_by_key(|refusal| refusal.row);
        result
    }

    /// Whether an accepted row is outdone by the next one, which is of the same person.
    pub fn is_outdone(&self, target: &Target<'_>, index: usize) -> bool {
        let (row, next) = (self.accepted.get(index), self.accepted.get(index + 1));
        self.key(target).zip(row.zip(next)).is_some_and(|(key, (row, next))| row[key] == next[key])
    }

    /// The place of the key in the part's rows.
    pub fn key(&self, target: &Target<'_>) -> Option<usize> {
        self.columns.iter().find(|column| column.field.name == target.config.key.as_str()).map(|column| column.place)
    }
}

/// Why a part cannot be read.
impl From<RowError> for Fault {
    fn from(error: RowError) -> Self {
        match error {
            RowError::NoHeader => Self::new(Code::HEADER_DIFFERS, "The part has no header."),
            RowError::RowTooLong { line, .. } => {
                Self::new(Code::INVALID_DATA, format!("The row at line {line} has more than {MAX_ROW_BYTES} bytes."))
            }
            RowError::UnnamedColumn { .. } | RowError::TooManyColumns { .. } => {
                Self::new(Code::HEADER_DIFFERS, format!("The part cannot be read: {error}."))
            }
            RowError::HeaderNotUtf8 { .. } | RowError::Truncated { .. } => {
                Self::new(Code::INVALID_DATA, format!("The part cannot be read: {error}."))
            }
        }
    }
}

/// Reads a part and tells the rows that are taken from those that are refused.
///
/// # Errors
/// When the part cannot be read; the text names the line.
pub fn read<'a>(target: &Target<'a>, number: u32, data: &[u8]) -> Result<Read<'a>, Fault> {
    check_utf8(data)?;
    let rows_per_part = target.config.delivery.rows_per_part.unwrap_or(u64::MAX);
    let mut columns = Vec::new();
    let mut result = PartResult { part: number, received: 0, accepted: 0, refusals: Vec::new() };
    let mut accepted = Accepted { rows: TextRows::with_capacity(data.len()), ..Accepted::default() };
    let mut on_row = |row: model::rows::RawRow<'_>| -> Result<(), Fault> {
        if columns.is_empty() {
            columns = self::columns(target, row.header)?;
        }
        result.received += 1;
        if result.received > rows_per_part {
            let detail = format!("The part has more than {rows_per_part} rows. Send smaller parts.");
            return Err(Fault::new(Code::TOO_LARGE, detail));
        }
        if row.values.columns() != row.header.len() {
            let (line, came, expected) = (row.line, row.values.columns(), row.header.len());
            let detail = format!("The row at line {line} has {came} values; the header has {expected}.");
            return Err(Fault::new(Code::INVALID_DATA, detail));
        }
        let text = row.values.text().map_err(|_| not_utf8(row.line, row.byte))?;
        let record = Record { number: result.received, row: text };
        match object(target.mode, &columns, record) {
            None => accepted.push(record.number, text),
            Some((field, objection)) => result.refusals.push(Refusal {
                row: record.number,
                code: objection.code.as_str().to_owned(),
                field: field.map(|field| field.name.clone()),
                reason: objection.reason.to_owned(),
            }),
        }
        Ok(())
    };
    let mut reader = RowReader::new();
    reader.feed(data, &mut on_row)?;
    reader.finish(&mut on_row)?;
    if columns.is_empty() {
        // A part without a row has a header all the same.
        columns = self::columns(target, reader.header().unwrap_or_default())?;
    }
    result.accepted = accepted.len() as u64;
    let mut read = Read { columns, accepted, result };
    if let Some(key) = read.key(target) {
        // Neighbours in the part become neighbours where they are kept, which is then touched once and not all over. Stable, so that
        // of two rows of one person the later still wins.
        read.accepted.sort_by_value(key);
    }
    Ok(read)
}

/// Why a row is not taken, and for which field.
fn object<'a>(mode: JobMode, columns: &[Column<'a>], record: Record<'_>) -> Option<(Option<&'a Field>, Objection)> {
    let of_a_value = columns.iter().find_map(|column| {
        check_value(column.field, column.needed, &record[column.place]).map(|objection| (Some(column.field), objection))
    });
    let names_nobody = || {
        let mut identifiers = columns.iter().filter(|column| column.field.kind == FieldKind::Identifier);
        mode == JobMode::Remove && identifiers.all(|column| record[column.place].trim().is_empty())
    };
    of_a_value.or_else(|| {
        names_nobody().then_some((
            None,
            Objection {
                code: RejectCode::RequiredEmpty,
                reason: "All identifiers are empty, so the row names nobody.",
            },
        ))
    })
}

/// Fails the part at its first byte that is not UTF-8.
fn check_utf8(data: &[u8]) -> Result<(), Fault> {
    simdutf8::compat::from_utf8(data).map(|_| ()).map_err(|error| {
        let at = error.valid_up_to();
        let line = 1 + data[..at].iter().filter(|byte| **byte == b'\n').count();
        not_utf8(line as u64, at as u64)
    })
}

fn not_utf8(line: u64, byte: u64) -> Fault {
    let detail = format!("Line {line} has bytes that are not UTF-8, at byte {byte} of the part.");
    Fault::new(Code::INVALID_DATA, detail)
}

/// The announced fields with their places in the header, which must have these and no others.
fn columns<'a>(target: &Target<'a>, header: &[String]) -> Result<Vec<Column<'a>>, Fault> {
    if header.is_empty() {
        return Err(Fault::new(Code::HEADER_DIFFERS, "The part has no header."));
    }
    let mut columns = Vec::new();
    for announced in target.fields {
        let Some(place) = header.iter().position(|name| *name == announced.name) else {
            return Err(Fault::new(Code::HEADER_DIFFERS, format!("The header has no column \"{}\".", announced.name)));
        };
        // The configuration may have changed since the job was announced.
        let Some(field) = target.config.field(&announced.name) else {
            return Err(Fault::new(
                Code::UNKNOWN_FIELD,
                format!("This endpoint takes no field \"{}\" any more.", announced.name),
            ));
        };
        let is_key = field.name == target.config.key.as_str();
        columns.push(Column { field, place, needed: is_key || (field.required && target.mode != JobMode::Remove) });
    }
    if header.len() != columns.len() {
        return Err(Fault::new(
            Code::HEADER_DIFFERS,
            format!("The header has {} columns; the job announced {}, each once.", header.len(), columns.len()),
        ));
    }
    Ok(columns)
}
