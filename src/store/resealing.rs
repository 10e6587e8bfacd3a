//! Changing the master key without stopping: what is sealed with another key than the current one is sealed anew, a batch at a time.
//!
//! Each room says which of its columns are sealed ([`SealedColumn`]). A value is only replaced while it is still what was read, so that several
//! processes can work at it, and beside it; and whatever stops it half-way, the next time goes on with what is left.

use sqlx::{AssertSqlSafe, Row};

use super::{
    database::{Database, StoreError},
    sealing::Sealing,
};

/// Values that are looked at together.
const BATCH: i64 = 200;

/// A column whose values are sealed with the master key.
#[derive(Debug, Clone, Copy)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// Its key, as an expression that gives a text.
    pub id: &'static str,
    /// The column.
    pub column: &'static str,
    /// What a value is bound to, by the row's key.
    pub context: fn(&str) -> String,
}

/// What became of the values that are sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Were sealed with the current key.
    pub current: u64,
    /// Were sealed with another one, and are now with the current one.
    pub resealed: u64,
    /// Open with none of the keys: table and key of the row.
    pub unopenable: Vec<(&'static str, String)>,
}

/// Looks at every value of these columns once.
pub async fn reseal(
    database: &Database,
    sealing: &Sealing,
    columns: impl IntoIterator<Item = SealedColumn>,
) -> Result<Resealed, StoreError> {
    let mut outcome = Resealed::default();
    for SealedColumn { table, id, column, context } in columns {
        let select = format!(
            "select {id} as id, {column} as sealed from {table} where {column} is not null and {id} > $1 order by {id} limit $2"
        );
        let update = format!("update {table} set {column} = $1 where {id} = $2 and {column} = $3");
        let mut last = String::new();
        loop {
            let rows = sqlx::query(AssertSqlSafe(select.clone()))
                .bind(last.as_str())
                .bind(BATCH)
                .fetch_all(database.reader())
                .await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let sealed: Vec<u8> = row.try_get("sealed")?;
                last = row.try_get("id")?;
                match sealing.resealed(&sealed, &context(&last)) {
                    Ok(None) => outcome.current += 1,
                    Err(_) => outcome.unopenable.push((table, last.clone())),
                    Ok(Some(anew)) => {
                        let done = sqlx::query(AssertSqlSafe(update.clone()))
                            .bind(anew)
                            .bind(last.as_str())
                            .bind(sealed)
                            .execute(database.writer())
                            .await?;
                        // Otherwise somebody else was quicker, or the row is gone.
                        outcome.resealed += done.rows_affected();
                    }
                }
            }
        }
    }
    Ok(outcome)
}
