//! The database: opening, migrating, reading, and writing in transactions.
//!
//! SQLite has one writing connection and many reading ones (WAL); PostgreSQL has one pool for both. Rows are `sqlx::any` rows, so
//! columns are 64-bit integers, text and bytes only.

use std::{str::FromStr, time::Duration};

use sqlx::{
    Any, AnyPool, AssertSqlSafe, Executor, Row, Transaction,
    any::{AnyConnectOptions, AnyPoolOptions},
};

use super::dialect::Dialect;

/// What can go wrong with the database, as far as a caller treats it differently.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL is of no database that Usher knows.
    #[error("DATABASE_URL must start with sqlite: or postgres:")]
    UnknownDatabase,
    /// A unique index said no; a caller that expects it turns it into a field's problem.
    #[error("already there")]
    Duplicate,
    /// Anything else the database said; for the log, never for people.
    #[error("the database failed: {0}")]
    Sqlx(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether it passes by itself, or when somebody has made room: the database is away, busy, locked or full. What was to be done is not wrong.
    pub fn passes(&self) -> bool {
        match self {
            Self::UnknownDatabase | Self::Duplicate => false,
            Self::Sqlx(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed) => true,
            Self::Sqlx(sqlx::Error::Database(error)) => error.code().is_some_and(|code| code_passes(&code)),
            Self::Sqlx(_) => false,
        }
    }
}

/// SQLite's result codes, whose lowest byte is the primary one; PostgreSQL's classes.
fn code_passes(code: &str) -> bool {
    const SQLITE_BUSY_LOCKED_IO_FULL: [u32; 4] = [5, 6, 10, 13];
    if code.len() != 5 {
        return code.parse::<u32>().is_ok_and(|code| SQLITE_BUSY_LOCKED_IO_FULL.contains(&(code & 0xff)));
    }
    // Connections, resources, shutting down, the system; serialisation and deadlocks.
    ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class)) || matches!(code, "40001" | "40P01" | "55P03")
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Duplicate,
            _ => Self::Sqlx(error),
        }
    }
}

/// The migrations, in order. Never changed once released; a new one is added at the end.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_registry", include_str!("migrations/0001_registry.sql")),
    ("0002_catalogue", include_str!("migrations/0002_catalogue.sql")),
    ("0003_sharing", include_str!("migrations/0003_sharing.sql")),
    ("0004_exchange", include_str!("migrations/0004_exchange.sql")),
    ("0005_jobs", include_str!("migrations/0005_jobs.sql")),
    ("0006_mirror", include_str!("migrations/0006_mirror.sql")),
    ("0007_idempotency", include_str!("migrations/0007_idempotency.sql")),
    ("0008_webhooks", include_str!("migrations/0008_webhooks.sql")),
    ("0009_control", include_str!("migrations/0009_control.sql")),
    ("0010_catalogue", include_str!("migrations/0010_catalogue.sql")),
    ("0011_share_flow", include_str!("migrations/0011_share_flow.sql")),
    ("0012_retention", include_str!("migrations/0012_retention.sql")),
    ("0013_schedules", include_str!("migrations/0013_schedules.sql")),
    ("0014_values_shown", include_str!("migrations/0014_values_shown.sql")),
    ("0015_calendar", include_str!("migrations/0015_calendar.sql")),
    ("0016_alerts", include_str!("migrations/0016_alerts.sql")),
    ("0017_attempts", include_str!("migrations/0017_attempts.sql")),
    ("0018_applications", include_str!("migrations/0018_applications.sql")),
    ("0020_connections", include_str!("migrations/0020_connections.sql")),
    ("0021_consents", include_str!("migrations/0021_consents.sql")),
    ("0022_people", include_str!("migrations/0022_people.sql")),
    ("0023_installation_secret", include_str!("migrations/0023_installation_secret.sql")),
    ("0024_identities", include_str!("migrations/0024_identities.sql")),
    ("0026_access", include_str!("migrations/0026_access.sql")),
    ("0028_schedule_ends", include_str!("migrations/0028_schedule_ends.sql")),
    ("0029_credential_ends", include_str!("migrations/0029_credential_ends.sql")),
    ("0030_schedule_depends", include_str!("migrations/0030_schedule_depends.sql")),
    ("0031_consent_renewals", include_str!("migrations/0031_consent_renewals.sql")),
    ("0032_reading", include_str!("migrations/0032_reading.sql")),
    ("0033_run_lists", include_str!("migrations/0033_run_lists.sql")),
    ("0034_session_epochs", include_str!("migrations/0034_session_epochs.sql")),
];

/// How long a statement waits while somebody else has the database locked: a backup, a person with a shell.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// A handle on the database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    dialect: Dialect,
    writer: AnyPool,
    reader: AnyPool,
}

impl Database {
    /// Opens the database at `url` (`sqlite:FILE` or `postgres://...`), makes the file when it is not there, and migrates.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of_url(url).ok_or(StoreError::UnknownDatabase)?;
        let (writer, reader) = match dialect {
            Dialect::Sqlite => {
                let url = if url.contains('?') { url.to_owned() } else { format!("{url}?mode=rwc") };
                let writer = pool(dialect, 1, &url).await?;
                (writer, pool(dialect, 8, &url).await?)
            }
            Dialect::Postgres => {
                let both = pool(dialect, 16, url).await?;
                (both.clone(), both)
            }
        };
        let database = Self { dialect, writer, reader };
        database.migrate().await?;
        Ok(database)
    }

    /// For `select`s outside a transaction.
    pub fn reader(&self) -> &AnyPool {
        &self.reader
    }

    /// For single writing statements.
    pub fn writer(&self) -> &AnyPool {
        &self.writer
    }

    /// Begins a transaction that will write. Dropped without `commit`, it never happened.
    pub async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(self.writer.begin_with(self.dialect.begin_write()).await?)
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Closes every connection, after what is under way.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        if self.dialect == Dialect::Postgres {
            // Several processes may start at once; the number is only Usher's own.
            transaction.execute("select cast(pg_advisory_xact_lock(7836291) as text)").await?;
        }
        let table = "create table if not exists migration (name text not null primary key, applied_at {integer} not null) {strict}";
        transaction.execute(AssertSqlSafe(self.dialect.migration(table))).await?;
        let applied: Vec<String> = sqlx::query("select name from migration")
            .fetch_all(&mut *transaction)
            .await?
            .iter()
            .map(|row| row.try_get("name"))
            .collect::<Result<_, _>>()?;
        for (name, text) in MIGRATIONS.iter().filter(|(name, _)| !applied.iter().any(|have| have == name)) {
            for statement in self.dialect.migration(text).split(";\n").map(str::trim).filter(|s| !s.is_empty()) {
                transaction.execute(AssertSqlSafe(statement.to_owned())).await?;
            }
            sqlx::query("insert into migration (name, applied_at) values ($1, $2)")
                .bind(*name)
                .bind(chrono::Utc::now().timestamp_millis())
                .execute(&mut *transaction)
                .await?;
            tracing::info!(migration = name, "migration applied");
        }
        transaction.commit().await?;
        Ok(())
    }
}

async fn pool(dialect: Dialect, connections: u32, url: &str) -> Result<AnyPool, StoreError> {
    let options = AnyConnectOptions::from_str(url)?;
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        // Longer than a statement waits for a lock, so that those behind it do not give up first.
        .acquire_timeout(LOCK_PATIENCE * 2)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if dialect == Dialect::Sqlite {
                    let patience = format!("pragma busy_timeout = {}", LOCK_PATIENCE.as_millis());
                    connection.execute(AssertSqlSafe(patience)).await?;
                    for pragma in
                        ["pragma journal_mode = wal", "pragma synchronous = normal", "pragma foreign_keys = on"]
                    {
                        connection.execute(pragma).await?;
                    }
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await?;
    Ok(pool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::scratch_databases;

    #[test]
    fn what_passes_is_told_from_what_is_wrong() {
        for code in ["5", "517", "6", "262", "10", "13", "08006", "53100", "53300", "57P01", "40001", "40P01", "55P03"]
        {
            assert!(code_passes(code), "{code}");
        }
        for code in ["1", "19", "2067", "1555", "23505", "42601", "22P02", "no code"] {
            assert!(!code_passes(code), "{code}");
        }
    }

    #[tokio::test]
    async fn null_text_bytes_and_sums_come_back_from_both_databases() {
        for scratch in scratch_databases().await {
            round_trip(scratch.url()).await;
        }
    }

    async fn round_trip(url: &str) {
        let database = Database::open(url).await.expect("opens");
        let mut transaction = database.begin().await.expect("begins");
        let table = "create table probe (id text primary key, n {integer}, b {bytes}, t text) {strict}";
        transaction.execute(AssertSqlSafe(database.dialect().migration(table))).await.expect("makes a table");
        let insert = "insert into probe (id, n, b, t) values ($1, $2, $3, $4) on conflict (id) do update set n = excluded.n returning id";
        for (id, n, b, t) in
            [("a", Some(1_i64), Some(vec![0_u8, 255]), None::<String>), ("b", None, None, Some("é".to_owned()))]
        {
            let row = sqlx::query(insert)
                .bind(id)
                .bind(n)
                .bind(b)
                .bind(t)
                .fetch_one(&mut *transaction)
                .await
                .expect("inserts");
            assert_eq!(row.get::<String, _>("id"), id);
        }
        let row = sqlx::query("select n, b, t from probe where id = $1")
            .bind("a")
            .fetch_one(&mut *transaction)
            .await
            .expect("reads");
        assert_eq!(row.get::<Option<i64>, _>("n"), Some(1));
        assert_eq!(row.get::<Option<Vec<u8>>, _>("b"), Some(vec![0, 255]));
        assert_eq!(row.get::<Option<String>, _>("t"), None);
        let row = sqlx::query("select cast(sum(n) as bigint) as total, count(*) as many from probe")
            .fetch_one(&mut *transaction)
            .await
            .expect("sums");
        assert_eq!((row.get::<i64, _>("total"), row.get::<i64, _>("many")), (1, 2));
        transaction.rollback().await.expect("rolls back");
    }
}
