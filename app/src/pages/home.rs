//! The start page: what needs a person now, then what runs, then what ended lately.

use leptos::prelude::*;
use model::view::{HomeView, RunSummary};

use crate::{
    components::{
        badge::{Badge, HealthBadge, Tone},
        button::{ButtonKind, ButtonLink},
        count::{Count, counted},
        empty_state::EmptyState,
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    pages::runs::RunTable,
};

/// Everything that the page shows.
#[server(endpoint = "home")]
pub async fn home() -> Result<HomeView, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub().home(&actor).await).await
}

/// The page.
#[component]
pub fn HomePage() -> impl IntoView {
    let home = crate::answers::ask(|| (), |()| home());
    let may_connect = super::may_connect();
    view! {
        <PageHead title="Home">
            <ButtonLink href="/audiences" kind=ButtonKind::Primary>"Share an audience"</ButtonLink>
        </PageHead>
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                match home.await {
                    Ok(home) => view! { <Content home may_connect /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Content(home: HomeView, may_connect: bool) -> impl IntoView {
    if home.endpoints == 0 {
        let text = if may_connect {
            "Nothing is connected yet. Connect an application that holds people, and one that should get them."
        } else {
            "Nothing is connected yet. An admin of your account can connect applications."
        };
        return view! {
            <EmptyState text=text>
                {may_connect.then(|| view! { <ButtonLink href="/connect" kind=ButtonKind::Primary>"Connect an application"</ButtonLink> })}
            </EmptyState>
        }
        .into_any();
    }
    let failing: Vec<_> = home
        .failing_endpoints
        .into_iter()
        .map(|endpoint| {
            view! {
                <li>
                    <HealthBadge health=endpoint.health />
                    <a href=format!("/endpoints/{}", endpoint.id)>{endpoint.name}</a>
                    <span class="soft">{endpoint.health_reason}</span>
                </li>
            }
        })
        .collect();
    let held: Vec<_> = home
        .held_shares
        .into_iter()
        .map(|share| {
            let to = share.destination_name.map(|name| format!(" to {name}")).unwrap_or_default();
            view! {
                <li>
                    <Badge tone=Tone::Warn text="Held" />
                    <a href=format!("/shares/{}/changes", share.id)>{share.audience_name}{to}</a>
                    <span class="soft">{share.held_because}". No run of it starts until it is mended."</span>
                </li>
            }
        })
        .collect();
    let needs_nobody =
        held.is_empty() && failing.is_empty() && home.failed_runs.is_empty() && home.held_runs.is_empty();
    let troubled: Vec<RunSummary> = home.held_runs.into_iter().chain(home.failed_runs).collect();
    view! {
        <p class="figures">
            <a href="/endpoints"><Count number=home.endpoints />{if home.endpoints == 1 { " endpoint" } else { " endpoints" }}</a>
            <a href="/audiences"><Count number=home.audiences />{if home.audiences == 1 { " audience" } else { " audiences" }}</a>
        </p>
        <section aria-labelledby="needs">
            <h2 id="needs">"Needs you now"</h2>
            {needs_nobody.then(|| view! { <p class="soft">"Nothing. No run failed or waits for approval, and every endpoint answers."</p> })}
            {(!held.is_empty()).then(|| view! { <ul class="plain-list">{held}</ul> })}
            {(!failing.is_empty()).then(|| view! { <ul class="plain-list">{failing}</ul> })}
            {section_runs(troubled)}
        </section>
        {(!home.active_runs.is_empty())
            .then(|| {
                let title = counted(home.active_runs.len() as u64, "run under way", "runs under way");
                view! { <section><h2>{title}</h2>{section_runs(home.active_runs)}</section> }
            })}
        <section>
            <h2>"Ended lately"</h2>
            {if home.recent_runs.is_empty() {
                view! {
                    <EmptyState text="No audience has been shared yet. Find one, choose where it goes, and share it.">
                        <ButtonLink href="/audiences">"Find an audience"</ButtonLink>
                    </EmptyState>
                }
                    .into_any()
            } else {
                section_runs(home.recent_runs).into_any()
            }}
        </section>
    }
    .into_any()
}

fn section_runs(runs: Vec<RunSummary>) -> impl IntoView {
    (!runs.is_empty()).then(|| view! { <RunTable runs /> })
}
