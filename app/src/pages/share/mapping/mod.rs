//! The mapping: which field of the audience feeds which of the destination, drawn by hand or chosen from lists, with what is sent beside it.
//!
//! `editor`, `carry`, `form`, `steps`, `trying`, `mask` and `curve` are plain: they know nothing of the page. The rest shows them. `dom` is the only one
//! that touches the browser. What links do to values is `model::mapping`'s matter. What is needed only later comes in pieces (`pieces`): what tries the
//! mapping, the steps of a link, the lab.

mod carry;
mod chain;
mod curve;
mod dom;
mod editor;
mod footer;
mod form;
mod handle;
mod keep;
mod lab;
mod links;
mod mask;
mod posted;
mod preview;
mod save;
mod source_list;
mod steps;
mod target_list;
mod trying;
mod turns;
mod work;

pub(crate) use chain::{ShowSteps, show_steps};
pub(crate) use lab::{ShowLab, show_lab};
pub use steps::sentence as steps_sentence;
pub(crate) use trying::{TRYING, Trying};

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::{
    field::{Field, FieldForm},
    mapping::Mapping,
    suggestion::Suggestion,
    view::{Sample, ShareView},
};
use serde::{Deserialize, Serialize};

use self::{
    carry::Side,
    chain::PresetForAll,
    editor::Board,
    footer::Footer,
    form::{ACCEPT_ALL, CONFIDENT, FormLink},
    lab::{Lab, Wanted},
    links::Links,
    preview::Preview,
    save::Saver,
    source_list::SourceList,
    target_list::TargetList,
    trying::Tried,
    work::{Beginning, Work},
};
use super::{
    above,
    steps::{Step, Steps},
};
use crate::{
    components::{
        button::{ButtonKind, ButtonLink},
        field::ErrorSummary,
        notice::{Done, Trouble},
        page::PageHead,
        skeleton::Skeleton,
        stale::{Seen, SeenVersion},
    },
    error::AppError,
    flash::{Form, FormState},
    pages::address_part,
};

/// With more fields than this a side can be filtered.
const MANY: usize = 8;
/// More fields than this make a side long.
const LONG: usize = 50;
/// In what is left for the page: the mapping that could not be saved, as JSON.
const UNSAVED: &str = "mapping";

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MappingData {
    share: ShareView,
    sample: Sample,
    tried: Tried,
    values_shown: bool,
}

/// All of the mapping's page. With `values_shown` the values of the sample are to be seen as they are, which is noted.
#[server(endpoint = "mapping_page", protocol = crate::Called)]
pub async fn mapping_page(share_id: String, values_shown: bool) -> Result<MappingData, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let id = crate::session::answer(crate::pages::parse_id(&share_id, "share")).await?;
    let share = crate::session::answer(hub.share(&actor, &id).await).await?;
    if share.destination.is_none() {
        // Without a destination there is nothing to map to; that is no mistake of the person's.
        leptos_axum::redirect(&format!("/shares/{id}/destination"));
        return Ok(MappingData { share, sample: Sample::default(), tried: Tried::default(), values_shown: false });
    }
    // Fields can be mapped without a look at values: what is wrong with the sample is said on the page, not instead of it.
    let sample = hub
        .sample(&actor, &share.audience.id)
        .await
        .unwrap_or_else(|error| Sample { problem: Some(error.to_string()), ..Sample::default() });
    let values_shown = values_shown && !sample.rows.is_empty();
    if values_shown {
        crate::session::answer(hub.note_values_shown(&actor, &share.audience.id).await).await?;
    }
    let board = board_of(&share);
    let tried = Tried::of(&share.mapping, &board, &sample);
    Ok(MappingData { share, sample, tried, values_shown })
}

/// The fields on both sides.
fn board_of(share: &ShareView) -> Board {
    let destination = share.destination.as_ref().map(|destination| destination.fields.clone()).unwrap_or_default();
    Board { source: share.fields.clone(), destination }
}

/// Notes that the person asks to see the values of the audience as they are; the page shows them when this went well.
#[server(endpoint = "show_values", protocol = crate::Called)]
pub async fn show_values(share_id: String) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let noted = async {
        let share = hub.share(&actor, &crate::pages::parse_id(&share_id, "share")?).await?;
        hub.note_values_shown(&actor, &share.audience.id).await
    };
    crate::session::answer(noted.await).await
}

/// Saves the mapping, while the page's program runs; its new version. `seen` is the version that the page was made from, or saved last: when there is
/// a newer one, somebody else was faster, and nothing is saved. Without it whatever is there is replaced.
#[server(endpoint = "save_mapping", protocol = crate::Called)]
pub async fn save_mapping(
    share_id: String,
    mapping: Mapping,
    #[server(default)] seen: Option<u32>,
) -> Result<u32, AppError> {
    let actor = crate::session::actor().await?;
    let id = crate::session::answer(crate::pages::parse_id(&share_id, "share")).await?;
    let saved = crate::session::hub()?.save_mapping_over(&actor, &id, mapping, seen).await;
    crate::session::answer(saved).await.map(|share| share.mapping_version)
}

/// Saves the mapping as the plain form says it. `accept` names a suggestion to take over (a destination field, or all confident ones); `then` is
/// `next` to go on, else the page is shown again.
#[server(endpoint = "save_mapping_form", protocol = crate::Called)]
pub async fn save_mapping_form(
    share_id: String,
    #[server(default)] links: Vec<FormLink>,
    #[server(default)] accept: String,
    #[server(default)] act: String,
    #[server(default)] preset: String,
    #[server(default)] then: String,
    #[server(default)] seen: Seen,
) -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let page = format!("/shares/{share_id}/mapping");
    let act = form::Act::read(&act);
    let mut said = Mapping::default();
    let saved = async {
        let id = crate::pages::parse_id(&share_id, "share")?;
        let share = hub.share(&actor, &id).await?;
        let board = board_of(&share);
        said = posted::decoded(&links, &board, &share.mapping);
        if !accept.is_empty() {
            // The same rows that the page was made of, so that what it offered is what is accepted.
            let sample = hub.sample(&actor, &share.audience.id).await.unwrap_or_default();
            said = posted::with_accepted(said.clone(), &accept, &board, &sample);
        }
        if let Some(act) = &act {
            said = posted::with_act(said.clone(), act, &links, &preset, &board);
        }
        hub.save_mapping_over(&actor, &id, said.clone(), seen.version()).await
    };
    match saved.await {
        Ok(share) if then == "next" && accept.is_empty() && act.is_none() => {
            leptos_axum::redirect(&format!("/shares/{}/when", share.id));
            Ok(())
        }
        Ok(_) if act.as_ref().is_some_and(|act| act.line().is_some()) => {
            let line = act.and_then(|act| act.line()).unwrap_or_default();
            let name = links.get(line).map(|line| crate::components::search_box::escaped(&line.target));
            leptos_axum::redirect(&format!("{page}?open={line}#field-{}", name.unwrap_or_default()));
            Ok(())
        }
        Ok(_) => {
            let notice = Some("Saved.".to_owned());
            crate::flash::leave(&page, crate::flash::Flash { notice, ..crate::flash::Flash::default() }).await?;
            leptos_axum::redirect(&page);
            Ok(())
        }
        Err(error) => {
            let unsaved = serde_json::to_string(&said).unwrap_or_default();
            Err(crate::flash::fail(&page, &[(UNSAVED, &unsaved), ("seen", &seen.version)], error).await)
        }
    }
}

/// The mapping's page.
#[component]
pub fn MappingPage() -> impl IntoView {
    let id = address_part("id");
    let query = use_query_map();
    let values_shown = move || query.with(|query| query.get("values").as_deref() == Some("shown"));
    let data = crate::answers::ask(move || (id.get(), values_shown()), |(id, shown)| mapping_page(id, shown));
    let form = Form::new(move || format!("/shares/{}/mapping", id.get()), Signal::stored(None));
    view! {
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                let opened = query.with_untracked(|query| query.get("open").and_then(|open| open.parse().ok()));
                let wanted = query.with_untracked(|query| {
                    let said = |name: &str| query.get(name).unwrap_or_default();
                    Wanted {
                        is_open: !said("lab").is_empty(),
                        field: said("lab_field"),
                        rules: said("lab_rules"),
                        country: said("lab_country"),
                    }
                });
                match data.await {
                    Ok(data) => {
                        // What the server has rendered is taken over as it is; what is made here is made with all that it needs.
                        #[cfg(feature = "hydrate")]
                        if !dom::is_rendered() {
                            crate::pieces::mapping_trying::load().await;
                            let board = board_of(&data.share);
                            if crate::phones::concern(&[&board.source, &board.destination], &data.share.mapping) {
                                crate::phones::ready().await;
                            }
                        }
                        view! { <Loaded data form opened wanted /> }.into_any()
                    }
                    Err(error) => view! { <PageHead title="Mapping" /><Trouble error /> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Loaded(data: MappingData, form: FormState, opened: Option<usize>, wanted: Wanted) -> impl IntoView {
    let MappingData { share, sample, tried, values_shown } = data;
    let Some(destination) = share.destination.clone() else {
        // The server leads away before this; in a race it is said here.
        let href = format!("/shares/{}/destination", share.id);
        return view! { <p class="lead"><a href=href>"Choose a destination first."</a></p> }.into_any();
    };
    let may_edit = crate::pages::may_share();
    // What was posted and could not be saved is still there.
    let unsaved: Option<Mapping> = crate::reading::read(form.value(UNSAVED).as_bytes()).ok();
    let mapping = unsaved.unwrap_or_else(|| share.mapping.clone());
    let is_tried_anew = mapping != share.mapping;
    let work = Work::new(Beginning {
        board: board_of(&share),
        sample,
        mapping,
        on_server: share.mapping.clone(),
        tried,
        show_values: values_shown,
        opened,
        lab_is_open: wanted.is_open,
        may_edit,
    });
    // The lab finds numbers in any field.
    let is_rendered_with_plans = wanted.is_open || (is_tried_anew && work.numbers_are_wanted.get_untracked());
    let saver = Saver::new(share.id.to_string(), work.mapping, share.mapping.clone(), share.mapping_version);
    let curves = RwSignal::new(Vec::new());
    // What was chosen while the program was on its way is looked at here, before the lists are given their values, and taken over once the page is
    // the one that the server rendered.
    let chosen_early = dom::chosen_early();
    Effect::new(move |started: Option<()>| {
        if started.is_none() {
            if may_edit {
                work.take_over(saver.kept(), &chosen_early);
            }
            dom::start(work, curves);
            work.piece.load();
        }
    });
    Effect::new(move |_| {
        if work.numbers_are_wanted.get() && !work.numbers_are_read.get_untracked() {
            work.read_numbers();
        }
    });

    let next_path = format!("/shares/{}/when", share.id);
    let navigate = use_navigate();
    let go_on = StoredValue::new({
        let next_path = next_path.clone();
        Callback::new(move |()| navigate(&next_path, NavigateOptions::default()))
    });
    let destination_path = format!("/shares/{}/destination", share.id);
    let action = <SaveMappingForm as leptos::server_fn::ServerFn>::url();
    let page_path = format!("/shares/{}/mapping", share.id);
    let seen_page = page_path.clone();
    let notice = form.notice();
    let whole = move || {
        // Before anything is mapped this would only say that nothing is.
        if work.mapping.with(|mapping| mapping.links.is_empty()) {
            return Vec::new();
        }
        let of_whole = work.findings.get().into_iter().filter(|finding| finding.target.is_none());
        of_whole.map(|finding| view! { <p class="finding-of-whole">{finding.message}</p> }).collect::<Vec<_>>()
    };
    let lead = format!("Which field of “{}” feeds which of {}.", share.audience.name, destination.endpoint_name);
    view! {
        <PageHead title="Mapping" above=above(&share) lead>
            <ButtonLink href=destination_path kind=ButtonKind::Quiet>
                {if may_edit { "Change the destination" } else { "See the destination" }}
            </ButtonLink>
        </PageHead>
        <Steps share=share.clone() current=Step::Mapping />
        {notice.map(|notice| view! { <Done text=notice /> })}
        <ErrorSummary form=form.clone() />
        <noscript>
            <p class="notice">
                "Choose what feeds each field from its list, and save. Drawing links with the pointer needs JavaScript."
            </p>
        </noscript>
        {(!may_edit)
            .then(|| view! { <p class="notice">"You can look at this mapping; a member or an admin of this account can change it."</p> })}
        <form id="values" method="get" action=page_path.clone()></form>
        <form id="lab" method="get" action=page_path></form>
        <form
            class="mapping"
            data-phones=is_rendered_with_plans.then_some("")
            method="post"
            action=action
            autocomplete="off"
            on:submit=move |event| {
                event.prevent_default();
                saver.save();
            }
        >
            <fieldset class="mapping-fields" disabled=!may_edit>
                <legend class="visually-hidden">"Mapping"</legend>
                // All in one box: what comes or goes right below a fieldset makes Chromium lay the whole of it out anew, with all options of all lists.
                <div>
                    // Enter in a field saves, and does not press the first button that happens to stand in the form.
                    <button type="submit" class="visually-hidden" name="then" value="stay" tabindex="-1" aria-hidden="true">"Save"</button>
                    <input type="hidden" name="share_id" value=share.id.to_string() />
                    <SeenVersion form version=share.mapping_version page=seen_page />
                    <div class="canvas-tools">
                        <p class="hint" id="carry-help" hidden=!may_edit>
                            <span class="needs-program keeps-place by-pointer">
                                "Draw a line between two fields, or click the one and then the other. By key: Enter picks up, arrows move, Enter links, Escape cancels, F8 goes to what is missing."
                            </span>
                            <span class="needs-program keeps-place by-touch">"Tap a field, then the one on the other side that it belongs to. Or draw a line from dot to dot."</span>
                            <span class="without-program">"Drawing works as soon as the page has loaded; the lists work already."</span>
                        </p>
                        <AcceptAll work />
                    </div>
                    {may_edit.then(|| view! { <PresetForAll work /> })}
                    <div class="canvas" id="canvas">
                        <Links work curves />
                        <SourceList work from=share.audience.endpoint_name.clone() />
                        <TargetList work to=destination.endpoint_name.clone() />
                    </div>
                    // Below, so that nothing moves while a person links; and in a box of its own: what comes or goes beside the canvas has the browser look at the
                    // style of all that is in it.
                    <div>{whole}</div>
                </div>
            </fieldset>
            <p class="visually-hidden" aria-live="polite" id="said">{move || work.said.get()}</p>
            <Preview work share_id=share.id.to_string() />
            <Lab work wanted />
            <Countries />
            <Footer work saver next_path go_on=move || saver.save_then(go_on.get_value()) />
        </form>
    }
    .into_any()
}

/// Takes all confident suggestions over. Always there, and hidden while there are none, as the suggestions themselves are.
#[component]
fn AcceptAll(work: Work) -> impl IntoView {
    let is_confident = |suggestion: &&Suggestion| suggestion.confidence >= CONFIDENT;
    let count =
        Memo::new(move |_| work.suggestions.with(|suggestions| suggestions.iter().filter(is_confident).count()));
    let is_pressed = RwSignal::new(false);
    let accept_them = move || {
        // The page may be gone by now.
        let confident = work.suggestions.try_with_untracked(|all| all.iter().filter(is_confident).cloned().collect());
        let Some(confident) = confident else { return };
        work.accept(confident);
        is_pressed.set(false);
        // The button is gone; whoever came by key goes on with what it did.
        dom::focus_soon("target-list");
    };
    let accept = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        if work.turns.are_taken() {
            // Of very many it is first seen that they are being accepted.
            is_pressed.set(true);
            dom::after_the_picture(accept_them);
        } else {
            accept_them();
        }
    };
    work.may_edit.then(|| {
        view! {
            <button
                type="submit"
                class="button accept-all"
                name="accept"
                value=ACCEPT_ALL
                hidden=move || count.get() == 0
                on:click=accept
            >
                {move || match is_pressed.get() {
                    true => format!("Accepting {} …", count.get()),
                    false => format!("Accept all above {CONFIDENT}\u{202f}% ({})", count.get()),
                }}
            </button>
        }
    })
}

/// The class of a side's list: with many fields the browser leaves alone what is out of sight.
fn list_class(work: Work) -> &'static str {
    if work.turns.are_taken() { "side-list long" } else { "side-list" }
}

/// A box that filters a side, when it has many fields.
fn filter_box(work: Work, side: Side, fields: usize) -> Option<impl IntoView> {
    let label = match side {
        Side::Source => "Filter the audience's fields",
        Side::Destination => "Filter the destination's fields",
    };
    let filter = work.filter(side);
    (fields > MANY).then(|| {
        view! {
            <input
                type="search"
                class="filter needs-program keeps-place"
                aria-label=label
                placeholder="Filter"
                autocomplete="off"
                prop:value=move || filter.get()
                on:input=move |event| filter_for(work, side, event_target(&event))
                on:keydown=move |event| {
                    match event.key().as_str() {
                        "Enter" => event.prevent_default(),
                        "Escape" => {
                            let input: leptos::web_sys::HtmlInputElement = event_target(&event);
                            if !input.value().is_empty() {
                                event.prevent_default();
                                input.set_value("");
                                filter_for(work, side, input);
                            }
                        }
                        _ => {}
                    }
                }
            />
        }
    })
}

/// Filters for what stands in the box; with very many fields once it is seen there.
fn filter_for(work: Work, side: Side, input: leptos::web_sys::HtmlInputElement) {
    let filter = move || work.filter_by(side, input.value());
    if work.turns.are_taken() {
        dom::after_the_picture(filter);
    } else {
        filter();
    }
}

/// What is said of a field when it is pointed at: its column's name, and what it means.
fn title(field: &Field) -> String {
    match &field.description {
        Some(description) => format!("{}: {description}", field.name),
        None => field.name.clone(),
    }
}

/// What a field holds, in a word, and whether it is hashed.
fn type_mark(field: &Field) -> impl IntoView + use<> {
    let hash = match field.form {
        FieldForm::Raw => None,
        FieldForm::Sha256Hex => Some("SHA-256 hex"),
        FieldForm::Sha256Base64 => Some("SHA-256 Base64"),
    };
    view! {
        <span class="type-mark">
            {field.field_type.label()}
            {hash.map(|hash| view! { <span class="hash-mark">{hash}</span> })}
        </span>
    }
}

/// Countries to begin with; any other may be typed.
#[component]
fn Countries() -> impl IntoView {
    const COUNTRIES: [(&str, &str); 24] = [
        ("AT", "Austria"),
        ("AU", "Australia"),
        ("BE", "Belgium"),
        ("BR", "Brazil"),
        ("CA", "Canada"),
        ("CH", "Switzerland"),
        ("CZ", "Czechia"),
        ("DE", "Germany"),
        ("DK", "Denmark"),
        ("ES", "Spain"),
        ("FI", "Finland"),
        ("FR", "France"),
        ("GB", "United Kingdom"),
        ("IE", "Ireland"),
        ("IN", "India"),
        ("IT", "Italy"),
        ("JP", "Japan"),
        ("LU", "Luxembourg"),
        ("NL", "Netherlands"),
        ("NO", "Norway"),
        ("PL", "Poland"),
        ("PT", "Portugal"),
        ("SE", "Sweden"),
        ("US", "United States"),
    ];
    let options: Vec<_> =
        COUNTRIES.into_iter().map(|(code, name)| view! { <option value=code>{name}</option> }).collect();
    view! { <datalist id="countries">{options}</datalist> }
}
