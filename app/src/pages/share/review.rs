//! All of a share on one page, in sentences and numbers, before it is shared; and sharing it.

use leptos::prelude::*;
use model::{
    calendar::{ScheduleState, ScheduleView},
    error::HubError,
    mapping::{Finding, Link, Severity, Source},
    run::Mode,
    view::{Destination, DestinationSegment, ReviewWarning, ShareReview, ShareSummary, ShareView},
};

use super::{
    above, display_name, mode_effect, people,
    pre_flight::PreFlightPanel,
    steps::{Step, Steps},
};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        badge::{Badge, Tone},
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::counted,
        field::ErrorSummary,
        icon::{Icon, IconName},
        notice::Trouble,
        page::PageHead,
        search_box::escaped,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
    flash::{Form, FormState},
    pages::address_part,
};

/// In `what`, when nothing is to be sent.
const PRE_FLIGHT: &str = "pre_flight";
/// In `what`, when the share's schedule is to be started.
const START: &str = "start";
/// In `last_run`, when the share had no run.
const NO_RUN: &str = "none";

/// All of the review's page.
#[server(endpoint = "review_page", protocol = crate::Called)]
pub async fn review_page(share_id: String) -> Result<(ShareReview, Option<ScheduleView>), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let id = crate::session::answer(crate::pages::parse_id::<model::id::ShareId>(&share_id, "share")).await?;
    let share = crate::session::answer(hub.share(&actor, &id).await).await?;
    if share.destination.is_none() {
        // There is nothing to review yet; that is no mistake of the person's.
        leptos_axum::redirect(&format!("/shares/{id}/destination"));
        let review = ShareReview {
            share,
            findings: Vec::new(),
            sample_rows: 0,
            sample_valid: 0,
            warnings: Vec::new(),
            other_shares: Vec::new(),
        };
        return Ok((review, None));
    }
    let found =
        async { Ok((hub.review(&actor, &id).await?, hub.schedule(&actor, &id, &crate::zone::of_request()).await?)) };
    crate::session::answer(found.await).await
}

/// Shares, and leads to the run. `last_run` is the newest run that the page showed: when there is a newer one, the form was sent twice, or somebody
/// else was faster, and that run is shown instead of making another. `what` is `pre_flight` when only what would happen is to be found out. `confirmed`
/// are the names of the warnings that the person has confirmed; `reviewed` is what they had before them ([`model::view::Reviewed`]): when it is no longer so,
/// nothing is shared.
#[server(endpoint = "share_now", protocol = crate::Called)]
pub async fn share_now(
    share_id: String,
    #[server(default)] last_run: String,
    #[server(default)] what: String,
    #[server(default)] confirmed: Vec<String>,
    #[server(default)] reviewed: String,
) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let reviewed = model::view::Reviewed::parse(&reviewed);
    let path = format!("/shares/{share_id}/review");
    if what == START {
        let started = async {
            let id = crate::pages::parse_id::<model::id::ShareId>(&share_id, "share")?;
            hub.start_reviewed(&actor, &id, &confirmed, reviewed.as_ref()).await
        };
        return match started.await {
            Ok(()) => {
                leptos_axum::redirect(&format!("/shares/{share_id}"));
                Ok(())
            }
            Err(error) => Err(crate::flash::fail(&path, &[], error).await),
        };
    }
    let shared = async {
        let id = crate::pages::parse_id::<model::id::ShareId>(&share_id, "share")?;
        if !last_run.is_empty() {
            let newest = hub.share(&actor, &id).await?.runs.into_iter().next();
            let newest_id = newest.as_ref().map_or(NO_RUN, |run| run.id.as_str());
            if newest_id != last_run
                && let Some(run) = newest
            {
                return Ok(run.id);
            }
        }
        let asked = if what == PRE_FLIGHT {
            hub.pre_flight(&actor, &id).await
        } else {
            hub.share_confirmed(&actor, &id, &confirmed, reviewed.as_ref()).await
        };
        match asked {
            Err(error @ model::error::HubError::Conflict { .. }) => {
                let under_way = hub.share(&actor, &id).await?.runs.into_iter().find(|run| !run.state.is_final());
                under_way.map(|run| run.id).ok_or(error)
            }
            other => other,
        }
    };
    match shared.await {
        Ok(_) if what == PRE_FLIGHT => {
            // While the page's program runs the page stays as it is, and follows the run by itself.
            if crate::flash::is_plain_form_post().await {
                leptos_axum::redirect(&format!("{path}#pre-flight"));
            }
            Ok(())
        }
        Ok(run) => {
            leptos_axum::redirect(&format!("/runs/{run}"));
            Ok(())
        }
        Err(error) => Err(crate::flash::fail(&path, &[], error).await),
    }
}

/// The review's page.
#[component]
pub fn ReviewPage() -> impl IntoView {
    let id = address_part("id");
    let action = ServerAction::<ShareNow>::new();
    let live = action.problem();
    // What somebody has changed meanwhile is shown at once, beside the word that they have.
    let changes = Memo::new(move |before: Option<&u32>| {
        let is_outdated = live.with(|error| matches!(error, Some(Err(AppError::Hub(HubError::Outdated { .. })))));
        before.copied().unwrap_or(0) + u32::from(is_outdated)
    });
    let review = crate::answers::ask(move || (id.get(), changes.get()), |(id, _)| review_page(id));
    let form = Form::new(move || format!("/shares/{}/review", id.get()), live);
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match review.await {
                    Ok((review, schedule)) => view! { <Loaded review schedule form action /> }.into_any(),
                    Err(error) => view! { <PageHead title="Review" /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Loaded(
    review: ShareReview,
    schedule: Option<ScheduleView>,
    form: FormState,
    action: ServerAction<ShareNow>,
) -> impl IntoView {
    let share = review.share;
    let Some(destination) = share.destination.clone() else {
        // The server leads away before this; in a race it is said here.
        let href = format!("/shares/{}/destination", share.id);
        return view! { <p class="lead"><a href=href>"Choose a destination first."</a></p> }.into_any();
    };
    let mapping_path = format!("/shares/{}/mapping", share.id);
    let when_path = format!("/shares/{}/when", share.id);
    let reviewed = share.reviewed().to_string();
    let newest = RwSignal::new(share.runs.first().map_or_else(|| NO_RUN.to_owned(), |run| run.id.to_string()));
    let errors = review.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let may_share = crate::pages::may_share();
    let may_start = schedule.as_ref().is_some_and(|schedule| schedule.state == ScheduleState::Draft);
    let share_kind = if may_start { ButtonKind::Secondary } else { ButtonKind::Primary };
    let when = match &schedule {
        Some(schedule) => schedule.preview.sentence.clone(),
        None => "When somebody shares it".to_owned(),
    };
    let under_way = share.runs.iter().find(|run| !run.state.is_final()).map(|run| run.id.clone());
    let looking = RwSignal::new(under_way.is_some());
    // What was asked for on this page and went well.
    let asked = Signal::derive(move || action.version().get());
    let can_share = may_share && errors == 0 && !share.is_withdrawn;
    let share_part = if share.is_withdrawn {
        view! { <p class="cannot-share">{format!("It can't be shared: {} no longer offers this audience.", share.audience.endpoint_name)}</p> }.into_any()
    } else if errors > 0 {
        view! {
            <p class="cannot-share">
                {format!("It can't be shared yet: {} to mend in the mapping.", counted(errors as u64, "thing", "things"))}
                {(!may_share).then_some(" A member or an admin of this account can do that.")}
            </p>
            <ButtonLink href=mapping_path.clone() kind=ButtonKind::Primary>"Back to the mapping"</ButtonLink>
        }
        .into_any()
    } else if may_share {
        let run_path = move || newest.with(|newest| format!("/runs/{newest}"));
        view! {
            <p class="cannot-share" role="status">
                {move || {
                    looking
                        .get()
                        .then(|| view! { "A run of this share is under way; it can be shared when that has ended. "<a href=run_path>"Go to the run"</a> })
                }}
            </p>
            <div class="share-now">
                <ButtonLink href=when_path>"Back"</ButtonLink>
                <SubmitButton name="what" value=PRE_FLIGHT pending=action.pending()>"See what would happen"</SubmitButton>
                <SubmitButton kind=share_kind pending=action.pending()>"Share now"</SubmitButton>
                {may_start.then(|| view! {
                    <SubmitButton kind=ButtonKind::Primary name="what" value=START pending=action.pending()>"Start the schedule"</SubmitButton>
                })}
            </div>
        }
        .into_any()
    } else {
        view! { <p class="cannot-share">"You can look at shares; a member or an admin of this account can share them."</p> }.into_any()
    };
    let sample = sample_sentence(review.sample_rows, review.sample_valid);
    let (share_id, panel_id) = (share.id.to_string(), share.id.to_string());
    let errors_only: Vec<Finding> =
        review.findings.into_iter().filter(|finding| finding.severity == Severity::Error).collect();
    let nothing_against = errors_only.is_empty() && review.warnings.is_empty();
    view! {
        <PageHead title="Review" above=above(&share) lead="What will happen when you share. Nothing has been sent yet." />
        <Steps share=share.clone() current=Step::Review />
        <ActionForm action>
            <input type="hidden" name="share_id" value=share_id />
            <input type="hidden" name="reviewed" value=reviewed />
            <input type="hidden" name="last_run" value=newest.get_untracked() prop:value=move || newest.get() />
            <ErrorSummary form fields=&[("confirmed", "To confirm")] />
            <div class="review">
                <Findings findings=errors_only nothing_against destination=destination.clone() mapping_path=mapping_path.clone() />
                <Warnings warnings=review.warnings share_id=share.id.to_string() can_share />
                <OtherShares shares=review.other_shares destination=destination.endpoint_name.clone() />
                <Facts share=share.clone() destination=destination.clone() when sample />
                <PreFlightPanel share_id=panel_id newest looking asked />
                <MappingTable share=share destination mapping_path />
            </div>
            <div class="share-bar">{share_part}</div>
        </ActionForm>
    }
    .into_any()
}

/// What has to be confirmed, each with its own sentence.
#[component]
fn Warnings(warnings: Vec<ReviewWarning>, share_id: String, can_share: bool) -> impl IntoView {
    if warnings.is_empty() {
        return ().into_any();
    }
    let heading = format!("{} to confirm", counted(warnings.len() as u64, "thing", "things"));
    let items: Vec<_> = warnings
        .into_iter()
        .enumerate()
        .map(|(index, warning)| {
            let id = format!("confirmed-{index}");
            let before = warning.confirmed.map(|confirmed| {
                view! { <span class="soft">"Confirmed by "{confirmed.by}", "<Time at=confirmed.at /></span> }
            });
            let is_confirmed = before.is_some();
            let way = warning.page.map(|page| {
                view! { <a href=format!("/shares/{share_id}/{page}")>"Look at it"</a> }
            });
            view! {
                <li>
                    <input
                        type="checkbox"
                        id=id.clone()
                        name=format!("confirmed[{index}]")
                        value=warning.name
                        checked=is_confirmed
                        disabled=!can_share
                    />
                    <label for=id>{warning.message}</label>
                    <span class="beside">{before}{way}</span>
                </li>
            }
        })
        .collect();
    view! {
        <section class="findings confirming" aria-labelledby="confirmed">
            <h2 id="confirmed" tabindex="-1">{heading}</h2>
            <ul>{items}</ul>
        </section>
    }
    .into_any()
}

/// Other shares of the same audience to the same destination.
#[component]
fn OtherShares(shares: Vec<ShareSummary>, destination: String) -> impl IntoView {
    if shares.is_empty() {
        return ().into_any();
    }
    let items: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let segment = share.destination_segment.unwrap_or_default();
            let mode = share.mode.map_or("", Mode::label);
            view! { <li><a href=format!("/shares/{}", share.id)>{format!("“{segment}”")}</a>{format!(" ({mode})")}</li> }
        })
        .collect();
    view! {
        <section class="notice other-shares" aria-labelledby="other-shares">
            <div>
                <h2 id="other-shares">{format!("{destination} gets this audience already")}</h2>
                <ul>{items}</ul>
            </div>
        </section>
    }
    .into_any()
}

/// Who, how many, where to and what happens there.
#[component]
fn Facts(share: ShareView, destination: Destination, when: String, sample: AnyView) -> impl IntoView {
    let id = share.id.to_string();
    let effect = mode_effect(
        destination.mode,
        &destination.segment,
        share.audience.size.filter(|_| !share.audience.size_is_estimate),
        None,
    );
    let segment = match &destination.segment {
        DestinationSegment::New { name } => format!("“{name}”, a new one that the first run makes"),
        DestinationSegment::Existing { name, .. } => format!("“{name}”, which it has already"),
    };
    let counted_people = people(&share);
    view! {
        <section class="card" aria-labelledby="what-happens">
            <div class="section-head">
                <h2 id="what-happens">"What happens"</h2>
                <a href=format!("/shares/{id}/destination")>{if crate::pages::may_share() { "Change the destination" } else { "See the destination" }}</a>
            </div>
            <p class="effect">{effect}</p>
            <dl class="facts">
                <div>
                    <dt>"Audience"</dt>
                    <dd><a href=format!("/audiences/{}", share.audience.id)>{share.audience.name}</a></dd>
                </div>
                <div>
                    <dt>"People"</dt>
                    <dd>{counted_people}</dd>
                </div>
                <div>
                    <dt>"From"</dt>
                    <dd>{share.audience.endpoint_name}</dd>
                </div>
                <div>
                    <dt>"To"</dt>
                    <dd>{destination.endpoint_name}</dd>
                </div>
                <div>
                    <dt>"Segment"</dt>
                    <dd>{segment}</dd>
                </div>
                <div>
                    <dt>"Mode"</dt>
                    <dd>{destination.mode.label()}</dd>
                </div>
                <div>
                    <dt>"When"</dt>
                    <dd>{when} " " <a href=format!("/shares/{id}/when#timing") rel="external">"Change"</a></dd>
                </div>
                <div>
                    <dt>"Sample"</dt>
                    <dd>{sample}</dd>
                </div>
            </dl>
        </section>
    }
}

fn sample_sentence(rows: u32, valid: u32) -> AnyView {
    if rows == 0 {
        return view! { "No sample rows to try the mapping on." }.into_any();
    }
    let tone = if valid == rows { Tone::Good } else { Tone::Warn };
    let text = format!("{valid} of {}", counted(u64::from(rows), "row", "rows"));
    view! {
        <Badge tone text />
        {if valid == rows { " would be sent." } else { " would be sent; the others are left out, and counted with their reasons." }}
    }
    .into_any()
}

/// What the check found, each with the way to where it is mended.
#[component]
fn Findings(
    findings: Vec<Finding>,
    nothing_against: bool,
    destination: Destination,
    mapping_path: String,
) -> impl IntoView {
    if findings.is_empty() && !nothing_against {
        return ().into_any();
    }
    if findings.is_empty() {
        return view! {
            <p class="notice good">
                <Icon name=IconName::Done />
                "The mapping is complete; nothing speaks against sharing."
            </p>
        }
        .into_any();
    }
    let errors = findings.len();
    let heading = format!("{} to mend", counted(errors as u64, "thing", "things"));
    let items: Vec<_> = findings
        .into_iter()
        .map(|finding| {
            let (tone, word) = (Tone::Bad, "Error");
            let way = match &finding.target {
                Some(name) => {
                    let href = format!("{mapping_path}#field-{}", escaped(name));
                    (href, format!("Go to it: {} in the mapping", display_name(&destination.fields, name)))
                }
                None => (mapping_path.clone(), "Go to it: the mapping".to_owned()),
            };
            let (href, label) = way;
            view! { <li><Badge tone text=word /><span>{finding.message}</span><a href=href aria-label=label>"Go to it"</a></li> }
        })
        .collect();
    view! {
        <section class="findings" class:has-errors=errors.gt(&0) aria-labelledby="findings">
            <h2 id="findings">{heading}</h2>
            <ul>{items}</ul>
        </section>
    }
    .into_any()
}

/// What feeds what, in the order of the destination's fields.
#[component]
fn MappingTable(share: ShareView, destination: Destination, mapping_path: String) -> impl IntoView {
    let rows: Vec<_> = destination
        .fields
        .iter()
        .filter_map(|field| share.mapping.link(&field.name))
        .map(|link| table_row(link, &share, &destination))
        .collect();
    let not_sent: Vec<&str> = destination
        .fields
        .iter()
        .filter(|field| share.mapping.link(&field.name).is_none())
        .map(|field| field.display_name())
        .collect();
    let not_sent = (!not_sent.is_empty()).then(|| {
        view! { <p class="help">{format!("Not sent, because nothing is mapped to them: {}.", not_sent.join(", "))}</p> }
    });
    view! {
        <section class="card" aria-labelledby="mapping-table">
            <div class="section-head">
                <h2 id="mapping-table">"Mapping"</h2>
                <a href=mapping_path>{if crate::pages::may_share() { "Change the mapping" } else { "See the mapping" }}</a>
            </div>
            <div class="table-scroll" role="region" aria-label="Fields of the mapping" tabindex="0">
                <table class="list mapping-table">
                    <thead>
                        <tr>
                            <th scope="col">"From the audience"</th>
                            <th scope="col">"What is done"</th>
                            <th scope="col">"To the destination"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
            {not_sent}
        </section>
    }
}

fn table_row(link: &Link, share: &ShareView, destination: &Destination) -> AnyView {
    let source = match &link.source {
        Source::Field { name } => view! { <span>{display_name(&share.fields, name)}</span> }.into_any(),
        Source::Joined { names, .. } => {
            let names: Vec<String> = names.iter().map(|name| display_name(&share.fields, name)).collect();
            view! { <span>{names.join(" + ")}</span> }.into_any()
        }
        Source::Constant { value } => {
            view! { <span>"The same for everyone: "<code>{value.clone()}</code></span> }.into_any()
        }
    };
    let done = super::mapping::steps_sentence(&link.transforms);
    let required = destination.fields.iter().any(|field| field.name == link.target && field.required);
    view! {
        <tr>
            <td data-label="From">{source}</td>
            <td data-label="What is done"><span>{done}</span></td>
            <td data-label="To">
                <span>
                    {display_name(&destination.fields, &link.target)}
                    {required.then(|| view! { <span class="tag">"required"</span> })}
                </span>
            </td>
        </tr>
    }
    .into_any()
}
