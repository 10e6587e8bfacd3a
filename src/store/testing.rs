//! Empty databases for tests: a SQLite file in a temporary folder, and a database of its own in the PostgreSQL that `make test` starts.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// A database that nobody else uses. Dropping it removes the SQLite file; the PostgreSQL cluster is thrown away as a whole.
pub struct ScratchDatabase {
    url: String,
    _folder: Option<tempfile::TempDir>,
}

impl ScratchDatabase {
    /// What `Database::open` takes.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// One empty SQLite and one empty PostgreSQL database; every test of the store runs on both.
pub async fn scratch_databases() -> Vec<ScratchDatabase> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sqlite = ScratchDatabase { url: format!("sqlite:{}/usher.db", folder.path().display()), _folder: Some(folder) };
    let server = std::env::var("USHER_TEST_POSTGRES_URL").expect(
        "USHER_TEST_POSTGRES_URL: `make test` starts a PostgreSQL and sets it; for one test, name a server of your own",
    );
    let name = format!("usher_test_{}", uuid::Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&server).await.expect("the test PostgreSQL answers");
    connection.execute(AssertSqlSafe(format!("create database {name}"))).await.expect("makes a database");
    connection.close().await.expect("closes");
    let (base, _) = server.rsplit_once('/').expect("a URL with a database name");
    vec![sqlite, ScratchDatabase { url: format!("{base}/{name}"), _folder: None }]
}
