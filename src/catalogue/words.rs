//! Words: how texts are cut, folded and compared, so that case, accents, hyphens and slips of the finger do not hide an audience; and where in a
//! text the words of a search stand.

use model::catalogue::Stretch;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// More words than a person types; each costs a look at the whole vocabulary.
const MOST_WORDS: usize = 12;
const MOST_PIECES: usize = 8;
/// Words are compared by so many letters; what is longer is no word.
const LONGEST_WORD: usize = 48;
/// Shorter words are found at the beginning of others only.
const SHORTEST_INSIDE: usize = 3;
/// Shorter words are too much like others to guess.
const SHORTEST_NEAR: usize = 4;
/// From here on two slips are forgiven.
const LONG_WORD: usize = 8;

/// Lower case, without accents, other marks and U+0000 (which PostgreSQL takes as no text).
pub(super) fn folded(text: &str) -> String {
    let mut into = String::with_capacity(text.len());
    fold_into(text, &mut into);
    into
}

fn fold_into(text: &str, into: &mut String) {
    if text.is_ascii() {
        into.extend(text.chars().filter(|letter| *letter != '\0').map(|letter| letter.to_ascii_lowercase()));
        return;
    }
    for letter in text.nfkd().filter(|letter| !is_combining_mark(*letter) && *letter != '\0') {
        for lower in letter.to_lowercase() {
            match lower {
                'ß' => into.push_str("ss"),
                'æ' => into.push_str("ae"),
                'œ' => into.push_str("oe"),
                'þ' => into.push_str("th"),
                'ø' => into.push('o'),
                'ł' => into.push('l'),
                'đ' | 'ð' => into.push('d'),
                'ı' => into.push('i'),
                // What the lower case of some letters (İ) brings along.
                lower if is_combining_mark(lower) => {}
                lower => into.push(lower),
            }
        }
    }
}

/// A stretch without a blank, with the words in it: `first_name`, `firstName` and `e-mail` are two each, and one when read without what joins them.
struct Chunk<'t> {
    text: &'t str,
    start: usize,
    pieces: Vec<(usize, usize)>,
}

fn chunks(text: &str) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return None;
            }
            let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (chunk, behind) = rest.split_at(length);
            let start = text.len() - rest.len();
            rest = behind;
            let pieces = pieces(chunk);
            if !pieces.is_empty() {
                return Some(Chunk { text: chunk, start, pieces });
            }
        }
    })
}

fn pieces(chunk: &str) -> Vec<(usize, usize)> {
    let mut pieces = Vec::new();
    let mut begun = None;
    let mut before_is_lower = false;
    for (at, letter) in chunk.char_indices() {
        let is_of_word = letter.is_alphanumeric() || is_combining_mark(letter) || letter == '\0';
        let is_hump = before_is_lower && letter.is_uppercase();
        if let Some(start) = begun
            && (!is_of_word || is_hump)
        {
            pieces.push((start, at));
            begun = None;
        }
        if is_of_word && begun.is_none() {
            begun = Some(at);
        }
        before_is_lower = letter.is_lowercase();
    }
    pieces.extend(begun.map(|start| (start, chunk.len())));
    pieces
}

impl Chunk<'_> {
    fn folded_pieces(&self) -> Vec<String> {
        let pieces = self.pieces.iter().filter_map(|(from, to)| self.text.get(*from..*to)).map(word);
        pieces.filter(|piece| !piece.is_empty()).collect()
    }
}

fn word(text: &str) -> String {
    let mut word = folded(text);
    if let Some((end, _)) = word.char_indices().nth(LONGEST_WORD) {
        word.truncate(end);
    }
    word
}

fn joined(pieces: &[String]) -> Option<String> {
    (2..=4).contains(&pieces.len()).then(|| word(&pieces.concat()))
}

/// Gives each word of a text, joined ones as well as their pieces.
pub(super) fn each_word(text: &str, mut each: impl FnMut(&str)) {
    for chunk in chunks(text) {
        let pieces = chunk.folded_pieces();
        pieces.iter().for_each(|piece| each(piece));
        if let Some(joined) = joined(&pieces) {
            each(&joined);
        }
    }
}

/// A text as nothing but its words, to compare and to sort whole names by.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for chunk in chunks(text) {
        for piece in chunk.folded_pieces() {
            if !plain.is_empty() {
                plain.push(' ');
            }
            plain.push_str(&piece);
        }
    }
    plain
}

/// One word of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SearchWord {
    /// As it was typed.
    pub(super) typed: String,
    /// All of these have to be found.
    pub(super) pieces: Vec<String>,
    /// Or this.
    pub(super) joined: Option<String>,
}

/// The words of a search.
pub(super) fn search_words(text: &str) -> Vec<SearchWord> {
    let words = chunks(text).map(|chunk| {
        let mut pieces = chunk.folded_pieces();
        pieces.truncate(MOST_PIECES);
        SearchWord { typed: chunk.text.replace('\0', ""), joined: joined(&pieces), pieces }
    });
    let mut words: Vec<SearchWord> = words.filter(|word| !word.pieces.is_empty()).take(MOST_WORDS).collect();
    words.dedup();
    words
}

/// How well a word of a text fits what was typed; the better, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Fit {
    /// It is nearly that word, or begins nearly with it.
    Near = 1,
    /// It stands in the word.
    Inside,
    /// The word begins with it.
    Begin,
    /// It is that word.
    Whole,
}

/// How a folded word fits, letter by letter.
pub(super) fn fit(typed: &str, word: &str) -> Option<Fit> {
    if word == typed {
        Some(Fit::Whole)
    } else if word.starts_with(typed) {
        Some(Fit::Begin)
    } else if typed.chars().take(SHORTEST_INSIDE).count() == SHORTEST_INSIDE && word.contains(typed) {
        Some(Fit::Inside)
    } else {
        None
    }
}

/// The letters of a word as a set of 32, in which different letters may meet.
pub(super) fn letters(word: &str) -> u32 {
    word.chars().fold(0, |set, letter| set | 1 << (u32::from(letter) & 31))
}

/// How many slips are forgiven in what was typed.
pub(super) fn forgiven(typed: &str) -> u32 {
    match typed.chars().count() {
        0..SHORTEST_NEAR => 0,
        SHORTEST_NEAR..LONG_WORD => 1,
        _ => 2,
    }
}

/// How many slips (a letter too many, too few, another one, two swapped) lie between what was typed and a word or its beginning, when they are
/// forgiven.
pub(super) fn slips(typed: &str, word: &str) -> Option<u32> {
    let most = forgiven(typed) as usize;
    let typed: Vec<char> = typed.chars().take(LONGEST_WORD).collect();
    let word: Vec<char> = word.chars().take(typed.len() + most).collect();
    if most == 0 || word.len() + most < typed.len() {
        return None;
    }
    // Rows of the distance (optimal string alignment) over the word; a column for each letter typed.
    let width = typed.len() + 1;
    let mut rows = [[0_usize; LONGEST_WORD + 1]; 3];
    for (column, cell) in rows[0][..width].iter_mut().enumerate() {
        *cell = column;
    }
    // An empty beginning is no beginning.
    let mut best = usize::MAX;
    for (at, letter) in word.iter().enumerate() {
        let row = at + 1;
        let (before, this, further) = (at % 3, row % 3, (row + 1) % 3);
        rows[this][0] = row;
        let mut least = row;
        for column in 1..width {
            let same = usize::from(typed[column - 1] != *letter);
            let mut cell =
                (rows[before][column] + 1).min(rows[this][column - 1] + 1).min(rows[before][column - 1] + same);
            if at > 0 && column > 1 && typed[column - 1] == word[at - 1] && typed[column - 2] == *letter {
                cell = cell.min(rows[further][column - 2] + 1);
            }
            rows[this][column] = cell;
            least = least.min(cell);
        }
        best = best.min(rows[this][typed.len()]);
        if least > most {
            break;
        }
    }
    (best <= most).then(|| u32::try_from(best).unwrap_or(u32::MAX))
}

/// Where the words of a search stand in a text.
#[derive(Debug, Clone, Default)]
pub(super) struct Marker {
    words: Vec<SearchWord>,
    /// Nearly is enough: for these words when the catalogue has none of them as it was typed.
    near: Vec<bool>,
}

impl Marker {
    pub(super) fn new(words: Vec<SearchWord>, near: Vec<bool>) -> Self {
        Self { words, near }
    }

    /// How many words there are.
    pub(super) fn words(&self) -> usize {
        self.words.len()
    }

    /// Marks a text. `found` notes which words stand in it.
    pub(super) fn mark(&self, text: &str, found: &mut [bool]) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        if self.words.is_empty() {
            return stretches;
        }
        for chunk in chunks(text) {
            let pieces: Vec<FoldedPiece> = chunk
                .pieces
                .iter()
                .filter_map(|(from, to)| Some(FoldedPiece::of(chunk.text.get(*from..*to)?, chunk.start + from)))
                .collect();
            let folded: Vec<String> = pieces.iter().map(|piece| piece.folded.clone()).collect();
            let whole = joined(&folded);
            for (number, word) in self.words.iter().enumerate() {
                let near = self.near.get(number).copied().unwrap_or(false);
                let mut seen = false;
                for typed in &word.pieces {
                    for piece in &pieces {
                        if let Some(stretch) = piece.stretch(typed, near) {
                            stretches.push(stretch);
                            seen = true;
                        }
                    }
                }
                let all = word.joined.as_ref().or(word.pieces.first().filter(|_| word.pieces.len() == 1));
                if !seen
                    && let (Some(typed), Some(whole)) = (all, &whole)
                    && fit(typed, whole).is_some()
                    && let (Some(first), Some(last)) = (pieces.first(), pieces.last())
                {
                    stretches.push((first.start, last.end));
                    seen = true;
                }
                if seen && let Some(found) = found.get_mut(number) {
                    *found = true;
                }
            }
        }
        merged(stretches)
    }
}

fn merged(mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    stretches.sort_unstable();
    let mut merged: Vec<Stretch> = Vec::new();
    for (from, to) in stretches {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// A word of a text, folded, with the way back to its letters.
struct FoldedPiece {
    folded: String,
    /// For each letter: where its folded form ends, and where it ends in the text.
    ends: Vec<(usize, u32)>,
    start: u32,
    end: u32,
}

impl FoldedPiece {
    fn of(text: &str, start: usize) -> Self {
        let mut folded = String::with_capacity(text.len());
        let mut ends = Vec::new();
        let at = |offset: usize| u32::try_from(start + offset).unwrap_or(u32::MAX);
        let mut letter_bytes = [0; 4];
        for (offset, letter) in text.char_indices() {
            fold_into(letter.encode_utf8(&mut letter_bytes), &mut folded);
            ends.push((folded.len(), at(offset + letter.len_utf8())));
        }
        Self { folded, ends, start: at(0), end: at(text.len()) }
    }

    fn stretch(&self, typed: &str, near: bool) -> Option<Stretch> {
        match fit(typed, &self.folded) {
            Some(Fit::Whole) => Some((self.start, self.end)),
            Some(_) => {
                let from = self.folded.find(typed)?;
                Some((self.position(from, true), self.position(from + typed.len(), false)))
            }
            None => (near && slips(typed, &self.folded).is_some()).then_some((self.start, self.end)),
        }
    }

    /// Where in the text the letter begins that covers this place of the folded form, or where the one ends that reaches it.
    fn position(&self, place: usize, is_start: bool) -> u32 {
        if is_start {
            let before = self.ends.iter().rev().find(|(folded, _)| *folded <= place);
            return before.map_or(self.start, |(_, end)| *end);
        }
        self.ends.iter().find(|(folded, _)| *folded >= place).map_or(self.end, |(_, end)| *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn folding_forgets_case_accents_and_width() {
        assert_eq!(folded("José ÅNGSTRÖM"), "jose angstrom");
        assert_eq!(folded("Ｆｕｌｌ"), "full");
        assert_eq!(folded("Straße Łódź İzmir"), "strasse lodz izmir");
    }

    #[test]
    fn joined_words_are_found_joined_and_apart() {
        assert_eq!(words("E-mail of win_back"), ["e", "mail", "email", "of", "win", "back", "winback"]);
        assert_eq!(words("firstName"), ["first", "name", "firstname"]);
        assert_eq!(words("cafe\u{301} & — 100%"), ["cafe", "100"]);
        assert_eq!(plain("  High-value   Customers! "), "high value customers");
    }

    #[test]
    fn slips_are_counted_up_to_what_is_forgiven() {
        assert_eq!(slips("custmers", "customers"), Some(1));
        assert_eq!(slips("csutomers", "customers"), Some(1), "two swapped letters are one slip");
        assert_eq!(slips("costmers", "customers"), Some(2));
        assert_eq!(slips("subscir", "subscribers"), Some(1), "what is typed so far");
        assert_eq!(slips("lisbn", "lisbon"), Some(1));
        assert_eq!(slips("pxrtx", "porto"), None, "two in a short word");
        assert_eq!(slips("cat", "car"), None, "short words are not guessed");
        assert_eq!(slips("zürich", "zurich"), Some(1));
        assert_eq!(slips("customers", "cu"), None);
    }

    #[test]
    fn what_was_found_is_marked_in_the_letters_that_stand_there() {
        let marker = |text: &str, near: bool| {
            let words = search_words(text);
            let near = vec![near; words.len()];
            Marker::new(words, near)
        };
        let shown = |marker: &Marker, text: &str| {
            let mut found = vec![false; marker.words()];
            let marks = marker.mark(text, &mut found);
            let marked: Vec<String> =
                marks.iter().map(|(from, to)| text[*from as usize..*to as usize].to_owned()).collect();
            (marked, found)
        };
        assert_eq!(
            shown(&marker("jose zoe", false), "José & Zoë"),
            (vec!["José".into(), "Zoë".into()], vec![true, true])
        );
        assert_eq!(shown(&marker("stras", false), "Straßen").0, ["Straß"]);
        assert_eq!(shown(&marker("email", false), "the E-mail list").0, ["E-mail"]);
        assert_eq!(shown(&marker("e-mail", false), "email").0, ["email"]);
        assert_eq!(shown(&marker("stom", false), "Customers").0, ["stom"]);
        assert_eq!(shown(&marker("custmers", true), "All customers").0, ["customers"]);
        assert_eq!(shown(&marker("custmers x", false), "All customers"), (vec![], vec![false, false]));
    }

    proptest::proptest! {
        #[test]
        fn marks_are_always_whole_letters_of_the_text(text in "\\PC{0,40}", typed in "\\PC{0,12}", near: bool) {
            let words = search_words(&typed);
            let near = vec![near; words.len()];
            let marker = Marker::new(words, near);
            let mut found = vec![false; marker.words()];
            let mut behind = 0;
            for (from, to) in marker.mark(&text, &mut found) {
                proptest::prop_assert!(from >= behind && from < to);
                proptest::prop_assert!(text.get(from as usize..to as usize).is_some());
                behind = to + 1;
            }
        }

        #[test]
        fn every_word_of_a_text_finds_it(text in "[a-zA-ZäöüßéÉ0-9_ -]{1,40}") {
            let found: Vec<String> = { let mut all = Vec::new(); each_word(&text, |word| all.push(word.to_owned())); all };
            for word in search_words(&text) {
                for piece in &word.pieces {
                    proptest::prop_assert!(found.iter().any(|word| fit(piece, word) == Some(Fit::Whole)));
                }
            }
        }
    }
}
