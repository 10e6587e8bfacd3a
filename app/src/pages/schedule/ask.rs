//! What people ask of schedules outside of their form, as one function: each is a button of some page, which is gone back to.

use leptos::prelude::*;

use crate::{actions::ServerAction, components::notice::Done, error::AppError, flash::FormState};

/// What was done, whichever way it was asked.
#[component]
pub fn WasDone(
    /// The form's state.
    form: FormState,
    /// What asks.
    action: ServerAction<ChangeSchedule>,
) -> impl IntoView {
    let first = form.notice();
    let live = move || action.value().with(|value| value.as_ref().and_then(|value| value.as_ref().ok().cloned()));
    // What the server knows of a plain post is in the flash already.
    let text = move || if cfg!(feature = "ssr") { first.clone() } else { live().or_else(|| first.clone()) };
    move || text().map(|text| view! { <Done text /> })
}

/// Changes a schedule, or one occurrence of it. `what` is one of `pause`, `resume`, `remove`, `skip_next`, `skip`, `move`, `restore`, `pause_endpoint`,
/// `resume_endpoint`, `pause_all`, `resume_all`; `id` is the share's or the endpoint's; `slot` is in milliseconds since 1970; `zone` is that of `day` and `time`, the schedule's when empty; `back` is the page to go back to.
#[server(endpoint = "change_schedule", protocol = crate::Called)]
pub async fn change_schedule(
    what: String,
    #[server(default)] id: String,
    #[server(default)] slot: String,
    #[server(default)] day: String,
    #[server(default)] time: String,
    #[server(default)] zone: String,
    #[server(default)] back: String,
) -> Result<String, AppError> {
    use model::{
        error::HubError,
        id::{EndpointId, ShareId},
    };
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let share = || crate::pages::parse_id::<ShareId>(&id, "share");
    let endpoint = || crate::pages::parse_id::<EndpointId>(&id, "endpoint");
    let slot = || slot.parse::<i64>().map_err(|_| HubError::not_found("planned run"));
    let changed = async {
        match what.as_str() {
            "pause" => hub.pause_schedule(&actor, &share()?).await.map(|()| "The schedule is paused."),
            "resume" => hub.resume_schedule(&actor, &share()?).await.map(|()| "The schedule goes on."),
            "remove" => hub
                .remove_schedule(&actor, &share()?)
                .await
                .map(|()| "The schedule was removed. What it has run stays."),
            "skip_next" => hub.skip_next(&actor, &share()?).await.map(|()| "The next run will be skipped."),
            "skip" => hub.skip_slot(&actor, &share()?, slot()?).await.map(|()| "The run will be skipped."),
            "move" => {
                let zone = Some(zone.as_str()).filter(|zone| !zone.is_empty());
                hub.move_slot(&actor, &share()?, slot()?, (&day, &time), zone).await.map(|()| "The run was moved.")
            }
            "restore" => {
                hub.restore_slot(&actor, &share()?, slot()?).await.map(|()| "The run comes as it was planned.")
            }
            "pause_endpoint" => {
                hub.pause_schedules(&actor, Some(&endpoint()?)).await.map(|()| "The endpoint is paused.")
            }
            "resume_endpoint" => {
                hub.resume_schedules(&actor, Some(&endpoint()?)).await.map(|()| "The endpoint goes on.")
            }
            "pause_all" => hub.pause_schedules(&actor, None).await.map(|()| "All schedules are paused."),
            "resume_all" => hub.resume_schedules(&actor, None).await.map(|()| "All schedules go on."),
            _ => Err(HubError::invalid("what", "The form is incomplete. Reload the page and fill it in again.")),
        }
    };
    let back = crate::door::local_path(&back).unwrap_or("/schedule");
    match changed.await {
        Ok(notice) => {
            // Our program shows the answer where it stands; a browser by itself is led back to the page.
            if crate::flash::is_plain_form_post().await {
                let flash = crate::flash::Flash { notice: Some(notice.to_owned()), ..crate::flash::Flash::default() };
                crate::flash::leave(back.split('?').next().unwrap_or(back), flash).await?;
                leptos_axum::redirect(back);
            }
            Ok(notice.to_owned())
        }
        Err(error) => {
            let path = back.split('?').next().unwrap_or(back);
            // Only where to it was to be moved is typed by anybody; the page's other buttons know nothing of it.
            let typed = [("day", day.as_str()), ("time", time.as_str())];
            let typed = if what == "move" { typed.as_slice() } else { &[] };
            Err(crate::flash::fail(path, typed, error).await)
        }
    }
}
