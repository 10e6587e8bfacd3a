//! Reading the plain form: on the server, where the page's program did not do it; and in the browser, what was chosen before the program had loaded.

#[cfg(any(feature = "ssr", test))]
use model::suggestion::{Suggestion, suggest};
use model::{
    field::Field,
    mapping::{Link, Mapping, Source},
    transform::Transform,
};

use super::{
    editor::Board,
    form::{ChosenSource, FormLink, chosen_source},
    steps::{Hashing, KEEP, RECOMMENDED, Steps, Writing},
};
#[cfg(any(feature = "ssr", test))]
use super::{
    editor::{Edit, Editor},
    form::{ACCEPT_ALL, CONFIDENT},
};

/// The mapping that a form says. `before` is what the form was made of: chains that it can't show are taken from there.
pub fn decoded(links: &[FormLink], board: &Board, before: &Mapping) -> Mapping {
    let mut mapping = Mapping::default();
    for posted in links {
        let Some(chosen) = chosen_source(&posted.source) else { continue };
        let source = match chosen {
            ChosenSource::Constant => Source::Constant { value: posted.constant.clone() },
            ChosenSource::Joined => match before.link(&posted.target).map(|link| &link.source) {
                Some(joined @ Source::Joined { .. }) => joined.clone(),
                _ => continue,
            },
            ChosenSource::Field(name) => Source::Field { name: name.to_owned() },
        };
        let mut steps = Steps {
            writing: Writing::AsIs,
            country: posted.country.clone(),
            hashing: Hashing::of_word(&posted.hash),
            default: posted.default.clone(),
            empty_when_invalid: !posted.misfit.is_empty(),
        };
        let had = before.link(&posted.target);
        let is_another = had.is_none_or(|had| had.source != source);
        if posted.writing.is_empty() || (is_another && had.is_some_and(|had| says_the_same(posted, &had.transforms))) {
            // Only the source was chosen: what was right for another one, or for none, is nobody's wish for this one.
            steps = steps.with_writing(RECOMMENDED, field_of(chosen, board), board.target_field(&posted.target));
        } else if posted.writing == KEEP {
            steps.writing = had.map(|link| Steps::of(&link.transforms).writing).unwrap_or_default();
        } else {
            steps = steps.with_writing(&posted.writing, field_of(chosen, board), board.target_field(&posted.target));
        }
        mapping.links.push(Link { target: posted.target.clone(), source, transforms: steps.transforms() });
    }
    mapping
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

fn field_of<'b>(chosen: ChosenSource<'_>, board: &'b Board) -> Option<&'b Field> {
    match chosen {
        ChosenSource::Constant | ChosenSource::Joined => None,
        ChosenSource::Field(name) => board.source_field(name),
    }
}

/// Whether the steps of the form are those of the chain.
fn says_the_same(posted: &FormLink, transforms: &[Transform]) -> bool {
    let steps = Steps::of(transforms);
    posted.writing == steps.writing.word()
        && posted.country.trim().eq_ignore_ascii_case(&steps.country)
        && posted.hash == steps.hashing.word()
        && posted.default == steps.default
        && posted.misfit.is_empty() != steps.empty_when_invalid
}

/// The mapping with suggestions taken over: `accept` names one destination field, or is `ACCEPT_ALL`.
#[cfg(any(feature = "ssr", test))]
pub fn with_accepted(mapping: Mapping, accept: &str, board: &Board) -> Mapping {
    let suggestions: Vec<Suggestion> = suggest(&board.source, &board.destination, &mapping)
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
    use model::field::{FieldForm, FieldKind, FieldType};

    use super::{
        super::form::{CONSTANT, source_value},
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
        FormLink {
            target: target.to_owned(),
            source: source.to_owned(),
            writing: RECOMMENDED.to_owned(),
            ..FormLink::default()
        }
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

    #[test]
    fn what_was_chosen_by_hand_is_taken_as_chosen() {
        let link = FormLink {
            writing: "trim".to_owned(),
            hash: "sha256_hex".to_owned(),
            default: "nobody@example.com".to_owned(),
            ..posted("email", "mail")
        };
        let mapping = decoded(&[link], &board(), &Mapping::default());
        let default = Transform::DefaultWhenEmpty { value: "nobody@example.com".to_owned() };
        assert_eq!(mapping.links[0].transforms, [default, Transform::Trim, Transform::Sha256Hex]);
    }

    #[test]
    fn another_source_alone_brings_what_is_recommended_for_it() {
        let normalised = vec![Transform::NormaliseEmail, Transform::Sha256Hex, Transform::EmptyWhenInvalid];
        let before = Mapping {
            links: vec![Link {
                target: "email".to_owned(),
                source: Source::Field { name: "=odd".to_owned() },
                transforms: vec![],
            }],
        };
        let only_source = FormLink { writing: "as_is".to_owned(), hash: "none".to_owned(), ..posted("email", "mail") };
        assert_eq!(decoded(std::slice::from_ref(&only_source), &board(), &before).links[0].transforms, normalised);
        let also_steps = FormLink { hash: "sha256_hex".to_owned(), ..only_source };
        assert_eq!(decoded(&[also_steps], &board(), &before).links[0].transforms, [Transform::Sha256Hex]);
        let fresh = FormLink { writing: String::new(), ..posted("email", "mail") };
        assert_eq!(decoded(&[fresh], &board(), &Mapping::default()).links[0].transforms, normalised);
    }

    #[test]
    fn a_chain_that_the_form_cannot_show_survives_it() {
        let chain = vec![Transform::Lowercase, Transform::Trim];
        let link = FormLink { writing: KEEP.to_owned(), hash: "none".to_owned(), ..posted("note", "mail") };
        let before = Mapping {
            links: vec![Link {
                target: "note".to_owned(),
                source: Source::Field { name: "mail".to_owned() },
                transforms: chain.clone(),
            }],
        };
        assert_eq!(decoded(&[link], &board(), &before).links[0].transforms, chain);
    }

    #[test]
    fn a_suggestion_is_accepted_alone_or_with_the_others() {
        let one = with_accepted(Mapping::default(), "email", &board());
        assert_eq!(one.links.len(), 1);
        let none = with_accepted(Mapping::default(), "note", &board());
        assert!(none.links.is_empty(), "nothing is suggested for it");
        assert_eq!(with_accepted(Mapping::default(), ACCEPT_ALL, &board()), one);
    }
}
