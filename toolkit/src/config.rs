//! The configuration file: TOML as people write it in, checked values out. `docs/TOOLKIT.md` is its manual.
//!
//! Only what can be told from the text is checked here; whether tables, files and columns are there is for [`crate::producer`] and
//! [`crate::consumer`], who open them. Every error names the key and the remedy.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use model::contract::{DeliveryOptions, JobMode, PART_ROWS, SegmentLabel};
use model::{
    field::{Field, FieldForm, FieldKind, FieldType},
    preset::Preset,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use crate::database::Identifier;
use crate::database::postgres::ServerConfig;
use crate::folder::Folder;

/// Where the authentication key is looked for when the file does not say.
pub const KEY_VARIABLE: &str = "USHER_TOOLKIT_AUTHENTICATION_KEY";
/// Where the key for Usher is looked for when the file does not say.
const ENDPOINT_KEY_VARIABLE: &str = "USHER_ENDPOINT_KEY";
/// Where the database is looked for when the file does not say.
pub const DATABASE_VARIABLE: &str = "USHER_TOOLKIT_DATABASE";
/// Where the Toolkit's own tables stand in a PostgreSQL database when the file does not say.
const USUAL_SCHEMA: &str = "usher";
/// Usher keeps no more of each text of a label.
const LONGEST_LABEL: usize = 500;

/// Why a configuration is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("cannot read {}: {source}. Check the path and its permissions.", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not TOML, or a key that is unknown, missing or of the wrong type.
    #[error("{} is not a configuration: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Names the line and the key.
        source: Box<toml::de::Error>,
    },
    /// A database that cannot be used as it is.
    #[error("cannot use the database {}: {source}. {remedy}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// A PostgreSQL database that cannot be used as it is.
    #[error("cannot use the database {address}: {problem}. {remedy}")]
    Server {
        /// The server and the database, without a password.
        address: String,
        /// What the server says.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// A folder that cannot be used as it is.
    #[error("cannot use the folder {}: {source}. Check the path and its permissions.", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A value that cannot be used.
    #[error("`{key}` {problem}. {remedy}")]
    Value {
        /// The key in the file, with its sections.
        key: String,
        /// What is wrong.
        problem: String,
        /// What to write instead.
        remedy: String,
    },
}

/// A value of the configuration that cannot be used.
pub fn wrong(key: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> ConfigError {
    ConfigError::Value { key: key.into(), problem: problem.into(), remedy: remedy.into() }
}

/// SHA-256 of the authentication key: the key itself is forgotten when the configuration is read.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyDigest(pub [u8; 32]);

impl KeyDigest {
    /// The digest of a key as it came.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }
}

impl std::fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}

/// A checked configuration. Paths are absolute or relative to the working directory.
#[derive(Debug)]
pub struct Config {
    /// Whom it serves or calls.
    pub meeting: Meeting,
    /// The endpoint's name for people.
    pub name: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// The folder for what the Toolkit itself remembers.
    pub state: PathBuf,
    /// Present when audiences are offered.
    pub producer: Option<ProducerConfig>,
    /// Present when audiences are taken.
    pub consumer: Option<ConsumerConfig>,
}

/// Who calls whom.
#[derive(Debug)]
pub enum Meeting {
    /// Usher calls: `usher-toolkit serve`.
    Served {
        /// Where to listen; port 0 lets the system choose.
        listen: SocketAddr,
        /// What callers must show.
        key: KeyDigest,
        /// Present when Usher is told of it by this program.
        registration: Option<Registration>,
    },
    /// This program calls Usher: `usher-toolkit agent`.
    Calling(UsherConfig),
}

/// How this program tells Usher where it is.
#[derive(Debug)]
pub struct Registration {
    /// Which Usher is told.
    pub usher: UsherConfig,
    /// Where Usher reaches this program.
    pub own_url: Url,
    /// What Usher is to show it.
    pub authentication_key: SecretText,
}

/// What nobody else is to see.
#[derive(Clone)]
pub struct SecretText(pub String);

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// The Usher that is called.
#[derive(Debug)]
pub struct UsherConfig {
    /// Its address; the contract's paths stand below it.
    pub url: Url,
    /// The key that it made for this endpoint.
    pub key: SecretText,
}

/// A database.
#[derive(Debug, Clone)]
pub enum DatabaseConfig {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server.
    Postgres(ServerConfig),
}

/// The audiences that are offered, and where their rows lie. Ids are unique.
#[derive(Debug)]
pub enum ProducerConfig {
    /// In a database.
    Database {
        /// Which.
        database: DatabaseConfig,
        /// At least one.
        segments: Vec<SegmentConfig<Select>>,
    },
    /// In a folder of CSV files.
    Folder {
        /// The folder.
        folder: Folder,
        /// Each with its file, relative to the folder; when there is none, every file of the folder is a segment.
        segments: Vec<SegmentConfig<PathBuf>>,
        /// The fields of every file when no segment is listed; derived from the header when empty.
        fields: Vec<Field>,
    },
}

/// One audience.
#[derive(Debug, Clone)]
pub struct SegmentConfig<R> {
    /// Its id for Usher.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What it holds, for people.
    pub description: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Where it comes from and what it may be used for.
    pub label: Option<SegmentLabel>,
    /// Where its rows come from.
    pub rows: R,
    /// Its fields; derived from the columns when `None`.
    pub fields: Option<Vec<Field>>,
}

/// The rows of an audience in a database.
#[derive(Debug, Clone)]
pub struct Select {
    /// A whole `select` without a semicolon at its end.
    pub query: String,
    /// The column that tells people apart; exports are sorted by it.
    pub key: Option<Identifier>,
}

/// Where audiences are taken into.
#[derive(Debug)]
pub struct ConsumerConfig {
    /// Where the people are kept.
    pub place: PlaceConfig,
    /// The field that tells people apart.
    pub key: Identifier,
    /// What is taken; the key is among them and required.
    pub fields: Vec<Field>,
    /// Modes and limits.
    pub delivery: DeliveryOptions,
}

/// Where the people are kept.
#[derive(Debug)]
pub enum PlaceConfig {
    /// In tables of a database.
    Database {
        /// Which.
        database: DatabaseConfig,
        /// Its tables.
        tables: TableNames,
    },
    /// In CSV files of a folder, one for each segment.
    Folder(Folder),
}

/// The tables of a consumer.
#[derive(Debug)]
pub struct TableNames {
    /// The table of people.
    pub people: Identifier,
    /// The table of segments.
    pub segments: Identifier,
    /// The table of who is in which segment.
    pub members: Identifier,
}

impl ConsumerConfig {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    listen: Option<String>,
    usher: Option<RawUsher>,
    authentication_key: Option<String>,
    authentication_key_file: Option<PathBuf>,
    name: String,
    description: Option<String>,
    database: Option<String>,
    database_file: Option<PathBuf>,
    schema: Option<String>,
    folder: Option<PathBuf>,
    delimiter: Option<String>,
    state: PathBuf,
    producer: Option<RawProducer>,
    consumer: Option<RawConsumer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUsher {
    url: String,
    endpoint_key: Option<String>,
    endpoint_key_file: Option<PathBuf>,
    own_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProducer {
    #[serde(default)]
    segments: Vec<RawSegment>,
    #[serde(default)]
    fields: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLabel {
    provenance: Option<String>,
    refresh_cadence: Option<String>,
    consent_basis: Option<String>,
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSegment {
    id: String,
    name: String,
    description: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    label: Option<RawLabel>,
    table: Option<String>,
    query: Option<String>,
    key: Option<String>,
    file: Option<PathBuf>,
    #[serde(default)]
    fields: Vec<RawField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConsumer {
    table: Option<String>,
    key: String,
    segments_table: Option<String>,
    members_table: Option<String>,
    #[serde(default)]
    fields: Vec<RawField>,
    #[serde(default = "every_mode")]
    modes: Vec<String>,
    #[serde(default = "yes")]
    new_segment: bool,
    #[serde(default = "yes")]
    existing_segment: bool,
    #[serde(default = "usual_rows_per_part")]
    rows_per_part: u64,
    rows_per_second: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    name: String,
    label: Option<String>,
    kind: Option<String>,
    #[serde(rename = "type")]
    field_type: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    recommended: bool,
    form: Option<String>,
    description: Option<String>,
    example: Option<String>,
    preset: Option<String>,
}

fn every_mode() -> Vec<String> {
    ["add", "replace", "remove"].map(str::to_owned).into()
}

fn yes() -> bool {
    true
}

fn usual_rows_per_part() -> u64 {
    PART_ROWS
}

/// Reads and checks a configuration file. Paths in it are relative to its own folder.
///
/// # Errors
/// [`ConfigError`], whose text names the key and the remedy.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let raw: RawConfig = toml::from_str(&text)
        .map_err(|source| ConfigError::Syntax { path: path.to_owned(), source: Box::new(source) })?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let variable = |name| std::env::var(name).ok();
    check(raw, &folder, Environment { key: variable(KEY_VARIABLE), database: variable(DATABASE_VARIABLE) })
}

/// What the environment says where the file does not.
#[derive(Default)]
struct Environment {
    key: Option<String>,
    database: Option<String>,
}

fn check(raw: RawConfig, folder: &Path, environment: Environment) -> Result<Config, ConfigError> {
    if raw.name.trim().is_empty() {
        return Err(wrong("name", "is empty", "Write the name that people know the application by."));
    }
    let store = store(&raw, folder, environment.database)?;
    if raw.state.as_os_str().is_empty() {
        return Err(wrong("state", "is empty", "Write the path of a folder; it is made when it is not there."));
    }
    if raw.producer.is_none() && raw.consumer.is_none() {
        return Err(wrong(
            "producer",
            "and `consumer` are both missing",
            "Write a [producer] section, a [consumer] section, or both.",
        ));
    }
    let config = Config {
        meeting: meeting(&raw, folder, environment.key)?,
        state: folder.join(&raw.state),
        name: raw.name,
        description: raw.description,
        producer: raw.producer.map(|raw| producer(raw, &store)).transpose()?,
        consumer: raw.consumer.map(|raw| consumer(raw, &store)).transpose()?,
    };
    Ok(config)
}

/// Where all rows of an endpoint lie.
enum Store {
    Database(DatabaseConfig),
    Folder(Folder),
}

fn store(raw: &RawConfig, base: &Path, of_environment: Option<String>) -> Result<Store, ConfigError> {
    let delimiter = match raw.delimiter.as_deref() {
        None => b',',
        Some(text) => match text.as_bytes() {
            [delimiter @ (b',' | b';' | b'\t' | b'|')] => *delimiter,
            _ => return Err(wrong("delimiter", format!("is {text:?}"), "Use \",\", \";\", \"\\t\" or \"|\".")),
        },
    };
    let (key, address) = match (&raw.database, &raw.database_file, &raw.folder) {
        (Some(_), Some(_), _) => {
            return Err(wrong("database", "and `database_file` are both there", "Keep one of the two."));
        }
        (Some(_), None, Some(_)) => {
            return Err(wrong("database", "and `folder` are both there", "Keep the one that has the people."));
        }
        (None, Some(_), Some(_)) => {
            return Err(wrong("database_file", "and `folder` are both there", "Keep the one that has the people."));
        }
        (None, None, Some(folder)) if folder.as_os_str().is_empty() => {
            return Err(wrong("folder", "is empty", "Write the path of a folder of CSV files."));
        }
        (None, None, Some(folder)) => {
            only_for("a PostgreSQL database", "schema".to_owned(), raw.schema.as_ref())?;
            return Ok(Store::Folder(Folder::new(base.join(folder), delimiter)));
        }
        (Some(address), None, None) => ("database", address.clone()),
        (None, Some(file), None) => ("database_file", secret(&base.join(file))?),
        (None, None, None) => match of_environment {
            Some(address) => (DATABASE_VARIABLE, address),
            None => {
                return Err(wrong(
                    "database",
                    "and `folder` are both missing",
                    format!(
                        "Write `database = \"sqlite:FILE\"`, a PostgreSQL database as `database`, `database_file` or \
                         {DATABASE_VARIABLE} in the environment, or `folder` and the path of a folder of CSV files."
                    ),
                ));
            }
        },
    };
    if raw.delimiter.is_some() {
        return Err(wrong("delimiter", "is for a folder of CSV files", "Leave it out with a database."));
    }
    database(raw, base, key, &address).map(Store::Database)
}

fn database(raw: &RawConfig, base: &Path, key: &str, address: &str) -> Result<DatabaseConfig, ConfigError> {
    if ServerConfig::is_address(address) {
        let schema = raw.schema.as_deref().unwrap_or(USUAL_SCHEMA);
        let schema = identifier("schema", schema)?;
        let server = ServerConfig::parse(address, schema.as_str(), base).map_err(|problem| {
            wrong(key, problem, "Write for instance \"postgres://USER@SERVER/DATABASE?sslmode=verify-full\".")
        })?;
        return Ok(DatabaseConfig::Postgres(server));
    }
    only_for("a PostgreSQL database", "schema".to_owned(), raw.schema.as_ref())?;
    match address.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(DatabaseConfig::Sqlite(base.join(path))),
        _ => Err(wrong(
            key,
            "is not a database that can be served",
            "Write \"sqlite:\" and the path of an SQLite file, or \"postgres://USER@SERVER/DATABASE\".",
        )),
    }
}

/// What stands in a file, without the white space around it.
fn secret(path: &Path) -> Result<String, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    Ok(text.trim().to_owned())
}

/// Refuses a key that says nothing about where the rows lie.
fn only_for<T>(store: &str, key: String, value: Option<&T>) -> Result<(), ConfigError> {
    match value {
        Some(_) => Err(wrong(key, format!("is for {store}"), "Leave it out.")),
        None => Ok(()),
    }
}

fn meeting(raw: &RawConfig, folder: &Path, key_of_environment: Option<String>) -> Result<Meeting, ConfigError> {
    match (&raw.listen, &raw.usher) {
        (Some(listen), usher) => {
            let listen = listen.parse().map_err(|_| {
                wrong("listen", "is not an address with a port", "Write for instance \"127.0.0.1:4010\".")
            })?;
            let key = authentication_key(raw, folder, key_of_environment)?;
            let registration = usher.as_ref().map(|usher| registration(usher, folder, &key)).transpose()?;
            Ok(Meeting::Served { listen, key: KeyDigest::of(&key.0), registration })
        }
        (None, Some(usher)) if usher.own_url.is_some() => Err(wrong(
            "usher.own_url",
            "is there, and `listen` is not",
            "Write `listen`, too, when Usher calls this endpoint, or leave it out when this endpoint calls Usher.",
        )),
        (None, Some(usher)) => Ok(Meeting::Calling(calling(usher, folder)?)),
        (None, None) => Err(wrong(
            "listen",
            "is missing, and so is [usher]",
            "Write `listen` when Usher calls this endpoint, or [usher] when this endpoint calls Usher.",
        )),
    }
}

fn registration(raw: &RawUsher, folder: &Path, key: &SecretText) -> Result<Registration, ConfigError> {
    let own_url = raw.own_url.as_ref().ok_or_else(|| {
        wrong(
            "usher.own_url",
            "is missing beside `listen`",
            "Say where Usher reaches this program, for instance \"https://crm.example.org/\", or leave `listen` out when this endpoint calls Usher.",
        )
    })?;
    Ok(Registration {
        usher: calling(raw, folder)?,
        own_url: web_address("usher.own_url", own_url)?,
        authentication_key: key.clone(),
    })
}

/// An address below which paths stand.
fn web_address(name: &str, text: &str) -> Result<Url, ConfigError> {
    let mut url: Url = text
        .parse()
        .map_err(|_| wrong(name, "is not an address", "Write for instance \"https://usher.example.org/\"."))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong(name, "is not an address of the web", "Begin it with https:// or http://."));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn calling(raw: &RawUsher, folder: &Path) -> Result<UsherConfig, ConfigError> {
    let url = web_address("usher.url", &raw.url)?;
    let (name, key) = match (&raw.endpoint_key, &raw.endpoint_key_file, std::env::var(ENDPOINT_KEY_VARIABLE).ok()) {
        (Some(_), Some(_), _) => {
            return Err(wrong(
                "usher.endpoint_key",
                "and `usher.endpoint_key_file` are both there",
                "Keep one of the two.",
            ));
        }
        (Some(key), None, _) => ("usher.endpoint_key", key.clone()),
        (None, Some(file), _) => ("usher.endpoint_key_file", secret(&folder.join(file))?),
        (None, None, Some(key)) => (ENDPOINT_KEY_VARIABLE, key),
        (None, None, None) => {
            let remedy = format!(
                "Make it on the endpoint's page in Usher, and write it, or `endpoint_key_file`, or set {ENDPOINT_KEY_VARIABLE}."
            );
            return Err(wrong("usher.endpoint_key", "is missing", remedy));
        }
    };
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong(name, "is not a key", "Make one on the endpoint's page in Usher, and copy all of it."));
    }
    Ok(UsherConfig { url, key: SecretText(key) })
}

fn authentication_key(
    raw: &RawConfig,
    folder: &Path,
    of_environment: Option<String>,
) -> Result<SecretText, ConfigError> {
    let remedy = "Give at least 16 characters without spaces, for instance from `openssl rand -hex 24`.";
    let (key_name, key) = match (&raw.authentication_key, &raw.authentication_key_file, of_environment) {
        (Some(_), Some(_), _) => {
            return Err(wrong(
                "authentication_key",
                "and `authentication_key_file` are both there",
                "Keep one of the two.",
            ));
        }
        (Some(key), None, _) => ("authentication_key", key.clone()),
        (None, Some(file), _) => ("authentication_key_file", secret(&folder.join(file))?),
        (None, None, Some(key)) => (KEY_VARIABLE, key),
        (None, None, None) => {
            return Err(wrong(
                "authentication_key",
                "is missing",
                format!("Write it, or `authentication_key_file`, or set {KEY_VARIABLE} in the environment."),
            ));
        }
    };
    if key.len() < 16 {
        return Err(wrong(key_name, "is shorter than 16 characters", remedy));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong(key_name, "has spaces or characters that cannot stand in an HTTP header", remedy));
    }
    Ok(SecretText(key))
}

fn producer(raw: RawProducer, store: &Store) -> Result<ProducerConfig, ConfigError> {
    let shared = fields("producer.fields", raw.fields)?;
    match store {
        Store::Database(_) if raw.segments.is_empty() => {
            Err(wrong("producer.segments", "is empty", "Write at least one [[producer.segments]]."))
        }
        Store::Database(database) => {
            let select = |segment: &RawSegment, at: &dyn Fn(&str) -> String| select(segment, at, database);
            Ok(ProducerConfig::Database {
                database: database.clone(),
                segments: segments(raw.segments, &shared, select)?,
            })
        }
        Store::Folder(folder) => Ok(ProducerConfig::Folder {
            folder: folder.clone(),
            segments: segments(raw.segments, &shared, file)?,
            fields: shared,
        }),
    }
}

fn segments<R>(
    raw: Vec<RawSegment>,
    shared: &[Field],
    rows: impl Fn(&RawSegment, &dyn Fn(&str) -> String) -> Result<R, ConfigError>,
) -> Result<Vec<SegmentConfig<R>>, ConfigError> {
    let mut ids = HashSet::new();
    let mut segments = Vec::new();
    for (index, segment) in raw.into_iter().enumerate() {
        let at = |key: &str| format!("producer.segments[{index}].{key}");
        if !is_legal_id(&segment.id) {
            return Err(wrong(at("id"), "is not an id", "Use 1 to 64 letters, digits, '-' and '_'."));
        }
        if !ids.insert(segment.id.clone()) {
            return Err(wrong(
                at("id"),
                format!("is \"{}\" once more", segment.id),
                "Give each segment an id of its own.",
            ));
        }
        if segment.name.trim().is_empty() {
            return Err(wrong(at("name"), "is empty", "Write the name that people shall see."));
        }
        let rows = rows(&segment, &at)?;
        let own = fields(&at("fields"), segment.fields)?;
        segments.push(SegmentConfig {
            fields: [own, shared.to_vec()].into_iter().find(|fields| !fields.is_empty()),
            id: segment.id,
            name: segment.name,
            description: segment.description,
            tags: segment.tags,
            label: segment.label.map(|label| label_of(&at, label)).transpose()?,
            rows,
        });
    }
    Ok(segments)
}

fn label_of(at: &dyn Fn(&str) -> String, raw: RawLabel) -> Result<SegmentLabel, ConfigError> {
    let text = |key: &str, text: Option<String>| match text {
        Some(text) if text.trim().is_empty() || text.chars().count() > LONGEST_LABEL => {
            let remedy = format!("Write 1 to {LONGEST_LABEL} characters, or leave it out.");
            Err(wrong(at(&format!("label.{key}")), "is empty or too long", remedy))
        }
        text => Ok(text),
    };
    Ok(SegmentLabel {
        provenance: text("provenance", raw.provenance)?,
        refresh_cadence: text("refresh_cadence", raw.refresh_cadence)?,
        consent_basis: text("consent_basis", raw.consent_basis)?,
        owner: text("owner", raw.owner)?,
    })
}

/// Whether a text can stand as a segment's id in addresses and file names everywhere.
pub fn is_legal_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn select(segment: &RawSegment, at: &dyn Fn(&str) -> String, database: &DatabaseConfig) -> Result<Select, ConfigError> {
    only_for("a folder of CSV files", at("file"), segment.file.as_ref())?;
    let query = match (&segment.table, &segment.query) {
        (Some(table), None) => format!("select * from {}", table_name(&at("table"), table, database)?.quoted()),
        (None, Some(query)) => {
            let query = query.trim().trim_end_matches(';').trim_end().to_owned();
            if query.is_empty() {
                return Err(wrong(at("query"), "is empty", "Write a select statement."));
            }
            query
        }
        _ => {
            return Err(wrong(at("query"), "or `table` is needed, and only one of them", "Write `table` or `query`."));
        }
    };
    Ok(Select { query, key: segment.key.as_deref().map(|key| identifier(&at("key"), key)).transpose()? })
}

fn file(segment: &RawSegment, at: &dyn Fn(&str) -> String) -> Result<PathBuf, ConfigError> {
    for (key, value) in [("table", &segment.table), ("query", &segment.query), ("key", &segment.key)] {
        only_for("a database", at(key), value.as_ref())?;
    }
    let file = segment
        .file
        .clone()
        .ok_or_else(|| wrong(at("file"), "is missing", "Write the name of a CSV file in the folder."))?;
    if !crate::folder::stays_within(&file) {
        return Err(wrong(
            at("file"),
            format!("is \"{}\", which is not within the folder", file.display()),
            "Write the name of a CSV file in the folder, without \"..\" and without a \"/\" at its start.",
        ));
    }
    Ok(file)
}

/// The names of the three tables of a consumer.
fn tables(raw: &RawConsumer, database: &DatabaseConfig) -> Result<TableNames, ConfigError> {
    let table = |key: &str, name: &Option<String>| match name {
        Some(name) => own_table(key, name, database),
        None => Err(wrong(key, "is missing", "Write the name of a table; it is made when it is not there.")),
    };
    let people = table("consumer.table", &raw.table)?;
    let segments = table("consumer.segments_table", &raw.segments_table)?;
    let members = table("consumer.members_table", &raw.members_table)?;
    let names: HashSet<String> = [&people, &segments, &members].iter().map(|t| t.as_str().to_lowercase()).collect();
    if names.len() < 3 {
        return Err(wrong(
            "consumer.table",
            "and the other tables have the same name",
            "Give each of the three tables its own.",
        ));
    }
    Ok(TableNames { people, segments, members })
}

fn consumer(raw: RawConsumer, store: &Store) -> Result<ConsumerConfig, ConfigError> {
    let place = match store {
        Store::Database(database) => {
            PlaceConfig::Database { database: database.clone(), tables: tables(&raw, database)? }
        }
        Store::Folder(folder) => {
            for (key, value) in
                [("table", &raw.table), ("segments_table", &raw.segments_table), ("members_table", &raw.members_table)]
            {
                only_for("a database", format!("consumer.{key}"), value.as_ref())?;
            }
            PlaceConfig::Folder(folder.clone())
        }
    };
    let key = identifier("consumer.key", &raw.key)?;
    let mut fields = fields("consumer.fields", raw.fields)?;
    if let Some(field) = fields.iter().find(|field| field.name.to_lowercase().starts_with("usher_")) {
        return Err(wrong(
            "consumer.fields",
            format!("has \"{}\"", field.name),
            "Names with \"usher_\" are the Toolkit's own.",
        ));
    }
    match fields.iter_mut().find(|field| field.name == key.as_str()) {
        Some(field) if field.kind == FieldKind::Identifier => field.required = true,
        Some(_) => {
            return Err(wrong("consumer.key", "is a field of kind \"attribute\"", "Choose one that is an identifier."));
        }
        None => {
            return Err(wrong(
                "consumer.key",
                "is not one of `consumer.fields`",
                "Name a field of [[consumer.fields]].",
            ));
        }
    }
    let mut modes = Vec::new();
    for mode in &raw.modes {
        let mode = match mode.as_str() {
            "add" => JobMode::Add,
            "replace" => JobMode::Replace,
            "remove" => JobMode::Remove,
            other => {
                return Err(wrong(
                    "consumer.modes",
                    format!("has \"{other}\""),
                    "Use \"add\", \"replace\" and \"remove\".",
                ));
            }
        };
        if !modes.contains(&mode) {
            modes.push(mode);
        }
    }
    if modes.is_empty() {
        return Err(wrong(
            "consumer.modes",
            "is empty",
            "Use \"add\", \"replace\" and \"remove\", or leave it out for all three.",
        ));
    }
    if !raw.new_segment && !raw.existing_segment {
        return Err(wrong(
            "consumer.new_segment",
            "and `existing_segment` are both false",
            "Let at least one of them be true.",
        ));
    }
    if raw.rows_per_second == Some(0) {
        return Err(wrong(
            "consumer.rows_per_second",
            "is 0",
            "Write how many rows a second it takes, or leave it out.",
        ));
    }
    if raw.rows_per_part == 0 {
        return Err(wrong(
            "consumer.rows_per_part",
            "is 0",
            format!("Write the rows that a part may have, or leave it out for {PART_ROWS}."),
        ));
    }
    Ok(ConsumerConfig {
        place,
        key,
        fields,
        delivery: DeliveryOptions {
            modes,
            new_segment: raw.new_segment,
            existing_segment: raw.existing_segment,
            rows_per_part: Some(raw.rows_per_part),
            rows_per_second: raw.rows_per_second,
            member_lifetime_days: None,
        },
    })
}

fn identifier(key: &str, name: &str) -> Result<Identifier, ConfigError> {
    Identifier::parse(name)
        .map_err(|problem| wrong(key, "is not a name of a table or column", format!("Mend it: {problem}.")))
}

/// The name of a table; in PostgreSQL it may have a schema before it.
fn table_name(key: &str, name: &str, database: &DatabaseConfig) -> Result<Identifier, ConfigError> {
    match database {
        DatabaseConfig::Sqlite(_) => identifier(key, name),
        DatabaseConfig::Postgres(_) => Identifier::parse_qualified(name)
            .map_err(|problem| wrong(key, "is not a name of a table", format!("Mend it: {problem}."))),
    }
}

/// A table that the Toolkit writes to: neither SQLite's nor the Toolkit's own records.
fn own_table(key: &str, name: &str, database: &DatabaseConfig) -> Result<Identifier, ConfigError> {
    let table = table_name(key, name, database)?;
    let lower = table.as_str().to_lowercase();
    if lower.starts_with("sqlite_") || lower.starts_with("usher_") {
        return Err(wrong(key, "starts with \"sqlite_\" or \"usher_\"", "Those names are taken; choose another."));
    }
    Ok(table)
}

fn fields(key: &str, raw: Vec<RawField>) -> Result<Vec<Field>, ConfigError> {
    let mut names = HashSet::new();
    let mut fields = Vec::new();
    for (index, field) in raw.into_iter().enumerate() {
        let at = |part: &str| format!("{key}[{index}].{part}");
        identifier(&at("name"), &field.name)?;
        // SQL does not tell columns apart by case.
        if !names.insert(field.name.to_lowercase()) {
            return Err(wrong(at("name"), format!("is \"{}\" once more", field.name), "Name each field once."));
        }
        let guessed = guess(&field.name);
        let field_type = match field.field_type.as_deref() {
            None => guessed.field_type,
            Some(word) => field_type(word).ok_or_else(|| {
                wrong(
                    at("type"),
                    format!("is \"{word}\""),
                    format!("Use one of {}.", FIELD_TYPES.map(|(word, _)| word).join(", ")),
                )
            })?,
        };
        let kind = match field.kind.as_deref() {
            None => guessed.kind,
            Some("identifier") => FieldKind::Identifier,
            Some("attribute") => FieldKind::Attribute,
            Some(word) => {
                return Err(wrong(at("kind"), format!("is \"{word}\""), "Use \"identifier\" or \"attribute\"."));
            }
        };
        let form = match field.form.as_deref() {
            None | Some("raw") => FieldForm::Raw,
            Some("sha256_hex") => FieldForm::Sha256Hex,
            Some("sha256_base64") => FieldForm::Sha256Base64,
            Some(word) => {
                return Err(wrong(
                    at("form"),
                    format!("is \"{word}\""),
                    "Use \"raw\", \"sha256_hex\" or \"sha256_base64\".",
                ));
            }
        };
        let preset = match field.preset.as_deref() {
            None => None,
            Some(word) => Some(Preset::of_word(word).ok_or_else(|| {
                let words = Preset::ALL.map(Preset::as_str).join(", ");
                wrong(at("preset"), format!("is \"{word}\""), format!("Use one of {words}."))
            })?),
        };
        fields.push(Field {
            name: field.name,
            label: field.label,
            kind,
            field_type,
            required: field.required,
            recommended: field.recommended,
            form,
            description: field.description,
            example: field.example,
            preset,
        });
    }
    Ok(fields)
}

const FIELD_TYPES: [(&str, FieldType); 13] = [
    ("email", FieldType::Email),
    ("phone", FieldType::Phone),
    ("mobile_ad_id", FieldType::MobileAdId),
    ("cookie_id", FieldType::CookieId),
    ("customer_id", FieldType::CustomerId),
    ("string", FieldType::String),
    ("integer", FieldType::Integer),
    ("decimal", FieldType::Decimal),
    ("boolean", FieldType::Boolean),
    ("date", FieldType::Date),
    ("timestamp", FieldType::Timestamp),
    ("country", FieldType::Country),
    ("postal_code", FieldType::PostalCode),
];

fn field_type(word: &str) -> Option<FieldType> {
    FIELD_TYPES.iter().find(|(name, _)| *name == word).map(|(_, field_type)| *field_type)
}

/// The field that a column probably is, by its name alone: identifiers that are usual, and text for all else.
pub fn guess(column: &str) -> Field {
    let plain: String = column.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let (kind, field_type) = match plain.as_str() {
        "email" | "mail" | "emailaddress" => (FieldKind::Identifier, FieldType::Email),
        "phone" | "phonenumber" | "mobile" | "mobilenumber" | "telephone" | "tel" => {
            (FieldKind::Identifier, FieldType::Phone)
        }
        "id" | "customerid" | "customernumber" | "externalid" | "personid" | "userid" | "contactid" => {
            (FieldKind::Identifier, FieldType::CustomerId)
        }
        "mobileadid" | "maid" | "idfa" | "gaid" => (FieldKind::Identifier, FieldType::MobileAdId),
        "cookieid" | "cookie" => (FieldKind::Identifier, FieldType::CookieId),
        _ => (FieldKind::Attribute, FieldType::String),
    };
    Field::new(column, kind, field_type)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const USHER: &str = "[usher]\nurl = \"https://usher.example.org\"\nendpoint_key = \"usher_key_1\"\n";
    const HEAD: &str = "listen = \"127.0.0.1:0\"\nauthentication_key = \"0123456789abcdef\"\nname = \"CRM\"\n\
                        database = \"sqlite:crm.db\"\nstate = \"state\"\n";
    const CONSUMER: &str = "[consumer]\ntable = \"contacts\"\nkey = \"email\"\nsegments_table = \"lists\"\n\
                            members_table = \"list_members\"\n";

    fn read(text: &str) -> Result<Config, ConfigError> {
        let raw = toml::from_str(text)
            .map_err(|source| ConfigError::Syntax { path: "crm.toml".into(), source: Box::new(source) })?;
        check(raw, Path::new("/etc/usher"), Environment::default())
    }

    fn selects(config: Config) -> (DatabaseConfig, Vec<SegmentConfig<Select>>) {
        match config.producer.unwrap() {
            ProducerConfig::Database { database, segments } => (database, segments),
            ProducerConfig::Folder { .. } => panic!("it is a database"),
        }
    }

    fn error(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_table_is_enough_to_offer_an_audience() {
        let config =
            read(&format!("{HEAD}[[producer.segments]]\nid = \"all\"\nname = \"All\"\ntable = \"peo\\\"ple\"\n"))
                .unwrap();
        assert_eq!(config.state, Path::new("/etc/usher/state"));
        let (database, segments) = selects(config);
        assert!(matches!(database, DatabaseConfig::Sqlite(path) if path == Path::new("/etc/usher/crm.db")));
        assert_eq!(segments[0].rows.query, "select * from \"peo\"\"ple\"");
        assert!(segments[0].fields.is_none());
    }

    #[test]
    fn shared_fields_hold_unless_a_segment_has_its_own() {
        let config = read(&format!(
            "{HEAD}[[producer.fields]]\nname = \"email\"\n[[producer.segments]]\nid = \"a\"\nname = \"A\"\ntable = \"t\"\n\
             [[producer.segments]]\nid = \"b\"\nname = \"B\"\nquery = \"select 1 as n;\"\n[[producer.segments.fields]]\n\
             name = \"n\"\ntype = \"integer\"\n"
        ))
        .unwrap();
        let (_, segments) = selects(config);
        assert_eq!(segments[0].fields.as_ref().unwrap()[0].field_type, FieldType::Email);
        assert_eq!(segments[1].fields.as_ref().unwrap()[0].field_type, FieldType::Integer);
        assert_eq!(segments[1].rows.query, "select 1 as n");
    }

    #[test]
    fn the_key_of_a_consumer_is_always_required() {
        let config =
            read(&format!("{HEAD}{CONSUMER}[[consumer.fields]]\nname = \"email\"\n")).unwrap().consumer.unwrap();
        assert!(config.fields[0].required);
        assert_eq!(config.delivery.modes, [JobMode::Add, JobMode::Replace, JobMode::Remove]);
        assert_eq!(config.delivery.rows_per_part, Some(PART_ROWS));
    }

    #[test]
    fn a_folder_needs_no_more_than_its_path() {
        let head = HEAD.replace("database = \"sqlite:crm.db\"", "folder = \"audiences\"");
        let Some(ProducerConfig::Folder { segments, fields, .. }) =
            read(&format!("{head}[producer]\n")).unwrap().producer
        else {
            panic!("it is a folder")
        };
        assert!(segments.is_empty() && fields.is_empty());

        let segment = "[[producer.segments]]\nid = \"all\"\nname = \"All\"\n";
        let takes = "[consumer]\nkey = \"email\"\n";
        let cases = [
            (format!("{HEAD}{segment}file = \"a.csv\"\n"), "`producer.segments[0].file` is for a folder"),
            (format!("{head}{segment}"), "`producer.segments[0].file` is missing"),
            (format!("{head}{segment}table = \"people\"\n"), "`producer.segments[0].table` is for a database"),
            (
                format!("{head}{segment}file = \"a.csv\"\nkey = \"id\"\n"),
                "`producer.segments[0].key` is for a database",
            ),
            (format!("{head}{segment}file = \"../a.csv\"\n"), "which is not within the folder"),
            (format!("{head}{segment}file = \"/etc/passwd\"\n"), "which is not within the folder"),
            (format!("{head}{takes}table = \"people\"\n"), "`consumer.table` is for a database"),
            (format!("{HEAD}{takes}"), "`consumer.table` is missing"),
            (format!("{HEAD}folder = \"x\"\n{takes}"), "`database` and `folder` are both there"),
            (head.replace("folder = \"audiences\"\n", "") + takes, "`database` and `folder` are both missing"),
            (head.replace("audiences", "") + takes, "`folder` is empty"),
            (format!("{head}delimiter = \"#\"\n{takes}"), "`delimiter` is \"#\""),
            (format!("{HEAD}delimiter = \";\"\n{takes}"), "`delimiter` is for a folder"),
        ];
        for (text, expected) in cases {
            let error = error(&text);
            assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        }
    }

    #[test]
    fn a_server_stands_in_the_file_or_beside_it() {
        let segment = "[[producer.segments]]\nid = \"all\"\nname = \"All\"\ntable = \"crm.people\"\n";
        let at = |place: &str| format!("{}{segment}", HEAD.replace("database = \"sqlite:crm.db\"\n", place));
        let address_of = |config: Config| {
            let (DatabaseConfig::Postgres(server), segments) = selects(config) else { panic!("it is a server") };
            assert_eq!(segments[0].rows.query, "select * from \"crm\".\"people\"");
            (server.address(), server.schema().to_owned())
        };
        let config = read(&at("database = \"postgres://u:secret@db/crm\"\nschema = \"other\"\n")).unwrap();
        assert_eq!(address_of(config), ("db:5432/crm".to_owned(), "other".to_owned()));

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("url"), "postgresql://u:secret@db:1/crm\n").unwrap();
        let raw = toml::from_str(&at("database_file = \"url\"\n")).unwrap();
        let config = check(raw, folder.path(), Environment::default()).unwrap();
        assert_eq!(address_of(config), ("db:1/crm".to_owned(), "usher".to_owned()));

        let database = Some("postgres://u:secret@db:2/crm".to_owned());
        let raw = toml::from_str(&at("")).unwrap();
        let config = check(raw, folder.path(), Environment { database, key: None }).unwrap();
        assert!(!format!("{config:?}").contains("secret"));
        assert_eq!(address_of(config), ("db:2/crm".to_owned(), "usher".to_owned()));

        for (place, expected) in [
            ("database = \"sqlite:a\"\ndatabase_file = \"b\"\n", "`database` and `database_file` are both there"),
            ("database_file = \"b\"\nfolder = \"c\"\n", "`database_file` and `folder` are both there"),
            ("database = \"sqlite:a\"\nschema = \"b\"\n", "`schema` is for a PostgreSQL database"),
            ("database = \"postgres://u:secret@db/crm?sslmode=maybe\"\n", "`database` has an `sslmode`"),
            ("database = \"postgres://u:secret@db/crm\"\ndelimiter = \";\"\n", "`delimiter` is for a folder"),
        ] {
            let error = error(&at(place));
            assert!(error.contains(expected) && !error.contains("secret"), "expected {expected:?} in {error:?}");
        }
    }

    #[test]
    fn errors_name_the_key_and_the_remedy() {
        let segment = "[[producer.segments]]\nid = \"all\"\nname = \"All\"\ntable = \"people\"\n";
        let cases = [
            (HEAD.to_owned(), "`producer` and `consumer` are both missing. Write a [producer]"),
            (format!("{HEAD}{segment}").replace("127.0.0.1:0", "localhost"), "`listen` is not an address"),
            (format!("{HEAD}{segment}").replace("sqlite:crm.db", "mysql://x"), "Write \"sqlite:\""),
            (
                format!("{HEAD}{segment}").replace("0123456789abcdef", "short"),
                "`authentication_key` is shorter than 16",
            ),
            (format!("{HEAD}{segment}").replace("authentication_key = \"0123456789abcdef\"\n", ""), KEY_VARIABLE),
            (format!("{HEAD}{segment}{segment}"), "`producer.segments[1].id` is \"all\" once more"),
            (format!("{HEAD}{segment}query = \"select 1\"\n"), "Write `table` or `query`"),
            (format!("{HEAD}{segment}colour = \"red\"\n"), "colour"),
            (
                format!("{HEAD}{segment}[[producer.fields]]\nname = \"x\"\ntype = \"emial\"\n"),
                "`producer.fields[0].type` is \"emial\"",
            ),
            (format!("{HEAD}{CONSUMER}[[consumer.fields]]\nname = \"phone\"\n"), "`consumer.key` is not one of"),
            (format!("{HEAD}{CONSUMER}").replace("\"lists\"", "\"contacts\""), "same name"),
            (format!("{HEAD}{CONSUMER}").replace("\"lists\"", "\"usher_parts\""), "choose another"),
            (
                format!("{HEAD}{CONSUMER}modes = [\"ADD\"]\n[[consumer.fields]]\nname = \"email\"\n"),
                "`consumer.modes` has \"ADD\"",
            ),
            (format!("{HEAD}{segment}{USHER}"), "`usher.own_url` is missing beside `listen`"),
            (format!("{HEAD}{segment}{USHER}own_url = \"crm.example.org\"\n"), "`usher.own_url` is not an address"),
            (
                format!("{HEAD}{segment}{USHER}own_url = \"http://crm/\"\n").replace("listen = \"127.0.0.1:0\"\n", ""),
                "`usher.own_url` is there, and `listen` is not",
            ),
        ];
        for (text, expected) in cases {
            let error = error(&text);
            assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        }
    }

    #[test]
    fn a_served_endpoint_can_tell_usher_where_it_is() {
        let segment = "[[producer.segments]]\nid = \"all\"\nname = \"All\"\ntable = \"people\"\n";
        let config = read(&format!("{HEAD}{segment}{USHER}own_url = \"http://crm:4010\"\n")).unwrap();
        let shown = format!("{config:?}");
        let Meeting::Served { registration: Some(registration), .. } = config.meeting else { panic!("{shown}") };
        assert_eq!(registration.own_url.as_str(), "http://crm:4010/");
        assert_eq!(registration.usher.url.as_str(), "https://usher.example.org/");
        assert_eq!(registration.authentication_key.0, "0123456789abcdef");
        assert!(!shown.contains("0123456789abcdef") && !shown.contains("usher_key_1"), "{shown}");
    }

    #[test]
    fn the_key_appears_nowhere_in_the_configuration() {
        let config =
            read(&format!("{HEAD}[[producer.segments]]\nid = \"all\"\nname = \"All\"\ntable = \"people\"\n")).unwrap();
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
    }
}
