//! Carrying a planned run to another day, by dragging or from the keyboard. Its form on the occurrence's own page does the same without either.

use chrono::{Days, NaiveDate};
use leptos::{
    ev::{DragEvent, KeyboardEvent},
    prelude::*,
};

use super::ask::ChangeSchedule;
use crate::actions::ServerAction;

/// A planned run that is carried: its share, its slot, its time of day, and its name.
pub(super) type What = (String, i64, String, String);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Carried {
    what: What,
    from: NaiveDate,
    to: NaiveDate,
}

/// What is carried, and where to.
#[derive(Clone)]
pub(super) struct Carry {
    carried: RwSignal<Option<Carried>>,
    said: RwSignal<String>,
    action: ServerAction<ChangeSchedule>,
    zone: StoredValue<String>,
    days: StoredValue<Vec<NaiveDate>>,
}

/// For the days of one calendar, whose times are in this zone.
pub(super) fn use_carry(action: ServerAction<ChangeSchedule>, zone: String, days: Vec<NaiveDate>) -> Carry {
    Carry {
        carried: RwSignal::new(None),
        said: RwSignal::new(String::new()),
        action,
        zone: StoredValue::new(zone),
        days: StoredValue::new(days),
    }
}

impl Carry {
    /// What a screen reader is told.
    pub(super) fn said(&self) -> String {
        self.said.get()
    }

    /// Whether it would be put down on that day.
    pub(super) fn is_target(&self, day: NaiveDate) -> bool {
        self.carried.with(|carried| carried.as_ref().is_some_and(|carried| carried.to == day))
    }

    pub(super) fn pick_up_by_pointer(&self, event: &DragEvent, what: Option<What>, from: NaiveDate) {
        match what {
            Some(what) => self.carried.set(Some(Carried { what, from, to: from })),
            None => event.prevent_default(),
        }
    }

    pub(super) fn drag_over(&self, event: &DragEvent, day: NaiveDate) {
        if self.carried.with_untracked(Option::is_none) {
            return;
        }
        event.prevent_default();
        if !self.is_there(day) {
            self.carried.update(|carried| {
                if let Some(carried) = carried {
                    carried.to = day;
                }
            });
        }
    }

    pub(super) fn put_down_at(&self, event: &DragEvent, day: NaiveDate) {
        event.prevent_default();
        self.put_down(day);
    }

    /// Lets it stay where it was.
    pub(super) fn let_be(&self, is_said: bool) {
        if self.carried.with_untracked(Option::is_some) {
            self.carried.set(None);
            if is_said {
                self.said.set("It stays where it was.".to_owned());
            }
        }
    }

    pub(super) fn press(&self, event: &KeyboardEvent, what: Option<What>, from: NaiveDate) {
        let Some(what) = what else { return };
        let key = event.key();
        let carries_it = self.carried.with_untracked(|carried| {
            carried.as_ref().is_some_and(|carried| carried.what.1 == what.1 && carried.what.0 == what.0)
        });
        if !carries_it {
            if key == " " {
                event.prevent_default();
                self.said.set(format!(
                    "{} is picked up. The arrow keys choose a day, Enter puts it down, Escape lets it be.",
                    what.3
                ));
                self.carried.set(Some(Carried { what, from, to: from }));
            }
            return;
        }
        let Some(to) = self.carried.with_untracked(|carried| carried.as_ref().map(|carried| carried.to)) else {
            return;
        };
        let moved = match key.as_str() {
            "ArrowRight" => to.checked_add_days(Days::new(1)),
            "ArrowLeft" => to.checked_sub_days(Days::new(1)),
            "ArrowDown" => to.checked_add_days(Days::new(7)),
            "ArrowUp" => to.checked_sub_days(Days::new(7)),
            "Enter" | " " => {
                event.prevent_default();
                self.put_down(to);
                return;
            }
            "Escape" => {
                event.prevent_default();
                self.let_be(true);
                return;
            }
            _ => return,
        };
        event.prevent_default();
        let shown = moved.filter(|day| self.days.with_value(|days| days.contains(day)));
        if let Some(day) = shown {
            self.carried.update(|carried| {
                if let Some(carried) = carried {
                    carried.to = day;
                }
            });
            self.said.set(day.format("%A %-d %B").to_string());
        }
    }

    fn is_there(&self, day: NaiveDate) -> bool {
        self.carried.with_untracked(|carried| carried.as_ref().is_some_and(|carried| carried.to == day))
    }

    fn put_down(&self, day: NaiveDate) {
        let Some(carried) = self.carried.get_untracked() else { return };
        self.carried.set(None);
        if day == carried.from {
            self.said.set("It stays where it was.".to_owned());
            return;
        }
        let (id, slot, time, name) = carried.what;
        // Whether it could be is said by the page, once that is answered.
        self.said.set(format!("{name} is to be moved to {}.", day.format("%A %-d %B")));
        self.action.dispatch(ChangeSchedule {
            what: "move".to_owned(),
            id,
            slot: slot.to_string(),
            day: day.to_string(),
            time,
            zone: self.zone.get_value(),
            back: String::new(),
        });
    }
}
