//! What the settings are, once they were checked.

use std::net::SocketAddr;
use std::path::PathBuf;

use model::contract::{DeliveryOptions, SegmentLabel};
use model::field::Field;
use sha2::{Digest, Sha256};
use url::Url;

use crate::database::Identifier;
use crate::database::postgres::ServerConfig;
use crate::folder::Folder;

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
