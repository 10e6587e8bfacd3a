//! The mapping as a plain form: what works without the page's program. Names are `links[0][target]`, `links[0][source]` and so on. How a posted one
//! is read is in `posted`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// In a source select: the same value for every row.
pub const CONSTANT: &str = "=constant";
/// In a source select: several fields, one behind the other.
pub const JOINED: &str = "=joined";
/// Suggestions of at least this confidence can be accepted all at once.
pub const CONFIDENT: u8 = 80;
/// In `accept`: all confident ones.
pub const ACCEPT_ALL: &str = "=all";
/// In a select of presets: what a fresh link does.
pub const RECOMMENDED: &str = "recommended";

/// One destination field of the form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FormLink {
    /// The destination field.
    pub target: String,
    /// Empty, an audience's field (see `source_value`), `CONSTANT` or `JOINED`.
    pub source: String,
    /// The constant.
    pub constant: String,
    /// Not empty: the form shows the steps, so that what it says of them counts.
    pub shown: String,
    /// The steps: the word of each as `name`, and what it is told by name.
    pub steps: Vec<BTreeMap<String, String>>,
    /// The fields that are joined; an empty one is taken away.
    pub names: Vec<String>,
    /// What stands between them.
    pub separator: String,
    /// The step that may be added.
    pub add: String,
    /// The preset that may be used.
    pub preset: String,
}

#[cfg_attr(not(any(feature = "hydrate", test)), expect(dead_code, reason = "the server is given whole lines"))]
impl FormLink {
    /// Sets what an input's name says: `links[0][steps][1][part]`.
    pub fn set(&mut self, name: &str, value: String) {
        let mut parts = name.split(['[', ']']).filter(|part| !part.is_empty()).skip(2);
        match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
            ("target", ..) => self.target = value,
            ("source", ..) => self.source = value,
            ("constant", ..) => self.constant = value,
            ("shown", ..) => self.shown = value,
            ("separator", ..) => self.separator = value,
            ("names", Some(_), _) => self.names.push(value),
            ("steps", Some(at), Some(part)) => {
                let Ok(at) = at.parse::<usize>() else { return };
                // In the order of the page, in which the controls are read too.
                if at == self.steps.len() {
                    self.steps.push(BTreeMap::new());
                }
                if let Some(step) = self.steps.get_mut(at) {
                    step.insert(part.to_owned(), value);
                }
            }
            _ => {}
        }
    }
}

/// What a button of the form does, besides saving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Show the steps of this line.
    Open(usize),
    /// Add the chosen step to this line.
    Add(usize),
    /// Use the chosen preset for this line.
    Preset(usize),
    /// Use the preset chosen for all, for all.
    PresetForAll,
    /// Do a step of this line earlier.
    Up(usize, usize),
    /// Later.
    Down(usize, usize),
    /// Take it away.
    Remove(usize, usize),
}

impl Act {
    /// As a button's value.
    pub fn value(&self) -> String {
        match self {
            Self::Open(line) => format!("open:{line}"),
            Self::Add(line) => format!("add:{line}"),
            Self::Preset(line) => format!("preset:{line}"),
            Self::PresetForAll => "preset:all".to_owned(),
            Self::Up(line, at) => format!("up:{line}:{at}"),
            Self::Down(line, at) => format!("down:{line}:{at}"),
            Self::Remove(line, at) => format!("remove:{line}:{at}"),
        }
    }
}

#[cfg_attr(not(any(feature = "ssr", test)), expect(dead_code, reason = "only the server is posted to"))]
impl Act {
    /// Reads a button's value.
    pub fn read(value: &str) -> Option<Self> {
        let mut parts = value.split(':');
        let what = parts.next()?;
        let line = parts.next()?;
        if (what, line) == ("preset", "all") {
            return Some(Self::PresetForAll);
        }
        let line = line.parse().ok()?;
        let at = parts.next().map(str::parse).transpose().ok()?;
        match (what, at) {
            ("open", None) => Some(Self::Open(line)),
            ("add", None) => Some(Self::Add(line)),
            ("preset", None) => Some(Self::Preset(line)),
            ("up", Some(at)) => Some(Self::Up(line, at)),
            ("down", Some(at)) => Some(Self::Down(line, at)),
            ("remove", Some(at)) => Some(Self::Remove(line, at)),
            _ => None,
        }
    }

    /// The line that it is about.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::PresetForAll => None,
            Self::Open(line) | Self::Add(line) | Self::Preset(line) => Some(*line),
            Self::Up(line, _) | Self::Down(line, _) | Self::Remove(line, _) => Some(*line),
        }
    }
}

/// The value of a source select for a field: its name, marked only where it could be taken for something else.
pub fn source_value(name: &str) -> String {
    if name.starts_with('=') || name.is_empty() { format!("=field:{name}") } else { name.to_owned() }
}

/// What a source select says.
pub fn chosen_source(value: &str) -> Option<ChosenSource<'_>> {
    match value {
        "" => None,
        CONSTANT => Some(ChosenSource::Constant),
        JOINED => Some(ChosenSource::Joined),
        other => Some(ChosenSource::Field(other.strip_prefix("=field:").unwrap_or(other))),
    }
}

/// A source select's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenSource<'v> {
    /// The same for every row.
    Constant,
    /// Several fields of the audience.
    Joined,
    /// A field of the audience.
    Field(&'v str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_whose_name_looks_like_a_mark_is_still_a_field() {
        assert_eq!(chosen_source(&source_value("=odd")), Some(ChosenSource::Field("=odd")));
        assert_eq!(chosen_source(&source_value("=constant")), Some(ChosenSource::Field("=constant")));
        assert_eq!(chosen_source(&source_value("mail")), Some(ChosenSource::Field("mail")));
        assert_eq!(chosen_source(CONSTANT), Some(ChosenSource::Constant));
        assert_eq!(chosen_source(""), None);
    }

    #[test]
    fn a_buttons_value_is_read_back_and_nothing_else_is() {
        for act in [
            Act::Open(0),
            Act::Add(7),
            Act::Preset(3),
            Act::PresetForAll,
            Act::Up(1, 2),
            Act::Down(0, 0),
            Act::Remove(12, 3),
        ] {
            assert_eq!(Act::read(&act.value()), Some(act));
        }
        for value in ["", "up", "up:1", "up:1:x", "open:1:2", "open:-1", "burn:1"] {
            assert_eq!(Act::read(value), None, "{value}");
        }
    }

    #[test]
    fn controls_are_read_by_their_names() {
        let mut line = FormLink::default();
        for (name, value) in [
            ("links[3][target]", "town"),
            ("links[3][source]", "=joined"),
            ("links[3][names][0]", "city"),
            ("links[3][names][1]", ""),
            ("links[3][steps][0][name]", "split"),
            ("links[3][steps][0][part]", "2"),
            ("links[3][steps][1][name]", "trim"),
            ("links[3][steps][9][name]", "lost"),
        ] {
            line.set(name, value.to_owned());
        }
        assert_eq!((line.target.as_str(), line.source.as_str(), line.names.len()), ("town", JOINED, 2));
        assert_eq!(line.steps.len(), 2);
        assert_eq!(line.steps[0]["part"], "2");
    }
}
