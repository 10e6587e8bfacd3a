//! When and how: how the segment is changed, what is sent of the same person, what holds a run back, and when runs come (`timing`).

use leptos::prelude::*;
use model::{
    calendar::ScheduleChoices,
    field::{Field, FieldKind},
    recurrence::ScheduleForm,
    run::{Duplicates, Mode, ShrinkLimit},
    view::{Destination, DestinationSegment, ShareView},
};
use serde::{Deserialize, Serialize};

use super::{
    above, mode_effect,
    steps::{Step, Steps},
    timing::{self, Timing},
};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        field::ErrorSummary,
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
        stale::{Seen, SeenVersion},
    },
    error::AppError,
    flash::{Form, FormState},
    pages::address_part,
};

/// The inputs that show their own problem, and their labels.
const FIELDS: [(&str, &str); 20] = {
    let mut fields = [("mode", "What happens to the segment"); 20];
    fields[1] = ("duplicates", "Rows of the same person");
    fields[2] = ("shrink_limit", "Hold for approval");
    let mut number = 0;
    while number < timing::FIELDS.len() {
        fields[number + 3] = timing::FIELDS[number];
        number += 1;
    }
    fields
};

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhenData {
    share: ShareView,
    /// Members of the segment, when it is there already and says so.
    members: Option<u64>,
    /// When it runs, and what there is to choose from.
    timing: ScheduleChoices,
}

/// All of the page.
#[server(endpoint = "when_page", protocol = crate::Called)]
pub async fn when_page(share_id: String) -> Result<WhenData, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let id = crate::session::answer(crate::pages::parse_id::<model::id::ShareId>(&share_id, "share")).await?;
    let share = crate::session::answer(hub.share(&actor, &id).await).await?;
    let members = match &share.destination {
        Some(destination) => match &destination.segment {
            DestinationSegment::Existing { id, .. } => {
                // The number only helps to choose: a destination that does not answer now keeps nobody from choosing.
                let known = hub.existing_segments(&actor, &destination.endpoint_id).await.unwrap_or_default();
                known.into_iter().find(|segment| segment.id == *id).and_then(|segment| segment.size)
            }
            DestinationSegment::New { .. } => None,
        },
        None => {
            // There is nothing to say when and how of yet; that is no mistake of the person's.
            leptos_axum::redirect(&format!("/shares/{id}/destination"));
            None
        }
    };
    let zone = crate::zone::of_request();
    let timing = crate::session::answer(hub.schedule_choices(&actor, &id, &zone).await).await?;
    Ok(WhenData { share, members, timing })
}

/// Saves when and how, and leads on to the review.
#[server(endpoint = "save_when", protocol = crate::Called)]
pub async fn save_when(
    share_id: String,
    #[server(default)] mode: String,
    #[server(default)] duplicates: String,
    #[server(default)] shrink_limit: String,
    #[server(default)] seen: Seen,
    #[server(default)] schedule: ScheduleForm,
    #[server(default)] what: String,
) -> Result<(), AppError> {
    use hub::sharing::Timing;
    use model::{
        error::{FieldProblem, HubError},
        view::Handling,
    };
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let saved = async {
        let id = crate::pages::parse_id::<model::id::ShareId>(&share_id, "share")?;
        let said = (
            Mode::ALL.into_iter().find(|known| known.as_str() == mode),
            Duplicates::parse(&duplicates),
            shrink_limit.trim().parse().ok().and_then(ShrinkLimit::new),
        );
        let (Some(mode), Some(duplicates), Some(shrink_limit)) = said else {
            let problems = [
                (said.0.is_none(), "mode", "Choose how the segment is changed."),
                (said.1.is_none(), "duplicates", "Choose what is sent of the same person."),
                (said.2.is_none(), "shrink_limit", "Enter a percentage from 0 to 100."),
            ];
            let problems = problems.into_iter().filter(|(is_wrong, ..)| *is_wrong);
            let problems = problems.map(|(_, field, message)| FieldProblem::new(field, message)).collect();
            return Err(HubError::Invalid { problems });
        };
        let timing = match schedule.kind.as_str() {
            "" => Timing::AsItIs,
            "now" => Timing::ByHand,
            _ => Timing::Schedule(&schedule),
        };
        if what == timing::LOOK {
            let preview = match timing {
                Timing::Schedule(form) => {
                    Some(hub.preview_schedule(&actor, &id, form, &crate::zone::of_request()).await?)
                }
                Timing::AsItIs | Timing::ByHand => None,
            };
            return Ok(Err(preview));
        }
        let handling = Handling { mode, duplicates, shrink_limit };
        Ok(Ok(hub.choose_when(&actor, &id, handling, timing, seen.version()).await?))
    };
    let typed = serde_json::to_string(&schedule).unwrap_or_default();
    match saved.await {
        Ok(Err(preview)) => {
            let path = format!("/shares/{share_id}/when");
            let preview = preview.and_then(|preview| serde_json::to_string(&preview).ok()).unwrap_or_default();
            let values = [
                ("mode", mode.clone()),
                ("duplicates", duplicates.clone()),
                ("shrink_limit", shrink_limit.clone()),
                ("seen", seen.version.clone()),
                (timing::TYPED, typed),
                (timing::LOOKED, preview),
            ];
            let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            crate::flash::leave(&path, crate::flash::Flash { values, ..crate::flash::Flash::default() }).await?;
            leptos_axum::redirect(&format!("{path}#timing"));
            Ok(())
        }
        Ok(Ok(share)) => {
            leptos_axum::redirect(&format!("/shares/{}/review", share.id));
            Ok(())
        }
        Err(error) => {
            let values = [
                ("mode", mode.as_str()),
                ("duplicates", duplicates.as_str()),
                ("shrink_limit", shrink_limit.as_str()),
                ("seen", seen.version.as_str()),
                (timing::TYPED, typed.as_str()),
            ];
            Err(crate::flash::fail(&format!("/shares/{share_id}/when"), &values, error).await)
        }
    }
}

/// The page.
#[component]
pub fn WhenPage() -> impl IntoView {
    let id = address_part("id");
    let action = ServerAction::<SaveWhen>::new();
    let live = action.problem();
    let data = crate::answers::ask(move || id.get(), when_page);
    let form = Form::new(move || format!("/shares/{}/when", id.get()), live);
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match data.await {
                    Ok(data) => view! { <Loaded data form action /> }.into_any(),
                    Err(error) => view! { <PageHead title="When and how" /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Loaded(data: WhenData, form: FormState, action: ServerAction<SaveWhen>) -> impl IntoView {
    let WhenData { share, members, timing } = data;
    let Some(destination) = share.destination.clone() else {
        // The server leads away before this; in a race it is said here.
        let href = format!("/shares/{}/destination", share.id);
        return view! { <p class="lead"><a href=href>"Choose a destination first."</a></p> }.into_any();
    };
    let may_share = crate::pages::may_share();
    let timing_form = form.clone();
    let typed = form.value("mode");
    let mode = RwSignal::new(Mode::ALL.into_iter().find(|mode| mode.as_str() == typed).unwrap_or(destination.mode));
    let identity = identity_names(&share, &destination);
    let chosen = Duplicates::parse(&form.value("duplicates")).unwrap_or(share.duplicates);
    let (share_id, mapping_path) = (share.id.to_string(), format!("/shares/{}/mapping", share.id));
    let page_path = format!("/shares/{}/when", share.id);
    let review_path = format!("/shares/{}/review", share.id);
    let lead = format!("How “{}” in {} is changed, and when.", destination.segment.name(), destination.endpoint_name);
    view! {
        <PageHead title="When and how" above=above(&share) lead />
        <Steps share=share.clone() current=Step::When />
        {(!may_share)
            .then(|| view! { <p class="notice">"You can look at this; a member or an admin of this account can change it."</p> })}
        <ActionForm action attr:class="when-form" attr:novalidate="">
            <ErrorSummary
                form=form.clone()
                fields=&FIELDS
            />
            <input type="hidden" name="share_id" value=share_id />
            <SeenVersion form=form.clone() version=share.handling_version page=page_path />
            <fieldset id="mode" class="modes" disabled=!may_share>
                <legend>"What happens to the segment"</legend>
                <Modes share=share.clone() destination=destination.clone() members mode form=form.clone() />
            </fieldset>
            <fieldset class="guards" disabled=!may_share>
                <legend>"What keeps it safe"</legend>
                <DuplicatesField form=form.clone() chosen mode identity />
                <ShrinkLimitField form limit=share.shrink_limit members />
            </fieldset>
            <Timing share choices=timing form=timing_form />
            <div class="form-actions">
                {if may_share {
                    view! {
                        <ButtonLink href=mapping_path>"Back to the mapping"</ButtonLink>
                        <SubmitButton kind=ButtonKind::Primary pending=action.pending()>"Continue to the review"</SubmitButton>
                    }
                        .into_any()
                } else {
                    view! { <ButtonLink href=review_path>"To the review"</ButtonLink> }.into_any()
                }}
            </div>
        </ActionForm>
    }
    .into_any()
}

/// The ways in which the destination lets its segments be changed, each with what it does in numbers.
#[component]
fn Modes(
    share: ShareView,
    destination: Destination,
    members: Option<u64>,
    mode: RwSignal<Mode>,
    form: FormState,
) -> impl IntoView {
    let problem = form.problem("mode");
    let size = share.audience.size;
    let is_new = matches!(destination.segment, DestinationSegment::New { .. });
    let declared = Mode::ALL.into_iter().filter(|offered| offered.is_possible(&destination.delivery.modes));
    let choices: Vec<_> = declared
        .map(|offered| {
            let is_possible = !(offered == Mode::Remove && is_new);
            let effect = if is_possible {
                mode_effect(offered, &destination.segment, size, members)
            } else {
                "Takes people out of a segment that exists; a new one has nobody to take out.".to_owned()
            };
            let is_chosen = mode.with_untracked(|mode| *mode == offered);
            view! {
                <label class="choice" class:disabled=!is_possible>
                    <input
                        type="radio"
                        name="mode"
                        value=offered.as_str()
                        checked=is_chosen
                        disabled=!is_possible
                        data-takes-away=(offered.takes_away() && !(is_new && offered == Mode::Replace)).then_some("")
                        on:change=move |_| mode.set(offered)
                    />
                    <span class="choice-text"><strong>{offered.label()}</strong><span>{effect}</span></span>
                </label>
            }
        })
        .collect();
    view! {
        <p class="problem" id="mode-problem" hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
        {choices}
    }
}

/// The mapped fields by which people are told apart.
fn identity_names(share: &ShareView, destination: &Destination) -> String {
    let is_mapped = |field: &&Field| field.kind == FieldKind::Identifier && share.mapping.link(&field.name).is_some();
    let mapped: Vec<&Field> = destination.fields.iter().filter(is_mapped).collect();
    let has_required = mapped.iter().any(|field| field.required);
    let telling = mapped.into_iter().filter(|field| field.required || !has_required);
    telling.map(Field::display_name).collect::<Vec<_>>().join(" and ")
}

/// What is sent of rows of the same person.
#[component]
fn DuplicatesField(form: FormState, chosen: Duplicates, mode: RwSignal<Mode>, identity: String) -> impl IntoView {
    let problem = form.problem("duplicates");
    let first = chosen.within(mode.get_untracked());
    let choice = RwSignal::new(first);
    let options: Vec<_> = Duplicates::ALL
        .into_iter()
        .map(|offered| {
            let label = match offered {
                Duplicates::Keep => "Send all of them",
                Duplicates::Last => "Send the last, reject the others",
                Duplicates::First => "Send the first, reject the others",
            };
            let is_out = move || offered.within(mode.get()) != offered;
            let is_chosen = move || choice.get().within(mode.get()) == offered;
            view! {
                <option value=offered.as_str() selected=offered == first prop:selected=is_chosen disabled=is_out hidden=is_out>
                    {label}
                </option>
            }
        })
        .collect();
    let help = if identity.is_empty() {
        "Rows with the same identifiers are of the same person. No identifier is mapped yet.".to_owned()
    } else {
        format!("Rows with the same {identity} are of the same person.")
    };
    view! {
        <div class="field" class:wrong=move || problem.with(Option::is_some)>
            <label for="duplicates">"Rows of the same person"</label>
            <select
                id="duplicates"
                name="duplicates"
                aria-describedby="duplicates-help duplicates-problem"
                on:change=move |event| choice.set(Duplicates::parse(&event_target_value(&event)).unwrap_or_default())
            >
                {options}
            </select>
            <p class="problem" id="duplicates-problem" hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
            <p class="help" id="duplicates-help">{help} " A mirror knows each person once."</p>
        </div>
    }
}

/// How much of the segment may go before somebody is asked; there is something to say only where a run can take people away.
#[component]
fn ShrinkLimitField(form: FormState, limit: ShrinkLimit, members: Option<u64>) -> impl IntoView {
    let typed = form.value("shrink_limit");
    let first = if typed.is_empty() { limit.percent().to_string() } else { typed };
    let percent = RwSignal::new(first.clone());
    let problem = form.problem("shrink_limit");
    let in_numbers = move || {
        let members = members?;
        let limit = percent.with(|percent| percent.trim().parse().ok().and_then(ShrinkLimit::new))?;
        let most = u128::from(members) * u128::from(limit.percent()) / 100;
        let most = crate::components::count::grouped(u64::try_from(most).unwrap_or(members));
        let members = crate::components::count::counted(members, "member", "members");
        Some(format!("Of the {members} that it has now, at most {most} may go unasked. "))
    };
    view! {
        <div class="field takes-away" class:wrong=move || problem.with(Option::is_some)>
            <label for="shrink_limit">"Hold for approval"</label>
            <p class="guard-line">
                "when more than "
                <input
                    id="shrink_limit"
                    name="shrink_limit"
                    type="number"
                    min="0"
                    max="100"
                    step="1"
                    value=first
                    aria-describedby="shrink_limit-help shrink_limit-problem"
                    aria-invalid=move || problem.with(Option::is_some).to_string()
                    on:input=move |event| percent.set(event_target_value(&event))
                />
                " % of the members would go"
            </p>
            <p class="problem" id="shrink_limit-problem" hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p>
            <p class="help" id="shrink_limit-help">
                {in_numbers} "The run then waits before anything is sent. 100 never holds it."
            </p>
        </div>
    }
}
