//! Asked of the tables.

use unicode_normalization::UnicodeNormalization;

/// See `super::taken_apart`.
pub(super) fn taken_apart(text: &str) -> String {
    text.nfkd().collect()
}

/// See `super::is_mark`.
pub(super) fn is_mark(character: char) -> bool {
    unicode_normalization::char::is_combining_mark(character)
}
