//! An endpoint: how it is, what it offers, what it takes, what uses it, and what was called; its keys, its rest and its end.

mod anew;
mod ask;
mod calls;
mod disconnect;
mod keys;
mod uses;
mod waiting;

pub use anew::{Anew, AnewPage, ConnectAnew, CredentialsPage, VersionPage, anew_page, connect_anew, remedy};
pub use ask::{ChangeEndpoint, change_endpoint};
pub use disconnect::{DisconnectEndpoint, DisconnectPage, disconnect_endpoint};
pub use waiting::{EndpointStamp, endpoint_stamp};

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::{
    contract::JobMode,
    field::FieldKind,
    view::{AccessEnd, ConnectionReport, CredentialEndView, EndpointCatalogue, EndpointView, ExistingSegment},
};

use self::{
    calls::Calls,
    keys::{EndpointKeys, WebhookSecret},
    uses::Shares,
};
use super::{
    audience::ChangeList,
    connect_application::{REPORT, ReportSteps},
    credential_end::{CredentialEnd, NoteCredentialEnd, credential_end},
    endpoints::syndication,
};
use crate::{
    actions::{ActionForm, ServerAction, newest},
    components::{
        badge::HealthBadge,
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::{Count, counted},
        empty_state::EmptyState,
        icon::{Icon, IconName},
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
};

/// The endpoint.
#[server(endpoint = "endpoint", protocol = crate::Called)]
pub async fn endpoint(id: String) -> Result<EndpointView, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.endpoint(&actor, &super::parse_id(&id, "endpoint")?).await };
    let mut found = crate::session::answer(found.await).await?;
    found.steps = found.steps.as_deref().map(crate::markdown::html);
    Ok(found)
}

/// Calls it now, and reads its audiences again.
#[server(endpoint = "check_endpoint", protocol = crate::Called)]
pub async fn check_endpoint(id: String) -> Result<String, AppError> {
    let actor = crate::session::actor().await?;
    let path = format!("/endpoints/{id}");
    let checked = async {
        let hub = crate::session::hub()?;
        let endpoint_id = super::parse_id(&id, "endpoint")?;
        let view = hub.check_endpoint(&actor, &endpoint_id).await?;
        if view.summary.health != model::view::EndpointHealth::Healthy {
            let message = view.summary.health_reason.unwrap_or_default();
            return Err(model::error::HubError::Endpoint { message });
        }
        let audiences = hub.refresh_audiences(&actor, &endpoint_id).await?;
        Ok(match view.summary.producer {
            Some(_) => format!("It answers. Its audiences were read again: {}", audiences.sentence()),
            None => "It answers.".to_owned(),
        })
    };
    match checked.await {
        Ok(notice) => crate::flash::done(&path, notice).await,
        Err(error) => Err(crate::flash::fail(&path, &[], error).await),
    }
}

/// The segments of a destination, asked of it now.
#[server(endpoint = "endpoint_segments", protocol = crate::Called)]
pub async fn endpoint_segments(id: String) -> Result<Vec<ExistingSegment>, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.existing_segments(&actor, &super::parse_id(&id, "endpoint")?).await };
    crate::session::answer(found.await).await
}

/// What was asked of the destination's segments; nothing when they were not asked for.
type Segments = Option<Result<Vec<ExistingSegment>, AppError>>;

/// The page.
#[component]
pub fn EndpointPage() -> impl IntoView {
    let id = super::address_part("id");
    let query = use_query_map();
    let asked = Signal::derive(move || query.with(|query| query.get("segments").is_some()));
    let revoke = Signal::derive(move || query.with(|query| query.get("revoke")).unwrap_or_default());
    let check = ServerAction::<CheckEndpoint>::new();
    let change = ServerAction::<ChangeEndpoint>::new();
    let newest = newest([change.call(), check.call()]);
    let form = crate::flash::Form::new(move || format!("/endpoints/{}", id.get()), newest.problem());
    let looked = RwSignal::new(0_u32);
    let waiting = waiting::wait(id, looked);
    let found = crate::answers::ask(
        move || (id.get(), check.version().get(), change.version().get(), looked.get()),
        |(id, ..)| endpoint(id),
    );
    let segments = crate::answers::ask(
        move || (id.get(), asked.get()),
        async |(id, asked)| if asked { endpoint_segments(id).await.map(Some) } else { Ok(None) },
    );
    let note = ServerAction::<NoteCredentialEnd>::new();
    let ends = crate::answers::ask(move || (id.get(), note.version().get()), |(id, _)| credential_end(id));
    let outcome = move || newest.notice().map(|text| view! { <Done text /> });
    view! {
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let state = form.state().await;
                let ends = ends.await.unwrap_or_default();
                // Awaited here, since what is awaited further in is not there at once when the page is taken over.
                let segments = segments.await.transpose();
                match found.await {
                    Ok(endpoint) => {
                        waiting.set_for(&endpoint);
                        let notice = state.notice().map(|text| view! { <Done text /> });
                        // Who has just connected it sees how the test went that came before.
                        let report: Option<ConnectionReport> = crate::reading::read(state.value(REPORT).as_bytes()).ok();
                        let report = report.map(|report| {
                            view! {
                                <details class="report-again" open>
                                    <summary>"Connection test"</summary>
                                    <ReportSteps report />
                                </details>
                            }
                        });
                        let failed = state.error();
                        view! {
                            <Head endpoint=endpoint.clone() check change />
                            {notice}
                            {report}
                            {outcome}
                            {move || failed.get().map(|error| view! { <Trouble error /> })}
                            {standing(&endpoint)}
                            <Content endpoint segments revoke=revoke.get() change waiting ends note looked />
                        }
                            .into_any()
                    }
                    Err(error) => view! { <PageHead title="Endpoint" /><Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Head(
    endpoint: EndpointView,
    check: ServerAction<CheckEndpoint>,
    change: ServerAction<ChangeEndpoint>,
) -> impl IntoView {
    let id = endpoint.summary.id.to_string();
    let is_connected = endpoint.disconnected.is_none();
    let may_share = super::may_share() && is_connected;
    // One that calls Usher can't be called.
    let may_check = may_share && endpoint.base_url.is_some();
    let takes = may_share && endpoint.summary.consumer.is_some() && endpoint.paused.is_none();
    // What comes first then is to let Usher in again.
    let loudness = if endpoint.summary.access_ended.is_some() { ButtonKind::Secondary } else { ButtonKind::Primary };
    let (what, words) = if endpoint.paused.is_some() { ("resume", "Resume") } else { ("pause", "Pause") };
    let (of_check, of_pause) = (id.clone(), id.clone());
    let disconnect = (super::may_connect() && is_connected).then(|| format!("/endpoints/{id}/disconnect"));
    view! {
        <PageHead
            title=endpoint.summary.name.clone()
            above=vec![("/endpoints".to_owned(), "Endpoints".to_owned())]
            lead=endpoint.description.unwrap_or_default()
        >
            {takes.then(|| view! { <ButtonLink href=format!("/endpoints/{id}/share") kind=loudness>"Send an audience here"</ButtonLink> })}
            {may_check
                .then(|| {
                    view! {
                        <ActionForm action=check>
                            <input type="hidden" name="id" value=of_check />
                            <SubmitButton pending=check.pending()>"Check now"</SubmitButton>
                        </ActionForm>
                    }
                })}
            {may_share
                .then(|| {
                    view! {
                        <ActionForm action=change>
                            <input type="hidden" name="id" value=of_pause />
                            <input type="hidden" name="what" value=what />
                            <SubmitButton pending=change.pending()>{words}</SubmitButton>
                        </ActionForm>
                    }
                })}
            {disconnect.map(|href| view! { <ButtonLink href kind=ButtonKind::Quiet>"Disconnect …"</ButtonLink> })}
        </PageHead>
        {(!super::may_share())
            .then(|| view! { <p class="soft">"You can look at endpoints; a member or an admin of this account can check and pause them."</p> })}
    }
}

/// What stands in the way of using it as it is, and what there is to do: that it is no more, rests, does not let Usher in, is behind its application.
fn standing(endpoint: &EndpointView) -> Vec<AnyView> {
    [no_more_or_resting(endpoint), not_let_in(endpoint), newer_version(endpoint)].into_iter().flatten().collect()
}

/// That Usher is not let in any more, and who can mend that.
fn not_let_in(endpoint: &EndpointView) -> Option<AnyView> {
    let end = endpoint.summary.access_ended?;
    let href = format!("/endpoints/{}/credentials", endpoint.summary.id);
    let mend = match anew::remedy(end) {
        Some(words) if super::may_connect() => {
            Some(view! { <p><ButtonLink href kind=ButtonKind::Primary>{words}</ButtonLink></p> }.into_any())
        }
        _ => None,
    };
    let heading = match end {
        AccessEnd::Consent => "The consent has ended",
        AccessEnd::Credentials => "The credentials are refused",
        AccessEnd::Registration => "What it registered is refused",
    };
    Some(
        view! {
            <div class="notice bad" role="alert">
                <Icon name=IconName::Failed />
                <div class="with-remedy">
                    <p><strong>{heading}". "</strong>{anew::ended(end)}</p>
                    {mend}
                </div>
            </div>
        }
        .into_any(),
    )
}

/// That a newer version of its application is approved.
fn newer_version(endpoint: &EndpointView) -> Option<AnyView> {
    let newer = endpoint.newer_version.filter(|_| endpoint.disconnected.is_none())?;
    let href = format!("/endpoints/{}/version", endpoint.summary.id);
    let said = format!(
        "Version {newer} of {} is approved. This endpoint keeps to version {}, which goes on working.",
        endpoint.summary.application, endpoint.version
    );
    Some(
        view! {
            <div class="notice">
                <div class="with-remedy">
                    <p>{said}</p>
                    <p><ButtonLink href>"See what changes"</ButtonLink></p>
                </div>
            </div>
        }
        .into_any(),
    )
}

fn no_more_or_resting(endpoint: &EndpointView) -> Option<AnyView> {
    if let Some(by) = endpoint.disconnected.clone() {
        return Some(
            view! {
                <p class="notice warn"><span>"Disconnected by " {by.name} " " <Time at=by.at /> ". It can’t be used any more; what was done through it stays."</span></p>
            }
            .into_any(),
        );
    }
    let by = endpoint.paused.clone()?;
    let depends = uses::dependants(endpoint);
    Some(
        view! {
            <p class="notice warn">
                <span>
                    "Paused by " {by.name} " " <Time at=by.at /> ". No run from or to it begins, and scheduled ones are skipped; what is under way goes on. "
                    {depends}
                </span>
            </p>
        }
        .into_any(),
    )
}

#[component]
fn Content(
    endpoint: EndpointView,
    segments: Segments,
    revoke: String,
    change: ServerAction<ChangeEndpoint>,
    waiting: waiting::Waiting,
    ends: CredentialEndView,
    note: ServerAction<NoteCredentialEnd>,
    looked: RwSignal<u32>,
) -> impl IntoView {
    let keys = endpoint.may_have_keys.then(|| {
        view! { <EndpointKeys endpoint=endpoint.clone() revoke action=change on_made=Callback::new(move |()| waiting.begin()) /> }
    });
    let steps = steps_of(&endpoint);
    let (keys, sends_by_itself) = if endpoint.registers { (keys, None) } else { (None, keys) };
    let webhook = (endpoint.calls_usher && endpoint.disconnected.is_none()).then(|| {
        view! { <WebhookSecret id=endpoint.summary.id.to_string() webhook=endpoint.webhook.clone() looked /> }
    });
    let lists =
        endpoint.disconnected.is_none() && endpoint.delivery.as_ref().is_some_and(|delivery| delivery.existing_segment);
    let of_it = lists.then(|| segments_of(&endpoint, segments));
    let may_change = endpoint.may_be_given_credentials.then_some(endpoint.by_consent);
    let ends = endpoint
        .base_url
        .is_some()
        .then(|| view! { <CredentialEnd id=endpoint.summary.id.to_string() ends action=note change=may_change /> });
    let empty = if endpoint.base_url.is_some() {
        "It offers none at the moment. “Check now” asks again."
    } else {
        "It has declared none yet."
    };
    let EndpointView {
        summary,
        version,
        base_url,
        delivery,
        destination_fields,
        audiences,
        catalogue,
        created_at,
        shares,
        succeeded_at,
        failed_at,
        failed_because,
        calls,
        ..
    } = endpoint;
    // Why it fails now stands beside its health.
    let failed_because = failed_because.filter(|because| summary.health_reason.as_ref() != Some(because));
    let all = (summary.audiences > audiences.len() as u64).then(|| {
        let (href, text) =
            (format!("/audiences?endpoint={}", summary.id), counted(summary.audiences, "audience", "audiences"));
        view! { <p><a href=href>"All " {text} " in the catalogue"</a></p> }
    });
    let (read, broken, changes) = catalogue.map(catalogue_parts).unwrap_or_default();
    let offered: Vec<_> = audiences
        .into_iter()
        .map(|audience| {
            view! {
                <tr>
                    <th scope="row" data-label="Audience"><a href=format!("/audiences/{}", audience.id)>{audience.name}</a></th>
                    <td data-label="People" class="number">
                        {audience.size.map(|size| view! { <Count number=size estimate=audience.size_is_estimate /> })}
                    </td>
                    <td data-label="Fields" class="number">{audience.field_count}</td>
                </tr>
            }
        })
        .collect();
    let taken: Vec<_> = destination_fields
        .into_iter()
        .map(|field| {
            let need = if field.required {
                Some("Required")
            } else if field.recommended {
                Some("Recommended")
            } else {
                None
            };
            let kind = if field.kind == FieldKind::Identifier { "Identifier" } else { "Attribute" };
            view! {
                <tr>
                    <th scope="row" data-label="Field">
                        <code>{field.name.clone()}</code>
                        {field.description.map(|text| view! { <span class="soft one-line">{text}</span> })}
                    </th>
                    <td data-label="Says">{kind}</td>
                    <td data-label="Type">{field.field_type.label()}</td>
                    <td data-label="Need">{need}</td>
                </tr>
            }
        })
        .collect();
    let modes = delivery.map(|delivery| {
        let words: Vec<&str> = delivery
            .modes
            .iter()
            .map(|mode| match mode {
                JobMode::Add => "add",
                JobMode::Replace => "replace",
                JobMode::Remove => "remove",
            })
            .collect();
        let segments = match (delivery.new_segment, delivery.existing_segment) {
            (true, true) => "new and existing segments",
            (true, false) => "new segments only",
            (false, _) => "existing segments only",
        };
        let kept = delivery.member_lifetime_days;
        let kept = kept.map(|days| format!("; forgets members after {days}\u{a0}days")).unwrap_or_default();
        format!("{}; {segments}{kept}", words.join(", "))
    });
    view! {
        <dl class="facts">
            <div>
                <dt>"Health"</dt>
                <dd>
                    <HealthBadge health=summary.health />
                    {summary.health_reason.map(|reason| view! { <span class="soft one-line">{reason}</span> })}
                </dd>
            </div>
            <div><dt>"Application"</dt><dd>{summary.application}<span class="soft one-line">{format!("version {version}")}</span></dd></div>
            <div><dt>"What it does"</dt><dd>{syndication(summary.producer, summary.consumer)}</dd></div>
            {modes.map(|modes| view! { <div><dt>"Takes"</dt><dd>{modes}</dd></div> })}
            {base_url.map(|url| view! { <div><dt>"Address"</dt><dd><code>{url}</code></dd></div> })}
            {succeeded_at.map(|at| view! { <div><dt>"Last went well"</dt><dd><Time at /></dd></div> })}
            {failed_at
                .map(|at| {
                    view! {
                        <div>
                            <dt>"Last failed"</dt>
                            <dd><Time at />{failed_because.map(|because| view! { <span class="soft one-line">{because}</span> })}</dd>
                        </div>
                    }
                })}
            {summary.latency_ms.map(|ms| view! { <div><dt>"Answers in"</dt><dd>{format!("{ms}\u{a0}ms")}</dd></div> })}
            <div><dt>"Connected"</dt><dd><Time at=created_at /></dd></div>
        </dl>
        {steps}
        {keys}
        {webhook}
        {summary
            .producer
            .map(|_| {
                view! {
                    <section aria-labelledby="offers">
                        <h2 id="offers">"Audiences that it offers"</h2>
                        {read}
                        {broken}
                        {if offered.is_empty() {
                            view! { <EmptyState text=empty /> }.into_any()
                        } else {
                            view! {
                                <table class="list">
                                    <thead>
                                        <tr>
                                            <th scope="col">"Audience"</th>
                                            <th scope="col" class="number">"People"</th>
                                            <th scope="col" class="number">"Fields"</th>
                                        </tr>
                                    </thead>
                                    <tbody>{offered}</tbody>
                                </table>
                                {all}
                            }
                                .into_any()
                        }}
                        {changes}
                    </section>
                }
            })}
        {summary
            .consumer
            .map(|_| {
                view! {
                    <section aria-labelledby="takes">
                        <h2 id="takes">"Fields that it takes"</h2>
                        <table class="list">
                            <thead>
                                <tr>
                                    <th scope="col">"Field"</th>
                                    <th scope="col">"Says"</th>
                                    <th scope="col">"Type"</th>
                                    <th scope="col">"Need"</th>
                                </tr>
                            </thead>
                            <tbody>{taken}</tbody>
                        </table>
                    </section>
                }
            })}
        {of_it}
        <Shares shares />
        {ends}
        {sends_by_itself}
        <Calls calls />
    }
}

/// What is still to be done until it registers; and that it is waited for.
fn steps_of(endpoint: &EndpointView) -> Option<AnyView> {
    if !endpoint.registers || endpoint.disconnected.is_some() {
        return None;
    }
    let steps = endpoint.steps.clone().map(|steps| {
        view! { <div class="prose" inner_html=steps></div> }
    });
    if endpoint.has_said {
        return steps.map(|steps| {
            view! {
                <details class="report-again">
                    <summary>"How it was connected"</summary>
                    {steps}
                </details>
            }
            .into_any()
        });
    }
    let waits = !endpoint.keys.is_empty();
    let application = endpoint.summary.application.clone();
    Some(
        view! {
            <section aria-labelledby="steps" class="until-registered">
                <h2 id="steps">{if steps.is_some() { format!("What {application} asks you to do") } else { "What is left to do".to_owned() }}</h2>
                {if let Some(steps) = steps {
                    steps.into_any()
                } else {
                    view! { <p>"Make a key below, and give it to the program that is to call."</p> }.into_any()
                }}
                <p class="notice" role="status">
                    {if waits {
                        "Waiting until it registers with its key. This page shows what it is as soon as it has."
                    } else {
                        "It needs a key first: make one below."
                    }}
                    <noscript>" Load the page again to see whether it has."</noscript>
                </p>
            </section>
        }
        .into_any(),
    )
}

/// The segments that a destination has, once they were asked for.
fn segments_of(endpoint: &EndpointView, segments: Segments) -> AnyView {
    let page = format!("/endpoints/{}?segments=asked#segments", endpoint.summary.id);
    view! {
        <section aria-labelledby="segments">
            <h2 id="segments">"Segments that it has"</h2>
            {match segments {
                None => view! { <ButtonLink href=page>"Ask for its segments"</ButtonLink> }.into_any(),
                Some(Err(error)) => view! { <Trouble error /> }.into_any(),
                Some(Ok(found)) if found.is_empty() => view! { <EmptyState text="It has none yet." /> }.into_any(),
                Some(Ok(found)) => {
                    let rows: Vec<_> = found
                        .into_iter()
                        .map(|segment| {
                            view! {
                                <tr>
                                    <th scope="row" data-label="Segment">{segment.name}</th>
                                    <td data-label="People" class="number">{segment.size.map(|size| view! { <Count number=size /> })}</td>
                                </tr>
                            }
                        })
                        .collect();
                    view! {
                        <table class="list">
                            <thead><tr><th scope="col">"Segment"</th><th scope="col" class="number">"People"</th></tr></thead>
                            <tbody>{rows}</tbody>
                        </table>
                    }
                        .into_any()
                }
            }}
        </section>
    }
    .into_any()
}

/// When its audiences were read, those that are gone but needed, and what changed.
fn catalogue_parts(catalogue: EndpointCatalogue) -> (Option<AnyView>, Option<AnyView>, Option<AnyView>) {
    let EndpointCatalogue { read_at, failed_at, changes, broken } = catalogue;
    let read = match (read_at, failed_at) {
        (Some(read), None) => view! { <p class="soft">"Read " <Time at=read /> "."</p> }.into_any(),
        (read, Some(failed)) => {
            let shown = read.map(|at| view! { " They are shown as they were " <Time at /> "." });
            view! { <p class="notice warn"><span>"They could not be read " <Time at=failed /> "." {shown}</span></p> }
                .into_any()
        }
        (None, None) => view! { <p class="soft">"They were not read yet."</p> }.into_any(),
    };
    let gone: Vec<_> = broken
        .into_iter()
        .map(|audience| {
            let shares: Vec<_> = audience
                .shares
                .into_iter()
                .map(|share| {
                    let to = share.destination_name.unwrap_or_default();
                    let segment = share.destination_segment.unwrap_or_default();
                    view! { <li><a href=format!("/shares/{}", share.id)>{to} " · " {segment}</a></li> }
                })
                .collect();
            view! {
                <li>
                    <a href=format!("/audiences/{}", audience.id)>{audience.name}</a>
                    ", noticed "
                    <Time at=audience.vanished_at />
                    ". Shares that can't run:"
                    <ul class="broken-shares">{shares}</ul>
                </li>
            }
        })
        .collect();
    let broken = (!gone.is_empty()).then(|| {
        view! {
            <div class="notice warn">
                <div><p>"No longer offered, but still shared:"</p><ul>{gone}</ul></div>
            </div>
        }
        .into_any()
    });
    let changes = (!changes.is_empty())
        .then(|| view! { <h3>"What changed in them"</h3><ChangeList changes names=true /> }.into_any());
    (Some(read), broken, changes)
}
