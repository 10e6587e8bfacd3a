//! A share: what it does, in a sentence; its mapping; its runs; and sharing again.

use leptos::prelude::*;
use model::{
    alert::ShareAlertsView,
    calendar::ScheduleView,
    mapping::{Link, Source},
    run::Mode,
    view::{ShareState, ShareView},
};

use crate::{
    actions::{ActionForm, ServerAction, newest},
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        empty_state::EmptyState,
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    pages::{
        alerts::{AlertsOfShare, share_alerts},
        runs::RunTable,
        schedule::{ChangeSchedule, ScheduleOfShare, schedule_of_share},
        share::{FieldsChanged, ShareNow},
    },
};

/// The share.
#[server(endpoint = "share", protocol = crate::Called)]
pub async fn share(id: String) -> Result<ShareView, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.share(&actor, &super::parse_id(&id, "share")?).await };
    crate::session::answer(found.await).await
}

/// Throws a draft away.
#[server(endpoint = "discard_share", protocol = crate::Called)]
pub async fn discard_share(share_id: String) -> Result<(), AppError> {
    let actor = crate::session::actor().await?;
    let done = async { crate::session::hub()?.discard_share(&actor, &super::parse_id(&share_id, "share")?).await };
    crate::session::answer(done.await).await?;
    leptos_axum::redirect("/shares");
    Ok(())
}

/// Begins a draft that is like this share.
#[server(endpoint = "copy_share", protocol = crate::Called)]
pub async fn copy_share(share_id: String) -> Result<(), AppError> {
    let actor = crate::session::actor().await?;
    let copied = async { crate::session::hub()?.copy_share(&actor, &super::parse_id(&share_id, "share")?).await };
    let id = crate::session::answer(copied.await).await?;
    leptos_axum::redirect(&format!("/shares/{id}/destination"));
    Ok(())
}

/// Deletes a share for good.
#[server(endpoint = "delete_share", protocol = crate::Called)]
pub async fn delete_share(share_id: String) -> Result<(), AppError> {
    let actor = crate::session::actor().await?;
    let done = async { crate::session::hub()?.delete_share(&actor, &super::parse_id(&share_id, "share")?).await };
    crate::session::answer(done.await).await?;
    leptos_axum::redirect("/shares");
    Ok(())
}

/// What a share does, as a sentence.
pub fn sentence(share: &ShareView) -> String {
    let audience = format!("“{}” of {}", share.audience.name, share.audience.endpoint_name);
    let Some(destination) = &share.destination else { return format!("{audience}; no destination is chosen yet.") };
    let (name, segment) = (&destination.endpoint_name, destination.segment.name());
    match destination.mode {
        Mode::Add => format!("Adds the people in {audience} to “{segment}” in {name}."),
        Mode::Replace => format!("Replaces the members of “{segment}” in {name} by the people in {audience}."),
        Mode::Mirror => format!("Keeps “{segment}” in {name} in step with {audience}."),
        Mode::Remove => format!("Removes the people in {audience} from “{segment}” in {name}."),
    }
}

/// One line of a mapping, read-only.
#[component]
pub fn LinkRow(
    /// The line.
    link: Link,
) -> impl IntoView {
    let from = match &link.source {
        Source::Field { name } => view! { <code>{name.clone()}</code> }.into_any(),
        Source::Joined { names, .. } => {
            let names: Vec<_> = names.iter().map(|name| view! { <code>{name.clone()}</code>" " }).collect();
            view! { {names} "joined" }.into_any()
        }
        Source::Constant { value } => view! { "Always “" {value.clone()} "”" }.into_any(),
    };
    let transforms: Vec<&str> = link.transforms.iter().map(model::transform::Transform::label).collect();
    let transforms = if transforms.is_empty() { "As is".to_owned() } else { transforms.join(", then ") };
    view! {
        <tr>
            <td data-label="From">{from}</td>
            <td data-label="Transform">{transforms}</td>
            <th scope="row" data-label="To"><code>{link.target}</code></th>
        </tr>
    }
}

/// The page.
#[component]
pub fn ShareOverviewPage() -> impl IntoView {
    let id = super::address_part("id");
    let found = crate::answers::ask(move || id.get(), share);
    let change = ServerAction::<ChangeSchedule>::new();
    let schedule = crate::answers::ask(move || (id.get(), change.version().get()), |(id, _)| schedule_of_share(id));
    let alerts = crate::answers::ask(move || id.get(), share_alerts);
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                match (found.await, schedule.await, alerts.await) {
                    (Ok(share), Ok(schedule), Ok(alerts)) => view! { <Content share schedule alerts change /> }.into_any(),
                    (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => view! { <PageHead title="Share" /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Content(
    share: ShareView,
    schedule: Option<ScheduleView>,
    alerts: ShareAlertsView,
    change: ServerAction<ChangeSchedule>,
) -> impl IntoView {
    let now = ServerAction::<ShareNow>::new();
    let discard = ServerAction::<DiscardShare>::new();
    let (copy, delete) = (ServerAction::<CopyShare>::new(), ServerAction::<DeleteShare>::new());
    let (may_share, draft) = (super::may_share(), share.state == ShareState::Draft);
    let (id, lead) = (share.id.to_string(), sentence(&share));
    let rows: Vec<_> = share.mapping.links.iter().cloned().map(|link| view! { <LinkRow link /> }).collect();
    let title = match &share.destination {
        Some(destination) => format!("{} to {}", share.audience.name, destination.endpoint_name),
        None => share.audience.name.clone(),
    };
    let newest = newest([now.call(), discard.call(), copy.call(), delete.call()]);
    let trouble = move || newest.error().map(|error| view! { <Trouble error /> });
    let actions = may_share.then(|| {
        let (first, second) = (id.clone(), id.clone());
        if draft {
            view! {
                <ActionForm action=discard>
                    <input type="hidden" name="share_id" value=first />
                    <SubmitButton kind=ButtonKind::Danger pending=discard.pending()>"Discard draft"</SubmitButton>
                </ActionForm>
                <ButtonLink href=format!("/shares/{second}/destination") kind=ButtonKind::Primary>"Go on"</ButtonLink>
            }
            .into_any()
        } else {
            view! {
                <ButtonLink href=format!("/shares/{second}/review")>"Review"</ButtonLink>
                <ActionForm action=copy>
                    <input type="hidden" name="share_id" value=second.clone() />
                    <SubmitButton pending=copy.pending()>"Share again like this"</SubmitButton>
                </ActionForm>
                <ActionForm action=now>
                    <input type="hidden" name="share_id" value=first />
                    <SubmitButton kind=ButtonKind::Primary pending=now.pending()>"Share again now"</SubmitButton>
                </ActionForm>
            }
            .into_any()
        }
    });
    let mapping_links = mapping_links(&share, may_share);
    let deleting = (may_share && !draft).then(|| {
        let (id, words) = (id.clone(), what_deleting_does(&share));
        view! {
            <details class="delete-share">
                <summary>"Delete this share"</summary>
                <p>{words}</p>
                <ActionForm action=delete>
                    <input type="hidden" name="share_id" value=id />
                    <SubmitButton kind=ButtonKind::Danger pending=delete.pending()>"Delete it for good"</SubmitButton>
                </ActionForm>
            </details>
        }
    });
    let changed = share.clone();
    view! {
        <PageHead title above=vec![("/shares".to_owned(), "Shares".to_owned())] lead=lead>
            {actions}
        </PageHead>
        {trouble}
        <FieldsChanged share=changed />
        {(!may_share)
            .then(|| view! { <p class="soft">"You can look at this share; a member or an admin of this account can change it and share again."</p> })}
        <ScheduleOfShare share_id=id.clone() schedule action=change />
        {(!draft).then(|| view! { <AlertsOfShare share_id=id.clone() alerts /> })}
        <section aria-labelledby="runs">
            <h2 id="runs">"Runs"</h2>
            {if share.runs.is_empty() {
                view! { <EmptyState text="It has not run yet." /> }.into_any()
            } else {
                view! { <RunTable runs=share.runs /> }.into_any()
            }}
        </section>
        <section aria-labelledby="mapping">
            <div class="section-head">
                <h2 id="mapping">"Mapping"</h2>
                {mapping_links}
            </div>
            {if rows.is_empty() {
                view! { <EmptyState text="Nothing is mapped yet." /> }.into_any()
            } else {
                view! {
                    <table class="list">
                        <thead>
                            <tr>
                                <th scope="col">"From the audience"</th>
                                <th scope="col">"Transform"</th>
                                <th scope="col">"To the destination"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                }
                    .into_any()
            }}
        </section>
        {deleting}
    }
}

/// The ways to what belongs to the mapping, and to each step.
fn mapping_links(share: &ShareView, may_share: bool) -> impl IntoView + use<> {
    let id = &share.id;
    let version = share.mapping_version;
    let step = if may_share { "Change" } else { "See" };
    view! {
        <p class="ways">
            {(version > 0).then(|| view! { <a href=format!("/shares/{id}/versions")>{format!("Version {version}, and those before")}</a> })}
            <a href=format!("/shares/{id}/templates")>"Templates"</a>
            <a href=format!("/shares/{id}/destination")>{format!("{step} the destination")}</a>
            <a href=format!("/shares/{id}/mapping")>{format!("{step} the mapping")}</a>
            <a href=format!("/shares/{id}/when")>{format!("{step} when and how")}</a>
        </p>
    }
}

/// What deleting a share does, and what it does not.
fn what_deleting_does(share: &ShareView) -> String {
    let runs = match share.runs.len() {
        0 => String::new(),
        _ => " Its runs and receipts stay in the list of runs.".to_owned(),
    };
    let segment = share.destination.as_ref().map_or_else(String::new, |destination| {
        let forgotten = if destination.mode == Mode::Mirror {
            " Usher forgets whom this mirror has sent, so that nobody is removed there by it any more."
        } else {
            ""
        };
        format!(
            " “{}” of {} stays as it is, with everybody in it.{forgotten}",
            destination.segment.name(),
            destination.endpoint_name
        )
    });
    format!(
        "No run of it starts any more, and its mapping with all versions is gone.{runs}{segment} This can't be undone."
    )
}
