//! What the catalogue can be narrowed by: each value is a link to the same search with it, or without it when it is chosen.

use leptos::prelude::*;
use model::catalogue::{AudienceQuery, Facets};

use super::address::{changed, toggle};
use crate::components::count::grouped;

/// Lists with more values than this are folded beyond it.
const SHOWN: usize = 8;

struct Value {
    label: String,
    hits: u64,
    href: String,
    is_chosen: bool,
}

/// All groups of values.
#[component]
pub(super) fn Narrowing(query: AudienceQuery, facets: Facets) -> impl IntoView {
    let endpoints = facets.endpoints.into_iter().map(|facet| Value {
        href: changed(&query, |query| toggle(&mut query.endpoints, facet.value.clone())),
        is_chosen: query.endpoints.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let identifiers = facets.identifiers.into_iter().map(|facet| Value {
        href: changed(&query, |query| toggle(&mut query.identifiers, facet.value)),
        is_chosen: query.identifiers.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let sizes = facets.sizes.into_iter().map(|facet| Value {
        href: changed(&query, |query| toggle(&mut query.sizes, facet.value)),
        is_chosen: query.sizes.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let freshness = facets.freshness.into_iter().map(|facet| Value {
        href: changed(&query, |query| toggle(&mut query.freshness, facet.value)),
        is_chosen: query.freshness.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let tags = facets.tags.into_iter().map(|facet| Value {
        href: changed(&query, |query| toggle(&mut query.tags, facet.value.clone())),
        is_chosen: query.tags.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let shared_to = facets.shared_to.into_iter().map(|facet| Value {
        href: changed(&query, |query| toggle(&mut query.shared_to, facet.value.clone())),
        is_chosen: query.shared_to.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let vanished = (facets.vanished > 0 || query.vanished).then(|| Value {
        href: changed(&query, |query| query.vanished = !query.vanished),
        is_chosen: query.vanished,
        label: if query.vanished { "Show those that are offered" } else { "No longer offered" }.to_owned(),
        hits: facets.vanished,
    });
    view! {
        {group("Endpoint", "facet-endpoint", endpoints.collect())}
        {group("Identifiers present", "facet-identifiers", identifiers.collect())}
        {group("People", "facet-size", sizes.collect())}
        {group("Changed", "facet-freshness", freshness.collect())}
        {group("Tags", "facet-tags", tags.collect())}
        {group("Already shared to", "facet-shared", shared_to.collect())}
        {group("Gone", "facet-gone", vanished.into_iter().collect())}
    }
}

fn group(title: &'static str, id: &'static str, values: Vec<Value>) -> Option<AnyView> {
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

fn choice(value: Value) -> AnyView {
    let Value { label, hits, href, is_chosen } = value;
    view! {
        <li>
            <a class="choice" href=href aria-current=is_chosen.then_some("true")>
                <span class="box" aria-hidden="true"></span>
                <span class="name">{label}</span>
                " "
                <span class="count">{grouped(hits)}</span>
            </a>
        </li>
    }
    .into_any()
}

/// What is chosen, each with the way to take it back.
#[component]
pub(super) fn Chosen(query: AudienceQuery, facets: Facets) -> impl IntoView {
    let mut chosen: Vec<(String, String)> = Vec::new();
    for facet in facets.endpoints.iter().filter(|facet| query.endpoints.contains(&facet.value)) {
        chosen.push((facet.label.clone(), changed(&query, |query| toggle(&mut query.endpoints, facet.value.clone()))));
    }
    for kind in &query.identifiers {
        chosen.push((format!("With {}", kind.label()), changed(&query, |query| toggle(&mut query.identifiers, *kind))));
    }
    for band in &query.sizes {
        chosen.push((format!("People: {}", band.label()), changed(&query, |query| toggle(&mut query.sizes, *band))));
    }
    for fresh in &query.freshness {
        let label = format!("Changed: {}", fresh.label());
        chosen.push((label, changed(&query, |query| toggle(&mut query.freshness, *fresh))));
    }
    for tag in &query.tags {
        chosen.push((format!("Tag: {tag}"), changed(&query, |query| toggle(&mut query.tags, tag.clone()))));
    }
    for facet in facets.shared_to.iter().filter(|facet| query.shared_to.contains(&facet.value)) {
        let label = format!("Shared to: {}", facet.label);
        chosen.push((label, changed(&query, |query| toggle(&mut query.shared_to, facet.value.clone()))));
    }
    if query.vanished {
        chosen.push(("No longer offered".to_owned(), changed(&query, |query| query.vanished = false)));
    }
    if chosen.is_empty() {
        return None;
    }
    let all = changed(&query, |query| *query = query.widened());
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
    Some(view! {
        <ul class="facets" aria-label="Narrowed by">
            {items} <li><a class="button quiet" href=all>"Clear all"</a></li>
        </ul>
    })
}
