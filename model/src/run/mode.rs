//! How a share changes the destination's segment, and what it does with rows of the same person.

use serde::{Deserialize, Serialize};

use crate::contract::JobMode;

/// How a share changes the destination's segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Add the people of the audience.
    Add,
    /// The people of the audience, and nobody else.
    Replace,
    /// Remove the people of the audience.
    Remove,
    /// Keep the segment in step with the audience: add who is new, send again who changed, remove who left; of the people whom this share
    /// has sent. Nobody else in the segment is touched.
    Mirror,
}

impl Mode {
    /// Every mode, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Add, Self::Replace, Self::Mirror, Self::Remove];

    /// The word in the database, in forms and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Remove => "remove",
            Self::Mirror => "mirror",
        }
    }

    /// The words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Replace => "Replace",
            Self::Remove => "Remove",
            Self::Mirror => "Mirror",
        }
    }

    /// The jobs with the consumer, in order. Who left goes first: should somebody's identifiers have changed, the new ones are added after
    /// the old ones are gone.
    pub fn jobs(self) -> &'static [JobMode] {
        match self {
            Self::Add => &[JobMode::Add],
            Self::Replace => &[JobMode::Replace],
            Self::Remove => &[JobMode::Remove],
            Self::Mirror => &[JobMode::Remove, JobMode::Add],
        }
    }

    /// Every mode that a consumer which takes these jobs makes possible.
    pub fn is_possible(self, taken: &[JobMode]) -> bool {
        self.jobs().iter().all(|job| taken.contains(job))
    }

    /// The mode to begin with at a destination: the one that was chosen before, else the first that it makes possible. A new segment has nobody to
    /// remove.
    pub fn first_fit(chosen: Option<Self>, taken: &[JobMode], is_new_segment: bool) -> Option<Self> {
        let fits = |mode: &Self| mode.is_possible(taken) && !(*mode == Self::Remove && is_new_segment);
        chosen.into_iter().chain(Self::ALL).find(fits)
    }

    /// Whether a run may take people out of a segment that is there already.
    pub fn takes_away(self) -> bool {
        matches!(self, Self::Replace | Self::Remove | Self::Mirror)
    }
}

/// What is done with rows of one audience that have the same identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// All are sent; the destination decides.
    #[default]
    Keep,
    /// The first is sent, the others are rejected.
    First,
    /// The last is sent, the others are rejected.
    Last,
}

impl Duplicates {
    /// Every choice, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Last, Self::First];

    /// The word in the database, in forms and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::First => "first",
            Self::Last => "last",
        }
    }

    /// The choice of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == word)
    }

    /// What a mode does with them: a mirror knows each person once.
    pub fn within(self, mode: Mode) -> Self {
        match (self, mode) {
            (Self::Keep, Mode::Mirror) => Self::Last,
            (choice, _) => choice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_begins_with_a_mode_that_it_takes() {
        let all = [JobMode::Add, JobMode::Replace, JobMode::Remove];
        assert_eq!(Mode::first_fit(None, &all, true), Some(Mode::Add));
        assert_eq!(Mode::first_fit(Some(Mode::Mirror), &all, true), Some(Mode::Mirror), "what was chosen stays");
        assert_eq!(Mode::first_fit(Some(Mode::Mirror), &[JobMode::Replace], true), Some(Mode::Replace));
        assert_eq!(Mode::first_fit(Some(Mode::Remove), &all, true), Some(Mode::Add), "a new one has nobody to remove");
        assert_eq!(Mode::first_fit(Some(Mode::Remove), &all, false), Some(Mode::Remove));
        assert_eq!(Mode::first_fit(None, &[JobMode::Remove], true), None);
    }
}
