//! The catalogue: one search box over everything that the account's endpoints offer.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::view::{AudiencePage as Found, AudienceSummary};

use crate::{
    components::{
        button::{ButtonKind, ButtonLink},
        count::{Count, counted, grouped},
        empty_state::EmptyState,
        notice::Trouble,
        page::PageHead,
        search_box::{SearchBox, escaped},
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
};

/// One page of what matches.
#[server(endpoint = "search_audiences")]
pub async fn search_audiences(text: String, endpoint: Option<String>, page: u32) -> Result<Found, AppError> {
    let actor = crate::session::actor().await?;
    let endpoint = endpoint.and_then(|id| id.parse().ok());
    crate::session::answer(
        crate::session::hub().audiences(&actor, &model::view::AudienceQuery { text, endpoint, page }).await,
    )
    .await
}

/// The page.
#[component]
pub fn AudiencesPage() -> impl IntoView {
    let query = use_query_map();
    let asked = move || {
        query.with(|query| {
            let page = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1_u32);
            (query.get("q").unwrap_or_default(), query.get("endpoint").filter(|id| !id.is_empty()), page)
        })
    };
    let found = Resource::new_blocking(asked, |(text, endpoint, page)| search_audiences(text, endpoint, page));
    let (text, endpoint, _) = untrack(asked);
    let keep = endpoint.map(|id| vec![("endpoint", id)]).unwrap_or_default();
    view! {
        <PageHead title="Audiences" lead="Every group of people that your endpoints offer. Open one to see it, or to share it." />
        <SearchBox action="/audiences" label="Search names, descriptions, endpoints, fields and tags" text keep />
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let (text, endpoint, _) = asked();
                match found.await {
                    Ok(found) => view! { <Results found text endpoint /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

fn address(text: &str, endpoint: Option<&str>, page: u32) -> String {
    let mut address = format!("/audiences?q={}", escaped(text));
    if let Some(endpoint) = endpoint {
        address.push_str(&format!("&endpoint={endpoint}"));
    }
    if page > 1 {
        address.push_str(&format!("&page={page}"));
    }
    address
}

#[component]
fn Results(found: Found, text: String, endpoint: Option<String>) -> impl IntoView {
    let all: u64 = found.endpoints.iter().map(|facet| facet.hits).sum();
    let facets: Vec<_> = found
        .endpoints
        .iter()
        .map(|facet| {
            let chosen = endpoint.as_deref() == Some(facet.id.as_str());
            let href = address(&text, (!chosen).then_some(facet.id.as_str()), 1);
            view! {
                <li>
                    <a class="facet" href=href aria-current=chosen.then_some("true")>
                        {facet.name.clone()} " " <span class="count">{grouped(facet.hits)}</span>
                    </a>
                </li>
            }
        })
        .collect();
    let everywhere = view! {
        <li>
            <a class="facet" href=address(&text, None, 1) aria-current=endpoint.is_none().then_some("true")>
                "All endpoints " <span class="count">{grouped(all)}</span>
            </a>
        </li>
    };
    let pages = (found.pages > 1).then(|| {
        let link = |page: u32, label: &'static str| view! { <a class="button" href=address(&text, endpoint.as_deref(), page)>{label}</a> };
        view! {
            <nav class="pages" aria-label="Pages">
                {(found.page > 1).then(|| link(found.page - 1, "Previous"))}
                <span>{format!("Page {} of {}", found.page, found.pages)}</span>
                {(found.page < found.pages).then(|| link(found.page + 1, "Next"))}
            </nav>
        }
    });
    let rows: Vec<_> = found.items.into_iter().map(|audience| view! { <AudienceRow audience /> }).collect();
    let body = if !rows.is_empty() {
        view! {
            <table class="list">
                <thead>
                    <tr>
                        <th scope="col">"Audience"</th>
                        <th scope="col">"Endpoint"</th>
                        <th scope="col" class="number">"People"</th>
                        <th scope="col">"Identifiers"</th>
                        <th scope="col">"Updated"</th>
                        <th scope="col">"Shared to"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        }
        .into_any()
    } else if text.is_empty() && endpoint.is_none() {
        let may_connect = super::may_connect();
        view! {
            <EmptyState text="No endpoint offers an audience yet. Connect an application that holds people.">
                {may_connect.then(|| view! { <ButtonLink href="/connect" kind=ButtonKind::Primary>"Connect an application"</ButtonLink> })}
            </EmptyState>
        }
        .into_any()
    } else {
        view! {
            <EmptyState text=format!("Nothing matches “{text}”. Every word must be found; try fewer.")>
                <ButtonLink href="/audiences">"Show all audiences"</ButtonLink>
            </EmptyState>
        }
        .into_any()
    };
    view! {
        <div class="result-bar">
            <p role="status">{counted(found.total, "audience", "audiences")}</p>
            {(facets.len() > 1 || endpoint.is_some()).then(|| view! { <ul class="facets" aria-label="Endpoints">{everywhere}{facets}</ul> })}
        </div>
        {body}
        {pages}
    }
}

#[component]
fn AudienceRow(audience: AudienceSummary) -> impl IntoView {
    let chips: Vec<_> = audience.identifiers.iter().map(|name| view! { <li>{name.clone()}</li> }).collect();
    let shared = if audience.shared_to.is_empty() { "—".to_owned() } else { audience.shared_to.join(", ") };
    let updated = audience.updated_at.clone().unwrap_or_else(|| audience.seen_at.clone());
    view! {
        <tr>
            <th scope="row" data-label="Audience">
                <a href=format!("/audiences/{}", audience.id)>{audience.name}</a>
                {audience.description.map(|text| view! { <span class="soft one-line">{text}</span> })}
            </th>
            <td data-label="Endpoint">{audience.endpoint_name}</td>
            <td data-label="People" class="number">
                {match audience.size {
                    Some(size) => view! { <Count number=size estimate=audience.size_is_estimate /> }.into_any(),
                    None => view! { <span class="soft">"not told"</span> }.into_any(),
                }}
            </td>
            <td data-label="Identifiers"><ul class="chips">{chips}</ul></td>
            <td data-label="Updated"><Time at=updated /></td>
            <td data-label="Shared to">{shared}</td>
        </tr>
    }
}
