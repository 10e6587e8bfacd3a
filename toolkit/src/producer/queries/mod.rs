//! Audiences in a database: each is one `select`.
//!
//! Reads only: no connection of this side can write. An export is one statement over one state of the database, and goes to the file row
//! by row. Here is what goes for every database; how one is asked is in [`sqlite`] and [`postgres`].

mod postgres;
mod sqlite;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;

use model::contract::{JobRequest, MAX_COLUMNS, Segment};
use model::field::{Field, FieldKind, FieldType};
use tokio_util::sync::CancellationToken;

use super::{ExportEnd, ExportFile, Source};
use crate::config::{ConfigError, DatabaseConfig, SegmentConfig, Select, guess, wrong};
use crate::database::quote;
use crate::fault::Fault;
use crate::state::{ExportedFile, lock};

/// The segments of a database.
#[derive(Debug)]
pub struct Queries {
    asked: Asked,
    segments: Vec<Offered>,
    counting: Mutex<Counting>,
}

/// The database.
#[derive(Debug)]
enum Asked {
    Sqlite(sqlite::File),
    Postgres(postgres::Reading),
}

/// What a query gives.
#[derive(Debug)]
struct Shape {
    columns: Vec<Column>,
    has_parameters: bool,
}

/// A column that a query gives.
#[derive(Debug)]
struct Column {
    name: String,
    /// The type that the database tells.
    field_type: Option<FieldType>,
    /// The quoted column made an expression whose values come as the contract has them.
    written: fn(&str) -> String,
}

/// How many rows there are.
#[derive(Debug, Clone, Copy)]
struct Counted {
    rows: u64,
    is_estimate: bool,
}

#[derive(Debug)]
struct Offered {
    config: SegmentConfig<Select>,
    columns: Vec<Column>,
    fields: Vec<Field>,
}

/// Sizes are counted anew only when the database has changed.
#[derive(Debug, Default)]
struct Counting {
    version: Option<String>,
    sizes: HashMap<String, Counted>,
}

impl Queries {
    /// Opens the database and checks every segment against it.
    ///
    /// # Errors
    /// When it is not there, a query cannot be run, or a key or field is not among a query's columns.
    pub fn open(database: DatabaseConfig, segments: Vec<SegmentConfig<Select>>) -> Result<Self, ConfigError> {
        let asked = match database {
            DatabaseConfig::Sqlite(path) => Asked::Sqlite(sqlite::File::open(path)?),
            DatabaseConfig::Postgres(server) => Asked::Postgres(postgres::Reading::open(&server)?),
        };
        let segments = segments
            .into_iter()
            .enumerate()
            .map(|(index, segment)| asked.offer(index, segment))
            .collect::<Result<_, _>>()?;
        Ok(Self { asked, segments, counting: Mutex::default() })
    }

    fn offered(&self, id: &str) -> Option<&Offered> {
        self.segments.iter().find(|segment| segment.config.id == id)
    }

    fn describe(&self, offered: &Offered) -> Result<Segment, Fault> {
        let config = &offered.config;
        let mut counting = lock(&self.counting);
        let now = Some(self.asked.version()?);
        if counting.version != now {
            *counting = Counting { version: now, sizes: HashMap::new() };
        }
        let counted = match counting.sizes.get(&config.id) {
            Some(counted) => *counted,
            None => {
                let counted = self.asked.count(&config.rows.query)?;
                counting.sizes.insert(config.id.clone(), counted);
                counted
            }
        };
        Ok(Segment {
            id: config.id.clone(),
            name: config.name.clone(),
            description: config.description.clone(),
            size: Some(counted.rows),
            size_is_estimate: counted.is_estimate,
            updated_at: self.asked.changed_at(),
            fields: offered.fields.clone(),
            tags: config.tags.clone(),
            label: config.label.clone(),
            statistics: None,
        })
    }
}

impl Offered {
    /// The `select` of an export: only the wanted columns, in the wanted order, sorted by the key.
    fn statement(&self, request: &JobRequest) -> String {
        let columns = request.fields.iter().map(|field| {
            let column = format!("segment.{}", quote(&field.name));
            let known = self.columns.iter().find(|column| column.name == field.name);
            known.map_or_else(|| column.clone(), |known| (known.written)(&column))
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let mut sql = format!("select {columns} from ({}\n) as segment", self.config.rows.query);
        if let Some(key) = &self.config.rows.key {
            sql.push_str(&format!(" order by segment.{}", key.quoted()));
        }
        if let Some(limit) = request.limit {
            sql.push_str(&format!(" limit {limit}"));
        }
        sql
    }
}

impl Source for Queries {
    fn ping(&self) -> Result<(), Fault> {
        self.asked.ping()
    }

    fn ids(&self) -> Result<Vec<String>, Fault> {
        Ok(self.segments.iter().map(|segment| segment.config.id.clone()).collect())
    }

    fn segment(&self, id: &str) -> Result<Option<Segment>, Fault> {
        self.offered(id).map(|offered| self.describe(offered)).transpose()
    }

    fn fields(&self, id: &str) -> Result<Option<Vec<Field>>, Fault> {
        Ok(self.offered(id).map(|offered| offered.fields.clone()))
    }

    fn write(
        &self,
        id: &str,
        request: &JobRequest,
        path: &Path,
        stop: &CancellationToken,
    ) -> Result<ExportedFile, ExportEnd> {
        let sql = self.offered(id).ok_or_else(super::no_such_segment)?.statement(request);
        let columns: Vec<&str> = request.fields.iter().map(|field| field.name.as_str()).collect();
        let mut file = ExportFile::create(path)?;
        let mut rows = file.rows(&columns)?;
        match &self.asked {
            Asked::Sqlite(file) => file.write(&sql, &mut rows, stop)?,
            Asked::Postgres(server) => server.write(&sql, &columns, &mut rows, stop)?,
        }
        let written = rows.end()?;
        Ok(file.finish(written)?)
    }
}

impl Asked {
    fn ping(&self) -> Result<(), Fault> {
        match self {
            Self::Sqlite(file) => file.ping(),
            Self::Postgres(server) => server.ping(),
        }
    }

    fn shape(&self, query: &str) -> Result<Shape, String> {
        match self {
            Self::Sqlite(file) => file.shape(query),
            Self::Postgres(server) => server.shape(query),
        }
    }

    fn version(&self) -> Result<String, Fault> {
        match self {
            Self::Sqlite(file) => file.version(),
            Self::Postgres(server) => server.version(),
        }
    }

    fn count(&self, query: &str) -> Result<Counted, Fault> {
        match self {
            Self::Sqlite(file) => file.count(query),
            Self::Postgres(server) => server.count(query),
        }
    }

    /// When the rows changed last. A server does not tell, and that anything in it changed just now would say nothing of them.
    fn changed_at(&self) -> Option<String> {
        match self {
            Self::Sqlite(file) => file.changed_at(),
            Self::Postgres(_) => None,
        }
    }

    /// Checks one segment of the configuration against the database.
    fn offer(&self, index: usize, segment: SegmentConfig<Select>) -> Result<Offered, ConfigError> {
        let at = |key: &str| format!("producer.segments[{index}].{key}");
        let Shape { columns, has_parameters } = self.shape(&segment.rows.query).map_err(|problem| {
            wrong(
                at("query"),
                format!("cannot be run on the database ({problem})"),
                "Mend the query, or `table` if that is given.",
            )
        })?;
        if has_parameters {
            return Err(wrong(at("query"), "has parameters", "Write the values into the query."));
        }
        if columns.len() > MAX_COLUMNS {
            return Err(wrong(
                at("query"),
                format!("has {} columns", columns.len()),
                format!("Usher takes at most {MAX_COLUMNS}."),
            ));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !seen.insert(column.name.to_lowercase())) {
            return Err(wrong(at("query"), format!("has two columns \"{}\"", twice.name), "Name each with `as`."));
        }
        if let Some(key) = &segment.rows.key
            && !columns.iter().any(|column| column.name == key.as_str())
        {
            return Err(wrong(at("key"), format!("is \"{key}\", which is no column of the segment"), listed(&columns)));
        }
        let fields = match &segment.fields {
            Some(fields) => {
                if let Some(field) = fields.iter().find(|field| !columns.iter().any(|column| column.name == field.name))
                {
                    return Err(wrong(
                        at("fields"),
                        format!("has \"{}\", which is no column of the segment", field.name),
                        listed(&columns),
                    ));
                }
                fields.clone()
            }
            None => columns.iter().map(field_of).collect(),
        };
        Ok(Offered { config: segment, columns, fields })
    }
}

/// The field that a column probably is. That it says who is told by its name; what it holds, rather by its type.
fn field_of(column: &Column) -> Field {
    let mut field = guess(&column.name);
    if let (FieldKind::Attribute, Some(field_type)) = (field.kind, column.field_type) {
        field.field_type = field_type;
    }
    field
}

fn as_it_is(column: &str) -> String {
    column.to_owned()
}

fn listed(columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    format!("Its columns are: {}.", names.join(", "))
}
