//! Values for people who need their form and not the person.

/// A value with its letters and digits hidden but for the first of each word: enough to see its form.
pub fn masked(value: &str) -> String {
    let mut at_start = true;
    let shown: String = value
        .chars()
        .take(40)
        .map(|letter| {
            let hidden = letter.is_alphanumeric() && !at_start;
            at_start = matches!(letter, '@' | ' ');
            match letter {
                letter if letter.is_control() => ' ',
                _ if hidden => '•',
                letter => letter,
            }
        })
        .collect();
    if value.chars().count() > 40 { format!("{shown}…") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_the_form_and_hide_the_person() {
        assert_eq!(masked("maria.lopez@mail.com"), "m••••.•••••@m•••.•••");
        assert_eq!(masked("+49 30 1234"), "+•• 3• 1•••");
        assert_eq!(masked("Zoë"), "Z••");
        assert_eq!(masked("a\nb"), "a •");
    }
}
