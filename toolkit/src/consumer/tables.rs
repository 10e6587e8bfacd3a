//! People in the tables of a database: the application's three, and the rows that are staged beside them.
//!
//! The application's tables are made when they are not there, and checked and left as they are when they are. Everything that belongs
//! together is one transaction, with the records of jobs and parts: a part's rows with the part's record, a replacement with the end of
//! its job. An addition is applied part by part; a replacement is staged in `usher_staged_rows`.

use model::contract::JobMode;
use model::field::{Field, FieldKind, FieldType};
use rusqlite::types::{Null, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::parts::{Column, Read, Target};
use super::{Kept, Place, new_segment_id};
use crate::config::{ConfigError, ConsumerConfig, TableNames, wrong};
use crate::database::{Identifier, table_columns};
use crate::fault::{Code, Fault};
use crate::state::rfc3339;

/// The quoted names of tables and columns.
#[derive(Debug)]
pub struct Tables {
    /// The table of people.
    pub people: String,
    /// Its key column.
    pub key: String,
    /// The table of segments: `id`, `name`, `created_at`, `updated_at`.
    pub segments: String,
    /// The table of members: `segment_id`, `person_key`, `added_at`.
    pub members: String,
}

const STAGED_ROWS: &str = "
    create table if not exists usher_staged_rows (
        job_id text not null,
        part integer not null,
        row integer not null,
        primary key (job_id, part, row)
    ) without rowid;
";

impl Tables {
    /// Makes the tables that are not there and checks those that are, in one transaction.
    ///
    /// # Errors
    /// When a table that is there cannot be used; the text says what it lacks.
    pub fn prepare(
        connection: &mut Connection,
        config: &ConsumerConfig,
        names: &TableNames,
    ) -> Result<Self, ConfigError> {
        let tables = Self {
            people: names.people.quoted(),
            key: config.key.quoted(),
            segments: names.segments.quoted(),
            members: names.members.quoted(),
        };
        let unusable = |error: rusqlite::Error| {
            wrong(
                "database",
                format!("cannot be prepared ({error})"),
                "Check that the file can be written and is no other program's.",
            )
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unusable)?;
        transaction.execute_batch(STAGED_ROWS).map_err(unusable)?;
        transaction.execute_batch(&tables.definitions(config)).map_err(unusable)?;
        tables.add_staging_columns(&transaction, config).map_err(unusable)?;
        tables.check(&transaction, config, names)?;
        transaction.commit().map_err(unusable)?;
        Ok(tables)
    }

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

    fn add_staging_columns(&self, transaction: &Transaction<'_>, config: &ConsumerConfig) -> rusqlite::Result<()> {
        let staged = table_columns_of(transaction, "usher_staged_rows")?;
        for field in &config.fields {
            if !staged.iter().any(|column| column.eq_ignore_ascii_case(&staged_name(&field.name))) {
                transaction.execute_batch(&format!(
                    "alter table usher_staged_rows add column {} text",
                    staged_column(field)
                ))?;
            }
        }
        Ok(())
    }

    fn check(
        &self,
        transaction: &Transaction<'_>,
        config: &ConsumerConfig,
        names: &TableNames,
    ) -> Result<(), ConfigError> {
        let needs = |key: &str, table: &Identifier, columns: &[&str]| {
            let there = table_columns(transaction, table)
                .map_err(|error| wrong(key, format!("cannot be read ({error})"), "Check the database file."))?;
            match columns.iter().find(|column| !there.iter().any(|(name, _)| name.eq_ignore_ascii_case(column))) {
                Some(column) => Err(wrong(
                    key,
                    format!("is \"{table}\", which has no column \"{column}\""),
                    format!(
                        "Add it, or name a table that is not there yet: it is made with the columns {}.",
                        columns.join(", ")
                    ),
                )),
                None => Ok(()),
            }
        };
        let fields: Vec<&str> = config.fields.iter().map(|field| field.name.as_str()).collect();
        needs("consumer.table", &names.people, &fields)?;
        needs("consumer.segments_table", &names.segments, &["id", "name", "created_at", "updated_at"])?;
        needs("consumer.members_table", &names.members, &["segment_id", "person_key", "added_at"])?;
        let all: Vec<&Field> = config.fields.iter().collect();
        transaction.prepare(&self.upsert(&all)).map_err(|error| {
            wrong(
                "consumer.key",
                format!("cannot be used to tell people apart ({error})"),
                "It needs a unique index or primary key of its own.",
            )
        })?;
        transaction.prepare(&self.add_member()).map_err(|error| {
            wrong(
                "consumer.members_table",
                format!("cannot be used ({error})"),
                "It needs a primary key on (segment_id, person_key).",
            )
        })?;
        Ok(())
    }

    /// Adds a person or changes the listed columns of one; one parameter per field.
    fn upsert(&self, fields: &[&Field]) -> String {
        let columns = join(fields, |field| quoted(field));
        let parameters = (1..=fields.len()).map(|index| format!("?{index}")).collect::<Vec<_>>().join(", ");
        format!("insert into {} ({columns}) values ({parameters}) {}", self.people, self.on_conflict(fields))
    }

    fn on_conflict(&self, fields: &[&Field]) -> String {
        let changes: Vec<&&Field> = fields.iter().filter(|field| quoted(field) != self.key).collect();
        if changes.is_empty() {
            return format!("on conflict ({}) do nothing", self.key);
        }
        let changes = join(&changes, |field| format!("{0} = excluded.{0}", quoted(field)));
        format!("on conflict ({}) do update set {changes}", self.key)
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

    /// Puts the staged people in, makes them and nobody else the members of the segment, and drops what was staged.
    fn replace_members(&self, transaction: &Transaction<'_>, target: &Target<'_>) -> Result<(), Fault> {
        let Target { config, job_id, segment_id, .. } = target;
        let fields: Vec<&Field> = target.fields.iter().collect();
        // In order, so that of two rows of one person the later wins.
        transaction.execute(
            &format!(
                "insert into {} ({}) select {} from usher_staged_rows where job_id = ?1 order by part, row {}",
                self.people,
                join(&fields, |field| quoted(field)),
                join(&fields, |field| staged_column(field)),
                self.on_conflict(&fields)
            ),
            [job_id],
        )?;
        let key = config.field(config.key.as_str()).map(staged_column).unwrap_or_default();
        // Those who stay keep the time at which they came.
        transaction.execute(
            &format!(
                "delete from {} where segment_id = ?1
                 and person_key not in (select {key} from usher_staged_rows where job_id = ?2)",
                self.members
            ),
            params![segment_id, job_id],
        )?;
        transaction.execute(
            &format!(
                "insert into {} (segment_id, person_key, added_at)
                 select ?1, {key}, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') from usher_staged_rows where job_id = ?2
                 on conflict (segment_id, person_key) do nothing",
                self.members
            ),
            params![segment_id, job_id],
        )?;
        self.drop_staged(transaction, job_id)
    }

    /// Forgets what was staged for a job.
    fn drop_staged(&self, transaction: &Transaction<'_>, job_id: &str) -> Result<(), Fault> {
        transaction.execute("delete from usher_staged_rows where job_id = ?1", [job_id])?;
        Ok(())
    }

    fn touch_segment(&self, transaction: &Transaction<'_>, segment_id: &str) -> Result<(), Fault> {
        transaction.execute(
            &format!("update {} set updated_at = ?2 where id = ?1", self.segments),
            params![segment_id, rfc3339(chrono::Utc::now())],
        )?;
        Ok(())
    }
}

impl Place for Tables {
    fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn segments(&self, records: &Connection, after: &str, limit: usize) -> Result<Vec<Kept>, Fault> {
        let mut statement = records.prepare_cached(&format!(
            "select s.id, s.name, s.updated_at, (select count(*) from {} as m where m.segment_id = s.id)
             from {} as s where s.id > ?1 order by s.id limit ?2",
            self.members, self.segments
        ))?;
        let rows = statement.query_map(params![after, limit as i64], read_segment)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn segment(&self, records: &Connection, id: &str) -> Result<Option<Kept>, Fault> {
        let mut statement = records.prepare_cached(&format!(
            "select s.id, s.name, s.updated_at, (select count(*) from {} as m where m.segment_id = s.id)
             from {} as s where s.id = ?1",
            self.members, self.segments
        ))?;
        Ok(statement.query_row([id], read_segment).optional()?)
    }

    fn has_segment(&self, transaction: &Transaction<'_>, id: &str) -> Result<bool, Fault> {
        let sql = format!("select exists (select 1 from {} where id = ?1)", self.segments);
        Ok(transaction.query_row(&sql, [id], |row| row.get(0))?)
    }

    fn has_name(&self, transaction: &Transaction<'_>, name: &str) -> Result<bool, Fault> {
        let sql = format!("select exists (select 1 from {} where name = ?1)", self.segments);
        Ok(transaction.query_row(&sql, [name], |row| row.get(0))?)
    }

    fn has_members(&self, transaction: &Transaction<'_>, id: &str) -> Result<bool, Fault> {
        let sql = format!("select exists (select 1 from {} where segment_id = ?1)", self.members);
        Ok(transaction.query_row(&sql, [id], |row| row.get(0))?)
    }

    fn add_segment(&self, transaction: &Transaction<'_>, name: &str) -> Result<String, Fault> {
        let id = new_segment_id();
        transaction.execute(
            &format!("insert into {} (id, name, created_at, updated_at) values (?1, ?2, ?3, ?3)", self.segments),
            params![id, name, rfc3339(chrono::Utc::now())],
        )?;
        Ok(id)
    }

    fn remove_segment(&self, transaction: &Transaction<'_>, id: &str) -> Result<(), Fault> {
        transaction.execute(&format!("delete from {} where id = ?1", self.segments), [id])?;
        Ok(())
    }

    /// Sees to it that people can be found by other identifiers than the key without reading the whole table.
    fn expect(&self, transaction: &Transaction<'_>, target: &Target<'_>) -> Result<(), Fault> {
        if target.mode != JobMode::Remove || target.key().is_some() {
            return Ok(());
        }
        for field in target.fields.iter().filter(|field| field.kind == FieldKind::Identifier) {
            let index = Identifier::parse(&format!("usher_people_by_{}", field.name)).map(|name| name.quoted());
            if let Ok(index) = index {
                transaction.execute_batch(&format!(
                    "create index if not exists {index} on {} ({})",
                    self.people,
                    quoted(field)
                ))?;
            }
        }
        Ok(())
    }

    fn keep(&self, transaction: &Transaction<'_>, target: &Target<'_>, read: &Read<'_>) -> Result<(), Fault> {
        let mut writer = Writer::new(transaction, self, target, &read.columns, read.result.part)?;
        (1..).zip(&read.accepted).try_for_each(|(place, record)| writer.write(record, place))?;
        match target.mode {
            JobMode::Replace => Ok(()),
            JobMode::Add | JobMode::Remove => self.touch_segment(transaction, target.segment_id),
        }
    }

    fn complete(&self, transaction: &Transaction<'_>, target: &Target<'_>) -> Result<(), Fault> {
        if target.mode == JobMode::Replace {
            self.replace_members(transaction, target)?;
            self.touch_segment(transaction, target.segment_id)?;
        }
        Ok(())
    }

    fn call_off(&self, transaction: &Transaction<'_>, target: &Target<'_>) -> Result<(), Fault> {
        self.drop_staged(transaction, target.job_id)
    }

    fn ended(&self, _: &str) {}
}

fn read_segment(row: &rusqlite::Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept { id: row.get(0)?, name: row.get(1)?, updated_at: row.get(2)?, size: row.get(3)?, size_is_estimate: false })
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
        tables: &'a Tables,
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

fn bind<'v>(field: &Field, value: &'v str) -> ToSqlOutput<'v> {
    if value.is_empty() && is_null_when_empty(field) {
        ToSqlOutput::from(Null)
    } else {
        ToSqlOutput::Borrowed(ValueRef::from(value))
    }
}

/// Whether an empty value is stored as null: there is no empty number or date.
fn is_null_when_empty(field: &Field) -> bool {
    matches!(
        field.field_type,
        FieldType::Integer | FieldType::Decimal | FieldType::Boolean | FieldType::Date | FieldType::Timestamp
    )
}

fn table_columns_of(transaction: &Transaction<'_>, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = transaction.prepare("select name from pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

fn quoted(field: &Field) -> String {
    format!("\"{}\"", field.name.replace('"', "\"\""))
}

/// Prefixed, because a field may be named like one of the staging table's own columns.
fn staged_name(field: &str) -> String {
    format!("field_{field}")
}

fn staged_column(field: &Field) -> String {
    format!("\"{}\"", staged_name(&field.name).replace('"', "\"\""))
}

fn join<T>(fields: &[T], write: impl Fn(&T) -> String) -> String {
    fields.iter().map(write).collect::<Vec<_>>().join(", ")
}
