//! What the catalogue can be narrowed by: each value is a link to the same search with it, or without it when it is chosen.

use leptos::prelude::*;
use model::catalogue::{AudienceQuery, Facets};

use super::address::{changed, toggle};
use crate::components::choices::{Choice, choices, chosen_ones};

/// All groups of values.
#[component]
pub(super) fn Narrowing(query: AudienceQuery, facets: Facets) -> impl IntoView {
    let endpoints = facets.endpoints.into_iter().map(|facet| Choice {
        href: changed(&query, |query| toggle(&mut query.endpoints, facet.value.clone())),
        is_chosen: query.endpoints.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let identifiers = facets.identifiers.into_iter().map(|facet| Choice {
        href: changed(&query, |query| toggle(&mut query.identifiers, facet.value)),
        is_chosen: query.identifiers.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let sizes = facets.sizes.into_iter().map(|facet| Choice {
        href: changed(&query, |query| toggle(&mut query.sizes, facet.value)),
        is_chosen: query.sizes.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let freshness = facets.freshness.into_iter().map(|facet| Choice {
        href: changed(&query, |query| toggle(&mut query.freshness, facet.value)),
        is_chosen: query.freshness.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let tags = facets.tags.into_iter().map(|facet| Choice {
        href: changed(&query, |query| toggle(&mut query.tags, facet.value.clone())),
        is_chosen: query.tags.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let shared_to = facets.shared_to.into_iter().map(|facet| Choice {
        href: changed(&query, |query| toggle(&mut query.shared_to, facet.value.clone())),
        is_chosen: query.shared_to.contains(&facet.value),
        label: facet.label,
        hits: facet.hits,
    });
    let vanished = (facets.vanished > 0 || query.vanished).then(|| Choice {
        href: changed(&query, |query| query.vanished = !query.vanished),
        is_chosen: query.vanished,
        label: if query.vanished { "Show those that are offered" } else { "No longer offered" }.to_owned(),
        hits: facets.vanished,
    });
    view! {
        {choices("Endpoint", "facet-endpoint", endpoints.collect())}
        {choices("Identifiers present", "facet-identifiers", identifiers.collect())}
        {choices("People", "facet-size", sizes.collect())}
        {choices("Changed", "facet-freshness", freshness.collect())}
        {choices("Tags", "facet-tags", tags.collect())}
        {choices("Already shared to", "facet-shared", shared_to.collect())}
        {choices("Gone", "facet-gone", vanished.into_iter().collect())}
    }
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
    chosen_ones(chosen, changed(&query, |query| *query = query.widened()))
}
