//! Where a share goes: the endpoint, and the segment there. How the segment is changed is the next step but one's (`when`).

use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_query_map;
use model::view::{Destination, DestinationChoice, DestinationSegment, ExistingSegment, ShareView};
use serde::{Deserialize, Serialize};

use super::{
    above, people,
    steps::{Step, Steps},
};
use crate::{
    actions::{ActionForm, ServerAction},
    components::{
        badge::{Badge, Tone},
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::counted,
        empty_state::EmptyState,
        field::ErrorSummary,
        icon::{Icon, IconName},
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
        stale::{Seen, SeenVersion},
    },
    error::AppError,
    flash::{Form, FormState},
    pages::address_part,
};

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DestinationData {
    share: ShareView,
    choices: Vec<DestinationChoice>,
    /// The endpoint that is chosen when the page opens; empty when none is.
    chosen: String,
    segments: Segments,
}

/// The segments of the endpoint that is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Segments {
    /// No endpoint is chosen, or it takes only new ones.
    #[default]
    None,
    /// It is being asked.
    Asking,
    /// It has these.
    Known(Vec<ExistingSegment>),
    /// It can't be asked, for this reason.
    Problem(String),
}

/// All of the destination's page. `endpoint` is the endpoint to choose; empty for what the share has, or the only one that is possible.
#[server(endpoint = "destination_page", protocol = crate::Called)]
pub async fn destination_page(
    share_id: String,
    #[server(default)] endpoint: String,
) -> Result<DestinationData, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let id = crate::session::answer(crate::pages::parse_id::<model::id::ShareId>(&share_id, "share")).await?;
    let share = crate::session::answer(hub.share(&actor, &id).await).await?;
    let choices = crate::session::answer(hub.destinations(&actor, &id).await).await?;
    let possible: Vec<&DestinationChoice> = choices.iter().filter(|choice| choice.obstacle.is_none()).collect();
    let chosen = possible
        .iter()
        .find(|choice| choice.id.as_str() == endpoint)
        .or_else(|| {
            possible.iter().find(|choice| share.destination_endpoint.as_ref().is_some_and(|had| *had == choice.id))
        })
        .or_else(|| possible.first().filter(|_| possible.len() == 1));
    let (chosen, segments) = match chosen {
        Some(choice) if choice.delivery.existing_segment => {
            let segments = match hub.existing_segments(&actor, &choice.id).await {
                Ok(segments) => Segments::Known(segments),
                Err(error) => Segments::Problem(error.to_string()),
            };
            (choice.id.to_string(), segments)
        }
        Some(choice) => (choice.id.to_string(), Segments::None),
        None => (String::new(), Segments::None),
    };
    Ok(DestinationData { share, choices, chosen, segments })
}

/// The segments that an endpoint has already.
#[server(endpoint = "existing_segments", protocol = crate::Called)]
pub async fn existing_segments(endpoint_id: String) -> Result<Vec<ExistingSegment>, AppError> {
    let actor = crate::session::actor().await?;
    let id = crate::session::answer(crate::pages::parse_id(&endpoint_id, "endpoint")).await?;
    crate::session::answer(crate::session::hub()?.existing_segments(&actor, &id).await).await
}

/// Chooses the destination, and leads on to the mapping. Without a `mode` the segment is changed as before, or in the first way that the destination
/// takes, until the person says how.
#[server(endpoint = "choose_destination", protocol = crate::Called)]
pub async fn choose_destination(
    share_id: String,
    #[server(default)] endpoint_id: String,
    #[server(default)] segment_choice: String,
    #[server(default)] segment_name: String,
    #[server(default)] segment_id: String,
    #[server(default)] mode: String,
    #[server(default)] seen: Seen,
) -> Result<(), AppError> {
    use model::{
        error::{FieldProblem, HubError},
        run::Mode,
    };
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let chosen = async {
        let id = crate::pages::parse_id::<model::id::ShareId>(&share_id, "share")?;
        let mut problems = Vec::new();
        if endpoint_id.is_empty() {
            problems.push(FieldProblem::new("endpoint_id", "Choose a destination."));
        }
        let segment = match segment_choice.as_str() {
            "new" => DestinationSegment::New { name: segment_name.clone() },
            "existing" => {
                if segment_id.is_empty() {
                    problems.push(FieldProblem::new("segment_id", "Choose one of its segments."));
                }
                DestinationSegment::Existing { id: segment_id.clone(), name: String::new() }
            }
            _ => {
                problems.push(FieldProblem::new("segment", "Choose a new segment, or one that the destination has."));
                DestinationSegment::New { name: String::new() }
            }
        };
        if !problems.is_empty() {
            return Err(HubError::Invalid { problems });
        }
        let is_new = matches!(segment, DestinationSegment::New { .. });
        let mode = match Mode::ALL.into_iter().find(|known| known.as_str() == mode) {
            Some(mode) => mode,
            None => {
                let before = hub.share(&actor, &id).await?.destination.map(|destination| destination.mode);
                let choices = hub.destinations(&actor, &id).await?;
                let choice = choices.into_iter().find(|choice| choice.id.as_str() == endpoint_id);
                let taken = choice.map(|choice| choice.delivery.modes).unwrap_or_default();
                Mode::first_fit(before, &taken, is_new).unwrap_or(Mode::Add)
            }
        };
        let choice = model::view::ChooseDestination { endpoint_id: endpoint_id.clone(), segment, mode };
        hub.choose_destination_over(&actor, &id, choice, seen.version()).await
    };
    match chosen.await {
        Ok(share) => {
            leptos_axum::redirect(&format!("/shares/{}/mapping", share.id));
            Ok(())
        }
        Err(error) => {
            let values = [
                ("endpoint_id", endpoint_id.as_str()),
                ("segment_choice", &segment_choice),
                ("segment_name", &segment_name),
                ("segment_id", &segment_id),
                ("seen", &seen.version),
            ];
            Err(crate::flash::fail(&path(&share_id, &endpoint_id), &values, error).await)
        }
    }
}

/// The page's address with an endpoint chosen; also where word is left for it.
fn path(share_id: &str, endpoint: &str) -> String {
    let plain = format!("/shares/{share_id}/destination");
    if endpoint.is_empty() {
        plain
    } else {
        format!("{plain}?endpoint={}", crate::components::search_box::escaped(endpoint))
    }
}

/// The destination's page.
#[component]
pub fn DestinationPage() -> impl IntoView {
    let id = address_part("id");
    let query = use_query_map();
    let endpoint = Memo::new(move |_| query.with(|query| query.get("endpoint").unwrap_or_default()));
    let action = ServerAction::<ChooseDestination>::new();
    let live = action.problem();
    let data = crate::answers::ask(move || (id.get(), endpoint.get()), |(id, endpoint)| destination_page(id, endpoint));
    let form = Form::new(move || path(&id.get(), &endpoint.get()), live);
    view! {
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                match data.await {
                    Ok(data) => view! { <Loaded data form action /> }.into_any(),
                    Err(error) => view! { <PageHead title="Destination" /><Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

/// What the form begins with: what was typed, else what the share has, else the simplest.
struct Initial {
    endpoint: String,
    is_existing: bool,
    segment_name: String,
    segment_id: String,
}

impl Initial {
    fn of(data: &DestinationData, form: &FormState) -> Self {
        let typed =
            |name: &str, other: String| Some(form.value(name)).filter(|value| !value.is_empty()).unwrap_or(other);
        let had: Option<&Destination> = data
            .share
            .destination
            .as_ref()
            .filter(|had| had.endpoint_id.as_str() == data.chosen || data.chosen.is_empty());
        let (is_existing, name, id) = match had.map(|had| &had.segment) {
            Some(DestinationSegment::Existing { id, .. }) => (true, data.share.audience.name.clone(), id.clone()),
            Some(DestinationSegment::New { name }) => (false, name.clone(), String::new()),
            None => (false, data.share.audience.name.clone(), String::new()),
        };
        let chosen = data.choices.iter().find(|choice| choice.id.as_str() == data.chosen);
        let only_existing =
            chosen.is_some_and(|choice| !choice.delivery.new_segment && choice.delivery.existing_segment);
        let choice = typed("segment_choice", if is_existing || only_existing { "existing" } else { "new" }.to_owned());
        Self {
            endpoint: data.chosen.clone(),
            is_existing: choice == "existing",
            segment_name: typed("segment_name", name),
            segment_id: typed("segment_id", id),
        }
    }
}

#[component]
fn Loaded(data: DestinationData, form: FormState, action: ServerAction<ChooseDestination>) -> impl IntoView {
    let initial = Initial::of(&data, &form);
    let share = data.share;
    let size = people(&share);
    let head = view! {
        <PageHead title="Destination" above=above(&share) lead="Choose who gets the audience, and in which of its segments." />
        <Steps share=share.clone() current=Step::Destination />
        <p class="shared-audience">
            <Icon name=IconName::Audiences />
            <span><strong>{share.audience.name.clone()}</strong>": "{size}" from "{share.audience.endpoint_name.clone()}</span>
        </p>
    };
    if data.choices.is_empty() {
        return view! {
            {head}
            <EmptyState text="No endpoint here takes audiences yet. Connect one to share with it.">
                <ButtonLink href="/connect" kind=ButtonKind::Primary>"Connect an endpoint"</ButtonLink>
            </EmptyState>
        }
        .into_any();
    }

    let chosen = RwSignal::new(initial.endpoint.clone());
    let segments = RwSignal::new(data.segments);
    let choices = StoredValue::new(data.choices.clone());
    let delivery = move || {
        chosen.with(|chosen| {
            choices.with_value(|choices| {
                choices
                    .iter()
                    .find(|choice| choice.id.as_str() == chosen.as_str())
                    .map(|choice| choice.delivery.clone())
            })
        })
    };
    let takes_new = Memo::new(move |_| delivery().is_none_or(|delivery| delivery.new_segment));
    let takes_existing = Memo::new(move |_| delivery().is_none_or(|delivery| delivery.existing_segment));
    let is_existing = RwSignal::new(initial.is_existing);
    let choose = move |id: String| {
        chosen.set(id.clone());
        if !takes_new.get_untracked() {
            is_existing.set(true);
        } else if !takes_existing.get_untracked() {
            is_existing.set(false);
        }
        if !takes_existing.get_untracked() {
            segments.set(Segments::None);
            return;
        }
        segments.set(Segments::Asking);
        spawn_local(async move {
            let answer = match existing_segments(id.clone()).await {
                Ok(known) => Segments::Known(known),
                Err(error) => Segments::Problem(error.to_string()),
            };
            // Another one may have been chosen meanwhile.
            if chosen.try_get_untracked().as_ref() == Some(&id) {
                segments.set(answer);
            }
        });
    };

    let (possible, impossible): (Vec<_>, Vec<_>) =
        data.choices.into_iter().partition(|choice| choice.obstacle.is_none());
    let none_possible = possible.is_empty();
    let cards: Vec<_> = possible.into_iter().map(|choice| card(choice, chosen, choose)).collect();
    let impossible: Vec<_> = impossible.into_iter().map(|choice| card(choice, chosen, choose)).collect();
    let wrong = form.clone();
    let problem = move |name: &'static str| {
        let problem = wrong.problem(name);
        view! {
            <p class="problem" id=format!("{name}-problem") hidden=move || problem.with(Option::is_none)>
                {move || problem.get()}
            </p>
        }
    };
    let initial_segment = initial.segment_id.clone();
    let existing =
        move || segment_choice(&segments.get(), chosen.with(String::is_empty), &initial_segment, is_existing);
    let share_id = share.id.to_string();
    let get_path = path(&share_id, "");
    let (summary_form, seen_form) = (form.clone(), form.clone());
    let page_path = path(&share_id, "");
    let may_share = crate::pages::may_share();
    let to_mapping = share.destination.is_some().then(|| format!("/shares/{}/mapping", share.id));
    view! {
        {head}
        {(!may_share)
            .then(|| view! { <p class="notice">"You can look at this destination; a member or an admin of this account can change it."</p> })}
        // The buttons "Show its segments" belong to this one: without the page's program they reload the page with an endpoint chosen.
        <form id="show-segments" method="get" action=get_path></form>
        <ActionForm action attr:class="destination-form" attr:novalidate="">
            <ErrorSummary
                form=summary_form
                fields=&[("endpoint_id", "Destination"), ("segment_name", "Name of the new segment"), ("segment_id", "Existing segment")]
            />
            <input type="hidden" name="share_id" value=share_id />
            <SeenVersion form=seen_form version=share.destination_version page=page_path />
            <fieldset id="endpoint_id" disabled=!may_share>
                <legend>"Destination"</legend>
                {problem("endpoint_id")}
                <div class="destination-cards">{cards}</div>
                {(!impossible.is_empty())
                    .then(|| {
                        let heading = counted(impossible.len() as u64, "endpoint that can't take it", "endpoints that can't take it");
                        view! {
                            <details class="impossible" open=none_possible>
                                <summary>{heading}</summary>
                                <div class="destination-cards">{impossible}</div>
                            </details>
                        }
                    })}
            </fieldset>
            <fieldset id="segment" disabled=!may_share>
                <legend>"Segment"</legend>
                {problem("segment")}
                <div class="choice-with-input" class:not-declared=move || !takes_new.get()>
                    <label class="choice">
                        <input
                            type="radio"
                            name="segment_choice"
                            value="new"
                            checked=!initial.is_existing
                            prop:checked=move || !is_existing.get()
                            disabled=move || !takes_new.get()
                            on:change=move |_| is_existing.set(false)
                        />
                        <span class="choice-text"><strong>"A new segment"</strong><span>"The first run makes it; later runs go there too."</span></span>
                    </label>
                    <div class="field">
                        <label for="segment_name">"Name of the new segment"</label>
                        <input
                            id="segment_name"
                            name="segment_name"
                            type="text"
                            autocomplete="off"
                            value=initial.segment_name
                            aria-describedby="segment_name-problem"
                            on:input=move |_| is_existing.set(false)
                        />
                        {problem("segment_name")}
                    </div>
                </div>
                <div class="choice-with-input" class:not-declared=move || !takes_existing.get()>
                    <label class="choice">
                        <input
                            type="radio"
                            name="segment_choice"
                            value="existing"
                            checked=initial.is_existing
                            prop:checked=move || is_existing.get()
                            disabled=move || !takes_existing.get()
                            on:change=move |_| is_existing.set(true)
                        />
                        <span class="choice-text"><strong>"A segment that it has"</strong><span>"How its members are changed is chosen later."</span></span>
                    </label>
                    <div class="field">{existing} {problem("segment_id")}</div>
                </div>
            </fieldset>
            <div class="form-actions">
                {if may_share {
                    view! { <SubmitButton kind=ButtonKind::Primary pending=action.pending()>"Continue to the mapping"</SubmitButton> }.into_any()
                } else {
                    to_mapping.map(|href| view! { <ButtonLink href=href>"To the mapping"</ButtonLink> }).into_any()
                }}
            </div>
        </ActionForm>
    }
    .into_any()
}

/// One endpoint to choose.
fn card(
    choice: DestinationChoice,
    chosen: RwSignal<String>,
    choose: impl Fn(String) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let id = choice.id.to_string();
    let application = (choice.application != choice.name).then_some(choice.application);
    let is_possible = choice.obstacle.is_none();
    let lists = is_possible && choice.delivery.existing_segment;
    let (checked_id, live_id, change_id, button_id) = (id.clone(), id.clone(), id.clone(), id.clone());
    let obstacle_id = format!("obstacle-{id}");
    let described = (!is_possible).then(|| obstacle_id.clone());
    let is_checked = chosen.with_untracked(|chosen| *chosen == checked_id);
    view! {
        <div class="card choice-card" class:disabled=!is_possible>
            <label class="choice">
                <input
                    type="radio"
                    name="endpoint_id"
                    value=id
                    checked=is_checked
                    prop:checked=move || chosen.with(|chosen| *chosen == live_id)
                    disabled=!is_possible
                    aria-describedby=described
                    on:change=move |_| choose(change_id.clone())
                />
                <span class="choice-text"><strong>{choice.name}</strong>{application.map(|application| view! { <span>{application}</span> })}</span>
            </label>
            {choice
                .obstacle
                .map(|obstacle| {
                    view! {
                        <p class="obstacle" id=obstacle_id>
                            <Badge tone=Tone::Neutral text="Not possible" />
                            {obstacle}
                        </p>
                    }
                })}
            {choice
                .trouble
                .map(|trouble| {
                    view! {
                        <p class="obstacle">
                            <Badge tone=Tone::Warn text="Failing" />
                            {trouble}
                        </p>
                    }
                })}
            {lists
                .then(|| {
                    view! {
                        <button type="submit" class="button quiet without-program" form="show-segments" name="endpoint" value=button_id>
                            "Show its segments"
                        </button>
                    }
                })}
        </div>
    }
}

/// The segments to choose from, or why there are none.
fn segment_choice(segments: &Segments, nothing_chosen: bool, initial: &str, is_existing: RwSignal<bool>) -> AnyView {
    match segments {
        Segments::None if nothing_chosen => {
            view! { <p class="help">"Choose a destination first; its segments are then listed here."</p> }.into_any()
        }
        Segments::None => view! { <p class="help">"This destination takes only new segments."</p> }.into_any(),
        Segments::Asking => {
            view! { <p class="help" role="status">"Asking the destination for its segments …"</p> }.into_any()
        }
        Segments::Problem(problem) => view! { <p class="problem" role="status">{problem.clone()}</p> }.into_any(),
        Segments::Known(known) if known.is_empty() => {
            view! { <p class="help">"This destination has no segments yet."</p> }.into_any()
        }
        Segments::Known(known) => {
            let options: Vec<_> = known
                .iter()
                .map(|segment| {
                    let size = segment
                        .size
                        .map(|size| format!(" ({})", counted(size, "member", "members")))
                        .unwrap_or_default();
                    view! {
                        <option value=segment.id.clone() selected=segment.id == initial>
                            {format!("{}{size}", segment.name)}
                        </option>
                    }
                })
                .collect();
            view! {
                <label for="segment_id">"Existing segment"</label>
                <select id="segment_id" name="segment_id" aria-describedby="segment_id-problem" on:change=move |_| is_existing.set(true)>
                    <option value="">"Choose a segment"</option>
                    {options}
                </select>
            }
            .into_any()
        }
    }
}
