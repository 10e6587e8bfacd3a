//! Beacon Mail's database: contacts, lists, and who is on which list. Some of its contacts are also Harbor's people.

use model::field::{Field, FieldKind, FieldType};
use rusqlite::{Connection, params};

use super::people::person;
use crate::check::check_value;

const TABLES: &str = "
    create table contacts (
        email text primary key not null,
        external_id text,
        mobile text,
        given_name text,
        family_name text,
        postal_address text,
        town text,
        postcode text,
        country_code text,
        language text,
        birthday text,
        customer_value text,
        subscribed text
    ) strict;
    create table lists (
        id text primary key not null,
        name text not null unique,
        created_at text not null,
        updated_at text not null
    ) strict;
    create table list_members (
        segment_id text not null,
        person_key text not null,
        added_at text not null,
        primary key (segment_id, person_key)
    ) strict, without rowid;
";

/// Id, name, and which of Harbor's people are on it: every n-th of the first so many.
const LISTS: [(&str, &str, u64, usize); 4] = [
    ("lst_welcome", "Welcome series", 300, 3),
    ("lst_spring", "Spring campaign", 1_200, 1),
    ("lst_portugal", "Friends of the shop (Portugal)", 900, 5),
    ("lst_unused", "Unused since the move", 0, 1),
];
const CREATED_AT: &str = "2026-03-02T09:00:00.000Z";

/// Fills an empty database with a few lists and their members.
///
/// # Errors
/// When the database cannot be written.
pub fn fill(connection: &mut Connection, seed: u64) -> rusqlite::Result<()> {
    let email_field = Field::new("email", FieldKind::Identifier, FieldType::Email);
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    {
        let mut add_contact = transaction.prepare(
            "insert into contacts (email, given_name, family_name, language, subscribed) values (?1, ?2, ?3, ?4, 'yes')
             on conflict (email) do nothing",
        )?;
        let mut add_member = transaction.prepare(
            "insert into list_members (segment_id, person_key, added_at) values (?1, ?2, ?3) on conflict do nothing",
        )?;
        for (id, name, people, step) in LISTS {
            transaction.execute(
                "insert into lists (id, name, created_at, updated_at) values (?1, ?2, ?3, ?3)",
                params![id, name, CREATED_AT],
            )?;
            for index in (0..people).step_by(step) {
                let p = person(seed, index);
                // A mail tool has sent to these before: their addresses are good.
                let email = p.email.unwrap_or_default().trim().to_lowercase();
                if check_value(&email_field, true, &email).is_none() {
                    add_contact.execute(params![email, p.first_name, p.last_name, p.language])?;
                    add_member.execute(params![id, email, CREATED_AT])?;
                }
            }
        }
    }
    transaction.commit()
}
