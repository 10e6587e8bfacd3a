//! Rows into the tables of an SQLite file, one by one with prepared statements; a replacement is staged in `usher_staged_rows`.

use model::contract::JobMode;
use model::field::{Field, FieldKind};
use rusqlite::types::{Null, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, params};

use super::{
    MEMBER_COLUMNS, Names, SEGMENT_COLUMNS, check_columns, is_null_when_empty, join, no_member_key, no_unique_key,
    quoted,
};
use crate::config::{ConfigError, ConsumerConfig, TableNames, wrong};
use crate::consumer::parts::{Column, Read, Record, Target};
use crate::database::sqlite::table_columns;
use crate::database::{Identifier, quote};
use crate::fault::{Code, Fault};
use crate::state::rfc3339;

const STAGED_ROWS: &str = "
    create table if not exists usher_staged_rows (
        job_id text not null,
        part integer not null,
        row integer not null,
        primary key (job_id, part, row)
    ) without rowid;
";

/// Makes the tables that are not there and checks those that are.
///
/// # Errors
/// When a table that is there cannot be used; the text says what it lacks.
pub fn prepare(
    connection: &Connection,
    names: &Names,
    config: &ConsumerConfig,
    tables: &TableNames,
) -> Result<(), ConfigError> {
    let unusable = |error: rusqlite::Error| {
        wrong(
            "database",
            format!("cannot be prepared ({error})"),
            "Check that the file can be written and is no other program's.",
        )
    };
    connection.execute_batch(STAGED_ROWS).map_err(unusable)?;
    connection.execute_batch(&names.definitions(config)).map_err(unusable)?;
    add_staging_columns(connection, config).map_err(unusable)?;
    let needs = |key: &str, table: &Identifier, columns: &[&str]| {
        let there = table_columns(connection, table)
            .map_err(|error| wrong(key, format!("cannot be read ({error})"), "Check the database file."))?;
        check_columns(key, table, columns, |column| there.iter().any(|(name, _)| name.eq_ignore_ascii_case(column)))
    };
    let fields: Vec<&str> = config.fields.iter().map(|field| field.name.as_str()).collect();
    needs("consumer.table", &tables.people, &fields)?;
    needs("consumer.segments_table", &tables.segments, &SEGMENT_COLUMNS)?;
    needs("consumer.members_table", &tables.members, &MEMBER_COLUMNS)?;
    let all: Vec<&Field> = config.fields.iter().collect();
    connection.prepare(&names.upsert(&all)).map_err(no_unique_key)?;
    connection.prepare(&names.add_member()).map_err(no_member_key)?;
    Ok(())
}

fn add_staging_columns(connection: &Connection, config: &ConsumerConfig) -> rusqlite::Result<()> {
    let staged = Identifier::parse("usher_staged_rows").map(|table| table_columns(connection, &table));
    let staged = staged.unwrap_or_else(|_| Ok(Vec::new()))?;
    for field in &config.fields {
        if !staged.iter().any(|(column, _)| column.eq_ignore_ascii_case(&staged_name(&field.name))) {
            let column = staged_column(field);
            connection.execute_batch(&format!("alter table usher_staged_rows add column {column} text"))?;
        }
    }
    Ok(())
}

impl Names {
    fn definitions(&self, config: &ConsumerConfig) -> String {
        let others: String = config
            .fields
            .iter()
            .filter(|field| field.name != config.key.as_str())
            .map(|field| format!(", {} text", quoted(field)))
            .collect();
        format!(
            "create table if not exists {} ({} text primary key not null{others}) strict;
             create table if not exists {} (
                id text primary key not null, name text not null unique, created_at text not null, updated_at text not null) strict;
             create table if not exists {} (
                segment_id text not null, person_key text not null, added_at text not null,
                primary key (segment_id, person_key)) strict, without rowid;",
            self.people, self.key, self.segments, self.members
        )
    }

    /// Adds a person or changes the listed columns of one; one parameter per field.
    fn upsert(&self, fields: &[&Field]) -> String {
        let columns = join(fields, |field| quoted(field));
        let parameters = (1..=fields.len()).map(|index| format!("?{index}")).collect::<Vec<_>>().join(", ");
        format!("insert into {} ({columns}) values ({parameters}) {}", self.people, self.on_conflict(fields))
    }

    /// Puts a person (`?2`) into a segment (`?1`) at a time (`?3`).
    fn add_member(&self) -> String {
        format!(
            "insert into {} (segment_id, person_key, added_at) values (?1, ?2, ?3) on conflict (segment_id, person_key) do nothing",
            self.members
        )
    }

    /// Takes a person (`?2`) out of a segment (`?1`).
    fn remove_member(&self) -> String {
        format!("delete from {} where segment_id = ?1 and person_key = ?2", self.members)
    }

    /// Takes everyone whom these identifiers name (`?2` ...) out of a segment (`?1`).
    fn remove_members_by(&self, identifiers: &[&Field]) -> String {
        let conditions: Vec<String> = identifiers
            .iter()
            .enumerate()
            .map(|(index, field)| format!("{} = ?{}", quoted(field), index + 2))
            .collect();
        format!(
            "delete from {} where segment_id = ?1 and person_key in (select {} from {} where {})",
            self.members,
            self.key,
            self.people,
            conditions.join(" and ")
        )
    }

    /// Keeps a row of a part (`?1` job, `?2` part, `?3` its place in the order of writing, then the fields) until its job is complete.
    fn stage(&self, fields: &[&Field]) -> String {
        let columns = join(fields, |field| staged_column(field));
        let parameters = (4..4 + fields.len()).map(|index| format!("?{index}")).collect::<Vec<_>>().join(", ");
        format!("insert into usher_staged_rows (job_id, part, row, {columns}) values (?1, ?2, ?3, {parameters})")
    }
}

/// Puts the staged people in, and makes them and nobody else the members of the segment.
///
/// # Errors
/// When the database cannot be written.
pub fn replace_members(connection: &Connection, names: &Names, target: &Target<'_>) -> Result<(), Fault> {
    let Target { config, job_id, segment_id, .. } = target;
    let fields: Vec<&Field> = target.fields.iter().collect();
    // In order, so that of two rows of one person the later wins.
    connection.execute(
        &format!(
            "insert into {} ({}) select {} from usher_staged_rows where job_id = ?1 order by part, row {}",
            names.people,
            join(&fields, |field| quoted(field)),
            join(&fields, |field| staged_column(field)),
            names.on_conflict(&fields)
        ),
        [job_id],
    )?;
    let key = config.field(config.key.as_str()).map(staged_column).unwrap_or_default();
    // Those who stay keep the time at which they came.
    connection.execute(
        &format!(
            "delete from {} where segment_id = ?1
             and person_key not in (select {key} from usher_staged_rows where job_id = ?2)",
            names.members
        ),
        params![segment_id, job_id],
    )?;
    connection.execute(
        &format!(
            "insert into {} (segment_id, person_key, added_at)
             select ?1, {key}, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') from usher_staged_rows where job_id = ?2
             on conflict (segment_id, person_key) do nothing",
            names.members
        ),
        params![segment_id, job_id],
    )?;
    Ok(())
}

/// Forgets what was staged for a job.
///
/// # Errors
/// When the database cannot be written.
pub fn drop_staged(connection: &Connection, job_id: &str) -> Result<(), Fault> {
    connection.execute("delete from usher_staged_rows where job_id = ?1", [job_id])?;
    Ok(())
}

/// Sees to it that people can be found by other identifiers than the key without reading the whole table.
///
/// # Errors
/// When the database cannot be written.
pub fn expect(connection: &Connection, names: &Names, target: &Target<'_>) -> Result<(), Fault> {
    if target.mode != JobMode::Remove || target.key().is_some() {
        return Ok(());
    }
    for field in target.fields.iter().filter(|field| field.kind == FieldKind::Identifier) {
        let index = quote(&format!("usher_people_by_{}", field.name));
        connection.execute_batch(&format!(
            "create index if not exists {index} on {} ({})",
            names.people,
            quoted(field)
        ))?;
    }
    Ok(())
}

/// Keeps the rows of one part.
///
/// # Errors
/// When the database cannot be written.
pub fn keep(connection: &Connection, names: &Names, target: &Target<'_>, read: &Read<'_>) -> Result<(), Fault> {
    let mut writer = Writer::new(connection, names, target, &read.columns, read.result.part)?;
    (1..).zip(read.accepted.iter()).try_for_each(|(place, record)| writer.write(record, place))
}

/// What is done with an accepted row, by mode.
enum Writer<'t, 'a> {
    Add { columns: &'t [Column<'a>], key: usize, upsert: CachedStatement<'t>, member: CachedStatement<'t> },
    Stage { columns: &'t [Column<'a>], insert: CachedStatement<'t> },
    RemoveByKey { key: usize, delete: CachedStatement<'t> },
    RemoveBy { connection: &'t Connection, names: &'a Names, segment_id: &'a str, identifiers: Vec<&'t Column<'a>> },
}

impl<'t, 'a> Writer<'t, 'a> {
    fn new(
        connection: &'t Connection,
        names: &'a Names,
        target: &Target<'a>,
        columns: &'t [Column<'a>],
        part: u32,
    ) -> Result<Self, Fault> {
        let fields: Vec<&Field> = columns.iter().map(|column| column.field).collect();
        let key =
            columns.iter().find(|column| column.field.name == target.config.key.as_str()).map(|column| column.place);
        let no_key = || Fault::new(Code::FIELD_MISSING, "The key is not among the job's fields.");
        Ok(match (target.mode, key) {
            (JobMode::Add, key) => {
                let upsert = connection.prepare_cached(&names.upsert(&fields))?;
                let mut member = connection.prepare_cached(&names.add_member())?;
                member.raw_bind_parameter(1, target.segment_id)?;
                member.raw_bind_parameter(3, rfc3339(chrono::Utc::now()))?;
                Self::Add { columns, key: key.ok_or_else(no_key)?, upsert, member }
            }
            (JobMode::Replace, key) => {
                key.ok_or_else(no_key)?;
                let mut insert = connection.prepare_cached(&names.stage(&fields))?;
                insert.raw_bind_parameter(1, target.job_id)?;
                insert.raw_bind_parameter(2, part)?;
                Self::Stage { columns, insert }
            }
            (JobMode::Remove, Some(key)) => {
                let mut delete = connection.prepare_cached(&names.remove_member())?;
                delete.raw_bind_parameter(1, target.segment_id)?;
                Self::RemoveByKey { key, delete }
            }
            (JobMode::Remove, None) => {
                let identifiers = columns.iter().filter(|column| column.field.kind == FieldKind::Identifier).collect();
                Self::RemoveBy { connection, names, segment_id: target.segment_id, identifiers }
            }
        })
    }

    fn write(&mut self, record: Record<'_>, place: u32) -> Result<(), Fault> {
        match self {
            Self::Add { columns, key, upsert, member } => {
                for (index, column) in columns.iter().enumerate() {
                    upsert.raw_bind_parameter(index + 1, bind(column.field, &record[column.place]))?;
                }
                upsert.raw_execute()?;
                member.raw_bind_parameter(2, &record[*key])?;
                member.raw_execute()?;
            }
            Self::Stage { columns, insert } => {
                insert.raw_bind_parameter(3, place)?;
                for (index, column) in columns.iter().enumerate() {
                    insert.raw_bind_parameter(index + 4, bind(column.field, &record[column.place]))?;
                }
                insert.raw_execute()?;
            }
            Self::RemoveByKey { key, delete } => {
                delete.raw_bind_parameter(2, &record[*key])?;
                delete.raw_execute()?;
            }
            Self::RemoveBy { connection, names, segment_id, identifiers } => {
                // All that the row says must fit: an identifier that it leaves empty says nothing.
                let said: Vec<&&Column<'_>> =
                    identifiers.iter().filter(|column| !record[column.place].trim().is_empty()).collect();
                let fields: Vec<&Field> = said.iter().map(|column| column.field).collect();
                let mut delete = connection.prepare_cached(&names.remove_members_by(&fields))?;
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

fn bind<'v>(field: &Field, value: &'v str) -> ToSqlOutput<'v> {
    if value.is_empty() && is_null_when_empty(field) {
        ToSqlOutput::from(Null)
    } else {
        ToSqlOutput::Borrowed(ValueRef::from(value))
    }
}

/// Prefixed, because a field may be named like one of the staging table's own columns.
fn staged_name(field: &str) -> String {
    format!("field_{field}")
}

fn staged_column(field: &Field) -> String {
    quote(&staged_name(&field.name))
}
