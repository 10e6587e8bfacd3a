//! Where all rows of an endpoint lie: a database, or a folder of CSV files.

use std::path::Path;

use super::name::identifier;
use super::raw::RawConfig;
use super::{ConfigError, DatabaseConfig, secret, wrong};
use crate::database::postgres::ServerConfig;
use crate::folder::Folder;

/// Where the database is looked for when the file does not say.
pub(super) const DATABASE_VARIABLE: &str = "USHER_TOOLKIT_DATABASE";
/// Where the Toolkit's own tables stand in a PostgreSQL database when the file does not say.
const USUAL_SCHEMA: &str = "usher";

/// Where all rows of an endpoint lie.
pub(super) enum Store {
    Database(DatabaseConfig),
    Folder(Folder),
}

pub(super) fn store(raw: &RawConfig, base: &Path, of_environment: Option<String>) -> Result<Store, ConfigError> {
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

/// Refuses a key that says nothing about where the rows lie.
pub(super) fn only_for<T>(store: &str, key: String, value: Option<&T>) -> Result<(), ConfigError> {
    match value {
        Some(_) => Err(wrong(key, format!("is for {store}"), "Leave it out.")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::config::check::{Environment, check};
    use crate::config::example::{HEAD, error, read, selects};
    use crate::config::{Config, ProducerConfig};

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
}
