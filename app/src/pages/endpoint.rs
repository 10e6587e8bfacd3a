//! An endpoint: how it is, what it offers, what it takes.

use leptos::prelude::*;
use model::{
    contract::{JobMode, Movement},
    field::FieldKind,
    view::{ConnectionReport, EndpointCatalogue, EndpointView},
};

use super::{
    audience::ChangeList,
    connect_application::{REPORT, ReportSteps},
    endpoint_key::{EndpointKey, SendingKey, WebhookSecret},
    endpoints::syndication,
};
use crate::{
    components::{
        badge::HealthBadge,
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::{Count, counted},
        empty_state::EmptyState,
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
};

/// The endpoint.
#[server(endpoint = "endpoint")]
pub async fn endpoint(id: String) -> Result<EndpointView, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub().endpoint(&actor, &super::parse_id(&id, "endpoint")?).await };
    crate::session::answer(found.await).await
}

/// Calls it now, and reads its audiences again.
#[server(endpoint = "check_endpoint")]
pub async fn check_endpoint(id: String) -> Result<String, AppError> {
    let actor = crate::session::actor().await?;
    let path = format!("/endpoints/{id}");
    let checked = async {
        let hub = crate::session::hub();
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

/// The page.
#[component]
pub fn EndpointPage() -> impl IntoView {
    let id = super::address_part("id");
    let action = ServerAction::<CheckEndpoint>::new();
    let live = Signal::derive(move || action.value().with(|value| value.as_ref()?.as_ref().err()?.hub().cloned()));
    let form = crate::flash::Form::new(move || format!("/endpoints/{}", id.get()), live);
    let found = crate::answers::ask(move || (id.get(), action.version().get()), |(id, _)| endpoint(id));
    let outcome = move || {
        action.value().with(|value| match value {
            Some(Ok(notice)) => Some(view! { <Done text=notice.clone() /> }),
            _ => None,
        })
    };
    view! {
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let state = form.state().await;
                match found.await {
                    Ok(endpoint) => {
                        let id = endpoint.summary.id.to_string();
                        let notice = state.notice().map(|text| view! { <Done text /> });
                        // Who has just connected it sees how the test went that came before.
                        let report: Option<ConnectionReport> = serde_json::from_str(&state.value(REPORT)).ok();
                        let report = report.map(|report| {
                            view! {
                                <details class="report-again" open>
                                    <summary>"Connection test"</summary>
                                    <ReportSteps report />
                                </details>
                            }
                        });
                        let failed = state.error();
                        let is_called = endpoint.base_url.is_some();
                        let (takes, share_to) = (endpoint.summary.consumer.is_some(), id.clone());
                        view! {
                            <PageHead
                                title=endpoint.summary.name.clone()
                                above=vec![("/endpoints".to_owned(), "Endpoints".to_owned())]
                                lead=endpoint.description.clone().unwrap_or_default()
                            >
                                {(super::may_share() && takes)
                                    .then(|| {
                                        view! { <ButtonLink href=format!("/endpoints/{share_to}/share") kind=ButtonKind::Primary>"Send an audience here"</ButtonLink> }
                                    })}
                                // One that calls Usher can't be called.
                                {(super::may_share() && is_called)
                                    .then(|| {
                                        view! {
                                            <ActionForm action=action>
                                                <input type="hidden" name="id" value=id />
                                                <SubmitButton pending=action.pending()>"Check now"</SubmitButton>
                                            </ActionForm>
                                        }
                                    })}
                            </PageHead>
                            {notice}
                            {report}
                            {outcome}
                            {(!super::may_share() && is_called)
                                .then(|| view! { <p class="soft">"You can look at endpoints; a member or an admin of this account can check them."</p> })}
                            {move || failed.get().map(|error| view! { <Trouble error=AppError::Hub(error) /> })}
                            <Content endpoint />
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
fn Content(endpoint: EndpointView) -> impl IntoView {
    let key = endpoint.calls_usher.then(|| {
        let has_called = endpoint.summary.checked_at.is_some();
        let id = endpoint.summary.id.to_string();
        let (webhook, secret_of) = (endpoint.webhook.clone(), id.clone());
        view! {
            <EndpointKey id has_key=endpoint.has_endpoint_key has_called />
            <WebhookSecret id=secret_of webhook />
        }
    });
    let sends_by_itself = (!endpoint.calls_usher && endpoint.summary.producer == Some(Movement::Pull)).then(|| {
        view! { <SendingKey id=endpoint.summary.id.to_string() has_key=endpoint.has_endpoint_key /> }
    });
    let empty = if endpoint.base_url.is_some() {
        "It offers none at the moment. “Check now” asks again."
    } else {
        "It has declared none yet."
    };
    let EndpointView { summary, base_url, delivery, destination_fields, audiences, catalogue, created_at, .. } =
        endpoint;
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
                "Required"
            } else if field.recommended {
                "Recommended"
            } else {
                ""
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
        format!("{}; {segments}", words.join(", "))
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
            <div><dt>"Application"</dt><dd>{summary.application}</dd></div>
            <div><dt>"What it does"</dt><dd>{syndication(summary.producer, summary.consumer)}</dd></div>
            {modes.map(|modes| view! { <div><dt>"Takes"</dt><dd>{modes}</dd></div> })}
            {base_url.map(|url| view! { <div><dt>"Address"</dt><dd><code>{url}</code></dd></div> })}
            {summary.checked_at.map(|at| view! { <div><dt>"Last called"</dt><dd><Time at /></dd></div> })}
            {summary.latency_ms.map(|ms| view! { <div><dt>"Answers in"</dt><dd>{format!("{ms}\u{a0}ms")}</dd></div> })}
            <div><dt>"Connected"</dt><dd><Time at=created_at /></dd></div>
        </dl>
        {key}
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
        {sends_by_itself}
    }
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
