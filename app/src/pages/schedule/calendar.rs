//! The calendar: a month, a week or a list of days, with what ran and what will run. View, day and filters are in the address. The days are a list whose
//! style makes a grid of it where there is room, so that phones and screen readers are given the same days as a list.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::{
    calendar::{CalendarDay, CalendarEntry, CalendarSpan, CalendarView, EntryKind},
    run::RunState,
};

use super::{
    ask::{ChangeSchedule, WasDone},
    carry::{Carry, use_carry},
};
use crate::{
    actions::{ActionForm, ServerAction, newest},
    answers::look_again_soon,
    components::{
        button::{ButtonKind, ButtonLink, SubmitButton},
        count::counted,
        empty_state::EmptyState,
        field::ErrorSummary,
        icon::{Icon, IconName},
        notice::Trouble,
        page::PageHead,
        search_box::escaped,
        skeleton::Skeleton,
    },
    error::AppError,
    flash::{Form, FormState},
};

/// Entries of a day in a month; the others are one link.
const SHOWN_IN_MONTH: usize = 4;

/// Some days of the calendar, and whether the person has an address of it.
#[server(endpoint = "calendar", protocol = crate::Called)]
pub async fn calendar(
    span: String,
    day: String,
    zone: String,
    endpoint: String,
    share: String,
    outcome: String,
) -> Result<(CalendarView, bool), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let query = model::calendar::CalendarQuery {
        span: CalendarSpan::parse(&span).unwrap_or_default(),
        day: day.parse().ok(),
        zone: if zone.is_empty() { crate::zone::of_request() } else { zone },
        endpoint: endpoint.parse().ok(),
        share: share.parse().ok(),
        outcome,
    };
    let found = async { Ok((hub.calendar(&actor, &query).await?, hub.has_calendar_feed(&actor).await?)) };
    crate::session::answer(found.await).await
}

/// Ends the person's address of the calendar.
#[server(endpoint = "end_calendar_feed", protocol = crate::Called)]
pub async fn end_calendar_feed() -> Result<(), AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    crate::session::answer(hub.end_calendar_feed(&actor).await).await?;
    if crate::flash::is_plain_form_post().await {
        leptos_axum::redirect("/schedule");
    }
    Ok(())
}

/// What the address asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Asked {
    span: CalendarSpan,
    day: String,
    zone: String,
    endpoint: String,
    share: String,
    outcome: String,
}

impl Asked {
    fn address(&self) -> String {
        let parts = [
            ("view", self.span.as_str()),
            ("day", &self.day),
            ("zone", &self.zone),
            ("endpoint", &self.endpoint),
            ("share", &self.share),
            ("outcome", &self.outcome),
        ];
        let parts = parts.into_iter().filter(|(_, value)| !value.is_empty());
        let parts: Vec<String> = parts.map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        format!("/schedule?{}", parts.join("&"))
    }
}

/// The page.
#[component]
pub fn SchedulePage() -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| {
            let text = |name: &str| query.get(name).unwrap_or_default();
            Asked {
                span: CalendarSpan::parse(&text("view")).unwrap_or_default(),
                day: text("day"),
                zone: text("zone"),
                endpoint: text("endpoint"),
                share: text("share"),
                outcome: text("outcome"),
            }
        })
    });
    let (action, ending) = (ServerAction::<ChangeSchedule>::new(), ServerAction::<EndCalendarFeed>::new());
    let live = newest([action.call(), ending.call()]).problem();
    let form = Form::new(|| "/schedule".to_owned(), live);
    let looked = RwSignal::new(0_u32);
    let found = crate::answers::ask(
        move || (asked.get(), action.version().get(), ending.version().get(), looked.get()),
        |(asked, ..)| {
            let span = asked.span.as_str().to_owned();
            calendar(span, asked.day, asked.zone, asked.endpoint, asked.share, asked.outcome)
        },
    );
    view! {
        <PageHead title="Schedule" lead="What ran and what will run, all shares together.">
            <ButtonLink href="/schedule/blackouts">"Blackouts"</ButtonLink>
        </PageHead>
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let form = form.state().await;
                let asked = asked.get();
                match found.await {
                    Ok((found, has_feed)) => view! { <Loaded found has_feed asked form action ending looked /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Loaded(
    found: CalendarView,
    has_feed: bool,
    asked: Asked,
    form: FormState,
    action: ServerAction<ChangeSchedule>,
    ending: ServerAction<EndCalendarFeed>,
    looked: RwSignal<u32>,
) -> impl IntoView {
    let may_share = crate::pages::may_share();
    let to = |day: String| Asked { day, ..asked.clone() }.address();
    let spans: Vec<_> = CalendarSpan::ALL
        .into_iter()
        .map(|span| {
            let href = Asked { span, ..asked.clone() }.address();
            let current = (span == asked.span).then_some("true");
            view! { <li><a class="facet" href=href aria-current=current>{span.label()}</a></li> }
        })
        .collect();
    let endpoints: Vec<_> = found
        .endpoints
        .iter()
        .map(|(id, name)| view! { <option value=id.to_string() selected=asked.endpoint == id.as_str()>{name.clone()}</option> })
        .collect();
    let outcomes =
        [("", "Everything"), ("planned", "Still to come"), ("well", "Went well"), ("badly", "Went badly or skipped")];
    let outcomes: Vec<_> = outcomes
        .into_iter()
        .map(|(value, words)| view! { <option value=value selected=asked.outcome == value>{words}</option> })
        .collect();
    let pauses: Vec<_> = found
        .pauses
        .iter()
        .map(|pause| {
            let (what, id) = match &pause.endpoint_id {
                Some(id) => ("resume_endpoint", id.to_string()),
                None => ("resume_all", String::new()),
            };
            let text = match &pause.endpoint_id {
                Some(_) => format!(
                    "{} is paused by {}. No run from or to it begins; those that are due are skipped.",
                    pause.name, pause.paused_by
                ),
                None => format!("All schedules are paused by {}. Runs that are due are skipped.", pause.paused_by),
            };
            view! {
                <div class="notice warn">
                    <Icon name=IconName::Warning />
                    <p>{text}</p>
                    {may_share.then(|| view! {
                        <ActionForm action>
                            <input type="hidden" name="id" value=id />
                            <SubmitButton name="what" value=what pending=action.pending()>"Resume"</SubmitButton>
                        </ActionForm>
                    })}
                </div>
            }
        })
        .collect();
    let reminders: Vec<_> = found
        .ending
        .iter()
        .map(|(id, name, when)| {
            view! {
                <p class="notice">
                    <Icon name=IconName::Waiting />
                    <span>"The schedule of " <a href=format!("/shares/{id}")>{name.clone()}</a> {format!(" ends: its last run is on {when}.")}</span>
                </p>
            }
        })
        .collect();
    let is_paused = found.pauses.iter().any(|pause| pause.endpoint_id.is_none());
    let pausable: Vec<_> = found
        .endpoints
        .iter()
        .filter(|(id, _)| !found.pauses.iter().any(|pause| pause.endpoint_id.as_ref() == Some(id)))
        .map(|(id, name)| view! { <option value=id.to_string()>{name.clone()}</option> })
        .collect();
    let nothing = !found.has_schedules && found.days.iter().all(|day| day.entries.is_empty());
    let carry = use_carry(action, found.zone.clone(), found.days.iter().map(|day| day.day).collect());
    let span = asked.span;
    let today = found.today;
    let days: Vec<_> = found
        .days
        .into_iter()
        .filter(|day| span != CalendarSpan::Agenda || !day.entries.is_empty() || !day.blackouts.is_empty())
        .map(|day| {
            let week = Asked { span: CalendarSpan::Week, day: day.day.to_string(), ..asked.clone() }.address();
            view! { <Day day span today week carry=carry.clone() /> }
        })
        .collect();
    let has_days = !days.is_empty();
    let zone = found.zone.clone();
    let say = carry.clone();
    view! {
        <ErrorSummary form=form.clone() />
        <WasDone form action />
        <div class="calendar-bar">
            <div class="calendar-way">
                <ButtonLink href=to(found.earlier.to_string())>"Earlier"</ButtonLink>
                <ButtonLink href=to(String::new())>"Today"</ButtonLink>
                <ButtonLink href=to(found.later.to_string())>"Later"</ButtonLink>
                <h2>{found.title}</h2>
            </div>
            <ul class="facets" aria-label="View">{spans}</ul>
        </div>
        <form class="calendar-filters" method="get" action="/schedule">
            <input type="hidden" name="view" value=span.as_str() />
            <input type="hidden" name="day" value=asked.day.clone() />
            <input type="hidden" name="share" value=asked.share.clone() />
            <div class="field">
                <label for="endpoint">"Endpoint"</label>
                <select id="endpoint" name="endpoint"><option value="">"All endpoints"</option>{endpoints}</select>
            </div>
            <div class="field">
                <label for="outcome">"What"</label>
                <select id="outcome" name="outcome">{outcomes}</select>
            </div>
            <div class="field">
                <label for="zone">"Time zone"</label>
                <input id="zone" name="zone" value=zone autocomplete="off" />
            </div>
            <button type="submit" class="button">"Show"</button>
        </form>
        {pauses}
        {reminders}
        {found.is_cut.then(|| view! { <p class="notice"><Icon name=IconName::Warning />"There is more than can be shown. Choose an endpoint, or fewer days."</p> })}
        {nothing.then(|| view! {
            <EmptyState text="Nothing is scheduled yet. Choose when a share runs in its step “When and how”.">
                <ButtonLink href="/shares" kind=ButtonKind::Primary>"To the shares"</ButtonLink>
            </EmptyState>
        })}
        {(!nothing && !has_days).then(|| view! { <EmptyState text="Nothing in these days." /> })}
        {(!nothing && may_share).then(|| view! {
            <p class="soft needs-program keeps-place carry-help" id="carry-help">
                "Drag a planned run to another day. On the keyboard: Space picks it up, the arrow keys choose a day, Enter puts it down, Escape lets it be."
            </p>
        })}
        <p class="visually-hidden" role="status">{move || say.said()}</p>
        <ol class=format!("days {}", span.as_str())>{days}</ol>
        <div class="calendar-foot">
            {may_share.then(|| view! {
                <section aria-labelledby="pauses">
                    <h2 id="pauses">"Pause"</h2>
                    <p class="soft">"Runs that are due meanwhile are skipped, and said to be."</p>
                    <ActionForm action attr:class="schedule-buttons">
                        <div class="field">
                            <label for="pause-endpoint">"Endpoint"</label>
                            <select id="pause-endpoint" name="id">{pausable}</select>
                        </div>
                        <SubmitButton name="what" value="pause_endpoint" pending=action.pending()>"Pause this endpoint"</SubmitButton>
                        {(!is_paused).then(|| view! { <SubmitButton name="what" value="pause_all" pending=action.pending()>"Pause all schedules"</SubmitButton> })}
                    </ActionForm>
                </section>
            })}
            <section aria-labelledby="feed">
                <h2 id="feed">"In your own calendar"</h2>
                <p class="soft">
                    {if has_feed {
                        "You have an address of this calendar. A new one ends it. Whoever knows the address reads the calendar, so keep it to yourself."
                    } else {
                        "Make an address that your calendar program reads. It comes as a file, this once. Whoever knows it reads the calendar, so keep it to yourself."
                    }}
                </p>
                <div class="schedule-buttons">
                    <form method="post" action="/schedule/address" on:submit=move |_| look_again_soon(looked)>
                        <button type="submit" class="button">{if has_feed { "Make a new address" } else { "Make an address" }}</button>
                    </form>
                    {has_feed.then(|| view! {
                        <ActionForm action=ending>
                            <SubmitButton kind=ButtonKind::Danger pending=ending.pending()>"End the address"</SubmitButton>
                        </ActionForm>
                    })}
                </div>
            </section>
        </div>
    }
}

/// One day.
#[component]
fn Day(day: CalendarDay, span: CalendarSpan, today: chrono::NaiveDate, week: String, carry: Carry) -> impl IntoView {
    let date = day.day;
    let is_month = span == CalendarSpan::Month;
    let many = day.entries.len();
    let shown = if is_month { SHOWN_IN_MONTH } else { usize::MAX };
    let hidden = many.saturating_sub(shown);
    let entries: Vec<_> = day
        .entries
        .into_iter()
        .take(shown)
        .map(|entry| view! { <Entry entry date span carry=carry.clone() /> })
        .collect();
    let heading = if span == CalendarSpan::Agenda {
        date.format("%A %-d %B %Y").to_string()
    } else {
        date.format("%a %-d").to_string()
    };
    let blackouts: Vec<_> = day
        .blackouts
        .into_iter()
        .map(|words| view! { <p class="blackout"><Icon name=IconName::Stopped />{words}</p> })
        .collect();
    let (over, dropped, target) = (carry.clone(), carry.clone(), carry);
    view! {
        <li
            class="day"
            class:outside=!day.is_within
            class:today=date == today
            class:empty=many == 0
            class:target=move || target.is_target(date)
            data-day=date.to_string()
            on:dragover=move |event| over.drag_over(&event, date)
            on:drop=move |event| dropped.put_down_at(&event, date)
        >
            <h3>
                <time datetime=date.to_string()>{heading}</time>
                {(date == today).then(|| view! { <span class="today-word">" today"</span> })}
            </h3>
            {blackouts}
            {day.crowded.map(|words| view! { <p class="crowded"><Icon name=IconName::Warning />{words}</p> })}
            <ul class="entries">{entries}</ul>
            {(hidden > 0).then(|| view! { <a class="more" href=week>{format!("{hidden} more")}</a> })}
        </li>
    }
}

/// One run, or a time at which one will or should have been.
#[component]
fn Entry(entry: CalendarEntry, date: chrono::NaiveDate, span: CalendarSpan, carry: Carry) -> impl IntoView {
    let (class, icon, word, href) = match &entry.what {
        EntryKind::Run { run_id, state } => {
            let (class, icon) = match state {
                RunState::Complete | RunState::Checked => ("good", IconName::Done),
                RunState::CompleteWithRejects | RunState::Held => ("warn", IconName::Warning),
                RunState::Failed => ("bad", IconName::Failed),
                RunState::Canceled => ("quiet", IconName::Stopped),
                _ => ("active", IconName::Running),
            };
            (class, icon, state.label(), format!("/runs/{run_id}"))
        }
        EntryKind::Planned { slot, moved_from, waiting } => {
            let word = if moved_from.is_some() {
                "Moved"
            } else if waiting.is_some() {
                "Waits"
            } else {
                "Planned"
            };
            ("planned", IconName::Waiting, word, format!("/schedule/{}/{slot}", entry.share_id))
        }
        EntryKind::Skipped { slot, .. } => {
            ("quiet", IconName::Stopped, "Skipped", format!("/schedule/{}/{slot}", entry.share_id))
        }
    };
    let slot = match &entry.what {
        EntryKind::Planned { slot, .. } if crate::pages::may_share() => Some(*slot),
        _ => None,
    };
    let amount = match (&entry.what, entry.rows, entry.seconds) {
        (EntryKind::Run { state, .. }, Some(rows), seconds) if state.is_final() => {
            let in_time = seconds.map(|seconds| format!(" in {}", took(seconds))).unwrap_or_default();
            Some(format!("{}{in_time}", counted(rows, "row", "rows")))
        }
        (EntryKind::Planned { .. }, Some(rows), Some(seconds)) => {
            Some(format!("about {} in {}", counted(rows, "row", "rows"), took(seconds)))
        }
        _ => None,
    };
    let reason = match &entry.what {
        EntryKind::Skipped { reason, .. } => Some(reason.clone()),
        EntryKind::Planned { waiting, .. } => waiting.clone(),
        EntryKind::Run { .. } => None,
    };
    let name = format!("{} to {}", entry.audience_name, entry.destination_name);
    let what = slot.map(|slot| (entry.share_id.to_string(), slot, entry.time.clone(), name.clone()));
    let (start, key, end) = (carry.clone(), carry.clone(), carry);
    let (dragged, pressed) = (what.clone(), what);
    let has_clash = entry.clash.is_some();
    view! {
        <li>
            <a
                class=format!("entry {class}")
                class:clashes=has_clash
                href=href
                draggable=slot.is_some().then_some("true")
                aria-describedby=slot.is_some().then_some("carry-help")
                on:dragstart=move |event| start.pick_up_by_pointer(&event, dragged.clone(), date)
                on:dragend=move |_| end.let_be(false)
                on:keydown=move |event| key.press(&event, pressed.clone(), date)
            >
                <Icon name=icon />
                <span class="entry-text">
                    <span class="entry-head"><span class="entry-time">{entry.time.clone()}</span>" " <span class="entry-word">{word}</span></span>
                    <span class="entry-name">{name}</span>
                    {(span != CalendarSpan::Month).then(|| view! {
                        {amount.map(|amount| view! { <span class="soft">{amount}</span> })}
                        {reason.map(|reason| view! { <span class="soft">{reason}</span> })}
                    })}
                    {entry.clash.map(|clash| view! { <span class="clash">{clash}</span> })}
                </span>
            </a>
        </li>
    }
}

/// How long something took, or takes.
pub(super) fn took(seconds: u64) -> String {
    match seconds {
        0 => "less than a second".to_owned(),
        1..60 => format!("{seconds}\u{a0}s"),
        60..3_600 => format!("{}\u{a0}min {}\u{a0}s", seconds / 60, seconds % 60),
        _ => format!("{}\u{a0}h {}\u{a0}min", seconds / 3_600, seconds % 3_600 / 60),
    }
}
