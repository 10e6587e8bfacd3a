//! The start page: what needs a person now, then what runs, then how fresh destinations are and how audiences move, then what ended lately.

use leptos::prelude::*;
use model::{
    alert::Condition,
    view::{AudienceVolatility, DestinationFreshness, HomeView, RunSummary},
};

use crate::{
    components::{
        badge::{Badge, HealthBadge, Tone},
        button::{ButtonKind, ButtonLink},
        count::{Count, counted, grouped},
        empty_state::EmptyState,
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    pages::{alerts::AlertItem, runs::RunTable},
};

/// Everything that the page shows.
#[server(endpoint = "home", protocol = crate::Called)]
pub async fn home() -> Result<HomeView, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.home(&actor).await).await
}

/// The page.
#[component]
pub fn HomePage() -> impl IntoView {
    let home = crate::answers::ask(|| (), |()| home());
    let may_connect = super::may_connect();
    view! {
        <PageHead title="Home">
            {super::may_share().then(|| view! { <ButtonLink href="/audiences" kind=ButtonKind::Primary>"Share an audience"</ButtonLink> })}
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
            let href = format!("/endpoints/{}/credentials", endpoint.id);
            let mend = endpoint.access_ended.filter(|_| may_connect).and_then(super::endpoint::remedy);
            let mend = mend.map(|words| {
                view! { <a href=href>{words}<span class="visually-hidden">{format!(": {}", endpoint.name)}</span></a> }
            });
            view! {
                <li>
                    <HealthBadge health=endpoint.health />
                    <a href=format!("/endpoints/{}", endpoint.id)>{endpoint.name}</a>
                    <span class="soft">{endpoint.health_reason}</span>
                    {mend}
                </li>
            }
        })
        .collect();
    // What an alert says already is not said twice.
    let is_told = |share: &str, condition: Condition| {
        home.alerts.iter().any(|alert| alert.condition == condition && alert.subject.id() == share)
    };
    let (mut held_shares, mut held_runs, mut failed_runs) = (home.held_shares, home.held_runs, home.failed_runs);
    held_shares.retain(|share| !is_told(share.id.as_str(), Condition::Held));
    held_runs.retain(|run| !is_told(run.share_id.as_str(), Condition::Held));
    failed_runs.retain(|run| !is_told(run.share_id.as_str(), Condition::Failed));
    let alerts: Vec<_> = home.alerts.into_iter().map(|alert| view! { <AlertItem alert /> }).collect();
    let held: Vec<_> = held_shares
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
        alerts.is_empty() && held.is_empty() && failing.is_empty() && failed_runs.is_empty() && held_runs.is_empty();
    let troubled: Vec<RunSummary> = held_runs.into_iter().chain(failed_runs).collect();
    let has_run = !home.recent_runs.is_empty();
    view! {
        <p class="figures">
            <a href="/endpoints"><Count number=home.endpoints />{if home.endpoints == 1 { " endpoint" } else { " endpoints" }}</a>
            <a href="/audiences"><Count number=home.audiences />{if home.audiences == 1 { " audience" } else { " audiences" }}</a>
        </p>
        <section aria-labelledby="needs">
            <h2 id="needs">"Needs you now"</h2>
            {needs_nobody.then(|| view! { <p class="soft">"Nothing. No run failed, waits for approval or is late, and every endpoint answers."</p> })}
            {(!alerts.is_empty()).then(|| view! { <ul class="alerts">{alerts}</ul> })}
            {(!held.is_empty()).then(|| view! { <ul class="plain-list">{held}</ul> })}
            {(!failing.is_empty()).then(|| view! { <ul class="plain-list">{failing}</ul> })}
            {section_runs(troubled)}
        </section>
        {(!home.active_runs.is_empty())
            .then(|| {
                let title = counted(home.active_runs.len() as u64, "run under way", "runs under way");
                view! { <section><h2>{title}</h2>{section_runs(home.active_runs)}</section> }
            })}
        {(has_run && !home.freshness.is_empty()).then(|| view! { <Freshness destinations=home.freshness /> })}
        {(!home.volatility.is_empty()).then(|| view! { <Volatility audiences=home.volatility /> })}
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

/// When each destination last got something, the longest ago first.
#[component]
fn Freshness(destinations: Vec<DestinationFreshness>) -> impl IntoView {
    let rows: Vec<_> = destinations
        .into_iter()
        .map(|destination| {
            view! {
                <tr>
                    <th scope="row" data-label="Destination"><a href=format!("/endpoints/{}", destination.endpoint_id)>{destination.name}</a></th>
                    <td data-label="Last fed"><Time at=destination.at /></td>
                    <td data-label="By"><a href=format!("/runs/{}", destination.run_id)>{destination.audience_name}</a></td>
                </tr>
            }
        })
        .collect();
    view! {
        <section aria-labelledby="freshness">
            <h2 id="freshness">"How fresh destinations are"</h2>
            <table class="list">
                <thead>
                    <tr>
                        <th scope="col">"Destination"</th>
                        <th scope="col">"Last fed"</th>
                        <th scope="col">"By"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
}

/// How far audiences moved against the runs before, the farthest first.
#[component]
fn Volatility(audiences: Vec<AudienceVolatility>) -> impl IntoView {
    let rows: Vec<_> = audiences
        .into_iter()
        .map(|audience| {
            let off = audience.per_mille();
            let sign = match off {
                0 => "",
                off if off > 0 => "+",
                _ => "−",
            };
            let off = off.unsigned_abs();
            let moved = format!("{sign}{}.{}\u{a0}%", off / 10, off % 10);
            view! {
                <tr>
                    <th scope="row" data-label="Audience">
                        <a href=format!("/shares/{}", audience.share_id)>{audience.audience_name}</a>
                        <span class="soft one-line">{format!("{} → {}", audience.source_name, audience.destination_name)}</span>
                    </th>
                    <td data-label="Rows" class="number">{grouped(audience.rows)}</td>
                    <td data-label="Usual" class="number">{grouped(audience.mean)}</td>
                    <td data-label="Moved" class="number">{moved}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <section aria-labelledby="volatility">
            <h2 id="volatility">"How audiences move"</h2>
            <p class="soft">"Rows of the last run of each share, against the mean of the up to five runs before."</p>
            <table class="list">
                <thead>
                    <tr>
                        <th scope="col">"Audience"</th>
                        <th scope="col" class="number">"Rows"</th>
                        <th scope="col" class="number">"Usual"</th>
                        <th scope="col" class="number">"Moved"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
}
