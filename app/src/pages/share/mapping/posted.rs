//! Reading the plain form: on the server, where the page's program did not do it; and in the browser, what was chosen before the program had loaded.

use model::{
    mapping::{Link, Mapping, Source},
    transform::Transform,
};
#[cfg(any(feature = "ssr", test))]
use model::{
    preset::Preset,
    profile::Profile,
    suggestion::{Suggestion, suggest},
    view::Sample,
};

use super::{
    editor::Board,
    form::{ChosenSource, FormLink, chosen_source},
    steps::{by_preset, fresh, told},
};
#[cfg(any(feature = "ssr", test))]
use super::{
    editor::{Edit, Editor},
    form::{ACCEPT_ALL, Act, CONFIDENT},
    steps::{Change, changed},
};

/// The mapping that a form says. `before` is what the form was made of: steps that it does not show are taken from there.
pub fn decoded(links: &[FormLink], board: &Board, before: &Mapping) -> Mapping {
    let mut mapping = Mapping::default();
    for posted in links {
        let Some(chosen) = chosen_source(&posted.source) else { continue };
        let had = before.link(&posted.target);
        let source = match chosen {
            ChosenSource::Constant => Source::Constant { value: posted.constant.clone() },
            ChosenSource::Joined => joined(posted, had),
            ChosenSource::Field(name) => Source::Field { name: name.to_owned() },
        };
        let is_of_the_same_kind = had.is_some_and(|had| match (&had.source, &source) {
            (Source::Constant { .. }, Source::Constant { .. }) | (Source::Joined { .. }, Source::Joined { .. }) => true,
            (had, source) => had == source,
        });
        let had_steps = had.map(|had| had.transforms.as_slice());
        let said = if posted.shown.is_empty() { None } else { Some(steps_of(posted)) };
        let transforms = match (said, had_steps) {
            // What was right for another source, or for none, is nobody's wish for this one.
            (Some(said), Some(had)) if is_of_the_same_kind || said != had => said,
            (Some(said), None) => said,
            (None, Some(had)) if is_of_the_same_kind => had.to_vec(),
            _ => match board.target_field(&posted.target) {
                Some(target) => by_preset(None, board.origin(&source).as_ref(), target, &[]),
                None => Vec::new(),
            },
        };
        mapping.links.push(Link { target: posted.target.clone(), source, transforms });
    }
    mapping
}

/// The fields that are joined. When the form did not show them yet, it begins with the field that fed the line.
fn joined(posted: &FormLink, had: Option<&Link>) -> Source {
    match had.map(|link| &link.source) {
        Some(joined @ Source::Joined { .. }) if posted.shown.is_empty() => joined.clone(),
        Some(Source::Joined { .. }) => {
            let names = posted.names.iter().filter(|name| !name.is_empty()).cloned().collect();
            Source::Joined { names, separator: posted.separator.clone() }
        }
        had => {
            let names = had.into_iter().flat_map(|source| source.fields()).map(str::to_owned).collect();
            Source::Joined { names, separator: " ".to_owned() }
        }
    }
}

fn steps_of(posted: &FormLink) -> Vec<Transform> {
    let steps = posted.steps.iter().filter_map(|said| {
        let step = fresh(said.get("name")?)?;
        Some(said.iter().fold(step, |step, (part, value)| told(step, part, value)))
    });
    steps.collect()
}

/// The mapping after what a button of the form does.
#[cfg(any(feature = "ssr", test))]
pub fn with_act(mapping: Mapping, act: &Act, links: &[FormLink], preset_for_all: &str, board: &Board) -> Mapping {
    let line = act.line().and_then(|line| links.get(line));
    let edit = match (act, line) {
        (Act::PresetForAll, _) => Edit::Preset { target: None, preset: Preset::of_word(preset_for_all) },
        (Act::Open(_), _) | (_, None) => return mapping,
        (Act::Preset(_), Some(line)) => {
            Edit::Preset { target: Some(line.target.clone()), preset: Preset::of_word(&line.preset) }
        }
        (Act::Add(_) | Act::Up(..) | Act::Down(..) | Act::Remove(..), Some(line)) => {
            let Some(link) = mapping.link(&line.target) else { return mapping };
            let change = match act {
                Act::Up(_, at) => Change::Up(*at),
                Act::Down(_, at) => Change::Down(*at),
                Act::Remove(_, at) => Change::Remove(*at),
                _ => Change::Add(line.add.clone()),
            };
            Edit::Steps { target: line.target.clone(), steps: changed(&link.transforms, &change) }
        }
    };
    let mut editor = Editor::new(mapping);
    editor.apply(&edit, board);
    editor.mapping().clone()
}

/// The mapping with some of its lines as a form says them.
pub fn with_lines(mapping: &Mapping, links: &[FormLink], board: &Board) -> Mapping {
    let is_said = |link: &Link| links.iter().any(|posted| posted.target == link.target);
    let mut all: Vec<Link> = mapping.links.iter().filter(|link| !is_said(link)).cloned().collect();
    let said = decoded(links, board, mapping).links;
    all.extend(said.into_iter().filter(|link| board.target_field(&link.target).is_some()));
    all.sort_by_key(|link| board.destination.iter().position(|field| field.name == link.target).unwrap_or(usize::MAX));
    Mapping { links: all }
}

/// The mapping with suggestions taken over: `accept` names one destination field, or is `ACCEPT_ALL`.
#[cfg(any(feature = "ssr", test))]
pub fn with_accepted(mapping: Mapping, accept: &str, board: &Board, sample: &Sample) -> Mapping {
    let profiles = Profile::of_sample(sample, board.source.iter().map(|field| field.name.as_str()));
    let suggestions: Vec<Suggestion> = suggest(&board.source, &board.destination, &mapping, &profiles)
        .into_iter()
        .filter(|suggestion| {
            if accept == ACCEPT_ALL { suggestion.confidence >= CONFIDENT } else { suggestion.link.target == accept }
        })
        .collect();
    let mut editor = Editor::new(mapping);
    editor.apply(&Edit::Accept { suggestions }, board);
    editor.mapping().clone()
}

#[cfg(test)]
mod tests {
    use model::field::{Field, FieldForm, FieldKind, FieldType};

    use super::{
        super::form::{CONSTANT, JOINED, source_value},
        *,
    };

    fn board() -> Board {
        Board {
            source: vec![
                Field::new("mail", FieldKind::Identifier, FieldType::Email),
                Field::new("=odd", FieldKind::Attribute, FieldType::String),
            ],
            destination: vec![
                Field { form: FieldForm::Sha256Hex, ..Field::new("email", FieldKind::Identifier, FieldType::Email) },
                Field::new("note", FieldKind::Attribute, FieldType::String),
            ],
        }
    }

    fn posted(target: &str, source: &str) -> FormLink {
        FormLink { target: target.to_owned(), source: source.to_owned(), ..FormLink::default() }
    }

    #[test]
    fn a_form_of_some_lines_leaves_the_others_as_they_are() {
        let before = decoded(&[posted("email", "mail"), posted("note", "mail")], &board(), &Mapping::default());
        let changed = with_lines(&before, &[posted("note", &source_value("=odd"))], &board());
        assert_eq!(changed.link("email"), before.link("email"));
        let odd = Source::Field { name: "=odd".to_owned() };
        assert_eq!(changed.link("note").map(|link| &link.source), Some(&odd));
        let taken_away = with_lines(&before, &[posted("email", "")], &board());
        assert_eq!(taken_away.links.iter().map(|link| link.target.as_str()).collect::<Vec<_>>(), ["note"]);
        let back = with_lines(&taken_away, &[posted("email", "mail"), posted("lost", "mail")], &board());
        assert_eq!(back, before, "in the order of the destination, and without what it does not have");
    }

    #[test]
    fn a_posted_form_becomes_a_mapping() {
        let links = [posted("email", "mail"), FormLink { constant: "spring".to_owned(), ..posted("note", CONSTANT) }];
        let mapping = decoded(&links, &board(), &Mapping::default());
        assert_eq!(mapping.links.len(), 2);
        assert_eq!(
            mapping.links[0].transforms,
            [Transform::NormaliseEmail, Transform::Sha256Hex, Transform::EmptyWhenInvalid]
        );
        assert_eq!(mapping.links[1].source, Source::Constant { value: "spring".to_owned() });
        assert!(mapping.links[1].transforms.is_empty());
    }

    #[test]
    fn what_is_not_mapped_is_left_out() {
        assert!(decoded(&[posted("email", "")], &board(), &Mapping::default()).links.is_empty());
    }

    #[test]
    fn a_field_whose_name_looks_like_a_mark_is_mapped_by_its_name() {
        let mapping = decoded(&[posted("note", &source_value("=odd"))], &board(), &Mapping::default());
        assert_eq!(mapping.links[0].source, Source::Field { name: "=odd".to_owned() });
    }

    fn shown(steps: &[&[(&str, &str)]], line: FormLink) -> FormLink {
        let step = |parts: &&[(&str, &str)]| {
            parts.iter().map(|(part, value)| ((*part).to_owned(), (*value).to_owned())).collect()
        };
        FormLink { shown: "1".to_owned(), steps: steps.iter().map(step).collect(), ..line }
    }

    fn before(target: &str, source: &str, transforms: &[Transform]) -> Mapping {
        let source = Source::Field { name: source.to_owned() };
        Mapping { links: vec![Link { target: target.to_owned(), source, transforms: transforms.to_vec() }] }
    }

    #[test]
    fn steps_that_are_shown_are_taken_as_they_stand() {
        let line = shown(
            &[
                &[("name", "default_when_empty"), ("value", "nobody@example.com")],
                &[("name", "trim")],
                &[("name", "burn")],
            ],
            posted("email", "mail"),
        );
        let mapping = decoded(&[line], &board(), &Mapping::default());
        let default = Transform::DefaultWhenEmpty { value: "nobody@example.com".to_owned() };
        assert_eq!(mapping.links[0].transforms, [default, Transform::Trim]);
    }

    #[test]
    fn another_source_alone_brings_what_is_recommended_for_it() {
        let normalised = vec![Transform::NormaliseEmail, Transform::Sha256Hex, Transform::EmptyWhenInvalid];
        let had = before("email", "=odd", &[Transform::Trim]);
        let only_source = shown(&[&[("name", "trim")]], posted("email", "mail"));
        assert_eq!(decoded(&[only_source], &board(), &had).links[0].transforms, normalised);
        assert_eq!(decoded(&[posted("email", "mail")], &board(), &had).links[0].transforms, normalised);
        let also_steps = shown(&[&[("name", "sha256_hex")]], posted("email", "mail"));
        assert_eq!(decoded(&[also_steps], &board(), &had).links[0].transforms, [Transform::Sha256Hex]);
    }

    #[test]
    fn steps_that_are_not_shown_stay() {
        let chain = vec![Transform::Lowercase, Transform::Trim];
        let had = before("note", "mail", &chain);
        assert_eq!(decoded(&[posted("note", "mail")], &board(), &had).links[0].transforms, chain);
        let none_left = shown(&[], posted("note", "mail"));
        assert_eq!(decoded(&[none_left], &board(), &had).links[0].transforms, []);
    }

    #[test]
    fn fields_are_joined_beginning_with_the_one_that_fed_the_line() {
        let had = before("note", "mail", &[]);
        let joined = |mapping: &Mapping| match &mapping.links[0].source {
            Source::Joined { names, separator } => (names.join("|"), separator.clone()),
            other => panic!("{other:?} is not joined"),
        };
        let first = decoded(&[posted("note", JOINED)], &board(), &had);
        assert_eq!(joined(&first), ("mail".to_owned(), " ".to_owned()));
        let line = FormLink {
            names: vec!["mail".to_owned(), String::new(), "=odd".to_owned()],
            separator: ", ".to_owned(),
            ..posted("note", JOINED)
        };
        let more = decoded(&[shown(&[], line)], &board(), &first);
        assert_eq!(joined(&more), ("mail|=odd".to_owned(), ", ".to_owned()));
        let not_shown = decoded(&[posted("note", JOINED)], &board(), &more);
        assert_eq!(joined(&not_shown), ("mail|=odd".to_owned(), ", ".to_owned()));
    }

    #[test]
    fn buttons_change_the_chain_that_stands_in_the_form() {
        let line = FormLink {
            add: "gmail_rule".to_owned(),
            preset: "uid2".to_owned(),
            ..shown(&[&[("name", "trim")], &[("name", "normalise_email")]], posted("email", "mail"))
        };
        let links = [FormLink::default(), line];
        let said = decoded(&links, &board(), &Mapping::default());
        let after = |act: &Act| with_act(said.clone(), act, &links, "meta", &board()).links[0].transforms.clone();
        assert_eq!(after(&Act::Up(1, 1)), [Transform::NormaliseEmail, Transform::Trim]);
        assert_eq!(after(&Act::Remove(1, 0)), [Transform::NormaliseEmail]);
        assert_eq!(after(&Act::Add(1)).last(), Some(&Transform::GmailRule { googlemail: false }));
        assert!(after(&Act::Preset(1)).contains(&Transform::GmailRule { googlemail: false }));
        assert_eq!(
            after(&Act::PresetForAll),
            [Transform::NormaliseEmail, Transform::Sha256Hex, Transform::EmptyWhenInvalid]
        );
        assert_eq!(after(&Act::Open(1)), said.links[0].transforms);
        assert_eq!(after(&Act::Remove(7, 0)), said.links[0].transforms, "a line that is not there");
    }

    #[test]
    fn a_suggestion_is_accepted_alone_or_with_the_others() {
        let one = with_accepted(Mapping::default(), "email", &board(), &Sample::default());
        assert_eq!(one.links.len(), 1);
        let none = with_accepted(Mapping::default(), "note", &board(), &Sample::default());
        assert!(none.links.is_empty(), "nothing is suggested for it");
        assert_eq!(with_accepted(Mapping::default(), ACCEPT_ALL, &board(), &Sample::default()), one);
    }
}
