//! The making of ids: a prefix that tells the table, and a time-ordered UUID (version 7), so that ids sort by age.

use std::str::FromStr;

/// A new id of any kind of `model::id`.
pub fn new_id<T>(prefix: &'static str) -> T
where
    T: FromStr<Err = model::id::WrongId>,
{
    let text = format!("{prefix}{}", uuid::Uuid::now_v7().simple());
    match text.parse() {
        Ok(id) => id,
        Err(wrong) => unreachable!("{wrong}: {text}"),
    }
}
