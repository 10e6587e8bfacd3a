//! Shares: every standing instruction of the account, and where it stands.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::view::{SharePage, ShareStanding, ShareState, ShareSummary};

use crate::{
    components::{
        badge::{Badge, RunBadge, Tone},
        button::{ButtonKind, ButtonLink},
        count::counted,
        empty_state::EmptyState,
        filters::{FilterSelect, Filters, OlderPages, list_address},
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
};

const PATH: &str = "/shares";

/// What the address asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Asked {
    text: String,
    state: String,
    before: String,
}

impl Asked {
    /// The address that asks for it.
    fn address(&self) -> String {
        list_address(PATH, [("q", &self.text), ("state", &self.state), ("before", &self.before)])
    }

    fn is_narrowed(&self) -> bool {
        !self.text.is_empty() || !self.state.is_empty()
    }
}

/// One page of the shares that match, the last changed first.
#[server(endpoint = "shares", protocol = crate::Called)]
pub async fn shares(text: String, state: String, before: String) -> Result<SharePage, AppError> {
    let actor = crate::session::actor().await?;
    let query = model::view::ShareQuery {
        text,
        standing: ShareStanding::parse(&state),
        before: (!before.is_empty()).then_some(before),
    };
    crate::session::answer(crate::session::hub()?.find_shares(&actor, &query).await).await
}

/// The page.
#[component]
pub fn SharesPage() -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| {
            let part = |name: &str| query.get(name).unwrap_or_default();
            Asked { text: part("q"), state: part("state"), before: part("before") }
        })
    });
    let found = crate::answers::ask(move || asked.get(), |Asked { text, state, before }| shares(text, state, before));
    let chosen = move |part: fn(&Asked) -> &String| Signal::derive(move || asked.with(|asked| part(asked).clone()));
    let states = ShareStanding::ALL.into_iter().map(|state| (state.as_str().to_owned(), state.label().to_owned()));
    let states = states.collect();
    view! {
        <PageHead title="Shares" lead="Which audience goes where. Drafts are kept until you finish or discard them.">
            <ButtonLink href="/templates">"Templates"</ButtonLink>
            {super::may_share().then(|| view! { <ButtonLink href="/audiences" kind=ButtonKind::Primary>"Share an audience"</ButtonLink> })}
        </PageHead>
        <Filters action=PATH placeholder="Audience, endpoint or segment" text=chosen(|asked| &asked.text)>
            <FilterSelect name="state" label="Status" any="Any" choices=states chosen=chosen(|asked| &asked.state) />
        </Filters>
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let now = asked.get();
                match found.await {
                    Ok(found) => view! { <Results found asked=now /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Results(found: SharePage, asked: Asked) -> impl IntoView {
    let (is_narrowed, is_first) = (asked.is_narrowed(), asked.before.is_empty());
    let newest = (!is_first).then(|| Asked { before: String::new(), ..asked.clone() }.address());
    let older = found.older.map(|before| Asked { before, ..asked.clone() }.address());
    view! {
        <div class="result-bar">
            <p role="status">{counted(found.total, "share", "shares")}</p>
            {is_narrowed.then(|| view! { <a href=PATH>"Show all shares"</a> })}
        </div>
        {match (found.items.is_empty(), is_narrowed || !is_first) {
            (false, _) => view! { <ShareTable shares=found.items /> }.into_any(),
            (true, true) => {
                view! { <EmptyState text="No share matches."><ButtonLink href=PATH>"Show all shares"</ButtonLink></EmptyState> }.into_any()
            }
            (true, false) => {
                view! {
                    <EmptyState text="Nothing is shared yet. Find an audience, and press Share on its page.">
                        <ButtonLink href="/audiences">"Find an audience"</ButtonLink>
                    </EmptyState>
                }
                    .into_any()
            }
        }}
        <OlderPages newest older />
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
                    let at = share.last_run_at.map(|at| view! { <span class="soft"><Time at /></span> });
                    view! { <span class="last-run"><a href=format!("/runs/{run}")><RunBadge state /></a>{at}</span> }.into_any()
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
