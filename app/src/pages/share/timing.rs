//! When a share's runs come: the part of the form "When and how" that says so. Its inputs are sent with that form (`when::save_when`), all below the
//! name `schedule`. What belongs to another choice than the one that is made is hidden by the style sheet, so that this works without the program too;
//! with it, the sentence and the next runs follow what is typed.

use std::time::Duration;

use leptos::{html, prelude::*};
use model::{
    calendar::{ScheduleChoices, SchedulePreview, ScheduleState},
    recurrence::{InBlackout, Missed, Overlap, ScheduleForm, WEEKDAY_WORDS},
    view::ShareView,
};

use crate::{
    components::icon::{Icon, IconName},
    error::AppError,
    flash::FormState,
};

/// In a flash: the schedule as it was typed.
pub const TYPED: &str = "schedule";
/// In a flash: what the typed schedule would do.
pub const LOOKED: &str = "preview";
/// In `what`: only to see what the schedule would do.
pub const LOOK: &str = "look";
/// The inputs that show their own problem, and their labels.
pub const FIELDS: [(&str, &str); 17] = [
    ("once_day", "Day"),
    ("once_time", "Time"),
    ("every", "Every"),
    ("unit", "Every"),
    ("times", "Times of day"),
    ("days", "Days of the week"),
    ("month_day", "Day of the month"),
    ("month_nth", "Day of the month"),
    ("cron", "Cron expression"),
    ("after", "After which share"),
    ("zone", "Time zone"),
    ("starts_day", "From"),
    ("starts_time", "From"),
    ("ends_on", "Last day"),
    ("ends_after", "Number of runs"),
    ("jitter", "Spread"),
    ("depends_on", "Depends on"),
];

/// What a typed schedule would do, or what is wrong with it; nothing for a share that is only shared by hand.
type Looked = Option<Result<SchedulePreview, String>>;

/// What a schedule that is being filled in would do. That it is not complete yet is an answer, and no failure.
#[server(endpoint = "preview_schedule", protocol = crate::Called)]
pub async fn preview_schedule(share_id: String, schedule: ScheduleForm) -> Result<Looked, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    if schedule.kind == "now" {
        return Ok(None);
    }
    let preview = async {
        let id = crate::pages::parse_id(&share_id, "share")?;
        hub.preview_schedule(&actor, &id, &schedule, &crate::zone::of_request()).await
    };
    match preview.await {
        Err(error @ model::error::HubError::Invalid { .. }) => Ok(Some(Err(error.to_string()))),
        other => crate::session::answer(other).await.map(|preview| Some(Ok(preview))),
    }
}

/// When the share's runs come.
#[component]
pub fn Timing(
    /// The share.
    share: ShareView,
    /// Its schedule, and what there is to choose from.
    choices: ScheduleChoices,
    /// The form that it is part of.
    form: FormState,
) -> impl IntoView {
    let audience = share.audience.name.clone();
    let typed: Option<ScheduleForm> = crate::reading::read(form.value(TYPED).as_bytes()).ok();
    let kept = choices.schedule;
    let looked: Option<SchedulePreview> = crate::reading::read(form.value(LOOKED).as_bytes()).ok();
    let first = looked.or_else(|| kept.as_ref().filter(|_| typed.is_none()).map(|kept| kept.preview.clone()));
    let values = typed.or_else(|| kept.as_ref().map(|kept| kept.form.clone())).unwrap_or(choices.fresh);
    let preview = RwSignal::new(first.map(Ok));
    let fieldset = NodeRef::<html::Fieldset>::new();
    let follow = follow(share.id.to_string(), fieldset, preview);
    let is_over = kept.as_ref().is_some_and(|kept| kept.state == ScheduleState::Ended);
    let kind = |value: &'static str, words: &'static str, help: String| {
        let id = format!("kind-{value}");
        let its = id.clone();
        view! {
            <label class="choice" for=its>
                <input type="radio" id=id name="schedule[kind]" value=value checked=values.kind == value />
                <span class="choice-text"><strong>{words}</strong><span>{help}</span></span>
            </label>
        }
    };
    let zone_options: String = choices
        .zones
        .iter()
        .map(|zone| format!("<option value=\"{}\"></option>", html_escape::encode_double_quoted_attribute(zone)))
        .collect();
    let others = |chosen: &str| -> Vec<_> {
        let option = |(id, name): &(model::id::ShareId, String)| {
            let selected = chosen == id.as_str();
            view! { <option value=id.to_string() selected=selected>{name.clone()}</option> }
        };
        choices.others.iter().map(option).collect()
    };
    let (called_by, waited_for) = (others(&values.after), others(&values.depends_on));
    let has_others = !choices.others.is_empty();
    let units =
        [("minutes", "minutes"), ("hours", "hours"), ("days", "days"), ("weeks", "weeks"), ("months", "months")];
    let units: Vec<_> = units
        .into_iter()
        .map(|(value, words)| view! { <option value=value selected=values.unit == value>{words}</option> })
        .collect();
    let days: Vec<_> = WEEKDAY_WORDS
        .into_iter()
        .map(|(_, word, name)| {
            let checked = values.has_day(word);
            view! {
                <label class="day-choice">
                    <input type="checkbox" name=format!("schedule[{word}]") value="on" checked=checked />
                    <span>{name}</span>
                </label>
            }
        })
        .collect();
    let month_on = [("day", "on a day"), ("last", "on the last day"), ("weekday", "on a day of the week")];
    let month_on: Vec<_> = month_on
        .into_iter()
        .map(|(value, words)| view! { <option value=value selected=values.month_on == value>{words}</option> })
        .collect();
    let nths = [("1", "first"), ("2", "second"), ("3", "third"), ("4", "fourth"), ("5", "fifth"), ("-1", "last")];
    let nths: Vec<_> = nths
        .into_iter()
        .map(|(value, words)| view! { <option value=value selected=values.month_nth == value>{words}</option> })
        .collect();
    let weekdays: Vec<_> = WEEKDAY_WORDS
        .into_iter()
        .map(|(_, word, name)| view! { <option value=word selected=values.month_weekday == word>{name}</option> })
        .collect();
    let policies = [
        (
            "overlap",
            "When the run before is still under way",
            Overlap::ALL.map(|choice| (choice.as_str(), choice.label(), choice.as_str() == values.overlap)).to_vec(),
        ),
        (
            "missed",
            "When times have passed while Usher was not running",
            Missed::ALL.map(|choice| (choice.as_str(), choice.label(), choice.as_str() == values.missed)).to_vec(),
        ),
        (
            "in_blackout",
            "When a time falls into a blackout",
            InBlackout::ALL
                .map(|choice| (choice.as_str(), choice.label(), choice.as_str() == values.in_blackout))
                .to_vec(),
        ),
    ];
    let policies: Vec<_> = policies
        .into_iter()
        .map(|(name, label, choices)| {
            let options: Vec<_> = choices
                .into_iter()
                .map(|(value, words, selected)| view! { <option value=value selected=selected>{words}</option> })
                .collect();
            view! {
                <div class="field">
                    <label for=name>{label}</label>
                    <select id=name name=format!("schedule[{name}]")>{options}</select>
                </div>
            }
        })
        .collect();
    let changed = follow.clone();
    view! {
        <fieldset class="timing" id="timing" node_ref=fieldset disabled=!crate::pages::may_share() on:input=move |_| follow() on:change=move |_| changed()>
            <legend>"When"</legend>
            {is_over.then(|| view! { <p class="notice">"The schedule has ended. Choose other times to let it go on."</p> })}
            {kind("now", "When somebody shares it", format!("Each time somebody presses “Share now”, “{audience}” is read anew and sent."))}
            {kind("once", "Once, at a time", "It runs by itself, one time.".to_owned())}
            {kind("repeats", "Again and again", "Every so many minutes, hours, days, weeks or months.".to_owned())}
            {kind("cron", "By a cron expression", "For those who know them: five fields.".to_owned())}
            {has_others.then(|| kind("after", "After another share", "Each time that a run of the other share has ended well.".to_owned()))}
            <div class="timing-details">
                <div class="for-once line">
                    <Text form=form.clone() name="once_day" label="Day" kind="date" value=values.once_day />
                    <Text form=form.clone() name="once_time" label="Time" kind="time" value=values.once_time />
                </div>
                <div class="for-repeats line">
                    <Text form=form.clone() name="every" label="Every" kind="number" value=values.every />
                    <div class="field">
                        <label class="visually-hidden" for="unit">"Of what"</label>
                        <select id="unit" name="schedule[unit]">{units}</select>
                    </div>
                </div>
                <fieldset class="for-weeks days" id="days">
                    <legend>"On"</legend>
                    {days}
                    <Problem form=form.clone() name="days" />
                </fieldset>
                <div class="for-months line">
                    <div class="field">
                        <label for="month_on">"In the month"</label>
                        <select id="month_on" name="schedule[month_on]">{month_on}</select>
                    </div>
                    <Text form=form.clone() name="month_day" label="Day" kind="number" value=values.month_day />
                    <div class="field for-nth">
                        <label for="month_nth">"Which"</label>
                        <select id="month_nth" name="schedule[month_nth]">{nths}</select>
                    </div>
                    <div class="field for-nth">
                        <label for="month_weekday">"Day of the week"</label>
                        <select id="month_weekday" name="schedule[month_weekday]">{weekdays}</select>
                    </div>
                    <Problem form=form.clone() name="month_nth" />
                </div>
                <div class="for-times">
                    <Text form=form.clone() name="times" label="Times of day" kind="text" value=values.times help="One or several, with commas between them: 09:00, 13:30" />
                </div>
                <div class="for-cron">
                    <Text form=form.clone() name="cron" label="Cron expression" kind="text" value=values.cron help="Minute, hour, day of the month, month, day of the week. 30 2 * * 1-5 is at 02:30 from Monday to Friday." />
                </div>
                {has_others.then(|| view! {
                    <div class="for-after field">
                        <label for="after">"After which share"</label>
                        <select id="after" name="schedule[after]">{called_by}</select>
                        <Problem form=form.clone() name="after" />
                    </div>
                })}
                <div class="for-clock">
                    <Text form=form.clone() name="zone" label="Time zone" kind="text" value=values.zone list="zones" />
                    <datalist id="zones" inner_html=zone_options></datalist>
                </div>
                <div class="for-span line">
                    <Text form=form.clone() name="starts_day" label="From" kind="date" value=values.starts_day />
                    <Text form=form.clone() name="starts_time" label="At the earliest at" kind="time" value=values.starts_time help="Empty: from now on" />
                    <div class="field">
                        <label for="ends">"Ends"</label>
                        <select id="ends" name="schedule[ends]">
                            <option value="never" selected=values.ends == "never">"Never"</option>
                            <option value="on" selected=values.ends == "on">"After a day"</option>
                            <option value="after" selected=values.ends == "after">"After a number of runs"</option>
                        </select>
                    </div>
                    <div class="for-ends-on"><Text form=form.clone() name="ends_on" label="Last day" kind="date" value=values.ends_on help="This day still belongs to it" /></div>
                    <div class="for-ends-after"><Text form=form.clone() name="ends_after" label="Number of runs" kind="number" value=values.ends_after /></div>
                </div>
                {has_others.then(|| view! {
                    <div class="for-dependence field">
                        <label for="depends_on">"Depends on"</label>
                        <select id="depends_on" name="schedule[depends_on]" aria-describedby="depends_on-problem depends_on-help">
                            <option value="">"No other share"</option>
                            {waited_for}
                        </select>
                        <Problem form=form.clone() name="depends_on" />
                        <p class="help" id="depends_on-help">"Each run waits for its time, and then until a run of that share has ended well since the run before."</p>
                    </div>
                })}
                <details class="for-policies">
                    <summary>"When something is in the way"</summary>
                    <div class="policies">
                        {policies}
                        <Text form=form name="jitter" label="Spread over so many minutes" kind="number" value=values.jitter help="Each run begins up to so many minutes later, so that many shares do not begin at once." />
                    </div>
                </details>
                <button type="submit" class="button without-program" name="what" value=LOOK>"See the next runs"</button>
                <Preview preview />
            </div>
        </fieldset>
    }
}

/// Asks what the schedule would do, a moment after the last change.
fn follow(
    share_id: String,
    fieldset: NodeRef<html::Fieldset>,
    preview: RwSignal<Looked>,
) -> impl Fn() + Clone + 'static {
    let waiting = StoredValue::new(None::<TimeoutHandle>);
    let asked = StoredValue::new(0_u32);
    // Whoever has left the page is asked nothing any more.
    on_cleanup(move || {
        if let Some(Some(handle)) = waiting.try_get_value() {
            handle.clear();
        }
    });
    move || {
        if let Some(Some(handle)) = waiting.try_get_value() {
            handle.clear();
        }
        let share_id = share_id.clone();
        let ask = move || {
            let Some(form) = filled_in(fieldset) else { return };
            let Some(number) = asked.try_get_value().map(|number| number.wrapping_add(1)) else { return };
            asked.set_value(number);
            leptos::task::spawn_local(async move {
                let answer = preview_schedule(share_id, form).await;
                // Only the answer to the last question counts.
                if asked.try_get_value() == Some(number) {
                    preview.set(answer.unwrap_or_else(|error| Some(Err(error.to_string()))));
                }
            });
        };
        waiting.set_value(set_timeout_with_handle(ask, Duration::from_millis(250)).ok());
    }
}

/// What stands in the form now.
#[cfg(feature = "hydrate")]
fn filled_in(fieldset: NodeRef<html::Fieldset>) -> Option<ScheduleForm> {
    let form = fieldset.try_get_untracked()??.form()?;
    let data = web_sys::FormData::new_with_form(&form).ok()?;
    let text = |name: &str| data.get(&format!("schedule[{name}]")).as_string().unwrap_or_default();
    Some(ScheduleForm {
        kind: text("kind"),
        zone: text("zone"),
        once_day: text("once_day"),
        once_time: text("once_time"),
        every: text("every"),
        unit: text("unit"),
        times: text("times"),
        mon: text("mon"),
        tue: text("tue"),
        wed: text("wed"),
        thu: text("thu"),
        fri: text("fri"),
        sat: text("sat"),
        sun: text("sun"),
        month_on: text("month_on"),
        month_day: text("month_day"),
        month_nth: text("month_nth"),
        month_weekday: text("month_weekday"),
        cron: text("cron"),
        after: text("after"),
        starts_day: text("starts_day"),
        starts_time: text("starts_time"),
        ends: text("ends"),
        ends_on: text("ends_on"),
        ends_after: text("ends_after"),
        jitter: text("jitter"),
        overlap: text("overlap"),
        missed: text("missed"),
        in_blackout: text("in_blackout"),
        depends_on: text("depends_on"),
    })
}

#[cfg(not(feature = "hydrate"))]
fn filled_in(_: NodeRef<html::Fieldset>) -> Option<ScheduleForm> {
    None
}

/// The schedule said back, and its next runs.
#[component]
fn Preview(preview: RwSignal<Looked>) -> impl IntoView {
    let shown = move || {
        preview.get().map(|found| match found {
            Err(problem) => view! { <p class="not-yet"><Icon name=IconName::Warning />{problem}</p> }.into_any(),
            Ok(found) => {
                let elsewhere = found.viewer_zone.clone();
                let rows: Vec<_> = found
                    .next
                    .into_iter()
                    .map(|run| {
                        let there = elsewhere.is_some().then(|| view! { <td>{run.in_viewer_zone}</td> });
                        view! { <tr><td>{run.in_zone}</td>{there}</tr> }
                    })
                    .collect();
                let changes: Vec<_> =
                    found.remark.into_iter().chain(found.clock_changes).map(|text| view! { <li>{text}</li> }).collect();
                let head = elsewhere.map(|zone| view! { <th scope="col">{format!("Your time ({zone})")}</th> });
                let has_rows = !rows.is_empty();
                view! {
                    <p class="effect">{found.sentence}</p>
                    {(!changes.is_empty()).then(|| view! { <ul class="remarks">{changes}</ul> })}
                    {has_rows.then(|| view! {
                        <table class="next-runs">
                            <caption>"The next runs"</caption>
                            <thead><tr><th scope="col">"Time of the schedule"</th>{head}</tr></thead>
                            <tbody>{rows}</tbody>
                        </table>
                    })}
                }
                .into_any()
            }
        })
    };
    view! { <div class="schedule-preview" aria-live="polite">{shown}</div> }
}

/// A problem of an input that is shown apart from it.
#[component]
fn Problem(form: FormState, name: &'static str) -> impl IntoView {
    let problem = form.problem(name);
    view! { <p class="problem" id=format!("{name}-problem") hidden=move || problem.with(Option::is_none)>{move || problem.get()}</p> }
}

/// One input of the schedule.
#[component]
fn Text(
    form: FormState,
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    value: String,
    #[prop(optional)] help: Option<&'static str>,
    #[prop(optional)] list: Option<&'static str>,
) -> impl IntoView {
    let problem = form.problem(name);
    let described = format!("{name}-problem {name}-help");
    view! {
        <div class=format!("field field-{name}") class:wrong=move || problem.with(Option::is_some)>
            <label for=name>{label}</label>
            <input
                id=name
                name=format!("schedule[{name}]")
                type=kind
                value=value
                list=list
                min=(kind == "number").then_some("0")
                autocomplete="off"
                aria-describedby=described
                aria-invalid=move || problem.with(Option::is_some).to_string()
            />
            <Problem form name />
            <p class="help" id=format!("{name}-help") hidden=help.is_none()>{help}</p>
        </div>
    }
}
