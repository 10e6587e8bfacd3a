//! Carrying a field to the other side, by pointer or by keyboard: what was picked up, where it may be put, over what it is, and what is said aloud.
//! Nothing here knows of the page.

use model::{
    field::Field,
    mapping::{Mapping, Source, why_not},
};

use super::editor::Board;

/// A side of the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The audience's fields.
    Source,
    /// The destination's fields.
    Destination,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }
}

/// A field on one of the sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which side.
    pub side: Side,
    /// Its position among the fields of that side.
    pub index: usize,
}

/// A move of the keyboard.
#[cfg_attr(not(any(feature = "hydrate", test)), expect(dead_code, reason = "only the browser moves what is carried"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// To the next one that is possible.
    Next,
    /// To the one before.
    Previous,
    /// To the first.
    First,
    /// To the last.
    Last,
}

/// A field that was picked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carry {
    from: Place,
    allowed: Vec<usize>,
    over: Option<usize>,
}

/// What came of putting a field down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dropped {
    /// The two are to be linked.
    Linked {
        /// The audience's field.
        source: String,
        /// The destination's field.
        target: String,
        /// What is said.
        said: String,
    },
    /// Nothing changes.
    Nothing {
        /// What is said: why not.
        said: String,
    },
}

/// The order in which a side's fields are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// The audience's fields, from top to bottom.
    pub source: Vec<usize>,
    /// The destination's.
    pub destination: Vec<usize>,
}

impl Shown {
    fn side(&self, side: Side) -> &[usize] {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }
}

impl Carry {
    /// Picks a field up. The error is what is said when it can't be put anywhere.
    pub fn pick_up(from: Place, board: &Board, shown: &Shown) -> Result<Self, String> {
        let Some(field) = field_at(board, from) else { return Err(String::new()) };
        let other = from.side.other();
        let allowed: Vec<usize> = shown
            .side(other)
            .iter()
            .copied()
            .filter(|index| reason_against(board, from, Place { side: other, index: *index }).is_none())
            .collect();
        if allowed.is_empty() {
            return Err(match from.side {
                Side::Source => format!("No field of the destination takes “{}”.", field.display_name()),
                Side::Destination => format!("No field of the audience fits “{}”.", field.display_name()),
            });
        }
        Ok(Self { from, allowed, over: None })
    }

    /// What was picked up.
    pub fn from(&self) -> Place {
        self.from
    }

    /// Over what it is.
    pub fn over(&self) -> Option<Place> {
        self.over.map(|index| Place { side: self.from.side.other(), index })
    }

    /// Whether it may be put there.
    pub fn allows(&self, place: Place) -> bool {
        place.side != self.from.side && self.allowed.contains(&place.index)
    }

    /// Whether a place on the other side is out of the question.
    pub fn forbids(&self, place: Place) -> bool {
        place.side != self.from.side && !self.allowed.contains(&place.index)
    }

    /// What is said after picking up.
    pub fn said_at_pick_up(&self, board: &Board) -> String {
        let name = field_at(board, self.from).map(Field::display_name).unwrap_or_default();
        let side = match self.from.side {
            Side::Source => "destination",
            Side::Destination => "audience",
        };
        format!(
            "Picked up “{name}”. {} of the {side} can be linked. Move with the arrow keys, link with Enter, cancel with Escape.",
            if self.allowed.len() == 1 { "1 field".to_owned() } else { format!("{} fields", self.allowed.len()) }
        )
    }

    /// What is shown until it is put down.
    pub fn shown_while_carried(&self, board: &Board) -> String {
        let name = field_at(board, self.from).map(Field::display_name).unwrap_or_default();
        let side = match self.from.side {
            Side::Source => "destination",
            Side::Destination => "audience",
        };
        format!("Linking “{name}”: choose a marked field of the {side}.")
    }

    /// Puts the field down at `place`, or where it is.
    pub fn put_down(self, place: Option<Place>, board: &Board, mapping: &Mapping) -> Dropped {
        let Some(to) = place.or_else(|| self.over()) else {
            return Dropped::Nothing { said: self.said_at_cancel(board) };
        };
        if let Some(reason) = reason_against(board, self.from, to) {
            return Dropped::Nothing { said: format!("Not linked. {reason}") };
        }
        let (source, target) = pair(self.from, to);
        let (Some(source), Some(target)) = (board.source.get(source), board.destination.get(target)) else {
            return Dropped::Nothing { said: self.said_at_cancel(board) };
        };
        let before = mapping.link(&target.name).map(|link| source_name(&link.source, board));
        let instead = before.map(|name| format!(", instead of {name}")).unwrap_or_default();
        Dropped::Linked {
            source: source.name.clone(),
            target: target.name.clone(),
            said: format!("Linked “{}” to “{}”{instead}.", source.display_name(), target.display_name()),
        }
    }

    /// What is said when it is cancelled.
    pub fn said_at_cancel(&self, board: &Board) -> String {
        let name = field_at(board, self.from).map(Field::display_name).unwrap_or_default();
        format!("Put “{name}” back. Nothing was changed.")
    }
}

impl Carry {
    /// The pointer is over this, or over nothing.
    pub fn hover(&mut self, place: Option<Place>) {
        self.over = place.filter(|place| self.allows(*place)).map(|place| place.index);
    }

    /// Moves over another field that is possible. Gives what is said.
    pub fn step(&mut self, step: Move, board: &Board, mapping: &Mapping) -> String {
        let last = self.allowed.len() - 1;
        let at = self.over.and_then(|over| self.allowed.iter().position(|index| *index == over));
        let position = match (step, at) {
            (Move::First, _) | (Move::Next, None) => 0,
            (Move::Last, _) | (Move::Previous, None) => last,
            (Move::Next, Some(at)) => (at + 1).min(last),
            (Move::Previous, Some(at)) => at.saturating_sub(1),
        };
        self.over = self.allowed.get(position).copied();
        let Some(over) = self.over() else { return String::new() };
        let Some(field) = field_at(board, over) else { return String::new() };
        let required = if field.required { ", required" } else { "" };
        let has =
            self.present_link(over, board, mapping).map(|name| format!(", now fed by {name}")).unwrap_or_default();
        format!("“{}”{required}{has}, {} of {}.", field.display_name(), position + 1, self.allowed.len())
    }

    fn present_link(&self, over: Place, board: &Board, mapping: &Mapping) -> Option<String> {
        let target = match over.side {
            Side::Destination => board.destination.get(over.index)?,
            Side::Source => return None,
        };
        mapping.link(&target.name).map(|link| source_name(&link.source, board))
    }
}

/// Why the two must not be linked, as a sentence.
pub fn reason_against(board: &Board, one: Place, other: Place) -> Option<String> {
    if one.side == other.side {
        return Some("Link a field of the audience with one of the destination.".to_owned());
    }
    let (source, target) = pair(one, other);
    match (board.source.get(source), board.destination.get(target)) {
        (Some(source), Some(target)) => why_not(source, target),
        _ => Some("There is no such field.".to_owned()),
    }
}

fn pair(one: Place, other: Place) -> (usize, usize) {
    match one.side {
        Side::Source => (one.index, other.index),
        Side::Destination => (other.index, one.index),
    }
}

fn field_at(board: &Board, place: Place) -> Option<&Field> {
    match place.side {
        Side::Source => board.source.get(place.index),
        Side::Destination => board.destination.get(place.index),
    }
}

/// A link's source in words.
fn source_name(source: &Source, board: &Board) -> String {
    match source {
        Source::Field { name } => format!("“{}”", board.source_field(name).map_or(name.as_str(), Field::display_name)),
        Source::Joined { .. } => "several fields, joined".to_owned(),
        Source::Constant { .. } => "a constant".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

    use model::{
        field::{FieldKind, FieldType},
        mapping::Link,
    };

    use super::*;

    fn board() -> Board {
        Board {
            source: vec![
                Field::new("mail", FieldKind::Identifier, FieldType::Email),
                Field::new("city", FieldKind::Attribute, FieldType::String),
                Field::new("age", FieldKind::Attribute, FieldType::Integer),
            ],
            destination: vec![
                Field::new("phone", FieldKind::Identifier, FieldType::Phone),
                Field::new("email", FieldKind::Identifier, FieldType::Email).required(),
                Field::new("note", FieldKind::Attribute, FieldType::String),
            ],
        }
    }

    fn shown() -> Shown {
        Shown { source: vec![0, 1, 2], destination: vec![1, 0, 2] }
    }

    fn source(index: usize) -> Place {
        Place { side: Side::Source, index }
    }

    fn target(index: usize) -> Place {
        Place { side: Side::Destination, index }
    }

    #[test]
    fn only_what_may_be_linked_is_offered_in_the_order_on_the_page() {
        let carry = Carry::pick_up(source(0), &board(), &shown()).unwrap();
        assert!(carry.allows(target(1)) && carry.allows(target(2)));
        assert!(carry.forbids(target(0)), "an e-mail address is no telephone number");
        assert!(!carry.allows(source(1)) && !carry.forbids(source(1)), "its own side is neither");
        assert!(carry.said_at_pick_up(&board()).starts_with("Picked up “mail”. 2 fields of the destination"));
    }

    #[test]
    fn a_field_that_fits_nowhere_is_not_picked_up() {
        let said = Carry::pick_up(target(0), &board(), &shown()).unwrap_err();
        assert_eq!(said, "No field of the audience fits “phone”.");
    }

    #[test]
    fn what_is_filtered_away_is_not_offered() {
        let shown = Shown { source: vec![0], destination: vec![2] };
        let carry = Carry::pick_up(source(0), &board(), &shown).unwrap();
        assert!(!carry.allows(target(1)));
    }

    #[test]
    fn the_arrow_keys_move_among_what_is_allowed_and_say_where() {
        let (board, mapping) = (board(), Mapping::default());
        let mut carry = Carry::pick_up(source(0), &board, &shown()).unwrap();
        assert_eq!(carry.step(Move::Next, &board, &mapping), "“email”, required, 1 of 2.");
        assert_eq!(carry.step(Move::Next, &board, &mapping), "“note”, 2 of 2.");
        assert_eq!(carry.step(Move::Next, &board, &mapping), "“note”, 2 of 2.");
        assert_eq!(carry.step(Move::First, &board, &mapping), "“email”, required, 1 of 2.");
        assert_eq!(carry.step(Move::Last, &board, &mapping), "“note”, 2 of 2.");
        assert_eq!(carry.step(Move::First, &board, &mapping), "“email”, required, 1 of 2.");
        assert_eq!(carry.step(Move::Previous, &board, &mapping), "“email”, required, 1 of 2.");
        assert_eq!(carry.over(), Some(target(1)));
        let linked = carry.put_down(None, &board, &mapping);
        let said = "Linked “mail” to “email”.".to_owned();
        assert_eq!(linked, Dropped::Linked { source: "mail".to_owned(), target: "email".to_owned(), said });
    }

    #[test]
    fn carrying_from_the_destination_links_the_same_way_round() {
        let carry = Carry::pick_up(target(1), &board(), &shown()).unwrap();
        assert!(carry.allows(source(0)) && carry.forbids(source(1)));
        let dropped = carry.put_down(Some(source(0)), &board(), &Mapping::default());
        assert!(matches!(dropped, Dropped::Linked { source, target, .. } if source == "mail" && target == "email"));
    }

    #[test]
    fn putting_down_where_it_must_not_be_says_why_and_changes_nothing() {
        let carry = Carry::pick_up(source(0), &board(), &shown()).unwrap();
        let Dropped::Nothing { said } = carry.clone().put_down(Some(target(0)), &board(), &Mapping::default()) else {
            panic!("an e-mail address became a telephone number");
        };
        assert_eq!(said, "Not linked. “phone” takes telephone numbers, and “mail” holds e-mail addresses.");
        let dropped = carry.put_down(None, &board(), &Mapping::default());
        assert_eq!(dropped, Dropped::Nothing { said: "Put “mail” back. Nothing was changed.".to_owned() });
    }

    #[test]
    fn replacing_a_link_says_what_it_replaces() {
        let link =
            Link { target: "note".to_owned(), source: Source::Field { name: "city".to_owned() }, transforms: vec![] };
        let (board, mapping) = (board(), Mapping { links: vec![link] });
        let mut carry = Carry::pick_up(source(2), &board, &shown()).unwrap();
        assert_eq!(carry.step(Move::Next, &board, &mapping), "“note”, now fed by “city”, 1 of 1.");
        let Dropped::Linked { said, .. } = carry.put_down(None, &board, &mapping) else { panic!("it may be linked") };
        assert_eq!(said, "Linked “age” to “note”, instead of “city”.");
    }

    #[test]
    fn the_pointer_is_only_over_what_is_allowed() {
        let mut carry = Carry::pick_up(source(0), &board(), &shown()).unwrap();
        carry.hover(Some(target(0)));
        assert_eq!(carry.over(), None);
        carry.hover(Some(target(2)));
        assert_eq!(carry.over(), Some(target(2)));
        carry.hover(None);
        assert_eq!(carry.over(), None);
    }
}
