//! Shares: every standing instruction of the account, and where it stands.

use leptos::prelude::*;
use model::view::{ShareState, ShareSummary};

use crate::{
    components::{
        badge::{Badge, RunBadge, Tone},
        button::{ButtonKind, ButtonLink},
        empty_state::EmptyState,
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
};

/// All of them, the last changed first.
#[server(endpoint = "shares", protocol = crate::Called)]
pub async fn shares() -> Result<Vec<ShareSummary>, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.shares(&actor).await).await
}

/// The page.
#[component]
pub fn SharesPage() -> impl IntoView {
    let found = crate::answers::ask(|| (), |()| shares());
    view! {
        <PageHead title="Shares" lead="Which audience goes where. Drafts are kept until you finish or discard them.">
            <ButtonLink href="/templates">"Templates"</ButtonLink>
            {super::may_share().then(|| view! { <ButtonLink href="/audiences" kind=ButtonKind::Primary>"Share an audience"</ButtonLink> })}
        </PageHead>
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                match found.await {
                    Ok(shares) if shares.is_empty() => {
                        view! {
                            <EmptyState text="Nothing is shared yet. Find an audience, and press Share on its page.">
                                <ButtonLink href="/audiences">"Find an audience"</ButtonLink>
                            </EmptyState>
                        }
                            .into_any()
                    }
                    Ok(shares) => view! { <ShareTable shares /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// Shares as a table.
#[component]
pub fn ShareTable(
    /// Which ones.
    shares: Vec<ShareSummary>,
) -> impl IntoView {
    let rows: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let draft = share.state == ShareState::Draft;
            let href =
                if draft { format!("/shares/{}/destination", share.id) } else { format!("/shares/{}", share.id) };
            let destination = match (&share.destination_name, &share.destination_segment) {
                (Some(name), Some(segment)) => format!("{name} · {segment}"),
                _ => "not chosen yet".to_owned(),
            };
            let last = match (share.last_run, share.last_run_state) {
                (Some(run), Some(state)) => {
                    let at = share.last_run_at.map(|at| view! { <span class="soft run-time"><Time at /></span> });
                    view! { <span><a href=format!("/runs/{run}")><RunBadge state /></a>{at}</span> }.into_any()
                }
                _ if draft => view! { <Badge tone=Tone::Neutral text="Draft" /> }.into_any(),
                _ => "—".into_any(),
            };
            let held = share.held_because.map(|because| {
                let href = format!("/shares/{}/changes", share.id);
                view! { <span class="one-line held-because"><Badge tone=Tone::Warn text="Held" />" "<a href=href>{because}</a></span> }
            });
            view! {
                <tr>
                    <th scope="row" data-label="Audience">
                        <a href=href>{share.audience_name}</a>
                        <span class="soft one-line">{share.source_name}</span>
                        {held}
                    </th>
                    <td data-label="Destination">{destination}</td>
                    <td data-label="Mode">{share.mode.map_or("—", model::run::Mode::label)}</td>
                    <td data-label="Last run">{last}</td>
                    <td data-label="Changed"><Time at=share.updated_at /></td>
                </tr>
            }
        })
        .collect();
    view! {
        <table class="list">
            <thead>
                <tr>
                    <th scope="col">"Audience"</th>
                    <th scope="col">"Destination"</th>
                    <th scope="col">"Mode"</th>
                    <th scope="col">"Last run"</th>
                    <th scope="col">"Changed"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}
