//! What depends on an endpoint: the shares from and to it, the runs that are under way, the jobs that wait for it.

use leptos::prelude::*;
use model::view::{EndpointView, ShareState, ShareSummary};

use crate::components::{badge::RunBadge, count::counted, empty_state::EmptyState, time::Time};

/// What depends on an endpoint, in one sentence.
pub(super) fn dependants(endpoint: &EndpointView) -> String {
    let used = endpoint.shares.iter().filter(|share| share.state == ShareState::Active).count();
    let mut parts = vec![counted(used as u64, "share uses it", "shares use it")];
    if endpoint.runs > 0 {
        parts.push(counted(endpoint.runs, "run is under way", "runs are under way"));
    }
    if endpoint.jobs > 0 {
        parts.push(counted(endpoint.jobs, "job waits for it", "jobs wait for it"));
    }
    format!("{}.", parts.join(", "))
}

/// The shares from and to an endpoint.
#[component]
pub(super) fn Shares(
    /// The last changed first.
    shares: Vec<ShareSummary>,
) -> impl IntoView {
    let rows: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let to = match (share.destination_name, share.destination_segment) {
                (Some(name), Some(segment)) => format!("{name} · {segment}"),
                (Some(name), None) => name,
                _ => "not chosen yet".to_owned(),
            };
            let last = match (share.last_run_state, share.last_run_at) {
                (Some(state), Some(at)) => view! { <RunBadge state /> " " <Time at /> }.into_any(),
                _ if share.state == ShareState::Draft => view! { <span class="soft">"Draft"</span> }.into_any(),
                _ => view! { <span class="soft">"none"</span> }.into_any(),
            };
            view! {
                <tr>
                    <th scope="row" data-label="Audience">
                        <a href=format!("/shares/{}", share.id)>{share.audience_name}</a>
                        <span class="soft one-line">{share.source_name}</span>
                    </th>
                    <td data-label="Goes to">{to}</td>
                    <td data-label="Last run"><span>{last}</span></td>
                </tr>
            }
        })
        .collect();
    view! {
        <section aria-labelledby="shares">
            <h2 id="shares">"Shares that use it"</h2>
            {if rows.is_empty() {
                view! { <EmptyState text="None yet." /> }.into_any()
            } else {
                view! {
                    <table class="list">
                        <thead>
                            <tr>
                                <th scope="col">"Audience"</th>
                                <th scope="col">"Goes to"</th>
                                <th scope="col">"Last run"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                }
                    .into_any()
            }}
        </section>
    }
}
