//! A share's schedule, as its page tells it: the sentence, where it stands, the next runs, and what became of the last ones.

use leptos::prelude::*;
use model::calendar::{ScheduleState, ScheduleView};

use super::ask::ChangeSchedule;
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        badge::{Badge, Tone},
        button::{ButtonLink, SubmitButton},
        icon::{Icon, IconName},
    },
    error::AppError,
};

/// A share's schedule; none when it has none.
#[server(endpoint = "schedule_of_share", protocol = crate::Called)]
pub async fn schedule_of_share(share_id: String) -> Result<Option<ScheduleView>, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let found = async {
        let id = crate::pages::parse_id(&share_id, "share")?;
        hub.schedule(&actor, &id, &crate::zone::of_request()).await
    };
    crate::session::answer(found.await).await
}

/// The part of the share's page.
#[component]
pub fn ScheduleOfShare(
    /// The share.
    share_id: String,
    /// Its schedule.
    schedule: Option<ScheduleView>,
    /// What changes it.
    action: ServerAction<ChangeSchedule>,
) -> impl IntoView {
    let may_share = crate::pages::may_share();
    let when = format!("/shares/{share_id}/when#timing");
    let Some(schedule) = schedule else {
        return view! {
            <section aria-labelledby="schedule">
                <div class="section-head">
                    <h2 id="schedule">"Schedule"</h2>
                    {may_share.then(|| view! { <a href=when rel="external">"Let it run by itself"</a> })}
                </div>
                <p class="soft">"It runs when somebody shares it."</p>
            </section>
        }
        .into_any();
    };
    let back = format!("/shares/{share_id}");
    let tone = match schedule.state {
        ScheduleState::Active => Tone::Good,
        ScheduleState::Paused => Tone::Warn,
        ScheduleState::Draft | ScheduleState::Ended => Tone::Neutral,
    };
    let button = |what: &'static str, words: &'static str| {
        view! { <SubmitButton name="what" value=what pending=action.pending()>{words}</SubmitButton> }
    };
    let buttons = match schedule.state {
        _ if !may_share => None,
        ScheduleState::Active => {
            Some(view! { {button("skip_next", "Skip the next run")} {button("pause", "Pause")} }.into_any())
        }
        ScheduleState::Paused => Some(view! { {button("resume", "Resume")} }.into_any()),
        ScheduleState::Draft | ScheduleState::Ended => None,
    };
    let posted_id = share_id.clone();
    let form = buttons.map(|buttons| {
        view! {
            <ActionForm action attr:class="schedule-buttons">
                <input type="hidden" name="id" value=posted_id />
                <input type="hidden" name="back" value=back />
                {buttons}
            </ActionForm>
        }
    });
    let failed = move || {
        let error = action.error();
        error.map(|error| view! { <p class="problem" role="alert">{error.to_string()}</p> })
    };
    let paused = schedule.paused_by.map(|who| format!("Paused by {who}."));
    let asides: Vec<_> = paused
        .into_iter()
        .chain(schedule.held_back)
        .chain(schedule.waiting)
        .map(|text| view! { <p class="notice warn"><Icon name=IconName::Warning />{text}</p> })
        .collect();
    let next: Vec<_> = schedule
        .preview
        .next
        .iter()
        .take(if schedule.state == ScheduleState::Active { 5 } else { 0 })
        .map(|run| {
            let href = format!("/schedule/{share_id}/{}", run.slot);
            view! {
                <li>
                    <a href=href>{run.in_zone.clone()}</a>
                    {run.note.clone().map(|note| view! { <span class="soft">" · " {note}</span> })}
                </li>
            }
        })
        .collect();
    let passed: Vec<_> = schedule
        .passed
        .into_iter()
        .take(5)
        .map(|passed| {
            let what = match passed.run_id {
                Some(run) => view! { <a href=format!("/runs/{run}")>"Ran"</a> }.into_any(),
                None => view! { <strong>"Skipped"</strong> }.into_any(),
            };
            view! {
                <li>
                    {passed.in_zone} " · " {what}
                    {passed.reason.map(|reason| view! { <span class="soft">" · " {reason}</span> })}
                </li>
            }
        })
        .collect();
    let has_next = !next.is_empty();
    let has_passed = !passed.is_empty();
    view! {
        <section class="schedule-of-share" aria-labelledby="schedule">
            <div class="section-head">
                <h2 id="schedule">"Schedule"</h2>
                {may_share.then(|| view! { <a href=when rel="external">"Change"</a> })}
            </div>
            <p class="effect"><Badge tone text=schedule.state.label() />{schedule.preview.sentence}</p>
            {asides}
            {failed}
            <div class="schedule-columns">
                {has_next.then(|| view! { <div><h3>"Next runs"</h3><ol>{next}</ol></div> })}
                {has_passed.then(|| view! { <div><h3>"Last times"</h3><ol>{passed}</ol></div> })}
            </div>
            {form}
            {(schedule.state == ScheduleState::Draft && may_share)
                .then(|| view! { <ButtonLink href=format!("/shares/{share_id}/review")>"Review and start"</ButtonLink> })}
        </section>
    }
    .into_any()
}
