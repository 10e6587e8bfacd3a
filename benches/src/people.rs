//! The audience: a SQLite table of made-up people, ten columns, about 120 bytes a row as CSV; the same for the same number.

use std::path::Path;

use anyhow::Context;
use futures::TryStreamExt;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row, sqlite::SqliteConnectOptions};

use crate::processes::fields;

/// Writes the table `people` as a file of CSV.
pub async fn to_csv(database: &Path, file: &Path) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut connection = SqliteConnectOptions::new().filename(database).connect().await?;
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_path(file)?;
    writer.write_record(fields().iter().map(|field| field.name.clone()))?;
    let mut rows = sqlx::query("select * from people order by customer_id").fetch(&mut connection);
    while let Some(row) = rows.try_next().await? {
        for column in 0..row.len() {
            writer.write_field(row.try_get::<&str, _>(column)?)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()?;
    Ok(())
}

/// Brings a file of CSV into the table `people` of a PostgreSQL database.
pub async fn to_postgres(file: &Path, url: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection
        .execute(
            "create table people (customer_id text primary key, email text, phone text, first_name text, last_name text, city text,
                 postal_code text, country text, lifetime_value text, last_purchase text)",
        )
        .await?;
    crate::bulk::copy(&mut connection, "people", file).await?;
    connection.execute("analyze people").await?;
    Ok(())
}

/// Makes the table `people` with that many rows, 10,000 at a time.
pub async fn generate(file: &Path, rows: u64) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = options.connect().await?;
    for statement in [
        "pragma journal_mode = wal",
        "pragma synchronous = off",
        "create table people (customer_id text primary key, email text, phone text, first_name text, last_name text, city text, \
         postal_code text, country text, lifetime_value text, last_purchase text) without rowid",
    ] {
        connection.execute(statement).await?;
    }
    let mut done = 0_u64;
    while done < rows {
        let batch = (rows - done).min(10_000);
        // The database makes the rows itself: numbers from a recursive query, mixed by a multiplicative hash.
        sqlx::query(
            "insert into people \
             with recursive n(i) as (select $1 union all select i + 1 from n where i + 1 < $1 + $2), \
             m(i, h) as (select i, (i * 2654435761) & 2147483647 from n) \
             select printf('C%09d', i), printf('Person.%d@Example-%d.org', i, h % 977), printf('+4930%08d', h % 100000000), \
             'Zoë' || substr('abcdefghijklmnop', 1 + h % 9, 5), 'O''Neill-' || substr('qrstuvwxyzabcdef', 1 + h % 11, 5), \
             'Stadt am Fluß ' || (h % 400), printf('%05d', h % 99999), substr('DEFRPTESIT', 1 + 2 * (h % 5), 2), \
             printf('%d.%02d', h % 9000, h % 100), printf('202%d-%02d-%02d', h % 6, 1 + h % 12, 1 + h % 28) from m",
        )
        .bind(i64::try_from(done).context("too many rows")?)
        .bind(i64::try_from(batch)?)
        .execute(&mut connection)
        .await?;
        done += batch;
    }
    connection.execute("pragma wal_checkpoint(truncate)").await?;
    connection.close().await?;
    Ok(())
}
