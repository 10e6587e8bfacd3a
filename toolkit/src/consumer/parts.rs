//! One part of an import: from the bytes of its CSV to rows in tables, row by row.
//!
//! What is wrong with the part as a whole (not UTF-8, ragged, another header) fails it as a whole and names the line; what is wrong
//! with one row is a refusal of that row. Reading and writing are apart, so that one part is read while another is written. The
//! transaction is the caller's.

use model::contract::{JobMode, MAX_ROW_BYTES, PartResult, Refusal};
use model::field::{Field, FieldKind};
use model::reject::RejectCode;
use rusqlite::types::{Null, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Transaction};

use super::tables::{Tables, is_null_when_empty};
use crate::check::{Objection, check_value};
use crate::config::ConsumerConfig;
use crate::fault::{Code, Fault};
use crate::state::rfc3339;

/// Where a part goes.
pub struct Target<'a> {
    /// What is configured.
    pub config: &'a ConsumerConfig,
    /// The tables.
    pub tables: &'a Tables,
    /// The job that the part belongs to.
    pub job_id: &'a str,
    /// The segment that it changes.
    pub segment_id: &'a str,
    /// What is done with its rows.
    pub mode: JobMode,
    /// What the job announced.
    pub fields: &'a [Field],
}

/// A column of the part.
struct Column<'a> {
    field: &'a Field,
    /// Its place in the part's rows.
    place: usize,
    /// A row without it is refused.
    needed: bool,
    null_when_empty: bool,
}

impl Column<'_> {
    fn bind<'v>(&self, value: &'v str) -> ToSqlOutput<'v> {
        if value.is_empty() && self.null_when_empty {
            ToSqlOutput::from(Null)
        } else {
            ToSqlOutput::Borrowed(ValueRef::from(value))
        }
    }
}

/// A part that was read: what is to be written, and what will be answered.
pub struct Read<'a> {
    columns: Vec<Column<'a>>,
    accepted: Vec<csv::StringRecord>,
    /// The answer, once the rows are written.
    pub result: PartResult,
}

/// Reads a part and tells the rows that are taken from those that are refused. Needs no database.
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
    Ok(Read { columns, accepted, result })
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

/// Writes the rows of a part that was read.
///
/// # Errors
/// When the database cannot be changed; the caller then rolls back.
pub fn write(transaction: &Transaction<'_>, target: &Target<'_>, read: &mut Read<'_>) -> Result<(), Fault> {
    let Read { columns, accepted, result } = read;
    if let Some(key) = columns.iter().find(|column| column.field.name == target.config.key.as_str()) {
        // Neighbours in the part become neighbours in the index, which is then touched once and not all over. Stable, so that of
        // two rows of one person the later still wins.
        accepted.sort_by(|one, other| one[key.place].cmp(&other[key.place]));
    }
    let mut writer = Writer::new(transaction, target, columns, result.part)?;
    (1..).zip(accepted).try_for_each(|(place, record)| writer.write(record, place))
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
        columns.push(Column {
            field,
            place,
            needed: is_key || (field.required && target.mode != JobMode::Remove),
            null_when_empty: is_null_when_empty(field),
        });
    }
    if header.len() != columns.len() {
        return Err(Fault::new(
            Code::HEADER_DIFFERS,
            format!("The header has {} columns; the job announced {}, each once.", header.len(), columns.len()),
        ));
    }
    Ok(columns)
}

/// What is done with an accepted row, by mode.
enum Writer<'t, 'a> {
    Add {
        columns: &'t [Column<'a>],
        key: usize,
        upsert: CachedStatement<'t>,
        member: CachedStatement<'t>,
    },
    Stage {
        columns: &'t [Column<'a>],
        insert: CachedStatement<'t>,
    },
    RemoveByKey {
        key: usize,
        delete: CachedStatement<'t>,
    },
    RemoveBy {
        transaction: &'t Transaction<'t>,
        tables: &'a Tables,
        segment_id: &'a str,
        identifiers: Vec<&'t Column<'a>>,
    },
}

impl<'t, 'a> Writer<'t, 'a> {
    fn new(
        transaction: &'t Transaction<'t>,
        target: &Target<'a>,
        columns: &'t [Column<'a>],
        part: u32,
    ) -> Result<Self, Fault> {
        let tables = target.tables;
        let fields: Vec<&Field> = columns.iter().map(|column| column.field).collect();
        let key =
            columns.iter().find(|column| column.field.name == target.config.key.as_str()).map(|column| column.place);
        let no_key = || Fault::new(Code::FIELD_MISSING, "The key is not among the job's fields.");
        Ok(match (target.mode, key) {
            (JobMode::Add, key) => {
                let upsert = transaction.prepare_cached(&tables.upsert(&fields))?;
                let mut member = transaction.prepare_cached(&tables.add_member())?;
                member.raw_bind_parameter(1, target.segment_id)?;
                member.raw_bind_parameter(3, rfc3339(chrono::Utc::now()))?;
                Self::Add { columns, key: key.ok_or_else(no_key)?, upsert, member }
            }
            (JobMode::Replace, key) => {
                key.ok_or_else(no_key)?;
                let mut insert = transaction.prepare_cached(&tables.stage(&fields))?;
                insert.raw_bind_parameter(1, target.job_id)?;
                insert.raw_bind_parameter(2, part)?;
                Self::Stage { columns, insert }
            }
            (JobMode::Remove, Some(key)) => {
                let mut delete = transaction.prepare_cached(&tables.remove_member())?;
                delete.raw_bind_parameter(1, target.segment_id)?;
                Self::RemoveByKey { key, delete }
            }
            (JobMode::Remove, None) => {
                let identifiers = columns.iter().filter(|column| column.field.kind == FieldKind::Identifier).collect();
                Self::RemoveBy { transaction, tables, segment_id: target.segment_id, identifiers }
            }
        })
    }

    fn write(&mut self, record: &csv::StringRecord, place: u32) -> Result<(), Fault> {
        match self {
            Self::Add { columns, key, upsert, member } => {
                for (index, column) in columns.iter().enumerate() {
                    upsert.raw_bind_parameter(index + 1, column.bind(&record[column.place]))?;
                }
                upsert.raw_execute()?;
                member.raw_bind_parameter(2, &record[*key])?;
                member.raw_execute()?;
            }
            Self::Stage { columns, insert } => {
                insert.raw_bind_parameter(3, place)?;
                for (index, column) in columns.iter().enumerate() {
                    insert.raw_bind_parameter(index + 4, column.bind(&record[column.place]))?;
                }
                insert.raw_execute()?;
            }
            Self::RemoveByKey { key, delete } => {
                delete.raw_bind_parameter(2, &record[*key])?;
                delete.raw_execute()?;
            }
            Self::RemoveBy { transaction, tables, segment_id, identifiers } => {
                // All that the row says must fit: an identifier that it leaves empty says nothing.
                let said: Vec<&&Column<'_>> =
                    identifiers.iter().filter(|column| !record[column.place].trim().is_empty()).collect();
                let fields: Vec<&Field> = said.iter().map(|column| column.field).collect();
                let mut delete = transaction.prepare_cached(&tables.remove_members_by(&fields))?;
                delete.raw_bind_parameter(1, *segment_id)?;
                for (index, column) in said.iter().enumerate() {
                    delete.raw_bind_parameter(index + 2, &record[column.place])?;
                }
                delete.raw_execute()?;
            }
        }
        Ok(())
    }
}
