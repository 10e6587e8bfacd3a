//! What Unicode says of letters: what they are made of, and which are marks upon others.
//!
//! Its tables are large. Without the feature `unicode-tables` they are not compiled in, and somebody else who has them is asked: browsers do.

#[cfg(not(feature = "unicode-tables"))]
mod elsewhere;
#[cfg(feature = "unicode-tables")]
mod tables;

use std::borrow::Cow;

#[cfg(not(feature = "unicode-tables"))]
use elsewhere as known;
#[cfg(not(feature = "unicode-tables"))]
pub use elsewhere::{Reader, install};
#[cfg(feature = "unicode-tables")]
use tables as known;

/// The text with every letter taken apart, by compatibility (NFKD): `é` is `e` and a mark, `ﬁ` is `f` and `i`.
pub fn taken_apart(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(known::taken_apart(text)) }
}

/// Whether it is a mark upon the letter before it.
pub fn is_mark(character: char) -> bool {
    // The first of them.
    character >= '\u{300}' && known::is_mark(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_taken_apart_and_marks_are_known() {
        assert_eq!(taken_apart("plain"), "plain");
        assert_eq!(taken_apart("é ﬁ"), "e\u{301} fi");
        let marks: String = taken_apart("Ångström").chars().filter(|letter| is_mark(*letter)).collect();
        assert_eq!(marks, "\u{30a}\u{308}");
        assert!(!is_mark('e') && !is_mark('ß'));
    }
}
