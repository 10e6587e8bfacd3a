//! The list of alerts: what is open first, then what is over; and what the person has read of it.

use leptos::prelude::*;
use model::{
    alert::{Alert, AlertPage, Condition, Subject},
    id::RunId,
};

use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        badge::{Badge, Tone},
        bell::BellBeat,
        button::{ButtonLink, SubmitButton},
        count::counted,
        empty_state::EmptyState,
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
};

/// How many messages the person has not read.
#[server(endpoint = "unread_alerts", protocol = crate::Called)]
pub async fn unread_alerts() -> Result<u64, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.unread_alerts(&actor).await).await
}

/// The account's alerts.
#[server(endpoint = "alerts", protocol = crate::Called)]
pub async fn alerts() -> Result<AlertPage, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.alerts(&actor).await).await
}

/// Notes that the person has read what was there until then.
#[server(endpoint = "read_alerts", protocol = crate::Called)]
pub async fn read_alerts(until: i64) -> Result<(), AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.read_alerts(&actor, until).await).await?;
    if crate::flash::is_plain_form_post().await {
        leptos_axum::redirect("/alerts");
    }
    Ok(())
}

/// The page.
#[component]
pub fn AlertsPage() -> impl IntoView {
    let read = ServerAction::<ReadAlerts>::new();
    let beat = use_context::<BellBeat>();
    let found = crate::answers::ask(move || (read.version().get(), beat.map(|beat| beat.count().get())), |_| alerts());
    // The bell counts anew.
    Effect::new(move |before: Option<usize>| {
        let version = read.version().get();
        if before.is_some_and(|before| before != version)
            && let Some(beat) = beat
        {
            beat.ring();
        }
        version
    });
    view! {
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                match found.await {
                    Ok(page) => view! { <Loaded page read /> }.into_any(),
                    Err(error) => view! { <PageHead title="Alerts" /><Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Loaded(page: AlertPage, read: ServerAction<ReadAlerts>) -> impl IntoView {
    let AlertPage { items, open, unread, is_cut, until_ms } = page;
    let (now, over): (Vec<_>, Vec<_>) = items.into_iter().partition(|alert| alert.closed_at.is_none());
    let nothing = now.is_empty() && over.is_empty();
    let listed = |alerts: Vec<Alert>| alerts.into_iter().map(|alert| view! { <AlertItem alert /> }).collect::<Vec<_>>();
    let is_any_over = !over.is_empty();
    let (now, over) = (listed(now), listed(over));
    let open_words = counted(open, "open alert", "open alerts");
    let said = match unread {
        0 => format!("{open_words}."),
        unread => format!("{open_words}, {} not read.", counted(unread, "message", "messages")),
    };
    view! {
        <PageHead title="Alerts" lead="What you would want to know without looking: said once when it comes, and once when it is well again.">
            <ButtonLink href="/account/alerts">"What is told"</ButtonLink>
            {(unread > 0)
                .then(|| {
                    view! {
                        <ActionForm action=read>
                            <input type="hidden" name="until" value=until_ms.to_string() />
                            <SubmitButton pending=read.pending()>"Mark all as read"</SubmitButton>
                        </ActionForm>
                    }
                })}
        </PageHead>
        {move || read.error().map(|error| view! { <Trouble error /> })}
        <p class="result-count" role="status">{said}</p>
        {nothing.then(|| view! { <EmptyState text="Nothing was the matter so far." /> })}
        {(open == 0 && !nothing).then(|| view! { <EmptyState text="Nothing is the matter now." /> })}
        {(open > 0)
            .then(|| view! { <section aria-labelledby="open"><h2 id="open">"Open"</h2><ul class="alerts">{now}</ul></section> })}
        {is_any_over
            .then(|| view! { <section aria-labelledby="over"><h2 id="over">"Well again"</h2><ul class="alerts">{over}</ul></section> })}
        {is_cut.then(|| view! { <p class="soft">"Older ones are not shown."</p> })}
    }
}

/// Where an alert leads, in words.
fn next_step(condition: Condition, subject: &Subject, run_id: Option<&RunId>) -> &'static str {
    match (condition, run_id, subject) {
        (Condition::Held, Some(_), _) => "Approve or decline",
        (Condition::Held, None, _) => "See what changed",
        (Condition::Rejects, Some(_), _) => "See the rejects",
        (Condition::Ending, ..) => "Change the schedule",
        (Condition::Expiring, ..) | (_, None, Subject::Endpoint { .. }) => "See the endpoint",
        (_, Some(_), _) => "See the run",
        (_, None, Subject::Share { .. }) => "See the share",
    }
}

/// One alert: what is the matter with what, why, since when, and the next step.
#[component]
pub fn AlertItem(
    /// The alert.
    alert: Alert,
) -> impl IntoView {
    let page = alert.page();
    let step = next_step(alert.condition, &alert.subject, alert.run_id.as_ref());
    let whole = alert.subject.page();
    let is_over = alert.closed_at.is_some();
    let tone = match alert.condition {
        _ if is_over => Tone::Good,
        Condition::Failed => Tone::Bad,
        _ => Tone::Warn,
    };
    let badge = match (is_over, alert.condition) {
        (false, condition) => condition.label().to_owned(),
        // It may have ended as somebody wanted it.
        (true, Condition::Ending) => format!("{}, over", Condition::Ending.label()),
        (true, condition) => format!("{}, well again", condition.label()),
    };
    let name = alert.subject.name().to_owned();
    let label = format!("{step}: {name}");
    let is_unread = alert.is_unread;
    let ended = alert.closed_at.map(|at| view! { " Until "<Time at />". "{alert.closed_cause.unwrap_or_default()} });
    view! {
        <li class="alert" class:unread=is_unread>
            <p class="alert-head">
                <Badge tone text=badge />
                <a href=whole>{name}</a>
                {is_unread.then(|| view! { <span class="new-mark">"New"</span> })}
            </p>
            <p>{alert.cause}</p>
            <p class="soft">"Since "<Time at=alert.opened_at />"."{ended}</p>
            <a class="button quiet" href=page aria-label=label>{step}</a>
        </li>
    }
}
