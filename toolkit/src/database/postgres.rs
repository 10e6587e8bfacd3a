//! PostgreSQL servers: connecting, connecting again, and what every transaction with one begins with.
//!
//! A connection that rests is tried before it is used, so a server that was started again is noticed by nobody. What a server says is told
//! apart here into what will pass (503) and what will not; its messages go to the log only where they cannot hold a row's values.

use std::collections::HashSet;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use bytes::BytesMut;
use postgres::config::SslMode;
use postgres::error::SqlState;
use postgres::types::{Format, IsNull, ToSql, Type};
use postgres::{CancelToken, Client, IsolationLevel, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls::{self, Check};
use super::{Transaction, Value, quote};
use crate::config::ConfigError;
use crate::fault::{Code, Fault};
use crate::state::lock;

/// How long a server may take to be reached, and a connection that rested to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a silent server is believed to be there.
const SILENCE: Duration = Duration::from_secs(60);
/// Connections that are kept for the next one who needs them.
const KEPT: usize = 4;
/// What all transactions begin with: values are written in one way, whatever the server, the database and the role are set to. Nobody
/// else's lock is waited for longer than SQLite's is.
const SETTINGS: &str = "set local lock_timeout = '10s'; set local timezone = 'UTC'; set local datestyle = 'ISO, YMD';
    set local intervalstyle = 'postgres'; set local bytea_output = 'hex'; set local extra_float_digits = 1;
    set local standard_conforming_strings = on; set local default_transaction_deferrable = off;";
/// How long the Toolkit's own statements may take.
const SHORT: &str = "set local statement_timeout = '60s';";
/// How long moving rows may take: so long that only what hangs is ended.
const LONG: &str = "set local statement_timeout = '2h'; set local work_mem = '64MB';";
/// What those who write wait for one after the other: the endpoint's other processes, and an earlier one of which the server does not know
/// yet that it is gone.
const LOCK_SPACE: &str = "usher-toolkit";

/// Where a server is, who is calling, and how far it is trusted.
#[derive(Clone)]
pub struct ServerConfig {
    config: Box<postgres::Config>,
    check: Check,
    roots: Option<PathBuf>,
    schema: String,
}

impl std::fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConfig").field("address", &self.address()).field("schema", &self.schema).finish()
    }
}

impl ServerConfig {
    /// Whether a text is meant as the address of a server.
    pub fn is_address(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// Reads an address such as `postgres://usher:password@db.example.org/crm?sslmode=verify-full`. Files in it are relative to `folder`.
    /// The Toolkit's own tables stand in `schema`.
    ///
    /// # Errors
    /// What is wrong with it, without the address itself, because a password may be in it.
    pub fn parse(address: &str, schema: &str, folder: &Path) -> Result<Self, String> {
        let (base, query) = address.split_once('?').unwrap_or((address, ""));
        let authority = base.split_once("://").map_or(base, |(_, rest)| rest);
        if authority.matches('@').count() > 1 {
            return Err("has more than one \"@\"; in a password it is written %40".to_owned());
        }
        let mut check = Check::Nothing;
        let mut roots = None;
        let mut mode = SslMode::Prefer;
        let mut others = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (name, value) {
                ("sslmode", "disable") => mode = SslMode::Disable,
                ("sslmode", "allow" | "prefer") => mode = SslMode::Prefer,
                ("sslmode", "require") => mode = SslMode::Require,
                ("sslmode", "verify-ca") => (mode, check) = (SslMode::Require, Check::Authority),
                ("sslmode", "verify-full") => (mode, check) = (SslMode::Require, Check::AuthorityAndName),
                ("sslmode", _) => {
                    return Err(
                        "has an `sslmode` that is none of disable, prefer, require, verify-ca, verify-full".to_owned()
                    );
                }
                ("sslrootcert", path) => {
                    let path = percent_decoded(path).ok_or("has an `sslrootcert` that cannot be read")?;
                    roots = (path != "system").then(|| folder.join(path));
                }
                ("sslcert" | "sslkey" | "sslcrl" | "passfile" | "service", _) => {
                    return Err(format!("has `{name}`, which the Toolkit does not know"));
                }
                _ => others.push(pair),
            }
        }
        // As psql does: who names an authority wants it to be asked.
        if roots.is_some() && mode == SslMode::Require && check == Check::Nothing {
            check = Check::Authority;
        }
        let plain = if others.is_empty() { base.to_owned() } else { format!("{base}?{}", others.join("&")) };
        let mut config = postgres::Config::from_str(&plain).map_err(|error| {
            let reason = error.source().map(ToString::to_string).unwrap_or_default();
            format!("is not an address of a PostgreSQL server ({reason})")
        })?;
        if config.get_hosts().is_empty() {
            return Err("names no server".to_owned());
        }
        if config.get_user().is_none() {
            return Err("names no user".to_owned());
        }
        config.ssl_mode(mode);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if !query.contains("keepalives") {
            config.keepalives_idle(SILENCE / 2).keepalives_interval(SILENCE / 6).keepalives_retries(3);
        }
        if config.get_application_name().is_none() {
            config.application_name("usher-toolkit");
        }
        Ok(Self { config: Box::new(config), check, roots, schema: schema.to_owned() })
    }

    /// The server and the database, for people: no user, no password.
    pub fn address(&self) -> String {
        let hosts = self.config.get_hosts().iter().zip(self.config.get_ports().iter().chain(std::iter::repeat(&5432)));
        let hosts: Vec<String> = hosts
            .map(|(host, port)| match host {
                postgres::config::Host::Tcp(name) => format!("{name}:{port}"),
                postgres::config::Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        format!("{}/{}", hosts.join(","), self.config.get_dbname().or(self.config.get_user()).unwrap_or_default())
    }

    /// The schema of the Toolkit's own tables.
    pub fn schema(&self) -> &str {
        &self.schema
    }
}

/// The text that `%41` and the like stand for.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first == b'%' {
            bytes.extend(hex::decode(rest.get(..2)?).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// A server, and connections to it.
///
/// Closing a connection waits for it: the last owner must not be dropped on a thread of an asynchronous runtime.
pub struct Server {
    config: ServerConfig,
    tls: Option<MakeRustlsConnect>,
    idle: Mutex<Vec<Client>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.config.fmt(f)
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A look at what is there.
    Read,
    /// Taking out many rows, all from one state of the database.
    Export,
    /// Changing something, with nobody else who does.
    Write,
}

impl Server {
    /// Reaches a server.
    ///
    /// # Errors
    /// When it is not there or does not let us in, or the certificates to check it by cannot be read.
    pub fn reach(config: &ServerConfig) -> Result<Self, ConfigError> {
        let unusable = |problem: String, remedy: &str| ConfigError::Server {
            address: config.address(),
            problem,
            remedy: remedy.to_owned(),
        };
        let tls =
            match config.config.get_ssl_mode() {
                SslMode::Disable => None,
                _ => Some(tls::connector(config.check, config.roots.as_deref()).map_err(|problem| {
                    unusable(problem, "Name the certificate of the authority with `sslrootcert`.")
                })?),
            };
        let server = Self { config: config.clone(), tls, idle: Mutex::default() };
        let client = server.connect().map_err(|error| {
            unusable(
                Said::of(&error).0,
                "Check that the server runs, its address, the user, the password and `sslmode`.",
            )
        })?;
        lock(&server.idle).push(client);
        Ok(server)
    }

    /// Where it is.
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    fn connect(&self) -> Result<Client, postgres::Error> {
        match &self.tls {
            Some(tls) => self.config.config.connect(tls.clone()),
            None => self.config.config.connect(NoTls),
        }
    }

    /// A connection that answers.
    ///
    /// # Errors
    /// When the server is not there or does not let us in.
    pub fn session(&self) -> Result<Session<'_>, Fault> {
        loop {
            let Some(mut client) = lock(&self.idle).pop() else { break };
            if client.is_valid(CONNECT_TIMEOUT).is_ok() {
                return Ok(Session { server: self, client: Some(client) });
            }
        }
        let client = self.connect()?;
        Ok(Session { server: self, client: Some(client) })
    }

    /// Tells the server to leave off what it does for a connection.
    pub fn cancel(&self, token: &CancelToken) {
        let canceled = match &self.tls {
            Some(tls) => token.cancel_query(tls.clone()),
            None => token.cancel_query(NoTls),
        };
        if let Err(error) = canceled {
            tracing::debug!(error = %Said::of(&error), "the server could not be told to leave off");
        }
    }
}

/// A connection while it is used.
pub struct Session<'s> {
    server: &'s Server,
    client: Option<Client>,
}

impl Session<'_> {
    /// What tells the server to leave off what this connection asked for.
    pub fn cancel_token(&self) -> Option<CancelToken> {
        self.client.as_ref().map(Client::cancel_token)
    }

    /// Does something within a transaction, which is kept when that ends well and was for writing.
    ///
    /// # Errors
    /// When the server fails, and whatever `work` fails with.
    pub fn within<T, E: From<Fault>>(
        mut self,
        purpose: Purpose,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(mut client) = self.client.take() else {
            return Err(Fault::internal("Using a connection", std::io::Error::other("it is used")).into());
        };
        let done = self.begin_and_end(&mut client, purpose, work);
        // One that failed may be in any state.
        if done.is_ok() && !client.is_closed() {
            let mut idle = lock(&self.server.idle);
            if idle.len() < KEPT {
                idle.push(client);
            }
        }
        done
    }

    fn begin_and_end<T, E: From<Fault>>(
        &self,
        client: &mut Client,
        purpose: Purpose,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let schema = quote(&self.server.config.schema);
        let (isolation, settings) = match purpose {
            Purpose::Read => (IsolationLevel::RepeatableRead, SHORT.to_owned()),
            Purpose::Export => (IsolationLevel::RepeatableRead, LONG.to_owned()),
            // Found behind everything else, so that no table of the application is taken for one of ours or the other way round.
            Purpose::Write => (
                IsolationLevel::ReadCommitted,
                format!(
                    "{LONG} select pg_advisory_xact_lock(hashtext('{LOCK_SPACE}'), hashtext({}));",
                    literal(&schema)
                ),
            ),
        };
        let begin = client.build_transaction().isolation_level(isolation).read_only(purpose != Purpose::Write);
        let mut transaction = begin.start().map_err(Fault::from)?;
        let path = format!(
            "select set_config('search_path', concat_ws(', ', nullif(current_setting('search_path'), ''), {}), true);",
            literal(&schema)
        );
        transaction.batch_execute(&format!("{SETTINGS} {path} {settings}")).map_err(Fault::from)?;
        let mut transaction = Transaction::Postgres(transaction);
        let done = work(&mut transaction)?;
        if let Transaction::Postgres(transaction) = transaction {
            transaction.commit().map_err(Fault::from)?;
        }
        Ok(done)
    }
}

/// A text in single quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Values as the driver takes them.
pub fn parameters<'v>(values: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// Values go as text, so that the server reads them as whatever type the column has.
impl ToSql for Value<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Null => return Ok(IsNull::Yes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    postgres::types::to_sql_checked!();
}

/// What a server said, as far as it can stand in a log.
#[derive(Debug)]
pub struct Said(String);

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Said {}

impl Said {
    /// What stands in an error, less what could hold a row's values.
    pub fn of(error: &postgres::Error) -> Self {
        Self(match error.as_db_error() {
            Some(said) if is_of_a_row(error) => format!("SQLSTATE {}", said.code().code()),
            Some(said) => format!("{} (SQLSTATE {})", said.message(), said.code().code()),
            None => {
                let causes = causes(error).map(ToString::to_string);
                let mut seen = HashSet::new();
                let causes =
                    std::iter::once(error.to_string()).chain(causes).filter(|cause| seen.insert(cause.clone()));
                causes.collect::<Vec<_>>().join(": ")
            }
        })
    }
}

/// What lies behind an error, one behind the other.
fn causes(error: &postgres::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

/// Whether an error is about the values of a row, and would not be there without that row.
pub fn is_of_a_row(error: &postgres::Error) -> bool {
    let Some(code) = error.code() else { return false };
    // Data, cardinality, integrity, a view's check option, a trigger that raises, an index entry that is too large.
    ["22", "21", "23", "44", "P0", "54"].contains(&&code.code()[..2])
}

impl From<postgres::Error> for Fault {
    fn from(error: postgres::Error) -> Self {
        let said = Box::new(Said::of(&error));
        let unavailable = |detail: &str| (Code::DATABASE_UNAVAILABLE, detail.to_owned());
        let (code, detail) = match error.code() {
            Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => unavailable(
                "Another program holds a lock in the database that is needed here; nothing was changed. Try again.",
            ),
            Some(code) if *code == SqlState::QUERY_CANCELED => {
                unavailable("The database took too long; nothing was changed. Try again.")
            }
            Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
                unavailable("The database can only be read at present; nothing was changed. Try again.")
            }
            Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => (
                Code::INTERNAL,
                "The database's role lacks a right that is needed here; nothing was changed. The endpoint's log says which."
                    .to_owned(),
            ),
            // Connections, whom is let in, which databases there are, resources, operators, the system, conflicts with others.
            Some(code) if ["08", "28", "3D", "40", "53", "55", "57", "58"].contains(&&code.code()[..2]) => {
                unavailable("The database is busy, full or cannot be used at present; nothing was changed. Try again.")
            }
            Some(_) => return Self::internal("Working with the database", *said),
            None if is_of_the_way(&error) => unavailable("The database cannot be reached; nothing was changed. Try again."),
            None => return Self::internal("Working with the database", *said),
        };
        Self { code, detail, source: Some(said) }
    }
}

/// What went wrong while rows went to or came from a server.
pub fn lost(error: std::io::Error) -> Fault {
    if error.get_ref().is_some_and(|error| error.is::<postgres::Error>()) {
        let inner = error.into_inner().map(|error| error.downcast::<postgres::Error>());
        return match inner {
            Some(Ok(error)) => (*error).into(),
            _ => Fault::internal("Working with the database", std::io::Error::other("it broke off")),
        };
    }
    error.into()
}

/// Whether the server could not be reached, or was lost.
fn is_of_the_way(error: &postgres::Error) -> bool {
    let mut causes = causes(error);
    error.is_closed() || error.to_string().starts_with("timeout") || causes.any(|cause| cause.is::<std::io::Error>())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn parse(address: &str) -> Result<ServerConfig, String> {
        ServerConfig::parse(address, "usher", Path::new("/etc/usher"))
    }

    #[test]
    fn an_address_says_how_far_a_server_is_trusted() {
        for (address, mode, check, roots) in [
            ("postgres://u@h/d", SslMode::Prefer, Check::Nothing, None),
            ("postgres://u@h/d?sslmode=disable", SslMode::Disable, Check::Nothing, None),
            ("postgres://u@h/d?sslmode=require", SslMode::Require, Check::Nothing, None),
            ("postgres://u@h/d?sslmode=require&sslrootcert=ca.pem", SslMode::Require, Check::Authority, Some("ca.pem")),
            (
                "postgres://u@h/d?sslrootcert=%2Fca.pem&sslmode=verify-full",
                SslMode::Require,
                Check::AuthorityAndName,
                Some("/ca.pem"),
            ),
            ("postgres://u@h/d?sslmode=verify-ca&sslrootcert=system", SslMode::Require, Check::Authority, None),
        ] {
            let config = parse(address).unwrap();
            let roots = roots.map(|path| Path::new("/etc/usher").join(path));
            assert_eq!((config.config.get_ssl_mode(), config.check, config.roots), (mode, check, roots), "{address}");
        }
    }

    #[test]
    fn no_password_is_told_to_anybody() {
        let config = parse("postgres://usher:hunter2@db.example.org:6432/crm?connect_timeout=3").unwrap();
        assert_eq!(config.address(), "db.example.org:6432/crm");
        assert!(!format!("{config:?}").contains("hunter2"));
        for wrong in [
            "postgres://usher:hunter2@hunter2@db/crm",
            "postgres://usher:hunter2@db:hunter2/crm",
            "postgres://usher:hunter2@db/crm?sslmode=hunter2",
            "postgres://:hunter2@/crm",
            "postgres://db/crm",
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
