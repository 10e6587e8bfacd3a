//! The list of runs: search, filters and place in the address; a form that works without the program. Live: whenever something is another than before,
//! the server says so, and the list asks again.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::{
    run::RunState,
    view::{RunChoices, RunPage as Found, RunSummary},
};

use super::follow_list::follow_list;
use crate::{
    components::{
        badge::RunBadge,
        button::ButtonLink,
        count::{Count, counted, grouped},
        empty_state::EmptyState,
        filters::{FilterSelect, Filters, OlderPages, list_address},
        notice::Trouble,
        page::PageHead,
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
};

const PATH: &str = "/runs";
/// In the address: whatever has not ended.
const UNDER_WAY: &str = "under_way";
/// Within how many hours, and how that is said.
const WITHIN: [(&str, &str); 3] = [("24", "Last 24 hours"), ("168", "Last 7 days"), ("720", "Last 30 days")];

/// What the address asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Asked {
    text: String,
    state: String,
    share: String,
    endpoint: String,
    within: String,
    before: String,
}

impl Asked {
    /// The address that asks for it.
    fn address(&self) -> String {
        list_address(
            PATH,
            [
                ("q", &self.text),
                ("state", &self.state),
                ("share", &self.share),
                ("endpoint", &self.endpoint),
                ("within", &self.within),
                ("before", &self.before),
            ],
        )
    }

    fn is_narrowed(&self) -> bool {
        [&self.text, &self.state, &self.share, &self.endpoint, &self.within].into_iter().any(|part| !part.is_empty())
    }
}

/// One page of the runs that match.
#[server(endpoint = "runs", protocol = crate::Called)]
pub async fn runs(
    text: String,
    state: String,
    share: String,
    endpoint: String,
    within: String,
    before: String,
) -> Result<Found, AppError> {
    let actor = crate::session::actor().await?;
    let under_way = state == UNDER_WAY;
    // An id that is none is nobody's: then nothing matches.
    let found = async {
        let query = model::view::RunQuery {
            text,
            state: RunState::parse(&state),
            under_way,
            share: if share.is_empty() { None } else { Some(crate::pages::parse_id(&share, "share")?) },
            endpoint: if endpoint.is_empty() { None } else { Some(crate::pages::parse_id(&endpoint, "endpoint")?) },
            within_hours: within.parse().ok(),
            before: (!before.is_empty()).then_some(before),
        };
        crate::session::hub()?.runs(&actor, &query).await
    };
    crate::session::answer(found.await).await
}

/// What the list can be narrowed by.
#[server(endpoint = "run_filters", protocol = crate::Called)]
pub async fn run_filters() -> Result<RunChoices, AppError> {
    let actor = crate::session::actor().await?;
    crate::session::answer(crate::session::hub()?.run_filters(&actor).await).await
}

/// The page.
#[component]
pub fn RunsPage() -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|query| {
            let part = |name: &str| query.get(name).unwrap_or_default();
            Asked {
                text: part("q"),
                state: part("state"),
                share: part("share"),
                endpoint: part("endpoint"),
                within: part("within"),
                before: part("before"),
            }
        })
    });
    let beat = RwSignal::new(0_u32);
    let found = crate::answers::ask(
        move || (asked.get(), beat.get()),
        |(Asked { text, state, share, endpoint, within, before }, _)| {
            runs(text, state, share, endpoint, within, before)
        },
    );
    let filters = crate::answers::ask(|| (), |()| run_filters());
    follow_list(beat);
    view! {
        <PageHead title="Runs" lead="Every execution of a share, the newest first." />
        <Suspense fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let filters = filters.await.unwrap_or_default();
                view! { <RunFilters filters asked /> }
            })}
        </Suspense>
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let now = asked.get();
                match found.await {
                    Ok(found) => view! { <Results found asked=now /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

/// What the list is narrowed by.
#[component]
fn RunFilters(filters: RunChoices, asked: Memo<Asked>) -> impl IntoView {
    let chosen = move |part: fn(&Asked) -> &String| Signal::derive(move || asked.with(|asked| part(asked).clone()));
    let states = [("under_way".to_owned(), "Under way".to_owned())]
        .into_iter()
        .chain(RunState::ALL.into_iter().map(|state| (state.as_str().to_owned(), state.label().to_owned())))
        .collect();
    let shares = filters.shares.into_iter().map(|(id, name)| (id.to_string(), name)).collect();
    let endpoints = filters.endpoints.into_iter().map(|(id, name)| (id.to_string(), name)).collect();
    let within = WITHIN.into_iter().map(|(hours, words)| (hours.to_owned(), words.to_owned())).collect();
    view! {
        <Filters action=PATH placeholder="Audience, endpoint or segment" text=chosen(|asked| &asked.text)>
            <FilterSelect name="state" label="Status" any="Any" choices=states chosen=chosen(|asked| &asked.state) />
            <FilterSelect name="share" label="Share" any="Any" choices=shares chosen=chosen(|asked| &asked.share) />
            <FilterSelect name="endpoint" label="Endpoint" any="Any" choices=endpoints chosen=chosen(|asked| &asked.endpoint) />
            <FilterSelect name="within" label="Asked for" any="Any time" choices=within chosen=chosen(|asked| &asked.within) />
        </Filters>
    }
}

#[component]
fn Results(found: Found, asked: Asked) -> impl IntoView {
    let nothing = found.items.is_empty();
    let (is_narrowed, is_first) = (asked.is_narrowed(), asked.before.is_empty());
    let newest = (!is_first).then(|| Asked { before: String::new(), ..asked.clone() }.address());
    let older = found.older.map(|before| Asked { before, ..asked.clone() }.address());
    let found_nothing =
        if asked.state == UNDER_WAY && asked.text.is_empty() { "Nothing is under way." } else { "No run matches." };
    view! {
        <div class="result-bar">
            <p role="status">{counted(found.total, "run", "runs")}</p>
            {is_narrowed.then(|| view! { <a href=PATH>"Show all runs"</a> })}
        </div>
        {match (nothing, is_narrowed || !is_first) {
            (false, _) => view! { <RunTable runs=found.items /> }.into_any(),
            (true, true) => view! { <EmptyState text=found_nothing><ButtonLink href=PATH>"Show all runs"</ButtonLink></EmptyState> }.into_any(),
            (true, false) => {
                view! {
                    <EmptyState text="Nothing has run yet. Share an audience, and its run appears here.">
                        <ButtonLink href="/audiences">"Find an audience"</ButtonLink>
                    </EmptyState>
                }
                    .into_any()
            }
        }}
        <OlderPages newest older />
    }
}

/// How long a run took, from two RFC 3339 times of the same form.
pub(super) fn duration(run: &RunSummary) -> Option<String> {
    let (started, finished) = (milliseconds(run.started_at.as_deref()?)?, milliseconds(run.finished_at.as_deref()?)?);
    let took = finished.checked_sub(started)?;
    Some(match took {
        0..10_000 => format!("{}.{}\u{a0}s", took / 1_000, took % 1_000 / 100),
        10_000..60_000 => format!("{}\u{a0}s", took / 1_000),
        60_000..3_600_000 => format!("{}\u{a0}min {}\u{a0}s", took / 60_000, took % 60_000 / 1_000),
        _ => format!("{}\u{a0}h {}\u{a0}min", took / 3_600_000, took % 3_600_000 / 60_000),
    })
}

/// Milliseconds since the first day of year 0, by the civil calendar; for differences only.
pub(super) fn milliseconds(at: &str) -> Option<u64> {
    let number = |from: usize, to: usize| at.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let thousandth = number(20, 23).unwrap_or(0);
    // Days before the month in a year that begins in March, so that the leap day is its last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + thousandth)
}

/// Runs as a table.
#[component]
pub fn RunTable(
    /// Which ones.
    runs: Vec<RunSummary>,
) -> impl IntoView {
    let rows: Vec<_> = runs
        .into_iter()
        .map(|run| {
            let left_out = run.counts.rejected + run.counts.refused;
            let took = duration(&run);
            let started = match run.started_at.clone() {
                Some(at) => view! { <Time at /> }.into_any(),
                None => view! { <span class="soft">"Not yet"</span> }.into_any(),
            };
            view! {
                <tr>
                    <td data-label="Status"><RunBadge state=run.state /></td>
                    <th scope="row" data-label="Run">
                        <a href=format!("/runs/{}", run.id)>{run.audience_name}</a>
                        <span class="soft one-line">{format!("{} → {} · {}", run.source_name, run.destination_name, run.destination_segment)}</span>
                    </th>
                    <td data-label="Mode">{run.mode.label()}</td>
                    <td data-label="Started">{started}</td>
                    <td data-label="Took" class="number">{took.unwrap_or_else(|| "—".to_owned())}</td>
                    <td data-label="Rows" class="number"><Count number=run.counts.read /></td>
                    <td data-label="Delivered" class="number"><Count number=run.counts.acknowledged /></td>
                    <td data-label="Rejects" class="number">{if left_out == 0 { "—".to_owned() } else { grouped(left_out) }}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <table class="list">
            <thead>
                <tr>
                    <th scope="col">"Status"</th>
                    <th scope="col">"Run"</th>
                    <th scope="col">"Mode"</th>
                    <th scope="col">"Started"</th>
                    <th scope="col" class="number">"Took"</th>
                    <th scope="col" class="number">"Rows"</th>
                    <th scope="col" class="number">"Delivered"</th>
                    <th scope="col" class="number">"Rejects"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn differences_of_times_hold_over_month_ends_and_leap_days() {
        let between = |from: &str, to: &str| milliseconds(to).zip(milliseconds(from)).map(|(to, from)| to - from);
        assert_eq!(between("2026-11-23T14:05:09.100Z", "2026-11-23T14:05:10.350Z"), Some(1_250));
        assert_eq!(between("2028-02-28T23:59:59.000Z", "2028-03-01T00:00:00.000Z"), Some(86_401_000));
        assert_eq!(between("2026-12-31T23:59:59.000Z", "2027-01-01T00:00:00.000Z"), Some(1_000));
        assert_eq!(milliseconds("soon"), None);
    }
}
