//! What endpoints in a database are measured against: the database's own bulk load of the same rows, from a file of CSV into the two tables that a
//! consumer keeps (the people, and who is in the segment). No network, no checks, nothing is there before.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::AsyncReadExt;

const COLUMNS: &str =
    "customer_id, email, phone, first_name, last_name, city, postal_code, country, lifetime_value, last_purchase";

/// Loads the file into a new SQLite database: one prepared statement for each table, one transaction.
pub fn into_sqlite(csv: &Path, database: &Path) -> anyhow::Result<Duration> {
    let mut connection = rusqlite::Connection::open(database)?;
    connection.execute_batch(
        "pragma journal_mode = wal;
         pragma synchronous = normal;
         create table contacts (customer_id text primary key not null, email text, phone text, first_name text, last_name text, city text,
             postal_code text, country text, lifetime_value text, last_purchase text) strict;
         create table list_members (segment_id text not null, person_key text not null, added_at text not null,
             primary key (segment_id, person_key)) without rowid, strict;",
    )?;
    let begun = Instant::now();
    let mut reader = csv::Reader::from_path(csv)?;
    let mut record = csv::StringRecord::new();
    let transaction = connection.transaction()?;
    {
        let sql = format!("insert into contacts ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
        let mut person = transaction.prepare(&sql)?;
        let mut member =
            transaction.prepare("insert into list_members values ('everybody', ?1, '2027-01-01T00:00:00Z')")?;
        while reader.read_record(&mut record)? {
            person.execute(rusqlite::params_from_iter(record.iter()))?;
            member.execute([&record[0]])?;
        }
    }
    transaction.commit()?;
    connection.execute_batch("pragma wal_checkpoint(truncate)")?;
    Ok(begun.elapsed())
}

/// Loads the file into new tables of a PostgreSQL database by `COPY`, and takes them away again.
pub async fn into_postgres(csv: &Path, url: &str) -> anyhow::Result<Duration> {
    let mut connection = PgConnection::connect(url).await?;
    connection
        .execute(
            "create schema bulk;
             create table bulk.contacts (customer_id text primary key, email text, phone text, first_name text, last_name text, city text,
                 postal_code text, country text, lifetime_value text, last_purchase text);
             create table bulk.list_members (segment_id text, person_key text, added_at text, primary key (segment_id, person_key))",
        )
        .await?;
    let begun = Instant::now();
    copy(&mut connection, "bulk.contacts", csv).await?;
    connection
        .execute(
            "insert into bulk.list_members select 'everybody', customer_id, '2027-01-01T00:00:00Z' from bulk.contacts",
        )
        .await?;
    let took = begun.elapsed();
    connection.execute("drop schema bulk cascade").await?;
    Ok(took)
}

/// Brings a file of CSV with a header into a table.
pub async fn copy(connection: &mut PgConnection, table: &str, csv: &Path) -> anyhow::Result<()> {
    let sql = format!("copy {table} ({COLUMNS}) from stdin (format csv, header)");
    let mut file = tokio::fs::File::open(csv).await.context("the file of people")?;
    let mut copy = connection.copy_in_raw(&sql).await?;
    let mut chunk = vec![0; 256 * 1024];
    loop {
        match file.read(&mut chunk).await? {
            0 => break,
            read => copy.send(&chunk[..read]).await?,
        };
    }
    copy.finish().await?;
    Ok(())
}
