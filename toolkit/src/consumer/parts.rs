//! One part of an import: from the bytes of its CSV to rows that are taken and rows that are refused.
//!
//! What is wrong with the part as a whole (not UTF-8, ragged, another header) fails it as a whole and names the line; what is wrong
//! with one row is a refusal of that row. Reading and keeping are apart, so that one part is read while another is kept.

use model::contract::{JobMode, MAX_ROW_BYTES, PartResult, Refusal};
use model::field::{Field, FieldKind};
use model::reject::RejectCode;

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

/// A part that was read: what is to be kept, and what will be answered.
pub struct Read<'a> {
    /// The announced fields, in the order of the announcement.
    pub columns: Vec<Column<'a>>,
    /// The rows that are taken: by the key, if that is among the columns; of one key in the order in which they came.
    pub accepted: Vec<csv::StringRecord>,
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
        self.key(target).zip(row.zip(next)).is_some_and(|(key, (row, next))| row.get(key) == next.get(key))
    }

    /// The place of the key in the part's rows.
    pub fn key(&self, target: &Target<'_>) -> Option<usize> {
        self.columns.iter().find(|column| column.field.name == target.config.key.as_str()).map(|column| column.place)
    }
}

/// Reads a part and tells the rows that are taken from those that are refused.
///
/// # Errors
/// When the part cannot be read; the text names the line.
pub fn read<'a>(target: &Target<'a>, number: u32, data: &[u8]) -> Result<Read<'a>, Fault> {
    let data = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    check_utf8(data)?;
    let mut reader =
        csv::ReaderBuilder::new().has_headers(true).flexible(false).buffer_capacity(64 * 1024).from_reader(data);
    let columns = columns(target, reader.headers().map_err(|error| unreadable(&error))?)?;
    let rows_per_part = target.config.delivery.rows_per_part.unwrap_or(u64::MAX);
    let mut result = PartResult { part: number, received: 0, accepted: 0, refusals: Vec::new() };
    let mut accepted = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(&error))?;
        result.received += 1;
        if result.received > rows_per_part {
            let detail = format!("The part has more than {rows_per_part} rows. Send smaller parts.");
            return Err(Fault::new(Code::TOO_LARGE, detail));
        }
        if record.as_slice().len() > MAX_ROW_BYTES {
            let line = record.position().map_or(0, csv::Position::line);
            let detail = format!("The row at line {line} has more than {MAX_ROW_BYTES} bytes.");
            return Err(Fault::new(Code::INVALID_DATA, detail));
        }
        match object(target.mode, &columns, &record) {
            None => accepted.push(record),
            Some((field, objection)) => result.refusals.push(Refusal {
                row: result.received,
                code: objection.code.as_str().to_owned(),
                field: field.map(|field| field.name.clone()),
                reason: objection.reason.to_owned(),
            }),
        }
    }
    result.accepted = accepted.len() as u64;
    let mut read = Read { columns, accepted, result };
    if let Some(key) = read.key(target) {
        // Neighbours in the part become neighbours where they are kept, which is then touched once and not all over. Stable, so that
        // of two rows of one person the later still wins.
        read.accepted.sort_by(|one, other| one[key].cmp(&other[key]));
    }
    Ok(read)
}

/// Why a row is not taken, and for which field.
fn object<'a>(
    mode: JobMode,
    columns: &[Column<'a>],
    record: &csv::StringRecord,
) -> Option<(Option<&'a Field>, Objection)> {
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
    match std::str::from_utf8(data) {
        Ok(_) => Ok(()),
        Err(error) => {
            let at = error.valid_up_to();
            let line = 1 + data[..at].iter().filter(|byte| **byte == b'\n').count();
            Err(Fault::new(
                Code::INVALID_DATA,
                format!("Line {line} has bytes that are not UTF-8, at byte {at} of the part."),
            ))
        }
    }
}

fn unreadable(error: &csv::Error) -> Fault {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            Fault::new(
                Code::INVALID_DATA,
                format!("The row at line {line} has {len} values; the header has {expected_len}."),
            )
        }
        _ => Fault::new(Code::INVALID_DATA, "The part cannot be read as CSV (RFC 4180)."),
    }
}

/// The announced fields with their places in the header, which must have these and no others.
fn columns<'a>(target: &Target<'a>, header: &csv::StringRecord) -> Result<Vec<Column<'a>>, Fault> {
    if header.is_empty() {
        return Err(Fault::new(Code::HEADER_DIFFERS, "The part has no header."));
    }
    let mut columns = Vec::new();
    for announced in target.fields {
        let Some(place) = header.iter().position(|name| name == announced.name) else {
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
