//! Asked of somebody else, who is there before anything is asked.

use std::sync::OnceLock;

/// Who is asked: the functions of a place where the tables are.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// Takes every letter apart (NFKD).
    pub taken_apart: fn(&str) -> String,
    /// Whether it is a mark upon the letter before it.
    pub is_mark: fn(char) -> bool,
}

static READER: OnceLock<Reader> = OnceLock::new();

/// From now on this one is asked; the first stays.
pub fn install(reader: Reader) {
    READER.get_or_init(|| reader);
}

/// See `super::taken_apart`; as long as nobody is there, the text as it is.
pub(super) fn taken_apart(text: &str) -> String {
    READER.get().map_or_else(|| text.to_owned(), |reader| (reader.taken_apart)(text))
}

/// See `super::is_mark`; as long as nobody is there, the block that has nothing but marks.
pub(super) fn is_mark(character: char) -> bool {
    READER.get().map_or_else(|| ('\u{300}'..='\u{36f}').contains(&character), |reader| (reader.is_mark)(character))
}
