//! What a list can be narrowed by: each value is a link to the same list with it, or without it when it is chosen. So it works before the page's
//! program runs, and stands in the address.

use leptos::prelude::*;

use super::count::grouped;

/// Groups with more values than this are folded beyond it.
const SHOWN: usize = 8;

/// A value that a list can be narrowed by.
pub struct Choice {
    /// What it is called.
    pub label: String,
    /// How many there are with it.
    pub hits: u64,
    /// The list with it; or without, when it is chosen.
    pub href: String,
    /// It is chosen.
    pub is_chosen: bool,
}

/// A group of values under its title; nothing when there are none.
pub fn choices(title: &'static str, id: &'static str, values: Vec<Choice>) -> Option<AnyView> {
    if values.is_empty() {
        return None;
    }
    let is_long = values.len() > SHOWN + 2;
    let mut items: Vec<AnyView> = Vec::with_capacity(values.len());
    let mut folded: Vec<AnyView> = Vec::new();
    let mut folded_is_chosen = false;
    for (place, value) in values.into_iter().enumerate() {
        let is_folded = is_long && place >= SHOWN;
        folded_is_chosen |= is_folded && value.is_chosen;
        if is_folded { &mut folded } else { &mut items }.push(choice(value));
    }
    let more = (!folded.is_empty()).then(|| {
        let summary = format!("{} more", folded.len());
        view! { <details open=folded_is_chosen><summary>{summary}</summary><ul class="choices">{folded}</ul></details> }
    });
    let view = view! {
        <section aria-labelledby=id>
            <h2 id=id>{title}</h2>
            <ul class="choices" aria-labelledby=id>{items}</ul>
            {more}
        </section>
    };
    Some(view.into_any())
}

fn choice(value: Choice) -> AnyView {
    let Choice { label, hits, href, is_chosen } = value;
    view! {
        <li>
            <a class="facet-choice" href=href aria-current=is_chosen.then_some("true")>
                <span class="box" aria-hidden="true"></span>
                <span class="name">{label}</span>
                " "
                <span class="count">{grouped(hits)}</span>
            </a>
        </li>
    }
    .into_any()
}

/// What is chosen: what each is called, and the list without it; and the list without any.
pub fn chosen_ones(chosen: Vec<(String, String)>, all: String) -> Option<AnyView> {
    if chosen.is_empty() {
        return None;
    }
    let items: Vec<_> = chosen
        .into_iter()
        .map(|(label, href)| {
            view! {
                <li>
                    <a class="facet chosen" href=href>
                        <span class="visually-hidden">"Without "</span>
                        {label}
                        <span aria-hidden="true">"×"</span>
                    </a>
                </li>
            }
        })
        .collect();
    let view = view! {
        <ul class="facets" aria-label="Narrowed by">
            {items} <li><a class="button quiet" href=all>"Clear all"</a></li>
        </ul>
    };
    Some(view.into_any())
}
