//! Harbor CRM's database: one table of people.

use rusqlite::{Connection, params};

use super::people::person;

const TABLE: &str = "
    create table people (
        customer_id text primary key not null,
        email text,
        phone text,
        first_name text,
        last_name text,
        address text,
        city text,
        postal_code text,
        country text,
        language text,
        birth_date text,
        lifetime_value real,
        newsletter text not null,
        last_purchase_at text
    ) without rowid;
";

/// Fills an empty database with this many people, one at a time.
///
/// # Errors
/// When the database cannot be written.
pub fn fill(connection: &mut Connection, seed: u64, people: u64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLE)?;
    {
        let mut insert = transaction
            .prepare("insert into people values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)")?;
        for index in 0..people {
            let p = person(seed, index);
            insert.execute(params![
                p.customer_id,
                p.email,
                p.phone,
                p.first_name,
                p.last_name,
                p.address,
                p.city,
                p.postal_code,
                p.country,
                p.language,
                p.birth_date,
                p.lifetime_value,
                if p.newsletter { "yes" } else { "no" },
                p.last_purchase_at,
            ])?;
        }
    }
    transaction.commit()
}
