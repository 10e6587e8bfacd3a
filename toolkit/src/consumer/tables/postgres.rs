//! Rows into the tables of a PostgreSQL database: by COPY into a table that is gone with the transaction, and from there in sets.
//!
//! What a table refuses is a matter of rows, but a set fails as a whole. So a set that fails is taken back and halved until the rows that
//! are to blame stand alone; all others are kept. A replacement is staged in a table of its own in the Toolkit's schema, which is made
//! like the application's table of people, so that what could not be kept in the end is refused when it comes.

use std::collections::BTreeMap;
use std::io::Write;

use model::contract::{JobMode, Refusal};
use model::field::{Field, FieldKind};
use model::reject::RejectCode;
use postgres::error::SqlState;
use postgres::{Statement, Transaction};
use sha2::{Digest, Sha256};

use super::{
    MEMBER_COLUMNS, Names, SEGMENT_COLUMNS, Unprepared, check_columns, is_null_when_empty, join, no_member_key,
    no_unique_key, quoted,
};
use crate::config::{ConsumerConfig, PlaceConfig, wrong};
use crate::consumer::parts::{Read, Record, Target};
use crate::consumer::records;
use crate::database::postgres::{Said, is_of_a_row, literal, lost, parameters};
use crate::database::{Transaction as AnyTransaction, Value, quote};
use crate::fault::{Code, Fault};
use crate::state::rfc3339;

/// Bytes that are sent to the server at once.
const CHUNK: usize = 256 * 1024;
/// Digits of a digest in the name of a table, which may not be long.
const HASH_DIGITS: usize = 32;

/// What the server says of the application's tables.
#[derive(Debug)]
pub struct Columns {
    /// The Toolkit's own schema, quoted.
    schema: String,
    /// Of the table of people, by name.
    people: BTreeMap<String, ColumnType>,
    segment_id: ColumnType,
    person_key: ColumnType,
    added_at: ColumnType,
    /// Whether the table of people can refuse a row for other rows of it or of other tables: that only shows when it is put in.
    looks_around: bool,
    /// Whether people who are as the job brings them can be told from others, and left alone.
    compares: bool,
}

/// The type of a column.
#[derive(Debug, Clone)]
struct ColumnType {
    /// As SQL writes it, without a length: a cast to a length would cut values off.
    name: String,
    /// The most characters that it takes.
    limit: Option<usize>,
    is_text: bool,
    /// A row must bring a value.
    is_needed: bool,
}

impl ColumnType {
    /// A text made a value of this type.
    fn cast(&self, text: &str) -> String {
        if self.name == "text" { text.to_owned() } else { format!("{text}::{}", self.name) }
    }
}

impl Columns {
    /// Makes the tables that are not there and checks those that are, and the rights to them. Fields without which the table of people
    /// takes no row become required.
    ///
    /// # Errors
    /// When a table that is there cannot be used, or a right is missing; the text says what it is.
    pub fn prepare(
        transaction: &mut AnyTransaction<'_>,
        names: &Names,
        schema: &str,
        config: &mut ConsumerConfig,
    ) -> Result<Self, Unprepared> {
        make_schema(transaction, schema)?;
        records::prepare(transaction, Some(schema))?;
        let PlaceConfig::Database { tables, .. } = &config.place else {
            return Err(wrong("database", "is none", "Write `database`.").into());
        };
        make_table(transaction, &names.people, || {
            let others = config.fields.iter().filter(|field| field.name != config.key.as_str());
            let others: String = others.map(|field| format!(", {} text", quoted(field))).collect();
            format!("{} text primary key{others}", names.key)
        })?;
        let people = columns_of(transaction, &names.people)?;
        let fields: Vec<&str> = config.fields.iter().map(|field| field.name.as_str()).collect();
        check_columns("consumer.table", &tables.people, &fields, |column| people.contains_key(column))?;
        make_table(transaction, &names.segments, || {
            "id text primary key, name text not null unique, created_at timestamptz not null, updated_at timestamptz not null"
                .to_owned()
        })?;
        let segments = columns_of(transaction, &names.segments)?;
        check_columns("consumer.segments_table", &tables.segments, &SEGMENT_COLUMNS, |column| {
            segments.contains_key(column)
        })?;
        let type_of = |columns: &BTreeMap<String, ColumnType>, column: &str| {
            columns.get(column).map_or_else(|| "text".to_owned(), |known| known.name.clone())
        };
        make_table(transaction, &names.members, || {
            format!(
                "segment_id {}, person_key {}, added_at timestamptz not null, primary key (segment_id, person_key)",
                type_of(&segments, "id"),
                type_of(&people, config.key.as_str())
            )
        })?;
        let members = columns_of(transaction, &names.members)?;
        check_columns("consumer.members_table", &tables.members, &MEMBER_COLUMNS, |column| {
            members.contains_key(column)
        })?;
        if let Some((column, _)) =
            people.iter().find(|(column, known)| known.is_needed && !fields.contains(&column.as_str()))
        {
            let problem = format!("is \"{}\", whose column \"{column}\" must have a value", tables.people);
            return Err(wrong("consumer.table", problem, "Make it a field, or give it a default.").into());
        }
        let looks_around = looks_around(transaction, &names.people, config)?;
        for field in &mut config.fields {
            field.required |= people.get(&field.name).is_some_and(|column| column.is_needed);
        }
        let member = |column: &str| members.get(column).cloned().unwrap_or_else(ColumnType::text);
        let mut columns = Self {
            schema: quote(schema),
            people,
            segment_id: member("segment_id"),
            person_key: member("person_key"),
            added_at: member("added_at"),
            looks_around,
            compares: true,
        };
        if let AnyTransaction::Postgres(transaction) = transaction {
            columns.try_out(transaction, names, config)?;
        }
        Ok(columns)
    }

    /// Has the server plan what will be asked of it: that tells what is missing, indexes and rights, without doing anything.
    fn try_out(
        &mut self,
        transaction: &mut Transaction<'_>,
        names: &Names,
        config: &ConsumerConfig,
    ) -> Result<(), Unprepared> {
        let fields: Vec<&Field> = config.fields.iter().collect();
        let nothing = join(&fields, |field| self.of(field).cast("null"));
        let plan = |transaction: &mut Transaction<'_>, sql: &str| -> Result<(), postgres::Error> {
            let mut trial = transaction.transaction()?;
            trial.batch_execute(&format!("explain {sql}"))?;
            trial.rollback()
        };
        let put = |columns: &Self| columns.put_people(names, &fields, &format!("select {nothing} where false"));
        if let Err(error) = plan(transaction, &put(self)) {
            // Of some types no value equals another.
            let no_operator = [SqlState::UNDEFINED_FUNCTION, SqlState::UNDEFINED_PARAMETER];
            if !error.code().is_some_and(|code| no_operator.contains(code)) {
                return Err(if error.code() == Some(&SqlState::INVALID_COLUMN_REFERENCE) {
                    no_unique_key(Said::of(&error)).into()
                } else {
                    Fault::from(error).into()
                });
            }
            self.compares = false;
            plan(transaction, &put(self)).map_err(Fault::from)?;
        }
        plan(
            transaction,
            &format!(
                "insert into {} (segment_id, person_key, added_at) select {}, {}, {} where false on conflict (segment_id, person_key) do nothing",
                names.members,
                self.segment_id.cast("null"),
                self.person_key.cast("null"),
                self.added_at.cast("null")
            ),
        )
        .map_err(|error| match error.code() {
            Some(code) if *code == SqlState::INVALID_COLUMN_REFERENCE => no_member_key(Said::of(&error)).into(),
            _ => Unprepared::from(Fault::from(error)),
        })?;
        for sql in [
            format!("delete from {} where segment_id is null", names.members),
            format!("select * from {}", names.people),
            format!("select * from {}", names.members),
            format!("insert into {0} select * from {0} where false", names.segments),
            format!("update {0} set updated_at = updated_at where false", names.segments),
            format!("delete from {} where false", names.segments),
            "insert into usher_jobs select * from usher_jobs where false".to_owned(),
            "delete from usher_parts where false".to_owned(),
        ] {
            plan(transaction, &sql).map_err(Fault::from)?;
        }
        let has_rights = transaction
            .query_one(
                "select has_database_privilege(current_database(), 'TEMPORARY'), has_schema_privilege($1, 'CREATE')",
                &[&self.schema.trim_matches('"')],
            )
            .map_err(Fault::from)?;
        let may = |place| has_rights.try_get::<_, bool>(place).map_err(Fault::from);
        if !may(0)? {
            let problem = "does not let the role make temporary tables";
            return Err(wrong("database", problem, "Grant it: `grant temporary on database ... to ...`.").into());
        }
        if !may(1)? {
            let problem = format!("does not let the role make tables in the schema {}", self.schema);
            return Err(wrong("database", problem, "Grant it: `grant usage, create on schema ... to ...`.").into());
        }
        Ok(())
    }

    fn of(&self, field: &Field) -> ColumnType {
        self.people.get(&field.name).cloned().unwrap_or_else(ColumnType::text)
    }

    /// Puts the people that a query gives in, or changes those who are there.
    fn put_people(&self, names: &Names, fields: &[&Field], query: &str) -> String {
        let columns = join(fields, |field| quoted(field));
        let mut sql =
            format!("insert into {} as person ({columns}) {query} {}", names.people, names.on_conflict(fields));
        let changes: Vec<&&Field> = fields.iter().filter(|field| quoted(field) != names.key).collect();
        if self.compares && !changes.is_empty() {
            // Rows that stay as they are cost nothing, and no index of theirs is touched.
            let (old, new) = ("person", "excluded");
            let row = |of: &str| join(&changes, |field| format!("{of}.{}", quoted(field)));
            sql.push_str(&format!(" where ({}) is distinct from ({})", row(old), row(new)));
        }
        sql
    }

    /// The key of a person as the table of members has it.
    fn person_key(&self, key: &ColumnType, value: &str) -> String {
        if key.name == self.person_key.name { value.to_owned() } else { format!("({value})::{}", self.person_key.name) }
    }

    /// Where the rows of a job wait until it is complete. Job ids are opaque, so the name is made of their digest.
    fn staged(&self, job_id: &str) -> String {
        let digest = hex::encode(Sha256::digest(job_id.as_bytes()));
        format!("{}.\"usher_staged_{}\"", self.schema, &digest[..HASH_DIGITS])
    }

    /// Makes the table in which a replacement waits.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn expect(&self, transaction: &mut Transaction<'_>, names: &Names, target: &Target<'_>) -> Result<(), Fault> {
        if target.mode != JobMode::Replace {
            return Ok(());
        }
        let staged = self.staged(target.job_id);
        let others = self.people.keys().filter(|column| !target.fields.iter().any(|field| field.name == **column));
        let drops: String = others.map(|column| format!(", drop column {}", quote(column))).collect();
        // Checks of columns that the job does not bring go with these; what the rest must be stays.
        transaction.batch_execute(&format!(
            "create table {staged} (like {} including constraints);
             alter table {staged} add column usher_part bigint not null, add column usher_row bigint not null{drops};",
            names.people
        ))?;
        Ok(())
    }

    /// Forgets what was staged for a job.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn drop_staged(&self, transaction: &mut Transaction<'_>, target: &Target<'_>) -> Result<(), Fault> {
        if target.mode == JobMode::Replace {
            transaction.batch_execute(&format!("drop table if exists {}", self.staged(target.job_id)))?;
        }
        Ok(())
    }

    /// Keeps the rows of one part, and says which the tables refuse.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep(
        &self,
        transaction: &mut Transaction<'_>,
        names: &Names,
        target: &Target<'_>,
        read: &Read<'_>,
    ) -> Result<Vec<Refusal>, Fault> {
        if read.accepted.is_empty() {
            return Ok(Vec::new());
        }
        let mut keeping = Keeping { columns: self, target, read, steps: Vec::new(), trial: None, refusals: Vec::new() };
        let combinations = keeping.copy_in(transaction)?;
        keeping.prepare(transaction, names, combinations)?;
        let mut ranges = vec![(0, read.accepted.len())];
        if let Some(trial) = keeping.trial.take() {
            // All of the part at once: rows of it may be in each other's way.
            let mut savepoint = transaction.transaction()?;
            ranges = keeping.apply(&mut savepoint, &[trial], ranges)?;
            savepoint.rollback()?;
        }
        let steps = std::mem::take(&mut keeping.steps);
        keeping.apply(transaction, &steps, ranges)?;
        Ok(keeping.refusals)
    }

    /// Puts the staged people in, and makes them and nobody else the members of the segment.
    ///
    /// # Errors
    /// When the tables refuse a row by now, or the database cannot be written.
    pub fn replace_members(
        &self,
        transaction: &mut Transaction<'_>,
        names: &Names,
        target: &Target<'_>,
    ) -> Result<(), Fault> {
        let staged = self.staged(target.job_id);
        let Some(key) = target.config.field(target.config.key.as_str()) else {
            return Err(Fault::new(Code::FIELD_MISSING, "The key is not among the job's fields."));
        };
        let person_key = self.person_key(&self.of(key), &format!("s.{}", names.key));
        let fields: Vec<&Field> = target.fields.iter().collect();
        let columns = join(&fields, |field| quoted(field));
        // Of two rows of one person the later wins.
        let latest = format!(
            "select distinct on ({key}) {columns} from {staged} order by {key}, usher_part desc, usher_row desc",
            key = names.key
        );
        let (segment_id, added_at) = (self.segment_id.cast("$1"), self.added_at.cast("$2"));
        let now = rfc3339(chrono::Utc::now());
        let values = [Value::Text(target.segment_id), Value::Text(&now)];
        transaction.batch_execute(&format!("analyze {staged}"))?;
        let mut steps = || {
            transaction.execute(&self.put_people(names, &fields, &latest), &[])?;
            // Those who stay keep the time at which they came.
            transaction.execute(
                &format!(
                    "delete from {} as m where m.segment_id = {segment_id}
                     and not exists (select from {staged} as s where {person_key} = m.person_key)",
                    names.members
                ),
                &parameters(&values[..1]),
            )?;
            transaction.execute(
                &format!(
                    "insert into {} (segment_id, person_key, added_at)
                     select distinct {segment_id}, {person_key}, {added_at} from {staged} as s
                     where not exists (select from {} as m where m.segment_id = {segment_id} and m.person_key = {person_key})",
                    names.members, names.members
                ),
                &parameters(&values),
            )
        };
        steps().map(drop).map_err(|error: postgres::Error| {
            if !is_of_a_row(&error) {
                return error.into();
            }
            let what = constraint_of(&error).unwrap_or_default();
            let detail = format!(
                "The tables refuse a row of the replacement, which did not show as it came{what}; nothing was changed."
            );
            Fault { code: Code::INVALID_DATA, detail, source: Some(Box::new(Said::of(&error))) }
        })
    }
}

impl ColumnType {
    fn text() -> Self {
        Self { name: "text".to_owned(), limit: None, is_text: true, is_needed: false }
    }
}

/// One part on its way into the tables.
struct Keeping<'k> {
    columns: &'k Columns,
    target: &'k Target<'k>,
    read: &'k Read<'k>,
    /// What is done with the rows from `$1` to before `$2`.
    steps: Vec<Step<'k>>,
    /// What is done before, and taken back, to see whether the tables would take them.
    trial: Option<Step<'k>>,
    refusals: Vec<Refusal>,
}

struct Step<'k> {
    statement: Statement,
    /// From `$3` on.
    values: Vec<Value<'k>>,
}

/// Which columns a row says something in.
type Combination = Vec<usize>;

/// Rows from the first to before the second.
type Range = (usize, usize);

/// All steps for these rows, or none of them.
fn try_apply(transaction: &mut Transaction<'_>, steps: &[Step<'_>], (from, to): Range) -> Result<(), postgres::Error> {
    let mut savepoint = transaction.transaction()?;
    let range = [Value::Integer(from as i64), Value::Integer(to as i64)];
    for step in steps {
        let values: Vec<Value<'_>> = range.iter().chain(&step.values).copied().collect();
        savepoint.execute(&step.statement, &parameters(&values))?;
    }
    savepoint.commit()
}

impl<'k> Keeping<'k> {
    /// Brings the rows to the server. A text there can't have a NUL; rows with one are refused here. For a removal without the key, which
    /// combinations of columns its rows say something in; each row has the number of its own.
    fn copy_in(&mut self, transaction: &mut Transaction<'_>) -> Result<Vec<Combination>, Fault> {
        let texts: String = (0..self.read.columns.len()).map(|index| format!(", c{index} text")).collect();
        transaction.batch_execute(&format!(
            "create temporary table usher_rows (place bigint, outdone_by bigint, said bigint{texts}) on commit drop"
        ))?;
        let is_null: Vec<bool> = self
            .read
            .columns
            .iter()
            .map(|column| is_null_when_empty(column.field) || !self.columns.of(column.field).is_text)
            .collect();
        let has_key = self.read.key(self.target).is_some();
        let mut combinations: BTreeMap<Combination, usize> = BTreeMap::new();
        let mut writer = transaction.copy_in("copy usher_rows from stdin")?;
        let mut chunk = Vec::with_capacity(CHUNK + CHUNK / 4);
        for (index, record) in self.read.accepted.iter().enumerate() {
            if let Some(column) = self.read.columns.iter().find(|column| record[column.place].contains('\0')) {
                let reason = "The database takes no text with the character NUL in it.";
                self.refusals.push(refusal(record, RejectCode::InvalidValue.as_str(), Some(column.field), reason));
                continue;
            }
            let outdone_by = if has_key && self.read.is_outdone(self.target, index) {
                (index + 1).to_string()
            } else {
                "\\N".to_owned()
            };
            let said = if has_key {
                0
            } else {
                let columns = self.read.columns.iter().enumerate();
                // All that the row says must fit: an identifier that it leaves empty says nothing.
                let said = columns.filter(|(_, column)| {
                    column.field.kind == FieldKind::Identifier && !record[column.place].trim().is_empty()
                });
                let next = combinations.len();
                *combinations.entry(said.map(|(index, _)| index).collect()).or_insert(next)
            };
            chunk.extend_from_slice(format!("{index}\t{outdone_by}\t{said}").as_bytes());
            for (column, is_null) in self.read.columns.iter().zip(&is_null) {
                chunk.push(b'\t');
                match &record[column.place] {
                    "" if *is_null => chunk.extend_from_slice(b"\\N"),
                    value => escape(value.as_bytes(), &mut chunk),
                }
            }
            chunk.push(b'\n');
            if chunk.len() >= CHUNK {
                writer.write_all(&chunk).map_err(lost)?;
                chunk.clear();
            }
        }
        writer.write_all(&chunk).map_err(lost)?;
        writer.finish()?;
        let mut ordered = vec![Combination::new(); combinations.len()];
        combinations.into_iter().for_each(|(combination, number)| ordered[number] = combination);
        Ok(ordered)
    }

    /// The statements that move rows on, each for the rows from `$1` to before `$2`.
    fn prepare(
        &mut self,
        transaction: &mut Transaction<'_>,
        names: &Names,
        combinations: Vec<Combination>,
    ) -> Result<(), Fault> {
        let columns = self.columns;
        let now = rfc3339(chrono::Utc::now());
        let fields: Vec<&Field> = self.read.columns.iter().map(|column| column.field).collect();
        let value = |index: usize| columns.of(fields[index]).cast(&format!("s.c{index}"));
        let values = (0..fields.len()).map(value).collect::<Vec<_>>().join(", ");
        // Of rows of one person only the last of those that are looked at counts.
        let rows =
            "usher_rows as s where s.place >= $1 and s.place < $2 and (s.outdone_by is null or s.outdone_by >= $2)";
        let key = fields.iter().position(|field| quoted(field) == names.key);
        let person_key = |key: usize| columns.person_key(&columns.of(fields[key]), &value(key));
        let segment_id = columns.segment_id.cast("$3");
        let put = columns.put_people(names, &fields, &format!("select {values} from {rows}"));
        let no_key = || Fault::new(Code::FIELD_MISSING, "The key is not among the job's fields.");
        let to = Value::Text(self.target.segment_id);
        match self.target.mode {
            JobMode::Add => {
                let key = key.ok_or_else(no_key)?;
                self.steps.push(Step { statement: transaction.prepare(&put)?, values: Vec::new() });
                let member = format!(
                    "insert into {} (segment_id, person_key, added_at) select {segment_id}, {}, {} from {rows}
                     on conflict (segment_id, person_key) do nothing",
                    names.members,
                    person_key(key),
                    columns.added_at.cast(&literal(&now))
                );
                self.steps.push(Step { statement: transaction.prepare(&member)?, values: vec![to] });
            }
            JobMode::Replace => {
                key.ok_or_else(no_key)?;
                let stage = format!(
                    "insert into {} ({}, usher_part, usher_row) select {values}, {}, s.place from {rows}",
                    columns.staged(self.target.job_id),
                    join(&fields, |field| quoted(field)),
                    self.read.result.part
                );
                self.steps.push(Step { statement: transaction.prepare(&stage)?, values: Vec::new() });
                if columns.looks_around {
                    self.trial = Some(Step { statement: transaction.prepare(&put)?, values: Vec::new() });
                }
            }
            JobMode::Remove => match key {
                Some(key) => {
                    let remove = format!(
                        "delete from {} as m using {rows} and m.segment_id = {segment_id} and m.person_key = {}",
                        names.members,
                        person_key(key)
                    );
                    self.steps.push(Step { statement: transaction.prepare(&remove)?, values: vec![to] });
                }
                None => {
                    let key = columns.people.get(self.target.config.key.as_str()).cloned();
                    let person = columns.person_key(&key.unwrap_or_else(ColumnType::text), &format!("p.{}", names.key));
                    for (number, combination) in combinations.into_iter().enumerate() {
                        let fits: String = combination
                            .iter()
                            .map(|index| format!(" and p.{} = {}", quoted(fields[*index]), value(*index)))
                            .collect();
                        let remove = format!(
                            "delete from {} as m using {} as p, {rows} and s.said = {number} and m.segment_id = {segment_id}
                             and m.person_key = {person}{fits}",
                            names.members, names.people
                        );
                        self.steps.push(Step { statement: transaction.prepare(&remove)?, values: vec![to] });
                    }
                }
            },
        }
        Ok(())
    }

    /// Moves rows on; those that are refused as a whole, each half by itself. Gives what was taken, in order.
    fn apply(
        &mut self,
        transaction: &mut Transaction<'_>,
        steps: &[Step<'_>],
        ranges: Vec<Range>,
    ) -> Result<Vec<Range>, Fault> {
        let mut taken = Vec::new();
        let mut left: Vec<Range> = ranges.into_iter().rev().collect();
        while let Some((from, to)) = left.pop() {
            match try_apply(transaction, steps, (from, to)) {
                Ok(()) => taken.push((from, to)),
                Err(error) if !is_of_a_row(&error) => return Err(error.into()),
                Err(_) if to - from > 1 => {
                    let middle = from + (to - from) / 2;
                    left.extend([(middle, to), (from, middle)]);
                }
                Err(error) => {
                    let refusal = self.why(transaction, from, &error)?;
                    self.refusals.push(refusal);
                }
            }
        }
        Ok(taken)
    }

    /// Why one row is refused, in words that do not repeat its values.
    fn why(&self, transaction: &mut Transaction<'_>, index: usize, error: &postgres::Error) -> Result<Refusal, Fault> {
        let missing =
            || Fault::internal("Looking for a refused row", std::io::Error::other("it is not among those of the part"));
        let record = self.read.accepted.get(index).ok_or_else(missing)?;
        let code = error.code().map_or("", |code| code.code());
        let named = error.as_db_error().and_then(|said| said.column());
        let field_of =
            |name: &str| self.read.columns.iter().map(|column| column.field).find(|field| field.name == name);
        let invalid = RejectCode::InvalidValue.as_str();
        if code == SqlState::NOT_NULL_VIOLATION.code() {
            let field = named.and_then(field_of);
            let reason = match (field, named) {
                (None, Some(column)) => format!("The table's column \"{column}\" would be empty and must not be."),
                _ => "This field must not be empty.".to_owned(),
            };
            return Ok(refusal(record, RejectCode::RequiredEmpty.as_str(), field, &reason));
        }
        if code == SqlState::STRING_DATA_RIGHT_TRUNCATION.code() {
            let too_long = self.read.columns.iter().find_map(|column| {
                let limit = self.columns.of(column.field).limit?;
                (record[column.place].chars().count() > limit).then_some((column.field, limit))
            });
            if let Some((field, limit)) = too_long {
                let reason = format!("The value is longer than the {limit} characters that the table's column takes.");
                return Ok(refusal(record, invalid, Some(field), &reason));
            }
        }
        if code.starts_with("22") {
            for (number, column) in self.read.columns.iter().enumerate() {
                let type_of = self.columns.of(column.field);
                if !self.casts(transaction, index, number, &type_of)? {
                    let reason = format!("The value is none of the type of the table's column, {}.", type_of.name);
                    return Ok(refusal(record, invalid, Some(column.field), &reason));
                }
            }
            let reason = "A value is too long, too large or of another type than the table's column.";
            return Ok(refusal(record, invalid, None, reason));
        }
        let what = constraint_of(error).unwrap_or_default();
        let reason = match code {
            code if code == SqlState::UNIQUE_VIOLATION.code() => {
                format!("Somebody else in the table has such a value already{what}.")
            }
            code if code == SqlState::FOREIGN_KEY_VIOLATION.code() => {
                format!("The row refers to what is not in the database{what}.")
            }
            _ => format!("The table refuses the row{what}."),
        };
        Ok(refusal(record, RejectCode::Refused.as_str(), None, &reason))
    }

    /// Whether a value of a row can be made one of its column's type.
    fn casts(
        &self,
        transaction: &mut Transaction<'_>,
        index: usize,
        column: usize,
        type_of: &ColumnType,
    ) -> Result<bool, Fault> {
        let sql =
            format!("select {} from usher_rows as s where s.place = {index}", type_of.cast(&format!("s.c{column}")));
        let mut savepoint = transaction.transaction()?;
        match savepoint.batch_execute(&sql) {
            Ok(()) => {
                savepoint.rollback()?;
                Ok(true)
            }
            Err(error) if is_of_a_row(&error) => {
                savepoint.rollback()?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn refusal(record: Record<'_>, code: &str, field: Option<&Field>, reason: &str) -> Refusal {
    Refusal {
        row: record.number,
        code: code.to_owned(),
        field: field.map(|field| field.name.clone()),
        reason: reason.to_owned(),
    }
}

/// The constraint that was broken, to stand in a sentence.
fn constraint_of(error: &postgres::Error) -> Option<String> {
    let said = error.as_db_error()?;
    said.constraint().map(|name| format!(" (constraint \"{name}\")"))
}

/// Writes a value as COPY reads it.
fn escape(value: &[u8], out: &mut Vec<u8>) {
    let is_special = |byte: &u8| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r');
    if !value.iter().any(is_special) {
        return out.extend_from_slice(value);
    }
    for byte in value {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.push(*other),
        }
    }
}

/// Makes the Toolkit's schema when it is not there.
fn make_schema(transaction: &mut AnyTransaction<'_>, schema: &str) -> Result<(), Unprepared> {
    if !transaction.exists("select 1 from pg_namespace where nspname = $1", &[schema.into()])? {
        transaction.execute_all(&format!("create schema {}", quote(schema))).map_err(|fault| {
            let said = fault.source.map_or(fault.detail, |source| source.to_string());
            Unprepared(wrong(
                "schema",
                format!("is \"{schema}\", which is not there and cannot be made ({said})"),
                format!(
                    "Have it made: `create schema {} authorization ...` with the role of the Toolkit.",
                    quote(schema)
                ),
            ))
        })?;
    }
    Ok(())
}

/// Makes a table when it is not there. It is asked for first: a server wants the right to make tables even where there is nothing to make.
fn make_table(transaction: &mut AnyTransaction<'_>, name: &str, columns: impl FnOnce() -> String) -> Result<(), Fault> {
    if !transaction.exists("select 1 where to_regclass($1) is not null", &[name.into()])? {
        transaction.execute_all(&format!("create table {name} ({})", columns()))?;
    }
    Ok(())
}

/// The columns of a table that is there.
fn columns_of(transaction: &mut AnyTransaction<'_>, table: &str) -> Result<BTreeMap<String, ColumnType>, Fault> {
    let columns = transaction.query(
        "select a.attname::text, format_type(a.atttypid, -1),
                case when a.atttypid in ('varchar'::regtype, 'bpchar'::regtype) and a.atttypmod > 4 then a.atttypmod - 4 else 0 end::bigint,
                (t.typcategory = 'S')::int::bigint,
                (a.attnotnull and not a.atthasdef and a.attidentity = '')::int::bigint
         from pg_attribute as a join pg_type as t on t.oid = a.atttypid
         where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped",
        &[table.into()],
        |row| {
            let limit = row.count(2)? as usize;
            let column = ColumnType {
                name: row.text(1)?,
                limit: (limit > 0).then_some(limit),
                is_text: row.integer(3)? != 0,
                is_needed: row.integer(4)? != 0,
            };
            Ok((row.text(0)?, column))
        },
    )?;
    Ok(columns.into_iter().collect())
}

/// Whether the table of people can refuse a row for other rows of it or of other tables.
fn looks_around(transaction: &mut AnyTransaction<'_>, people: &str, config: &ConsumerConfig) -> Result<bool, Fault> {
    let others = "select 1 from pg_constraint where conrelid = to_regclass($1) and contype in ('f', 'x')
         union all select 1 from pg_trigger where tgrelid = to_regclass($1) and not tgisinternal
         union all select 1 from pg_index where indrelid = to_regclass($1) and indisunique and indexprs is not null";
    if transaction.exists(others, &[people.into()])? {
        return Ok(true);
    }
    let unique = transaction.query(
        "select string_agg(a.attname::text, E'\\n') from pg_index as i
         join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
         where i.indrelid = to_regclass($1) and i.indisunique group by i.indexrelid",
        &[people.into()],
        |row| row.text(0),
    )?;
    Ok(unique
        .iter()
        .any(|columns| columns != config.key.as_str() && columns.lines().any(|column| config.field(column).is_some())))
}
