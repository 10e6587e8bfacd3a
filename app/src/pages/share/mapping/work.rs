//! What the parts of the mapping's page share: the mapping, what follows from it, and what is under way. All changes go through here.

use std::time::Duration;

use leptos::prelude::*;
use model::{
    field::Field,
    mapping::{Finding, Mapping, Severity},
    suggestion::{Likely, Suggestion},
    view::Sample,
};

use super::{
    LONG,
    carry::{Carry, Dropped, Move, Place, Shown, Side},
    chain::ShowSteps,
    curve::Point,
    dom,
    editor::{Board, Edit, Editor, difference},
    form::FormLink,
    lab::ShowLab,
    posted::with_lines,
    target_list::List,
    trying::{Tried, Trying},
    turns::Turns,
};
use crate::{
    phones,
    pieces::{self, Piece},
};

/// What the page begins with.
pub struct Beginning {
    /// The fields on both sides.
    pub board: Board,
    /// The rows to try the mapping on.
    pub sample: Sample,
    /// The mapping that is shown first.
    pub mapping: Mapping,
    /// The mapping that the server has.
    pub on_server: Mapping,
    /// What the server found about that.
    pub tried: Tried,
    /// Values are shown as they are.
    pub show_values: bool,
    /// The place of the destination field whose steps are shown.
    pub opened: Option<usize>,
    /// The lab is open.
    pub lab_is_open: bool,
    /// Whether the person may change anything.
    pub may_edit: bool,
}

/// The state of the page; cheap to hand on.
#[derive(Clone, Copy)]
pub struct Work {
    /// The fields on both sides.
    pub board: StoredValue<Board>,
    /// The rows to try the mapping on.
    pub sample: StoredValue<Sample>,
    /// What the server found about the mapping that it has.
    pub tried: StoredValue<Tried>,
    /// What tries the mapping.
    pub piece: Piece<Trying>,
    /// What shows the steps of a link.
    pub show_steps: Piece<ShowSteps>,
    /// What shows the lab.
    pub show_lab: Piece<ShowLab>,
    /// Whether the person may change anything.
    pub may_edit: bool,
    /// The place of the destination field whose steps are shown from the beginning.
    pub opened: Option<usize>,
    /// The mapping, with undo.
    pub editor: RwSignal<Editor>,
    /// The mapping.
    pub mapping: Memo<Mapping>,
    /// What speaks against it.
    pub findings: Memo<Vec<Finding>>,
    /// Links that could be accepted.
    pub suggestions: Memo<Vec<Suggestion>>,
    /// What is filtered for: the audience's fields.
    pub source_filter: RwSignal<String>,
    /// And the destination's.
    pub target_filter: RwSignal<String>,
    /// The fields that are shown, from top to bottom.
    pub shown: Memo<Shown>,
    /// What the lists of the audience's fields begin with.
    pub first_list: List,
    /// So many of them, from the first, are short until a person is at them.
    pub short_lists: RwSignal<usize>,
    /// When each row follows a change.
    pub turns: Turns,
    /// What is carried from one side to the other.
    pub carry: RwSignal<Option<Carry>>,
    /// The carrying is done by the pointer, held down.
    pub dragging: RwSignal<bool>,
    /// The line that follows the pointer.
    pub ghost: RwSignal<Option<(Point, Point)>>,
    /// The destination field whose link the pointer or the focus is at.
    pub hovered: RwSignal<Option<String>>,
    /// The destination field whose link is selected.
    pub selected: RwSignal<Option<String>>,
    lit: StoredValue<Lit>,
    /// What is said aloud.
    pub said: RwSignal<String>,
    /// Values are shown as they are.
    pub show_values: RwSignal<bool>,
    /// The mapping has to do with telephone numbers.
    pub numbers_are_wanted: Memo<bool>,
    /// The numbering plans of telephones are there, or can't be had.
    pub numbers_are_read: RwSignal<bool>,
}

impl Work {
    /// Begins.
    pub fn new(beginning: Beginning) -> Self {
        let Beginning { board, sample, mapping, on_server, tried, show_values, opened, lab_is_open, may_edit } =
            beginning;
        // What the server has tried need not be tried again.
        let piece = pieces::mapping_trying::piece(mapping != on_server);
        let are_long = board.source.len() > LONG;
        let (first_list, short_lists) = match are_long {
            // The server sends all options: the page is used before its program has come.
            false => (List::Whole, 0),
            true if cfg!(not(feature = "hydrate")) => (List::Whole, 0),
            true if dom::is_rendered() => (List::Rendered, 0),
            true => (List::Short, usize::MAX),
        };
        let (source, destination) = (board.source.len(), board.destination.len());
        let turns = Turns::new(source, destination, source.max(destination) > LONG);
        let (board, sample, tried) = (StoredValue::new(board), StoredValue::new(sample), StoredValue::new(tried));
        let on_server = StoredValue::new(on_server);
        let editor = RwSignal::new(Editor::new(mapping));
        let mapping = Memo::new(move |_| editor.with(|editor| editor.mapping().clone()));
        let numbers_are_wanted = Memo::new(move |_| {
            mapping.with(|mapping| {
                board.with_value(|board| phones::concern(&[&board.source, &board.destination], mapping))
            })
        });
        let numbers_are_read = RwSignal::new(phones::were_awaited());
        let trying = move || trying(piece, numbers_are_wanted, numbers_are_read);
        let findings = Memo::new(move |_| {
            mapping.with(|mapping| {
                if on_server.with_value(|on_server| on_server == mapping) {
                    return tried.with_value(|tried| tried.findings.clone());
                }
                match trying() {
                    Some(trying) => board.with_value(|board| (trying.check)(mapping, board)),
                    // What was said of links that are as they were still holds.
                    None => {
                        let is_as_it_was = |target: &str| {
                            on_server.with_value(|on_server| on_server.link(target) == mapping.link(target))
                        };
                        let of = |finding: &Finding| finding.target.as_deref().is_none_or(is_as_it_was);
                        tried.with_value(|tried| tried.findings.iter().filter(|finding| of(finding)).cloned().collect())
                    }
                }
            })
        });
        // Suggestions depend on who feeds whom, not on what is done on the way: typing does not ask for them anew.
        let bare = bare(mapping, turns);
        let likely = StoredValue::new(None::<Likely>);
        let look_at_sample = move |trying: Trying| {
            let looked = move |likely: &mut Option<Likely>| {
                if likely.is_none() {
                    *likely = board
                        .try_with_value(|board| sample.try_with_value(|sample| (trying.likely)(board, sample)))
                        .flatten();
                }
            };
            // Whoever has left the page needs nothing.
            likely.try_update_value(looked);
        };
        // As soon as it can be, so that the first change does not wait for it; and after the page was drawn.
        Effect::new(move |_| {
            if let Some(trying) = trying() {
                set_timeout(move || look_at_sample(trying), Duration::ZERO);
            }
        });
        let suggestions = Memo::new(move |_| {
            bare.with(|mapping| {
                if on_server.with_value(|on_server| without_steps(on_server) == *mapping) {
                    return tried.with_value(|tried| tried.suggestions.clone());
                }
                match trying() {
                    Some(trying) => board.with_value(|board| {
                        look_at_sample(trying);
                        likely.with_value(|likely| {
                            likely.as_ref().map(|likely| (trying.suggest)(mapping, board, likely)).unwrap_or_default()
                        })
                    }),
                    None => tried.with_value(|tried| {
                        let is_free = |suggestion: &&Suggestion| mapping.link(&suggestion.link.target).is_none();
                        tried.suggestions.iter().filter(is_free).cloned().collect()
                    }),
                }
            })
        });
        let (source_filter, target_filter) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
        let shown = Memo::new(move |_| {
            board.with_value(|board| Shown {
                source: source_filter.with(|filter| matching(&board.source, filter).collect()),
                destination: target_filter.with(|filter| {
                    let hits: Vec<usize> = matching(&board.destination, filter).collect();
                    Group::ALL
                        .into_iter()
                        .flat_map(|group| {
                            hits.iter()
                                .copied()
                                .filter(move |index| Group::of(&board.destination[*index]) == group)
                                .collect::<Vec<_>>()
                        })
                        .collect()
                }),
            })
        });
        let (hovered, selected) = (RwSignal::new(None), RwSignal::new(None));
        let lit = StoredValue::new(Lit {
            hovered: Selector::new(move || hovered.get()),
            selected: Selector::new(move || selected.get()),
        });
        Self {
            board,
            sample,
            tried,
            piece,
            show_steps: pieces::mapping_steps::piece(opened.is_some()),
            show_lab: pieces::mapping_lab::piece(lab_is_open),
            may_edit,
            opened,
            editor,
            mapping,
            findings,
            suggestions,
            source_filter,
            target_filter,
            shown,
            first_list,
            short_lists: RwSignal::new(short_lists),
            turns,
            carry: RwSignal::new(None),
            dragging: RwSignal::new(false),
            ghost: RwSignal::new(None),
            hovered,
            selected,
            lit,
            said: RwSignal::new(String::new()),
            show_values: RwSignal::new(show_values),
            numbers_are_wanted,
            numbers_are_read,
        }
    }

    /// What tries the mapping, once it is there with all that it needs. Who asks is told when it comes.
    pub fn trying(self) -> Option<Trying> {
        trying(self.piece, self.numbers_are_wanted, self.numbers_are_read)
    }

    /// Loads the numbering plans of telephones.
    pub fn read_numbers(self) {
        leptos::task::spawn_local(async move {
            phones::ready().await;
            self.numbers_are_read.try_set(true);
        });
    }

    /// Changes the mapping.
    pub fn edit(self, edit: &Edit) {
        if self.may_edit {
            self.editor.update(|editor| self.board.with_value(|board| editor.apply(edit, board)));
        }
    }

    /// Takes over what an earlier visit could not save, and what was chosen before the page's program had loaded.
    pub fn take_over(self, kept: Option<Mapping>, chosen: &[FormLink]) {
        if kept.is_none() && chosen.is_empty() {
            return;
        }
        let was_kept = kept.is_some();
        self.editor.update(|editor| {
            self.board.with_value(|board| {
                let mut mapping = kept.unwrap_or_else(|| editor.mapping().clone());
                mapping.links.retain(|link| board.target_field(&link.target).is_some());
                editor.exchange(with_lines(&mapping, chosen, board));
            });
        });
        if was_kept {
            self.say("Changes that could not be saved before are here again.");
        }
    }

    /// Takes the last change back.
    pub fn undo(self) {
        if self.editor.with_untracked(Editor::can_undo) {
            self.go_through_time("Undone", Editor::undo);
        }
    }

    /// Does it again.
    pub fn redo(self) {
        if self.editor.with_untracked(Editor::can_redo) {
            self.go_through_time("Done again", Editor::redo);
        }
    }

    /// Says what is different now, and selects it when it is one field.
    fn go_through_time(self, done: &str, go: impl FnOnce(&mut Editor)) {
        let before = self.editor.with_untracked(|editor| editor.mapping().clone());
        self.editor.update(go);
        let (changed, said) = self
            .board
            .with_value(|board| self.editor.with_untracked(|editor| difference(&before, editor.mapping(), board)));
        self.selected.set(changed);
        self.say(format!("{done}: {said}"));
    }

    /// Says something aloud.
    pub fn say(self, text: impl Into<String>) {
        self.said.set(text.into());
    }

    /// Picks a field up; says why when it fits nowhere.
    pub fn pick_up(self, place: Place) {
        if !self.may_edit {
            return;
        }
        let picked = self.board.with_value(|board| {
            let carry = Carry::pick_up(place, board, &self.shown.get_untracked())?;
            let said = carry.said_at_pick_up(board);
            Ok::<_, String>((carry, said))
        });
        match picked {
            Ok((carry, said)) => {
                self.carry.set(Some(carry));
                self.say(said);
            }
            Err(said) => {
                self.carry.set(None);
                self.say(said);
            }
        }
    }

    /// Puts down what is carried, at `place` or where it is.
    pub fn put_down(self, place: Option<Place>) {
        let Some(carry) = self.carry.get_untracked() else { return };
        let dropped =
            self.board.with_value(|board| self.mapping.with_untracked(|mapping| carry.put_down(place, board, mapping)));
        self.end_carry();
        match dropped {
            Dropped::Linked { source, target, said } => {
                self.selected.set(Some(target.clone()));
                self.edit(&Edit::Link { target, source });
                self.say(said);
            }
            Dropped::Nothing { said } => self.say(said),
        }
    }

    /// Puts it back.
    pub fn cancel(self) {
        let Some(carry) = self.carry.get_untracked() else { return };
        self.end_carry();
        self.say(self.board.with_value(|board| carry.said_at_cancel(board)));
    }

    fn end_carry(self) {
        self.carry.set(None);
        self.dragging.set(false);
        self.ghost.set(None);
    }

    /// A handle was pressed, by key or pointer: picks up, puts down, or says why not.
    pub fn press(self, place: Place) {
        match self.carry.get_untracked() {
            None => self.pick_up(place),
            Some(carry) if carry.from() == place => {
                if carry.over().is_some() {
                    self.put_down(None);
                } else {
                    self.cancel();
                }
            }
            Some(carry) if carry.from().side == place.side => self.pick_up(place),
            Some(_) => self.put_down(Some(place)),
        }
    }

    /// Takes a link away.
    pub fn unlink(self, target: &str) {
        self.edit(&Edit::Unlink { target: target.to_owned() });
        self.selected.set(None);
        let name =
            self.board.with_value(|board| board.target_field(target).map(|field| field.display_name().to_owned()));
        self.say(format!("Took the link to “{}” away.", name.unwrap_or_default()));
    }

    /// Takes suggestions over.
    pub fn accept(self, suggestions: Vec<Suggestion>) {
        let count = suggestions.len();
        self.edit(&Edit::Accept { suggestions });
        self.say(if count == 1 {
            "Accepted 1 suggestion.".to_owned()
        } else {
            format!("Accepted {count} suggestions.")
        });
    }

    /// How many required fields there are, and how many of them are mapped.
    pub fn required(self) -> (usize, usize) {
        self.mapping.with(|mapping| {
            self.board.with_value(|board| {
                let required = board.destination.iter().filter(|field| field.required);
                let mapped = required.clone().filter(|field| mapping.link(&field.name).is_some()).count();
                (required.count(), mapped)
            })
        })
    }

    /// The required fields that are not mapped, from top to bottom.
    pub fn missing(self) -> Vec<String> {
        self.mapping.with(|mapping| {
            self.board.with_value(|board| {
                let required = board.destination.iter().filter(|field| field.required);
                required.filter(|field| mapping.link(&field.name).is_none()).map(|field| field.name.clone()).collect()
            })
        })
    }

    /// What a side is filtered for.
    pub fn filter(self, side: Side) -> RwSignal<String> {
        match side {
            Side::Source => self.source_filter,
            Side::Destination => self.target_filter,
        }
    }

    /// Filters a side, and says what is left.
    pub fn filter_by(self, side: Side, wanted: String) {
        let filter = self.filter(side);
        // The page may be gone by now.
        if filter.try_with_untracked(|filter| *filter != wanted) == Some(true) {
            filter.set(wanted);
            self.say(self.said_of_filter(side));
        }
    }

    /// How many fields of a side its filter leaves, as it is said aloud.
    fn said_of_filter(self, side: Side) -> String {
        let (shown, all) = self.shown.with_untracked(|shown| {
            self.board.with_value(|board| match side {
                Side::Source => (shown.source.len(), board.source.len()),
                Side::Destination => (shown.destination.len(), board.destination.len()),
            })
        });
        if shown == all { format!("All {all} fields.") } else { format!("{shown} of {all} fields.") }
    }

    /// What is carried, in words, while something is.
    pub fn carried(self) -> Option<String> {
        self.carry.with(|carry| {
            let carry = carry.as_ref()?;
            Some(self.board.with_value(|board| carry.shown_while_carried(board)))
        })
    }

    /// Errors (but fields that are only missing, which are counted apart) and warnings.
    pub fn counts(self) -> (usize, usize) {
        let missing = self.missing();
        let is_empty = self.mapping.with(|mapping| mapping.links.is_empty());
        // That nothing is mapped yet is seen; it need not be counted.
        let counts = |finding: &Finding| finding.target.as_ref().map_or(!is_empty, |target| !missing.contains(target));
        self.findings.with(|findings| {
            let of = |severity| findings.iter().filter(move |finding| finding.severity == severity);
            (of(Severity::Error).filter(|finding| counts(finding)).count(), of(Severity::Warning).count())
        })
    }

    /// Whether a link is to stand out. Only who asks for this one or the one before is told when that changes: with hundreds of fields, not all of
    /// them look each time the pointer moves.
    pub fn is_lit(self, target: &str) -> bool {
        let target = Some(target.to_owned());
        // Both are asked, so that both are followed.
        let (is_hovered, is_selected) =
            self.lit.with_value(|lit| (lit.hovered.selected(&target), lit.selected.selected(&target)));
        is_hovered || is_selected
    }

    /// How a field stands while something is carried.
    pub fn standing(self, place: Place) -> Standing {
        self.carry.with(|carry| match carry {
            None => Standing::Plain,
            Some(carry) if carry.from() == place => Standing::Carried,
            Some(carry) if carry.over() == Some(place) => Standing::Over,
            Some(carry) if carry.allows(place) => Standing::Allowed,
            Some(carry) if carry.forbids(place) => Standing::Forbidden,
            Some(_) => Standing::Plain,
        })
    }
}

#[cfg_attr(
    not(feature = "hydrate"),
    expect(dead_code, reason = "only the browser moves what is carried, and knows of keys")
)]
impl Work {
    /// Moves what is carried over the next field that is possible.
    pub fn step(self, step: Move) {
        let Some(mut carry) = self.carry.get_untracked() else { return };
        let said =
            self.board.with_value(|board| self.mapping.with_untracked(|mapping| carry.step(step, board, mapping)));
        self.carry.set(Some(carry));
        self.say(said);
    }

    /// The destination field that needs a person next: the first required one that is not mapped, or else the first with an error, or a warning,
    /// below `after` and then again from the top.
    pub fn next_trouble(self, after: Option<&str>) -> Option<String> {
        if let Some(missing) = self.missing().into_iter().next() {
            return Some(missing);
        }
        let troubled = self.findings.with(|findings| {
            let of = |severity| {
                let all = findings.iter().filter(move |finding: &&Finding| finding.severity == severity);
                all.filter_map(|finding| finding.target.clone()).collect::<Vec<_>>()
            };
            let errors = of(Severity::Error);
            if errors.is_empty() { of(Severity::Warning) } else { errors }
        });
        let place =
            |name: &str| self.board.with_value(|board| board.destination.iter().position(|field| field.name == name));
        let after = after.and_then(place);
        let below = troubled.iter().filter(|name| place(name) > after).min_by_key(|name| place(name));
        below.or_else(|| troubled.iter().min_by_key(|name| place(name))).cloned()
    }

    /// The pointer is over this while it carries something.
    pub fn hover(self, place: Option<Place>) {
        let Some(mut carry) = self.carry.get_untracked() else { return };
        let before = carry.over();
        carry.hover(place);
        if carry.over() != before {
            self.carry.set(Some(carry));
        }
    }
}

/// Without the numbering plans numbers would be called wrong, so it waits for them where there are some.
fn trying(piece: Piece<Trying>, numbers_are_wanted: Memo<bool>, numbers_are_read: RwSignal<bool>) -> Option<Trying> {
    let has_to_wait = numbers_are_wanted.get() && !numbers_are_read.get();
    piece.get().filter(|_| !has_to_wait)
}

/// Who feeds whom. Where the fields are very many, as it was until what was changed is seen: what else could be linked is then found.
fn bare(mapping: Memo<Mapping>, turns: Turns) -> Memo<Mapping> {
    if !turns.are_taken() {
        return Memo::new(move |_| mapping.with(without_steps));
    }
    let seen = RwSignal::new(mapping.with_untracked(without_steps));
    Effect::new(move |before: Option<()>| {
        mapping.track();
        if before.is_some() {
            dom::after_the_picture(move || {
                // The page may be gone by now.
                if let Some(now) = mapping.try_with_untracked(without_steps) {
                    seen.try_set(now);
                }
            });
        }
    });
    Memo::new(move |_| seen.get())
}

fn without_steps(mapping: &Mapping) -> Mapping {
    let mut bare = mapping.clone();
    bare.links.iter_mut().for_each(|link| link.transforms.clear());
    bare
}

/// Tells only those concerned of a change.
#[derive(Clone)]
struct Lit {
    hovered: Selector<Option<String>>,
    selected: Selector<Option<String>>,
}

/// How a field stands while something is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is carried, or it does not concern this field.
    Plain,
    /// It is what is carried.
    Carried,
    /// It may be put here.
    Allowed,
    /// It is over this.
    Over,
    /// It must not be put here.
    Forbidden,
}

impl Standing {
    /// The class that says so.
    pub fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Carried => "carried",
            Self::Allowed => "allowed",
            Self::Over => "allowed over",
            Self::Forbidden => "forbidden",
        }
    }
}

/// The groups of the destination's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Without them rows are refused.
    Required,
    /// The destination works better with them.
    Recommended,
    /// The others.
    Other,
}

impl Group {
    /// In the order on the page.
    pub const ALL: [Self; 3] = [Self::Required, Self::Recommended, Self::Other];

    /// The group of a field.
    pub fn of(field: &Field) -> Self {
        match (field.required, field.recommended) {
            (true, _) => Self::Required,
            (false, true) => Self::Recommended,
            (false, false) => Self::Other,
        }
    }

    /// The heading.
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "Required",
            Self::Recommended => "Recommended",
            Self::Other => "Other",
        }
    }
}

/// The positions of the fields that a filter finds, by name, label or type.
fn matching<'f>(fields: &'f [Field], filter: &str) -> impl Iterator<Item = usize> + 'f {
    let wanted = filter.trim().to_lowercase();
    fields.iter().enumerate().filter_map(move |(index, field)| {
        let fits = wanted.is_empty()
            || [field.name.as_str(), field.display_name(), field.field_type.label()]
                .iter()
                .any(|text| text.to_lowercase().contains(&wanted));
        fits.then_some(index)
    })
}

/// The place of an audience's field.
pub fn source_place(index: usize) -> Place {
    Place { side: Side::Source, index }
}

/// The place of a destination's field.
pub fn target_place(index: usize) -> Place {
    Place { side: Side::Destination, index }
}
