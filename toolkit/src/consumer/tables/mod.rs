//! People in the tables of a database: the application's three, and what is staged beside them.
//!
//! The application's tables are made when they are not there, and checked and left as they are when they are. Everything that belongs
//! together is one transaction, with the records of jobs and parts: a part's rows with the part's record, a replacement with the end of
//! its job. An addition is applied part by part; a replacement is staged. Here is what one text of SQL says to every database. Rows
//! move in bulk, and there databases differ: row by row in [`sqlite`], by COPY and in sets in [`postgres`].

mod postgres;
mod sqlite;

use model::contract::{JobMode, Refusal};
use model::field::{Field, FieldType};

use super::parts::{Read, Target};
use super::{Kept, Place, new_segment_id, records};
use crate::config::{ConfigError, ConsumerConfig, PlaceConfig, wrong};
use crate::database::{Database, Row, Transaction, quote};
use crate::fault::Fault;
use crate::state::rfc3339;

/// What a table of segments has.
const SEGMENT_COLUMNS: [&str; 4] = ["id", "name", "created_at", "updated_at"];
/// What a table of members has.
const MEMBER_COLUMNS: [&str; 3] = ["segment_id", "person_key", "added_at"];

/// The tables of a consumer.
#[derive(Debug)]
pub struct Tables {
    names: Names,
    bulk: Bulk,
}

/// The quoted names of tables and columns.
#[derive(Debug)]
struct Names {
    /// The table of people.
    people: String,
    /// Its key column.
    key: String,
    /// The table of segments.
    segments: String,
    /// The table of members.
    members: String,
}

/// How rows are moved.
#[derive(Debug)]
enum Bulk {
    Sqlite,
    Postgres(postgres::Columns),
}

/// Why the tables cannot be used.
struct Unprepared(ConfigError);

impl From<Fault> for Unprepared {
    fn from(fault: Fault) -> Self {
        let said = fault.source.map_or(fault.detail, |source| source.to_string());
        Self(wrong(
            "database",
            format!("cannot be prepared ({said})"),
            "A file must be writable and no other program's; a role needs the rights that docs/TOOLKIT.md names.",
        ))
    }
}

impl From<Fault> for Option<Unprepared> {
    fn from(fault: Fault) -> Self {
        Some(fault.into())
    }
}

impl From<ConfigError> for Unprepared {
    fn from(error: ConfigError) -> Self {
        Self(error)
    }
}

impl Tables {
    /// Makes the tables that are not there and checks those that are, in one transaction. Fields that a table insists on become required.
    ///
    /// # Errors
    /// When a table that is there cannot be used; the text says what it lacks.
    pub fn prepare(database: &Database, config: &mut ConsumerConfig) -> Result<Self, ConfigError> {
        let prepared = database.write(|transaction| Self::prepare_within(transaction, database, config));
        prepared.map_err(|Unprepared(error)| error)
    }

    /// Whether they could be prepared: whatever is made for that is taken back.
    ///
    /// # Errors
    /// When they could not.
    pub fn try_out(database: &Database, config: &mut ConsumerConfig) -> Result<(), ConfigError> {
        let tried = database.write(|transaction| {
            // Any error takes everything back; the one that is none says that it went well.
            Err::<(), Option<Unprepared>>(Self::prepare_within(transaction, database, config).err())
        });
        match tried {
            Ok(()) | Err(None) => Ok(()),
            Err(Some(Unprepared(error))) => Err(error),
        }
    }

    fn prepare_within(
        transaction: &mut Transaction<'_>,
        database: &Database,
        config: &mut ConsumerConfig,
    ) -> Result<Self, Unprepared> {
        let PlaceConfig::Database { tables, .. } = &config.place else {
            return Err(Unprepared(wrong("database", "is none", "Write `database`.")));
        };
        let names = Names {
            people: tables.people.quoted().to_owned(),
            key: config.key.quoted().to_owned(),
            segments: tables.segments.quoted().to_owned(),
            members: tables.members.quoted().to_owned(),
        };
        let bulk = match (transaction, database) {
            (transaction @ Transaction::Postgres(_), Database::Postgres { server, .. }) => {
                Bulk::Postgres(postgres::Columns::prepare(transaction, &names, server.config().schema(), config)?)
            }
            (transaction, _) => {
                records::prepare(transaction, None)?;
                if let Transaction::Sqlite(connection) = transaction {
                    sqlite::prepare(connection, &names, config, tables)?;
                }
                Bulk::Sqlite
            }
        };
        Ok(Self { names, bulk })
    }

    fn touch_segment(&self, transaction: &mut Transaction<'_>, segment_id: &str) -> Result<(), Fault> {
        transaction.execute(
            &format!("update {} set updated_at = $2 where cast(id as text) = $1", self.names.segments),
            &[segment_id.into(), (&rfc3339(chrono::Utc::now())).into()],
        )?;
        Ok(())
    }

    /// What is told of each segment `s`.
    fn told(&self, transaction: &Transaction<'_>) -> String {
        let updated_at = match transaction {
            Transaction::Sqlite(_) => "s.updated_at",
            // RFC 3339, whether it is a time or a text.
            Transaction::Postgres(_) => "to_json(s.updated_at) #>> '{}'",
        };
        format!(
            "select cast(s.id as text), cast(s.name as text), {updated_at},
             (select count(*) from {} as m where m.segment_id = s.id) from {} as s",
            self.names.members, self.names.segments
        )
    }
}

impl Place for Tables {
    fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn segments(&self, transaction: &mut Transaction<'_>, after: &str, limit: usize) -> Result<Vec<Kept>, Fault> {
        let told = self.told(transaction);
        let sql = format!("{told} where cast(s.id as text) > $1 order by cast(s.id as text) limit $2");
        transaction.query(&sql, &[after.into(), (limit as i64).into()], read_segment)
    }

    fn segment(&self, transaction: &mut Transaction<'_>, id: &str) -> Result<Option<Kept>, Fault> {
        let told = self.told(transaction);
        transaction.first(&format!("{told} where cast(s.id as text) = $1"), &[id.into()], read_segment)
    }

    fn has_segment(&self, transaction: &mut Transaction<'_>, id: &str) -> Result<bool, Fault> {
        let sql = format!("select 1 from {} where cast(id as text) = $1", self.names.segments);
        transaction.exists(&sql, &[id.into()])
    }

    fn has_name(&self, transaction: &mut Transaction<'_>, name: &str) -> Result<bool, Fault> {
        transaction.exists(&format!("select 1 from {} where name = $1", self.names.segments), &[name.into()])
    }

    fn has_members(&self, transaction: &mut Transaction<'_>, id: &str) -> Result<bool, Fault> {
        transaction.exists(&format!("select 1 from {} where segment_id = $1", self.names.members), &[id.into()])
    }

    fn add_segment(&self, transaction: &mut Transaction<'_>, name: &str) -> Result<String, Fault> {
        let (id, now) = (new_segment_id(), rfc3339(chrono::Utc::now()));
        transaction.execute(
            &format!("insert into {} (id, name, created_at, updated_at) values ($1, $2, $3, $4)", self.names.segments),
            &[(&id).into(), name.into(), (&now).into(), (&now).into()],
        )?;
        Ok(id)
    }

    fn remove_segment(&self, transaction: &mut Transaction<'_>, id: &str) -> Result<(), Fault> {
        let sql = format!("delete from {} where cast(id as text) = $1", self.names.segments);
        transaction.execute(&sql, &[id.into()])?;
        Ok(())
    }

    fn expect(&self, transaction: &mut Transaction<'_>, target: &Target<'_>) -> Result<(), Fault> {
        match (&self.bulk, transaction) {
            (Bulk::Postgres(columns), Transaction::Postgres(transaction)) => {
                columns.expect(transaction, &self.names, target)
            }
            (_, Transaction::Sqlite(connection)) => sqlite::expect(connection, &self.names, target),
            _ => Ok(()),
        }
    }

    /// Rows are kept in the transaction that records them.
    fn stage(&self, _: &Target<'_>, _: &Read<'_>, _: &str) -> Result<(), Fault> {
        Ok(())
    }

    fn keep(
        &self,
        transaction: &mut Transaction<'_>,
        target: &Target<'_>,
        read: &Read<'_>,
    ) -> Result<Vec<Refusal>, Fault> {
        let refusals = match (&self.bulk, &mut *transaction) {
            (Bulk::Postgres(columns), Transaction::Postgres(transaction)) => {
                columns.keep(transaction, &self.names, target, read)?
            }
            (_, Transaction::Sqlite(connection)) => {
                sqlite::keep(connection, &self.names, target, read)?;
                Vec::new()
            }
            _ => Vec::new(),
        };
        match target.mode {
            JobMode::Replace => {}
            JobMode::Add | JobMode::Remove => self.touch_segment(transaction, target.segment_id)?,
        }
        Ok(refusals)
    }

    fn complete(&self, transaction: &mut Transaction<'_>, target: &Target<'_>) -> Result<(), Fault> {
        if target.mode != JobMode::Replace {
            return Ok(());
        }
        match (&self.bulk, &mut *transaction) {
            (Bulk::Postgres(columns), Transaction::Postgres(transaction)) => {
                columns.replace_members(transaction, &self.names, target)?;
            }
            (_, Transaction::Sqlite(connection)) => sqlite::replace_members(connection, &self.names, target)?,
            _ => {}
        }
        self.touch_segment(transaction, target.segment_id)?;
        self.call_off(transaction, target)
    }

    fn call_off(&self, transaction: &mut Transaction<'_>, target: &Target<'_>) -> Result<(), Fault> {
        match (&self.bulk, transaction) {
            (Bulk::Postgres(columns), Transaction::Postgres(transaction)) => columns.drop_staged(transaction, target),
            (_, Transaction::Sqlite(connection)) => sqlite::drop_staged(connection, target.job_id),
            _ => Ok(()),
        }
    }

    fn ended(&self, _: &str) {}
}

impl Names {
    /// What an insertion of people does with those who are there.
    fn on_conflict(&self, fields: &[&Field]) -> String {
        let changes: Vec<&&Field> = fields.iter().filter(|field| quoted(field) != self.key).collect();
        if changes.is_empty() {
            return format!("on conflict ({}) do nothing", self.key);
        }
        let changes = join(&changes, |field| format!("{0} = excluded.{0}", quoted(field)));
        format!("on conflict ({}) do update set {changes}", self.key)
    }
}

fn read_segment(row: &Row<'_>) -> Result<Kept, Fault> {
    Ok(Kept {
        id: row.text(0)?,
        name: row.text(1)?,
        updated_at: row.text_or_null(2)?,
        size: row.count(3)?,
        size_is_estimate: false,
    })
}

/// Whether an empty value is stored as null: there is no empty number or date.
fn is_null_when_empty(field: &Field) -> bool {
    matches!(
        field.field_type,
        FieldType::Integer | FieldType::Decimal | FieldType::Boolean | FieldType::Date | FieldType::Timestamp
    )
}

/// Refuses a table that is there and lacks a column.
fn check_columns(
    key: &str,
    table: &crate::database::Identifier,
    needed: &[&str],
    is_there: impl Fn(&str) -> bool,
) -> Result<(), ConfigError> {
    match needed.iter().find(|column| !is_there(column)) {
        Some(column) => Err(wrong(
            key,
            format!("is \"{table}\", which has no column \"{column}\""),
            format!(
                "Add it, or name a table that is not there yet: it is made with the columns {}.",
                needed.join(", ")
            ),
        )),
        None => Ok(()),
    }
}

fn no_unique_key(error: impl std::fmt::Display) -> ConfigError {
    wrong(
        "consumer.key",
        format!("cannot be used to tell people apart ({error})"),
        "It needs a unique index or primary key of its own.",
    )
}

fn no_member_key(error: impl std::fmt::Display) -> ConfigError {
    wrong(
        "consumer.members_table",
        format!("cannot be used ({error})"),
        "It needs a primary key on (segment_id, person_key).",
    )
}

fn quoted(field: &Field) -> String {
    quote(&field.name)
}

fn join<T>(fields: &[T], write: impl Fn(&T) -> String) -> String {
    fields.iter().map(write).collect::<Vec<_>>().join(", ")
}
