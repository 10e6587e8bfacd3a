//! An audience: what it holds and where that comes from, how its size went, what changed in it, and where it is shared.

mod fields;
mod history;
#[cfg(feature = "ssr")]
mod size_chart;

use leptos::prelude::*;
use model::{
    contract::SegmentLabel,
    id::ShareId,
    view::{AudienceView, Sample, ShareState, ShareSummary},
};
use serde::{Deserialize, Serialize};

pub use self::history::ChangeList;
use self::{fields::FieldTable, history::Sizes};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::{Count, counted},
        empty_state::EmptyState,
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    pages::{share_overview::CopyShare, shares::ShareTable},
};

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudienceData {
    audience: AudienceView,
    /// Its size over time, as SVG.
    size_chart: Option<String>,
}

/// The audience.
#[server(endpoint = "audience", protocol = crate::Called)]
pub async fn audience(id: String) -> Result<AudienceData, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.audience(&actor, &super::parse_id(&id, "audience")?).await };
    let audience = crate::session::answer(found.await).await?;
    Ok(AudienceData { size_chart: size_chart::drawn(&audience.sizes, audience.sizes_until_ms), audience })
}

/// A few of its rows.
#[server(endpoint = "audience_sample", protocol = crate::Called)]
pub async fn audience_sample(id: String) -> Result<Sample, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.sample(&actor, &super::parse_id(&id, "audience")?).await };
    crate::session::answer(found.await).await
}

/// Begins a share of it and leads to the choice of a destination.
#[server(endpoint = "start_share", protocol = crate::Called)]
pub async fn start_share(audience_id: String) -> Result<(), AppError> {
    let actor = crate::session::actor().await?;
    let begun = async { crate::session::hub()?.start_share(&actor, &super::parse_id(&audience_id, "audience")?).await };
    let id = crate::session::answer(begun.await).await?;
    leptos_axum::redirect(&format!("/shares/{id}/destination"));
    Ok(())
}

/// Asks its producer for its audiences again.
#[server(endpoint = "refresh_audience", protocol = crate::Called)]
pub async fn refresh_audience(audience_id: String) -> Result<String, AppError> {
    let actor = crate::session::actor().await?;
    let path = format!("/audiences/{audience_id}");
    let refreshed =
        async { crate::session::hub()?.refresh_audience(&actor, &super::parse_id(&audience_id, "audience")?).await };
    match refreshed.await {
        Ok(report) => crate::flash::done(&path, format!("Its endpoint was read again: {}", report.sentence())).await,
        Err(error) => Err(crate::flash::fail(&path, &[], error).await),
    }
}

/// The page.
#[component]
pub fn AudiencePage() -> impl IntoView {
    let id = super::address_part("id");
    let refresh = ServerAction::<RefreshAudience>::new();
    let live = refresh.problem();
    let form = crate::flash::Form::new(move || format!("/audiences/{}", id.get()), live);
    let found = crate::answers::ask(move || (id.get(), refresh.version().get()), |(id, _)| audience(id));
    // Here, not where it is shown: what stands in a closure under `Suspense` is made several times while the server renders.
    let sample = super::may_share().then(|| crate::answers::ask(move || id.get(), audience_sample));
    view! {
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let state = form.state().await;
                match found.await {
                    Ok(data) => {
                        let failed = state.error();
                        let notices = view! {
                            {state.notice().map(|text| view! { <Done text /> })}
                            {move || refresh.value().with(|value| match value {
                                Some(Ok(notice)) => Some(view! { <Done text=notice.clone() /> }),
                                _ => None,
                            })}
                            {move || failed.get().map(|error| view! { <Trouble error /> })}
                        }
                            .into_any();
                        view! { <Content data sample refresh notices /> }.into_any()
                    }
                    Err(error) => view! { <PageHead title="Audience" /><Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Content(
    data: AudienceData,
    sample: Option<crate::answers::Answer<Sample>>,
    refresh: ServerAction<RefreshAudience>,
    notices: AnyView,
) -> impl IntoView {
    let action = ServerAction::<StartShare>::new();
    let again = ServerAction::<CopyShare>::new();
    let AudienceData { audience, size_chart } = data;
    let AudienceView { summary, fields, label, profile, sizes, changes, stale, can_refresh, shares, .. } = audience;
    let may_share = super::may_share();
    let is_gone = summary.vanished_at.is_some();
    let (id, refreshed_id) = (summary.id.to_string(), summary.id.to_string());
    let tags: Vec<_> = summary
        .tags
        .iter()
        .map(|tag| {
            let href = format!("/audiences?tag={}", crate::components::search_box::escaped(tag));
            view! { <li><a href=href>{tag.clone()}</a></li> }
        })
        .collect();
    // The last changed stands first.
    let earlier = shares.iter().find(|share| share.state == ShareState::Active).map(|share| {
        let to = [share.destination_name.as_deref(), share.destination_segment.as_deref()];
        (share.id.to_string(), to.into_iter().flatten().collect::<Vec<_>>().join(" · "))
    });
    let not_copied = move || {
        again.value().with(|value| match value {
            Some(Err(error)) => Some(view! { <Trouble error=error.clone() /> }),
            _ => None,
        })
    };
    let failed = move || {
        action.value().with(|value| match value {
            Some(Err(error)) => Some(view! { <Trouble error=error.clone() /> }),
            _ => None,
        })
    };
    let gone = summary.vanished_at.clone().map(|at| vanished(at, &summary.endpoint_name, &shares));
    let stale = stale.map(|source| {
        let age = match source.read_at {
            Some(at) => view! { " could not be read. The audience is shown as it was " <Time at /> "." }.into_any(),
            None => " could not be read yet.".into_any(),
        };
        view! { <p class="notice warn"><span>{source.endpoint_name}{age}</span></p> }
    });
    let (size, producer) = (summary.size, summary.endpoint_name.clone());
    view! {
        <PageHead
            title=summary.name
            above=vec![("/audiences".to_owned(), "Audiences".to_owned())]
            lead=summary.description.unwrap_or_default()
        >
            {(may_share && can_refresh)
                .then(|| {
                    view! {
                        <ActionForm action=refresh>
                            <input type="hidden" name="audience_id" value=refreshed_id />
                            <SubmitButton pending=refresh.pending()>"Refresh"</SubmitButton>
                        </ActionForm>
                    }
                })}
            {earlier
                .filter(|_| may_share && !is_gone)
                .map(|(share_id, to)| {
                    view! {
                        <ActionForm action=again>
                            <input type="hidden" name="share_id" value=share_id />
                            <SubmitButton pending=again.pending()>
                                "Share again like this"
                                <span class="visually-hidden">{format!(": a new draft like the share to {to}")}</span>
                            </SubmitButton>
                        </ActionForm>
                    }
                })}
            {(may_share && !is_gone)
                .then(|| {
                    view! {
                        <ActionForm action=action>
                            <input type="hidden" name="audience_id" value=id />
                            <SubmitButton kind=ButtonKind::Primary pending=action.pending()>"Share"</SubmitButton>
                        </ActionForm>
                    }
                })}
        </PageHead>
        {notices}
        {failed}
        {not_copied}
        {gone}
        {stale}
        <dl class="facts">
            <div>
                <dt>"People"</dt>
                <dd>
                    {match summary.size {
                        Some(size) => view! { <Count number=size estimate=summary.size_is_estimate /> }.into_any(),
                        None => "not told".into_any(),
                    }}
                </dd>
            </div>
            <div><dt>"Endpoint"</dt><dd><a href=format!("/endpoints/{}", summary.endpoint_id)>{summary.endpoint_name}</a></dd></div>
            <div><dt>"Changed"</dt><dd>{summary.updated_at.map_or_else(|| "not told".into_any(), |at| view! { <Time at /> }.into_any())}</dd></div>
            <div><dt>"Last seen"</dt><dd><Time at=summary.seen_at /></dd></div>
            {(!tags.is_empty()).then(|| view! { <div><dt>"Tags"</dt><dd><ul class="chips">{tags}</ul></dd></div> })}
        </dl>
        <section aria-labelledby="label">
            <h2 id="label">"Label"</h2>
            {label_of(label, &producer)}
        </section>
        <section aria-labelledby="fields">
            <h2 id="fields">"Fields"</h2>
            <Suspense fallback=|| view! { <Skeleton /> }>
                {move || {
                    let (fields, profile, producer) = (fields.clone(), profile.clone(), producer.clone());
                    Suspend::new(async move {
                        let sample = match sample {
                            Some(sample) => sample.await.unwrap_or_else(|error| Sample { problem: Some(error.to_string()), ..Sample::default() }),
                            None => Sample::default(),
                        };
                        view! { <FieldTable fields profile sample size producer may_sample=may_share /> }
                    })
                }}
            </Suspense>
        </section>
        <Sizes chart=size_chart points=sizes />
        <section aria-labelledby="shares">
            <h2 id="shares">"Where it is shared"</h2>
            {if shares.is_empty() {
                view! { <EmptyState text="It is not shared anywhere yet." /> }.into_any()
            } else {
                view! { <ShareTable shares /> }.into_any()
            }}
        </section>
        {(!changes.is_empty())
            .then(|| {
                view! {
                    <section aria-labelledby="changes">
                        <h2 id="changes">"What changed"</h2>
                        <ChangeList changes names=false />
                    </section>
                }
            })}
        {(!may_share).then(|| view! { <p class="soft">"To share it, ask an admin of your account to make you a member."</p> })}
        <p class="page-end"><ButtonLink href="/audiences">"All audiences"</ButtonLink></p>
    }
}

/// That it is no longer offered, and which shares that breaks.
fn vanished(at: String, producer: &str, shares: &[ShareSummary]) -> AnyView {
    let broken: Vec<_> = shares
        .iter()
        .filter(|share| share.state == ShareState::Active)
        .map(|share| {
            let id: &ShareId = &share.id;
            let to = share.destination_name.clone().unwrap_or_default();
            let segment = share.destination_segment.clone().unwrap_or_default();
            view! { <li><a href=format!("/shares/{id}")>{to} " · " {segment}</a></li> }
        })
        .collect();
    let breaks = match broken.len() {
        0 => "No share needs it.".to_owned(),
        number => format!("{} can't run until it is offered again:", counted(number as u64, "share", "shares")),
    };
    view! {
        <div class="notice warn">
            <div>
                <p>{producer.to_owned()} " no longer offers this audience: noticed " <Time at /> ". " {breaks}</p>
                {(!broken.is_empty()).then(|| view! { <ul class="broken-shares">{broken}</ul> })}
            </div>
        </div>
    }
    .into_any()
}

fn label_of(label: Option<SegmentLabel>, producer: &str) -> AnyView {
    let Some(label) = label else {
        let text = format!(
            "{producer} tells nothing about where these people come from or what they agreed to. Ask before you share it."
        );
        return view! { <p class="soft">{text}</p> }.into_any();
    };
    let fact = |name: &'static str, text: Option<String>| {
        let text = match text {
            Some(text) => text.into_any(),
            None => view! { <span class="soft">"not told"</span> }.into_any(),
        };
        view! { <div><dt>{name}</dt><dd>{text}</dd></div> }
    };
    view! {
        <dl class="facts">
            {fact("Comes from", label.provenance)} {fact("Made anew", label.refresh_cadence)}
            {fact("Consent basis", label.consent_basis)} {fact("Owner", label.owner)}
        </dl>
    }
    .into_any()
}
