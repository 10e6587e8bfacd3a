//! Values for people who have not asked to see them: their shape stays, so that what the mapping does can be seen; what they say does not.

/// The longest value that is shown, in characters.
const LONGEST: usize = 40;
/// The longest mask, in characters.
const LONGEST_MASK: usize = 18;

/// The value's shape: each letter and digit as a dot, but the first of a word of letters. What separates them stays, and so does white space.
pub fn masked(value: &str) -> String {
    let mut masked = String::with_capacity(value.len());
    let mut shown = 0;
    for (position, character) in value.chars().enumerate() {
        if position == LONGEST_MASK {
            masked.push('…');
            break;
        }
        if !character.is_alphanumeric() {
            masked.push(in_one_line(character));
        } else if shown == 0 && character.is_alphabetic() {
            masked.push(character);
            shown += 1;
        } else {
            shown += 1;
            masked.push('•');
        }
    }
    masked
}

/// The mask in few characters, for where several stand in a row: what is hidden is three dots, however long it is.
pub fn outlined(value: &str) -> String {
    let mut outlined = String::new();
    let mut dots = 0;
    for character in masked(value).chars() {
        dots = if character == '•' { dots + 1 } else { 0 };
        if dots <= 3 {
            outlined.push(character);
        }
    }
    outlined
}

/// The value itself, cut where it would be too long for a table.
pub fn shortened(value: &str) -> String {
    if value.chars().count() <= LONGEST {
        return value.chars().map(in_one_line).collect();
    }
    let mut text: String = value.chars().take(LONGEST - 1).map(in_one_line).collect();
    text.push('…');
    text
}

/// Line breaks and tabs as signs, so that a value stays in its row.
fn in_one_line(character: char) -> char {
    match character {
        '\n' | '\r' => '⏎',
        '\t' => '⇥',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_value_keeps_its_shape_and_hides_what_it_says() {
        assert_eq!(masked("Anna.Berg@ex.com "), "A•••.••••@••.••• ");
        assert_eq!(masked("+49 30 1234"), "+•• •• ••••");
        assert_eq!(masked("1987-04-01"), "••••-••-••");
        assert_eq!(masked(""), "");
    }

    #[test]
    fn a_value_with_line_breaks_stays_in_one_line() {
        assert_eq!(masked("12\nab"), "••⏎••");
        assert_eq!(shortened("12\tab\n"), "12⇥ab⏎");
    }

    #[test]
    fn an_outline_keeps_what_separates() {
        assert_eq!(outlined("annabella.berg@example.com"), "a•••.•••@•••…");
        assert_eq!(outlined("+49 30 1234567"), "+•• •• •••");
    }

    #[test]
    fn a_long_value_does_not_tell_its_length() {
        let hash = "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5";
        assert_eq!(masked(hash).chars().count(), LONGEST_MASK + 1);
        assert_eq!(shortened(hash).chars().count(), LONGEST);
        assert_eq!(shortened("short"), "short");
    }
}
