//! The mapping while it is edited: every change in one place, with undo and redo. Nothing here knows of the page.

use model::{
    field::Field,
    mapping::{Link, MOST_JOINED, Mapping, Source, joined},
    preset::Preset,
    suggestion::Suggestion,
    transform::Transform,
};

use super::steps::by_preset;

/// How many changes can be taken back.
const KEPT: usize = 200;

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Feed a destination field from a field of the audience.
    Link {
        /// The destination field.
        target: String,
        /// The audience's field.
        source: String,
    },
    /// Give a destination field the same value for every row.
    Constant {
        /// The destination field.
        target: String,
        /// The value.
        value: String,
    },
    /// Send nothing to a destination field.
    Unlink {
        /// The destination field.
        target: String,
    },
    /// Change what is done to a link's value.
    Steps {
        /// The destination field.
        target: String,
        /// What is done.
        steps: Vec<Transform>,
    },
    /// Feed a destination field from several fields of the audience.
    Joined {
        /// The destination field.
        target: String,
        /// The audience's fields, in order.
        names: Vec<String>,
        /// What stands between them.
        separator: String,
    },
    /// Do what a platform's rules say, or what a fresh link does.
    Preset {
        /// The destination field; none for all that are linked.
        target: Option<String>,
        /// Whose rules.
        preset: Option<Preset>,
    },
    /// Take suggestions over.
    Accept {
        /// Them.
        suggestions: Vec<Suggestion>,
    },
}

impl Edit {
    /// Changes with the same key that follow each other (typing) are taken back together.
    fn key(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Constant { target, .. } => Some(("constant", target)),
            Self::Steps { target, .. } => Some(("steps", target)),
            Self::Joined { target, .. } => Some(("joined", target)),
            Self::Preset { .. } | Self::Link { .. } | Self::Unlink { .. } | Self::Accept { .. } => None,
        }
    }
}

/// The fields on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// The audience's.
    pub source: Vec<Field>,
    /// The destination's.
    pub destination: Vec<Field>,
}

impl Board {
    /// The audience's field of that name.
    pub fn source_field(&self, name: &str) -> Option<&Field> {
        self.source.iter().find(|field| field.name == name)
    }

    /// The destination's field of that name.
    pub fn target_field(&self, name: &str) -> Option<&Field> {
        self.destination.iter().find(|field| field.name == name)
    }

    /// What a link's values are before anything is done to them; none for a constant, and for fields that are gone.
    pub fn origin(&self, source: &Source) -> Option<Field> {
        match source {
            Source::Field { name } => self.source_field(name).cloned(),
            Source::Joined { names, .. } => {
                let fields: Option<Vec<&Field>> = names.iter().map(|name| self.source_field(name)).collect();
                fields.map(|fields| joined(&fields))
            }
            Source::Constant { .. } => None,
        }
    }
}

/// A mapping, and what it was before.
#[derive(Debug, Clone, PartialEq)]
pub struct Editor {
    mapping: Mapping,
    past: Vec<Mapping>,
    future: Vec<Mapping>,
    typing: Option<(&'static str, String)>,
}

impl Editor {
    /// Begins with a mapping.
    pub fn new(mapping: Mapping) -> Self {
        Self { mapping, past: Vec::new(), future: Vec::new(), typing: None }
    }

    /// As it is now.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Something can be taken back.
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Something that was taken back can be done again.
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    /// Makes a change; what changes nothing is no change.
    pub fn apply(&mut self, edit: &Edit, board: &Board) {
        let mut changed = self.mapping.clone();
        change(&mut changed, edit, board);
        if changed == self.mapping {
            return;
        }
        let key = edit.key().map(|(what, target)| (what, target.to_owned()));
        let goes_on = key.is_some() && key == self.typing && !self.past.is_empty();
        let before = std::mem::replace(&mut self.mapping, changed);
        if !goes_on {
            self.past.push(before);
            if self.past.len() > KEPT {
                self.past.remove(0);
            }
        }
        self.future.clear();
        self.typing = key;
    }

    /// Exchanges the whole mapping, as one change.
    pub fn exchange(&mut self, mapping: Mapping) {
        if mapping != self.mapping {
            self.past.push(std::mem::replace(&mut self.mapping, mapping));
            self.future.clear();
            self.typing = None;
        }
    }

    /// What is typed from here on is a change of its own.
    pub fn end_typing(&mut self) {
        self.typing = None;
    }

    /// Takes the last change back.
    pub fn undo(&mut self) {
        if let Some(before) = self.past.pop() {
            self.future.push(std::mem::replace(&mut self.mapping, before));
            self.typing = None;
        }
    }

    /// Does the change again that was taken back last.
    pub fn redo(&mut self) {
        if let Some(after) = self.future.pop() {
            self.past.push(std::mem::replace(&mut self.mapping, after));
            self.typing = None;
        }
    }
}

/// What is different in `after`: the destination field, when it is a single one, and a sentence.
pub fn difference(before: &Mapping, after: &Mapping, board: &Board) -> (Option<String>, String) {
    let mut changed = board
        .destination
        .iter()
        .filter(|field| before.link(&field.name) != after.link(&field.name))
        .collect::<Vec<_>>();
    let Some(field) = changed.pop() else { return (None, "nothing is different.".to_owned()) };
    if !changed.is_empty() {
        return (None, format!("{} fields are as they were.", changed.len() + 1));
    }
    let name = field.display_name();
    let said = match (before.link(&field.name), after.link(&field.name)) {
        (_, None) => format!("“{name}” is not mapped."),
        (Some(before), Some(after)) if before.source == after.source => {
            format!("what is done for “{name}” is as it was.")
        }
        (_, Some(link)) => {
            let label =
                |from: &str| board.source_field(from).map_or(from.to_owned(), |field| field.display_name().to_owned());
            let fields: Vec<String> = link.source.fields().map(label).collect();
            if fields.is_empty() {
                format!("“{name}” is the same for everyone.")
            } else {
                format!("“{name}” is fed by “{}”.", fields.join("”, “"))
            }
        }
    };
    (Some(field.name.clone()), said)
}

fn change(mapping: &mut Mapping, edit: &Edit, board: &Board) {
    let links_before = mapping.links.len();
    match edit {
        Edit::Link { target, source } => {
            let (Some(from), Some(to)) = (board.source_field(source), board.target_field(target)) else { return };
            let same =
                matches!(mapping.link(target), Some(Link { source: Source::Field { name }, .. }) if name == source);
            if !same {
                let transforms = by_preset(None, Some(from), to, &[]);
                put(mapping, target, Source::Field { name: source.clone() }, Some(transforms));
            }
        }
        Edit::Constant { target, value } => {
            let Some(to) = board.target_field(target) else { return };
            let was_constant = matches!(mapping.link(target), Some(Link { source: Source::Constant { .. }, .. }));
            let transforms = (!was_constant).then(|| by_preset(None, None, to, &[]));
            put(mapping, target, Source::Constant { value: value.clone() }, transforms);
        }
        Edit::Unlink { target } => mapping.links.retain(|link| link.target != *target),
        Edit::Steps { target, steps } => {
            if let Some(link) = mapping.links.iter_mut().find(|link| link.target == *target) {
                link.transforms.clone_from(steps);
            }
        }
        Edit::Joined { target, names, separator } => {
            let Some(to) = board.target_field(target) else { return };
            let was_joined = matches!(mapping.link(target), Some(Link { source: Source::Joined { .. }, .. }));
            let mut names = names.clone();
            names.truncate(MOST_JOINED);
            let source = Source::Joined { names, separator: separator.clone() };
            let transforms = (!was_joined).then(|| by_preset(None, board.origin(&source).as_ref(), to, &[]));
            put(mapping, target, source, transforms);
        }
        Edit::Preset { target, preset } => {
            let is_meant = |link: &&mut Link| target.as_ref().is_none_or(|target| link.target == *target);
            for link in mapping.links.iter_mut().filter(is_meant) {
                let Some(to) = board.target_field(&link.target) else { continue };
                link.transforms = by_preset(*preset, board.origin(&link.source).as_ref(), to, &link.transforms);
            }
        }
        Edit::Accept { suggestions } => {
            for suggestion in suggestions {
                let link = suggestion.link.clone();
                if mapping.link(&link.target).is_none() && board.target_field(&link.target).is_some() {
                    put(mapping, &link.target, link.source, Some(link.transforms));
                }
            }
        }
    }
    // In the order of the destination's fields.
    if mapping.links.len() > links_before {
        let place =
            |link: &Link| board.destination.iter().position(|field| field.name == link.target).unwrap_or(usize::MAX);
        mapping.links.sort_by_cached_key(place);
    }
}

/// One link for each destination field; a new one is still to be put in its place.
fn put(mapping: &mut Mapping, target: &str, source: Source, transforms: Option<Vec<Transform>>) {
    if let Some(link) = mapping.links.iter_mut().find(|link| link.target == target) {
        link.source = source;
        if let Some(transforms) = transforms {
            link.transforms = transforms;
        }
        return;
    }
    mapping.links.push(Link { target: target.to_owned(), source, transforms: transforms.unwrap_or_default() });
}

#[cfg(test)]
mod tests {
    use model::{
        field::{FieldKind, FieldType},
        suggestion::suggest,
    };

    use super::*;

    fn board() -> Board {
        Board {
            source: vec![
                Field::new("mail", FieldKind::Identifier, FieldType::Email),
                Field::new("city", FieldKind::Attribute, FieldType::String),
            ],
            destination: vec![
                Field::new("email", FieldKind::Identifier, FieldType::Email).required(),
                Field::new("town", FieldKind::Attribute, FieldType::String),
            ],
        }
    }

    fn link(target: &str, source: &str) -> Edit {
        Edit::Link { target: target.to_owned(), source: source.to_owned() }
    }

    fn constant(value: &str) -> Edit {
        Edit::Constant { target: "town".to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_fresh_link_does_what_is_recommended_and_stands_in_the_destinations_order() {
        let mut editor = Editor::new(Mapping::default());
        editor.apply(&link("town", "city"), &board());
        editor.apply(&link("email", "mail"), &board());
        let targets: Vec<&str> = editor.mapping().links.iter().map(|link| link.target.as_str()).collect();
        assert_eq!(targets, ["email", "town"]);
        assert_eq!(editor.mapping().links[0].transforms, [Transform::NormaliseEmail]);
    }

    #[test]
    fn what_was_set_stays_when_the_same_link_is_made_again() {
        let mut editor = Editor::new(Mapping::default());
        editor.apply(&link("email", "mail"), &board());
        editor.apply(&Edit::Steps { target: "email".to_owned(), steps: vec![Transform::Trim] }, &board());
        editor.apply(&link("email", "mail"), &board());
        assert_eq!(editor.mapping().links[0].transforms, [Transform::Trim]);
    }

    #[test]
    fn changes_are_taken_back_and_done_again_one_by_one() {
        let mut editor = Editor::new(Mapping::default());
        assert!(!editor.can_undo() && !editor.can_redo());
        editor.apply(&link("email", "mail"), &board());
        let linked = editor.mapping().clone();
        editor.apply(&Edit::Unlink { target: "email".to_owned() }, &board());
        assert_eq!(editor.mapping(), &Mapping::default());
        editor.undo();
        assert_eq!(editor.mapping(), &linked);
        assert!(editor.can_redo());
        editor.redo();
        assert_eq!(editor.mapping(), &Mapping::default());
        editor.undo();
        editor.undo();
        assert_eq!(editor.mapping(), &Mapping::default());
        editor.undo();
        editor.apply(&link("town", "city"), &board());
        assert!(!editor.can_redo(), "a new change forgets what was taken back");
    }

    #[test]
    fn what_came_back_is_said() {
        let mut editor = Editor::new(Mapping::default());
        let said = |before: &Mapping, after: &Mapping| difference(before, after, &board());
        let nothing = editor.mapping().clone();
        editor.apply(&link("email", "mail"), &board());
        let linked = editor.mapping().clone();
        assert_eq!(said(&linked, &nothing), (Some("email".to_owned()), "“email” is not mapped.".to_owned()));
        assert_eq!(said(&nothing, &linked).1, "“email” is fed by “mail”.");
        editor.apply(&constant("Bern"), &board());
        assert_eq!(said(&linked, editor.mapping()).1, "“town” is the same for everyone.");
        assert_eq!(said(&nothing, editor.mapping()), (None, "2 fields are as they were.".to_owned()));
        editor.apply(&Edit::Steps { target: "town".to_owned(), steps: vec![Transform::Trim] }, &board());
        let trimmed = editor.mapping().clone();
        editor.undo();
        assert_eq!(said(&trimmed, editor.mapping()).1, "what is done for “town” is as it was.");
    }

    #[test]
    fn typing_is_one_change() {
        let mut editor = Editor::new(Mapping::default());
        for text in ["B", "Be", "Ber"] {
            editor.apply(&constant(text), &board());
        }
        editor.end_typing();
        editor.apply(&constant("Bern"), &board());
        editor.undo();
        assert_eq!(editor.mapping().links[0].source, Source::Constant { value: "Ber".to_owned() });
        editor.undo();
        assert!(editor.mapping().links.is_empty());
        assert!(!editor.can_undo());
    }

    #[test]
    fn a_preset_for_all_links_is_one_change() {
        let mut editor = Editor::new(Mapping::default());
        editor.apply(&link("email", "mail"), &board());
        editor.apply(&link("town", "city"), &board());
        let before = editor.mapping().clone();
        editor.apply(&Edit::Preset { target: None, preset: Some(Preset::Google) }, &board());
        assert_eq!(
            editor.mapping().links[0].transforms,
            [Transform::NormaliseEmail, Transform::GmailRule { googlemail: true }]
        );
        assert_eq!(editor.mapping().links[1], before.links[1], "plain text has no rule");
        editor.undo();
        assert_eq!(editor.mapping(), &before);
        editor.apply(&Edit::Preset { target: Some("town".to_owned()), preset: Some(Preset::Meta) }, &board());
        assert_eq!(editor.mapping().links[1].transforms, [Transform::NormaliseCity]);
        assert_eq!(editor.mapping().links[0], before.links[0], "only the one that was meant");
    }

    #[test]
    fn fields_are_joined_and_keep_their_steps_while_more_are_added() {
        let mut editor = Editor::new(Mapping::default());
        let joined = |names: &[&str]| Edit::Joined {
            target: "town".to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            separator: " ".to_owned(),
        };
        editor.apply(&joined(&["city"]), &board());
        let steps = vec![Transform::Uppercase];
        editor.apply(&Edit::Steps { target: "town".to_owned(), steps: steps.clone() }, &board());
        editor.apply(&joined(&["city", "mail"]), &board());
        assert_eq!(editor.mapping().links[0].transforms, steps);
        assert_eq!(editor.mapping().links[0].source.fields().collect::<Vec<_>>(), ["city", "mail"]);
        editor.apply(&joined(&["city"; 30]), &board());
        assert_eq!(editor.mapping().links[0].source.fields().count(), MOST_JOINED);
    }

    #[test]
    fn what_changes_nothing_is_no_change() {
        let mut editor = Editor::new(Mapping::default());
        editor.apply(&Edit::Unlink { target: "email".to_owned() }, &board());
        editor.apply(&link("email", "not there"), &board());
        editor.apply(&link("not there", "mail"), &board());
        assert!(!editor.can_undo());
    }

    #[test]
    fn accepted_suggestions_are_one_change_and_spare_what_was_set() {
        let board = board();
        let suggestions = suggest(&board.source, &board.destination, &Mapping::default(), &[]);
        assert_eq!(suggestions.len(), 2);
        let mut editor = Editor::new(Mapping::default());
        editor.apply(&constant("Bern"), &board);
        editor.apply(&Edit::Accept { suggestions }, &board);
        assert_eq!(editor.mapping().links.len(), 2);
        assert_eq!(editor.mapping().links[1].source, Source::Constant { value: "Bern".to_owned() });
        editor.undo();
        assert_eq!(editor.mapping().links.len(), 1);
    }

    #[test]
    fn no_more_is_kept_than_can_be_of_use() {
        let mut editor = Editor::new(Mapping::default());
        for number in 0..KEPT + 50 {
            editor.end_typing();
            editor.apply(&constant(&number.to_string()), &board());
        }
        assert_eq!(editor.past.len(), KEPT);
    }
}
