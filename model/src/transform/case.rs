//! Upper case and title case.

use std::borrow::Cow;

use crate::letter::is_mark;

/// In upper case, by Unicode.
pub(super) fn uppercase(value: Cow<'_, str>) -> Cow<'_, str> {
    let made = value.to_uppercase();
    if made == value { value } else { Cow::Owned(made) }
}

/// Each word begins with a capital, and the rest of it is small: `O'BRIEN-smith` becomes `O'Brien-Smith`, but `DON'T` becomes `Don't`.
pub(super) fn title_case(value: Cow<'_, str>) -> Cow<'_, str> {
    let mut made = String::with_capacity(value.len());
    let mut before = Before::NoLetter;
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        if is_mark(character) {
            // Belongs to the letter in front of it.
            made.push(character);
            continue;
        }
        if !character.is_alphabetic() {
            made.push(character);
            let is_apostrophe = matches!(character, '\'' | '’');
            before = if is_apostrophe && before == Before::Letter { Before::Apostrophe } else { Before::NoLetter };
            continue;
        }
        let begins_a_word = match before {
            Before::NoLetter => true,
            Before::Letter => false,
            Before::Apostrophe => characters.peek().is_some_and(|next| next.is_alphabetic()),
        };
        if begins_a_word {
            push_single(&mut made, character, character.to_uppercase());
        } else {
            push_single(&mut made, character, character.to_lowercase());
        }
        before = Before::Letter;
    }
    if made == value { value } else { Cow::Owned(made) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    NoLetter,
    Letter,
    Apostrophe,
}

/// A letter in the other case, when that is one letter too: what `ß` would become (`SS`) is no capital of a word.
fn push_single(made: &mut String, character: char, mut other: impl Iterator<Item = char>) {
    match (other.next(), other.next()) {
        (Some(single), None) => made.push(single),
        _ => made.push(character),
    }
}
