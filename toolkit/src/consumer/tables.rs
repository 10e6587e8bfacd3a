//! The tables of a consumer: the application's three, and the Toolkit's own records beside them.
//!
//! The application's tables are made when they are not there, and checked and left as they are when they are. The Toolkit's tables
//! (`usher_jobs`, `usher_parts`, `usher_staged_rows`) stand in the same database because they are in the same transactions.

use model::field::{Field, FieldKind, FieldType};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::Import;
use crate::config::{ConfigError, ConsumerConfig, wrong};
use crate::database::{Identifier, table_columns};
use crate::fault::Fault;

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

const RECORDS: &str = "
    create table if not exists usher_jobs (
        id text primary key not null,
        request text not null,
        status text not null,
        segment_id text not null,
        made_segment integer not null,
        reason text,
        created_at integer not null,
        changed_at integer not null
    ) strict;
    create index if not exists usher_jobs_by_status on usher_jobs (status, changed_at);
    create table if not exists usher_parts (
        job_id text not null,
        part integer not null,
        sha256 text not null,
        received integer not null,
        accepted integer not null,
        answer text not null,
        taken_at integer not null,
        primary key (job_id, part)
    ) strict;
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
    pub fn prepare(connection: &mut Connection, config: &ConsumerConfig) -> Result<Self, ConfigError> {
        let tables = Self {
            people: config.table.quoted(),
            key: config.key.quoted(),
            segments: config.segments_table.quoted(),
            members: config.members_table.quoted(),
        };
        let unusable = |error: rusqlite::Error| {
            wrong(
                "database",
                format!("cannot be prepared ({error})"),
                "Check that the file can be written and is no other program's.",
            )
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unusable)?;
        transaction.execute_batch(RECORDS).map_err(unusable)?;
        transaction.execute_batch(&tables.definitions(config)).map_err(unusable)?;
        tables.add_staging_columns(&transaction, config).map_err(unusable)?;
        tables.check(&transaction, config)?;
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

    fn check(&self, transaction: &Transaction<'_>, config: &ConsumerConfig) -> Result<(), ConfigError> {
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
        needs("consumer.table", &config.table, &fields)?;
        needs("consumer.segments_table", &config.segments_table, &["id", "name", "created_at", "updated_at"])?;
        needs("consumer.members_table", &config.members_table, &["segment_id", "person_key", "added_at"])?;
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
    pub fn upsert(&self, fields: &[&Field]) -> String {
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
    pub fn add_member(&self) -> String {
        format!(
            "insert into {} (segment_id, person_key, added_at) values (?1, ?2, ?3) on conflict (segment_id, person_key) do nothing",
            self.members
        )
    }

    /// Takes a person (`?2`) out of a segment (`?1`).
    pub fn remove_member(&self) -> String {
        format!("delete from {} where segment_id = ?1 and person_key = ?2", self.members)
    }

    /// Takes everyone whom these identifiers name (`?2` ...) out of a segment (`?1`).
    pub fn remove_members_by(&self, identifiers: &[&Field]) -> String {
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
    pub fn stage(&self, fields: &[&Field]) -> String {
        let columns = join(fields, |field| staged_column(field));
        let parameters = (4..4 + fields.len()).map(|index| format!("?{index}")).collect::<Vec<_>>().join(", ");
        format!("insert into usher_staged_rows (job_id, part, row, {columns}) values (?1, ?2, ?3, {parameters})")
    }

    /// Puts the staged people in, makes them and nobody else the members of the segment, and drops what was staged.
    ///
    /// # Errors
    /// When the database cannot be changed.
    pub(super) fn replace_members(
        &self,
        transaction: &Transaction<'_>,
        config: &ConsumerConfig,
        import: &Import,
    ) -> Result<(), Fault> {
        let fields: Vec<&Field> = import.request.fields.iter().collect();
        let job_id = &import.request.id;
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
            params![import.segment_id, job_id],
        )?;
        transaction.execute(
            &format!(
                "insert into {} (segment_id, person_key, added_at)
                 select ?1, {key}, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') from usher_staged_rows where job_id = ?2
                 on conflict (segment_id, person_key) do nothing",
                self.members
            ),
            params![import.segment_id, job_id],
        )?;
        self.drop_staged(transaction, job_id)
    }

    /// Forgets what was staged for a job.
    ///
    /// # Errors
    /// When the database cannot be changed.
    pub fn drop_staged(&self, transaction: &Transaction<'_>, job_id: &str) -> Result<(), Fault> {
        transaction.execute("delete from usher_staged_rows where job_id = ?1", [job_id])?;
        Ok(())
    }

    /// Sees to it that people can be found by these identifiers without reading the whole table.
    ///
    /// # Errors
    /// When the database cannot be changed.
    pub fn index_identifiers(&self, transaction: &Transaction<'_>, fields: &[Field]) -> Result<(), Fault> {
        for field in fields.iter().filter(|field| field.kind == FieldKind::Identifier) {
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
}

/// Whether an empty value is stored as null: there is no empty number or date.
pub fn is_null_when_empty(field: &Field) -> bool {
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
