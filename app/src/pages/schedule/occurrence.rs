//! One occurrence on a page of its own: what it will be, and moving, skipping or restoring it; works from the keyboard and without the program.

use leptos::prelude::*;
use model::{
    calendar::{EntryKind, OccurrenceView},
    error::HubError,
};

use super::ask::{ChangeSchedule, WasDone};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, SubmitButton},
        count::counted,
        field::{ErrorSummary, TextField},
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::{Form, FormState},
    pages::{address_part, share::ShareNow},
};

/// The occurrence.
#[server(endpoint = "occurrence", protocol = crate::Called)]
pub async fn occurrence(share_id: String, slot: String) -> Result<OccurrenceView, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let found = async {
        let id = crate::pages::parse_id(&share_id, "share")?;
        let slot = slot.parse().map_err(|_| HubError::not_found("planned run"))?;
        hub.occurrence(&actor, &id, slot, &crate::zone::of_request()).await
    };
    crate::session::answer(found.await).await
}

/// The page.
#[component]
pub fn OccurrencePage() -> impl IntoView {
    let (share, slot) = (address_part("share"), address_part("slot"));
    let action = ServerAction::<ChangeSchedule>::new();
    let live = action.problem();
    let found = crate::answers::ask(
        move || (share.get(), slot.get(), action.version().get()),
        |(share, slot, _)| occurrence(share, slot),
    );
    let form = Form::new(move || format!("/schedule/{}/{}", share.get(), slot.get()), live);
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match found.await {
                    Ok(found) => view! { <Loaded found which=slot.get_untracked() form action /> }.into_any(),
                    Err(error) => view! { <PageHead title="Planned run" above=above() /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

fn above() -> Vec<(String, String)> {
    vec![("/schedule".to_owned(), "Schedule".to_owned())]
}

#[component]
fn Loaded(
    found: OccurrenceView,
    which: String,
    form: FormState,
    action: ServerAction<ChangeSchedule>,
) -> impl IntoView {
    let now = ServerAction::<ShareNow>::new();
    let entry = found.entry;
    let share_id = entry.share_id.to_string();
    let path = format!("/schedule/{share_id}/{which}");
    let title = format!("{} to {}", entry.audience_name, entry.destination_name);
    let state = match &entry.what {
        EntryKind::Planned { moved_from: Some(from), .. } => format!("Planned. Moved from {from}."),
        EntryKind::Planned { waiting: Some(reason), .. } => format!("Planned. {reason}"),
        EntryKind::Planned { .. } => "Planned.".to_owned(),
        EntryKind::Skipped { reason, .. } => format!("Skipped. {reason}"),
        EntryKind::Run { state, .. } => state.label().to_owned(),
    };
    let can_change = match &entry.what {
        EntryKind::Planned { .. } => true,
        EntryKind::Skipped { can_be_taken_back, .. } => *can_be_taken_back,
        EntryKind::Run { .. } => false,
    };
    let was_changed = matches!(&entry.what, EntryKind::Planned { moved_from: Some(_), .. } | EntryKind::Skipped { .. });
    let is_planned = matches!(&entry.what, EntryKind::Planned { .. });
    let expected = match (entry.rows, entry.seconds) {
        (Some(rows), Some(seconds)) => {
            format!("Usually {} in {}.", counted(rows, "row", "rows"), super::calendar::took(seconds))
        }
        _ => "Not known yet: it has not run well before.".to_owned(),
    };
    let hidden = {
        let (share_id, slot, path) = (share_id.clone(), which, path);
        move || {
            view! {
                <input type="hidden" name="id" value=share_id.clone() />
                <input type="hidden" name="slot" value=slot.clone() />
                <input type="hidden" name="back" value=path.clone() />
            }
        }
    };
    let (summary, done) = (form.clone(), form.clone());
    let review = format!("/shares/{share_id}/review");
    let trouble = move || {
        now.error().map(|error| {
            let to_mend = matches!(error, AppError::Hub(HubError::Invalid { .. }))
                .then(|| view! { <p><a href=review.clone()>"See it in the review"</a></p> });
            view! { <Trouble error />{to_mend} }
        })
    };
    let change = (can_change && crate::pages::may_share()).then(|| {
        let (first, second) = (hidden.clone(), hidden);
        view! {
            <section aria-labelledby="move">
                <h2 id="move">"Move this run"</h2>
                <p class="soft">{format!("Only this one; the schedule stays. The time is {} time.", found.zone)}</p>
                <ActionForm action attr:class="move-form" attr:novalidate="">
                    {first()}
                    <TextField form=form.clone() name="day" label="Day" kind="date" initial=found.day />
                    <TextField form=form name="time" label="Time" kind="time" initial=found.time />
                    <SubmitButton kind=ButtonKind::Primary name="what" value="move" pending=action.pending()>"Move"</SubmitButton>
                </ActionForm>
            </section>
            <section aria-labelledby="instead">
                <h2 id="instead">"Or"</h2>
                <div class="schedule-buttons">
                    <ActionForm action attr:class="schedule-buttons">
                        {second()}
                        {is_planned.then(|| view! { <SubmitButton name="what" value="skip" pending=action.pending()>"Skip this run"</SubmitButton> })}
                        {was_changed.then(|| view! { <SubmitButton name="what" value="restore" pending=action.pending()>"Let it come as planned"</SubmitButton> })}
                    </ActionForm>
                    <ActionForm action=now>
                        <input type="hidden" name="share_id" value=share_id.clone() />
                        <SubmitButton pending=now.pending()>"Run now as well"</SubmitButton>
                    </ActionForm>
                </div>
            </section>
        }
    });
    view! {
        <PageHead title above=above() lead=format!("{}, {} time", found.in_zone, found.zone) />
        <WasDone form=done action />
        <ErrorSummary form=summary fields=&[("day", "Day"), ("time", "Time")] />
        {trouble}
        <dl class="facts">
            <div><dt>"State"</dt><dd>{state}</dd></div>
            <div><dt>"Schedule"</dt><dd><a href=format!("/shares/{}", entry.share_id)>{found.sentence}</a></dd></div>
            <div><dt>"Expected"</dt><dd>{expected}</dd></div>
            {entry.clash.map(|clash| view! { <div><dt>"Blackout"</dt><dd>{clash}</dd></div> })}
        </dl>
        {change}
    }
}
