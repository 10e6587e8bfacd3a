//! Which rows of the canvas follow a change at once, and which a moment later. With hundreds of fields on both sides, a change that concerns them all would keep
//! a person waiting while the browser is busy with rows that nobody sees. There, only the rows in sight follow at once; the others have their turn when
//! what was done is on the screen, some at a time, and those that come into sight meanwhile before the others.

use std::collections::BTreeSet;

use leptos::prelude::*;

use super::carry::{Place, Side};

/// When each row follows. Cheap to hand on.
#[derive(Clone, Copy)]
pub struct Turns {
    /// None where the fields are few: then all rows follow at once.
    rows: Option<StoredValue<Rows>>,
}

struct Rows {
    source: Vec<ArcTrigger>,
    destination: Vec<ArcTrigger>,
    in_sight: Vec<Place>,
    waiting: BTreeSet<Place>,
}

impl Rows {
    fn turn(&self, place: Place) -> Option<&ArcTrigger> {
        match place.side {
            Side::Source => self.source.get(place.index),
            Side::Destination => self.destination.get(place.index),
        }
    }

    /// The turns of these, who then wait no more.
    fn take(&mut self, places: &[Place]) -> Vec<ArcTrigger> {
        let all: Vec<&Place> = places.iter().filter(|place| self.waiting.contains(place)).collect();
        let turns = all.iter().filter_map(|place| self.turn(**place).cloned()).collect();
        for place in all {
            self.waiting.remove(place);
        }
        turns
    }
}

impl Turns {
    /// For so many fields on both sides. `are_many`: more than can follow at once.
    pub fn new(source: usize, destination: usize, are_many: bool) -> Self {
        let triggers = |count| std::iter::repeat_with(ArcTrigger::new).take(count).collect();
        let rows = || Rows {
            source: triggers(source),
            destination: triggers(destination),
            in_sight: Vec::new(),
            waiting: BTreeSet::new(),
        };
        Self { rows: are_many.then(|| StoredValue::new(rows())) }
    }

    /// Whether some rows follow later than others.
    pub fn are_taken(self) -> bool {
        self.rows.is_some()
    }

    /// What the row at `place` shows, kept until it is its turn to follow. It then sees all changes as they are at that moment; what is not announced
    /// ([`Self::all_have_to_follow`]) it does not see where turns are taken.
    pub fn follow<T: PartialEq + Send + Sync + 'static>(
        self,
        place: Place,
        what: impl Fn() -> T + Send + Sync + 'static,
    ) -> Memo<T> {
        match self.rows.and_then(|rows| rows.with_value(|rows| rows.turn(place).cloned())) {
            None => Memo::new(move |_| what()),
            Some(turn) => Memo::new(move |_| {
                turn.track();
                untrack(&what)
            }),
        }
    }
}

#[cfg_attr(not(any(feature = "hydrate", test)), expect(dead_code, reason = "only the browser shows rows in turns"))]
impl Turns {
    /// Something has changed: the rows in sight follow now, the others wait.
    pub fn all_have_to_follow(self) {
        self.have_their_turn(|rows| {
            let places = |side, count| (0..count).map(move |index| Place { side, index });
            rows.waiting.extend(places(Side::Source, rows.source.len()));
            rows.waiting.extend(places(Side::Destination, rows.destination.len()));
            rows.take(&rows.in_sight.clone())
        });
    }

    /// These rows are in sight from now on. Those of them that wait follow.
    pub fn are_in_sight(self, places: Vec<Place>) {
        self.have_their_turn(|rows| {
            rows.in_sight = places;
            rows.take(&rows.in_sight.clone())
        });
    }

    /// So many of those that wait follow. Whether others still wait.
    pub fn next(self, count: usize) -> bool {
        self.have_their_turn(|rows| {
            let places: Vec<Place> = rows.waiting.iter().take(count).copied().collect();
            rows.take(&places)
        });
        // The page may be gone by now.
        let still_wait = |rows: StoredValue<Rows>| rows.try_with_value(|rows| !rows.waiting.is_empty());
        self.rows.and_then(still_wait).unwrap_or(false)
    }

    /// Tells them outside of what is kept here: who follows may ask for it.
    fn have_their_turn(self, whose: impl FnOnce(&mut Rows) -> Vec<ArcTrigger>) {
        let turns = self.rows.and_then(|rows| rows.try_update_value(whose)).unwrap_or_default();
        turns.iter().for_each(ArcTrigger::notify);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(index: usize) -> Place {
        Place { side: Side::Destination, index }
    }

    #[test]
    fn rows_in_sight_follow_at_once_and_the_others_in_turn() {
        let _owner = Owner::new_root(None);
        let (turns, said) = (Turns::new(0, 5, true), RwSignal::new("before"));
        let shown: Vec<Memo<&str>> = (0..5).map(|index| turns.follow(row(index), move || said.get())).collect();
        let now = || shown.iter().map(|memo| memo.get_untracked() == "after").collect::<Vec<_>>();
        assert_eq!(now(), [false; 5]);
        turns.are_in_sight(vec![row(1), row(2)]);
        said.set("after");
        turns.all_have_to_follow();
        assert_eq!(now(), [false, true, true, false, false]);
        turns.are_in_sight(vec![row(4)]);
        assert_eq!(now(), [false, true, true, false, true], "who comes into sight does not wait for their turn");
        assert!(turns.next(1));
        assert_eq!(now(), [true, true, true, false, true]);
        assert!(!turns.next(3));
        assert_eq!(now(), [true; 5]);
    }

    #[test]
    fn few_rows_take_no_turns() {
        let _owner = Owner::new_root(None);
        let (turns, said) = (Turns::new(0, 2, false), RwSignal::new(1));
        let shown = turns.follow(row(1), move || said.get());
        said.set(2);
        assert_eq!(shown.get_untracked(), 2);
        assert!(!turns.are_taken() && !turns.next(10));
    }
}
