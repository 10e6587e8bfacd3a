//! The account's endpoints: what is connected, how data moves, and how each one is.

use leptos::prelude::*;
use model::{contract::Movement, view::EndpointSummary};

use crate::{
    components::{
        badge::HealthBadge,
        button::{ButtonKind, ButtonLink},
        count::Count,
        empty_state::EmptyState,
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
};

/// All of them.
#[server(endpoint = "endpoints", protocol = crate::Called)]
pub async fn endpoints() -> Result<Vec<EndpointSummary>, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.endpoints(&actor).await).await
}

/// How data moves, in plain words.
pub fn syndication(producer: Option<Movement>, consumer: Option<Movement>) -> String {
    let mut sides = Vec::new();
    match producer {
        Some(Movement::Pull) => sides.push("Offers audiences; Usher fetches them (PULL)"),
        Some(Movement::Push) => sides.push("Offers audiences; sends them itself (PUSH)"),
        None => {}
    }
    match consumer {
        Some(Movement::Push) => sides.push("Takes audiences; Usher sends them (PUSH)"),
        Some(Movement::Pull) => sides.push("Takes audiences; fetches them itself (PULL)"),
        None => {}
    }
    if sides.is_empty() { "Has not said yet".to_owned() } else { sides.join(". ") }
}

/// The page.
#[component]
pub fn EndpointsPage() -> impl IntoView {
    let found = crate::answers::ask(|| (), |()| endpoints());
    let form = crate::flash::Form::new(|| "/endpoints".to_owned(), Signal::derive(|| None));
    let may_connect = super::may_connect();
    view! {
        <PageHead title="Endpoints" lead="The applications that your account has connected.">
            {may_connect.then(|| view! { <ButtonLink href="/connect" kind=ButtonKind::Primary>"Connect an application"</ButtonLink> })}
        </PageHead>
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let notice = form.state().await.notice().map(|text| view! { <Done text /> });
                let list = match found.await {
                    Ok(endpoints) if endpoints.is_empty() => {
                        let text = if may_connect {
                            "Nothing is connected yet. Connect an application that holds people, and one that should get them."
                        } else {
                            "Nothing is connected yet. An admin of your account can connect applications."
                        };
                        view! { <EmptyState text=text /> }.into_any()
                    }
                    Ok(endpoints) => view! { <EndpointTable endpoints /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                };
                view! {
                    {notice}
                    {list}
                }
            })}
        </Suspense>
    }
}

#[component]
fn EndpointTable(endpoints: Vec<EndpointSummary>) -> impl IntoView {
    let rows: Vec<_> = endpoints
        .into_iter()
        .map(|endpoint| {
            view! {
                <tr>
                    <th scope="row" data-label="Endpoint">
                        <a href=format!("/endpoints/{}", endpoint.id)>{endpoint.name}</a>
                        <span class="soft one-line">{endpoint.application}</span>
                    </th>
                    <td data-label="Health">
                        <HealthBadge health=endpoint.health />
                        {endpoint.health_reason.map(|reason| view! { <span class="soft one-line">{reason}</span> })}
                    </td>
                    <td data-label="What it does">{syndication(endpoint.producer, endpoint.consumer)}</td>
                    <td data-label="Audiences" class="number"><Count number=endpoint.audiences /></td>
                    <td data-label="Last called">
                        {endpoint.checked_at.map_or_else(|| "never".into_any(), |at| view! { <Time at /> }.into_any())}
                    </td>
                </tr>
            }
        })
        .collect();
    view! {
        <table class="list">
            <thead>
                <tr>
                    <th scope="col">"Endpoint"</th>
                    <th scope="col">"Health"</th>
                    <th scope="col">"What it does"</th>
                    <th scope="col" class="number">"Audiences"</th>
                    <th scope="col">"Last called"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}
