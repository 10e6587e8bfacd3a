//! What a search found: the hits with their words marked, page by page, or why there are none and what would find some.

use leptos::prelude::*;
use model::{
    catalogue::{AudienceQuery, AudienceSort, Correction, NothingFound, StaleSource},
    view::{AudiencePage, AudienceSummary},
};

use super::address::{address, changed};
use crate::components::{
    badge::{Badge, Tone},
    button::{ButtonKind, ButtonLink},
    count::{Count, counted, grouped},
    empty_state::EmptyState,
    marked::marked,
    time::Time,
};

/// The hits, and the way through them.
#[component]
pub(super) fn Results(found: AudiencePage, query: AudienceQuery) -> impl IntoView {
    let AudiencePage { items, total, page, pages, corrections, nothing, stale, producers, .. } = found;
    let notices = view! { {stale_sources(stale)} {corrected(corrections)} };
    if items.is_empty() {
        return view! { {notices} {empty(&query, nothing.unwrap_or_default(), producers)} }.into_any();
    }
    let order: Vec<_> = AudienceSort::ALL
        .into_iter()
        .filter(|sort| *sort != AudienceSort::Match || !query.text.trim().is_empty())
        .map(|sort| {
            let by_name =
                query.text.trim().is_empty() && query.sort == AudienceSort::Match && sort == AudienceSort::Name;
            let is_current = query.sort == sort || by_name;
            let href = changed(&query, |query| query.sort = sort);
            view! { <li><a class="facet" href=href aria-current=is_current.then_some("true")>{sort.label()}</a></li> }
        })
        .collect();
    let rows: Vec<_> = items.into_iter().map(hit).collect();
    view! {
        {notices}
        <div class="order">
            <span id="order" class="soft">"Order"</span>
            <ul class="facets" aria-labelledby="order">{order}</ul>
        </div>
        <table class="list hits">
            <caption class="visually-hidden">{counted(total, "audience", "audiences")}</caption>
            <thead>
                <tr>
                    <th scope="col">"Audience"</th>
                    <th scope="col">"Endpoint"</th>
                    <th scope="col" class="number">"People"</th>
                    <th scope="col">"Identifiers"</th>
                    <th scope="col">"Changed"</th>
                    <th scope="col">"Shared to"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
        {(pages > 1).then(|| pager(&query, page, pages))}
    }
    .into_any()
}

fn hit(audience: AudienceSummary) -> AnyView {
    let chips: Vec<_> = audience.identifiers.iter().map(|name| view! { <li>{name.clone()}</li> }).collect();
    let shared = if audience.shared_to.is_empty() { "—".to_owned() } else { audience.shared_to.join(", ") };
    let updated = audience.updated_at.clone().unwrap_or_else(|| audience.seen_at.clone());
    let marks = audience.marks;
    let description = audience
        .description
        .map(|text| view! { <span class="soft one-line">{marked(&text, &marks.description)}</span> });
    let elsewhere: Vec<_> = marks
        .elsewhere
        .into_iter()
        .map(|found| view! { <span class="soft found-in">{found.place.label()} ": " {marked(&found.text, &found.marks)}</span> })
        .collect();
    view! {
        <tr>
            <th scope="row" data-label="Audience">
                <a href=format!("/audiences/{}", audience.id)>{marked(&audience.name, &marks.name)}</a>
                {audience.vanished_at.is_some().then(|| view! { " " <Badge tone=Tone::Warn text="No longer offered" /> })}
                {description}
                {elsewhere}
            </th>
            <td data-label="Endpoint"><span>{marked(&audience.endpoint_name, &marks.endpoint)}</span></td>
            <td data-label="People" class="number">
                {match audience.size {
                    Some(size) => view! { <Count number=size estimate=audience.size_is_estimate /> }.into_any(),
                    None => view! { <span class="soft">"not told"</span> }.into_any(),
                }}
            </td>
            <td data-label="Identifiers"><ul class="chips">{chips}</ul></td>
            <td data-label="Changed"><Time at=updated /></td>
            <td data-label="Shared to"><span>{shared}</span></td>
        </tr>
    }
    .into_any()
}

fn pager(query: &AudienceQuery, page: u32, pages: u32) -> AnyView {
    let link = |page: u32, label: &'static str| {
        let href = address(&AudienceQuery { page, ..query.clone() });
        view! { <a class="button" href=href>{label}</a> }
    };
    view! {
        <nav class="pages" aria-label="Pages">
            {(page > 2).then(|| link(1, "First"))}
            {(page > 1).then(|| link(page - 1, "Previous"))}
            <span>{format!("Page {} of {}", grouped(page.into()), grouped(pages.into()))}</span>
            {(page < pages).then(|| link(page + 1, "Next"))}
        </nav>
    }
    .into_any()
}

fn corrected(corrections: Vec<Correction>) -> Option<impl IntoView> {
    if corrections.is_empty() {
        return None;
    }
    let said: Vec<String> = corrections
        .iter()
        .filter(|correction| correction.typed != correction.found)
        .map(|correction| format!("“{}” for “{}”", correction.found, correction.typed))
        .collect();
    let text = format!("Nothing fits exactly what was typed. Shown is what comes near: {}.", said.join(", "));
    Some(view! { <p class="notice">{text}</p> })
}

fn stale_sources(stale: Vec<StaleSource>) -> Option<impl IntoView> {
    if stale.is_empty() {
        return None;
    }
    let items: Vec<_> = stale
        .into_iter()
        .map(|source| {
            let age = match source.read_at {
                Some(at) => view! { " could not be read. Its audiences are shown as they were " <Time at /> "." }.into_any(),
                None => view! { " could not be read yet." }.into_any(),
            };
            view! { <p class="notice warn"><a href=format!("/endpoints/{}", source.endpoint_id)>{source.endpoint_name}</a>{age}</p> }
        })
        .collect();
    Some(items)
}

fn empty(query: &AudienceQuery, nothing: NothingFound, producers: u32) -> AnyView {
    let everything = AudienceQuery { page: 1, ..AudienceQuery::default() };
    if query.text.trim().is_empty() && !query.is_narrowed() {
        if producers == 0 {
            let may_connect = crate::pages::may_connect();
            let text = if may_connect {
                "No endpoint offers an audience yet. Connect an application that holds people."
            } else {
                "No endpoint offers an audience yet. An admin of your account can connect an application that holds people."
            };
            return view! {
                <EmptyState text=text>
                    {may_connect
                        .then(|| view! { <ButtonLink href="/connect" kind=ButtonKind::Primary>"Connect an application"</ButtonLink> })}
                </EmptyState>
            }
            .into_any();
        }
        let text = "Your endpoints offer no audience at the moment. As soon as one does, it stands here.";
        return view! { <EmptyState text=text><ButtonLink href="/endpoints">"Look at the endpoints"</ButtonLink></EmptyState> }
            .into_any();
    }
    let quoted = |words: &[String]| words.iter().map(|word| format!("“{word}”")).collect::<Vec<_>>().join(" and ");
    if nothing.without_narrowing > 0 {
        let number = nothing.without_narrowing;
        let text =
            format!("Nothing is left with these filters; {} without them.", counted(number, "audience", "audiences"));
        let href = address(&query.widened());
        return view! { <EmptyState text=text><ButtonLink href=href kind=ButtonKind::Primary>"Clear the filters"</ButtonLink></EmptyState> }
            .into_any();
    }
    let typed = query.text.trim();
    let (text, others) = match (nothing.unknown_words.is_empty(), nothing.known_words.is_empty()) {
        (true, _) if typed.is_empty() => ("Nothing fits these filters.".to_owned(), None),
        (true, _) => (
            format!("Nothing matches “{typed}”. Each word stands in some audience, but none has them all; try fewer."),
            None,
        ),
        (false, true) => {
            (format!("Nothing matches “{typed}”. It stands in no name, description, endpoint, field or tag."), None)
        }
        (false, false) => {
            let (missing, known) = (quoted(&nothing.unknown_words), nothing.known_words.join(" "));
            let text = format!("Nothing matches “{typed}”, because no audience has {missing}.");
            (
                text,
                Some((
                    format!("Search for “{known}”"),
                    address(&AudienceQuery { text: known, page: 1, ..query.clone() }),
                )),
            )
        }
    };
    view! {
        <EmptyState text=text>
            <div class="ways-out">
                {others.map(|(label, href)| view! { <ButtonLink href=href kind=ButtonKind::Primary>{label}</ButtonLink> })}
                <ButtonLink href=address(&everything)>"Show all audiences"</ButtonLink>
            </div>
        </EmptyState>
    }
    .into_any()
}
