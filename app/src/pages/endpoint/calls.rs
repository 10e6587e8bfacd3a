//! The log of calls between Usher and an endpoint.

use leptos::prelude::*;
use model::view::EndpointCall;

use crate::components::{
    badge::{Badge, Tone},
    empty_state::EmptyState,
    time::Time,
};

/// The newest calls.
#[component]
pub(super) fn Calls(
    /// The newest first.
    calls: Vec<EndpointCall>,
) -> impl IntoView {
    let rows: Vec<_> = calls
        .into_iter()
        .map(|call| {
            let answer = match (call.status, call.failure) {
                (Some(status), _) if status < 400 => view! { {status} }.into_any(),
                (Some(status), _) => view! { <Badge tone=Tone::Bad text=status.to_string() /> }.into_any(),
                (None, failure) => view! { <Badge tone=Tone::Bad text=failure.unwrap_or_default() /> }.into_any(),
            };
            let who = if call.by_usher { "Usher" } else { "The endpoint" };
            view! {
                <tr>
                    <th scope="row" data-label="Call"><code>{call.method} " " {call.path}</code></th>
                    <td data-label="Called by">{who}</td>
                    <td data-label="Answer">{answer}</td>
                    <td data-label="Took" class="number">{format!("{}\u{a0}ms", call.duration_ms)}</td>
                    <td data-label="When"><Time at=call.at /></td>
                </tr>
            }
        })
        .collect();
    view! {
        <section aria-labelledby="calls" class="calls">
            <h2 id="calls">"Calls"</h2>
            {if rows.is_empty() {
                view! { <EmptyState text="None yet." /> }.into_any()
            } else {
                view! {
                    <p class="soft">"The newest between Usher and this endpoint. What was sent or answered is not kept here."</p>
                    <table class="list">
                        <thead>
                            <tr>
                                <th scope="col">"Call"</th>
                                <th scope="col">"Called by"</th>
                                <th scope="col">"Answer"</th>
                                <th scope="col" class="number">"Took"</th>
                                <th scope="col">"When"</th>
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
