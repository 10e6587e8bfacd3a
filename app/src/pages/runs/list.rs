//! The list of runs: filters and page in the address, live while something is under way.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::{
    run::RunState,
    view::{RunPage as Found, RunSummary},
};

use crate::{
    components::{
        badge::RunBadge,
        button::ButtonLink,
        count::{Count, counted, grouped},
        empty_state::EmptyState,
        notice::Trouble,
        page::PageHead,
        search_box::{SearchBox, escaped},
        skeleton::Skeleton,
        time::Time,
    },
    error::AppError,
};

/// In the address: whatever has not ended.
const UNDER_WAY: &str = "under_way";

/// One page of the runs that match.
#[server(endpoint = "runs")]
pub async fn runs(text: String, state: String, page: u32) -> Result<Found, AppError> {
    let actor = crate::session::actor().await?;
    let under_way = state == UNDER_WAY;
    let query = model::view::RunQuery { text, state: RunState::parse(&state), under_way, page };
    crate::session::answer(crate::session::hub().runs(&actor, &query).await).await
}

/// The page.
#[component]
pub fn RunsPage() -> impl IntoView {
    let query = use_query_map();
    let asked = move || {
        query.with(|query| {
            let page = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1_u32);
            (query.get("q").unwrap_or_default(), query.get("state").unwrap_or_default(), page)
        })
    };
    let beat = RwSignal::new(0_u32);
    let found = crate::answers::ask(move || (asked(), beat.get()), |((text, state, page), _)| runs(text, state, page));
    // While something is under way the list looks again, every two seconds.
    Effect::new(move |_| {
        let active = found
            .get()
            .is_some_and(|found| found.is_ok_and(|found| found.items.iter().any(|run| !run.state.is_final())));
        if active {
            set_timeout(move || beat.update(|beat| *beat = beat.wrapping_add(1)), std::time::Duration::from_secs(2));
        }
    });
    let (text, state, _) = untrack(asked);
    let keep = if state.is_empty() { Vec::new() } else { vec![("state", state)] };
    view! {
        <PageHead title="Runs" lead="Every execution of a share, the newest first." />
        <SearchBox action="/runs" label="Search audiences, endpoints and segments" text keep />
        <Transition fallback=|| view! { <Skeleton /> }>
            {move || Suspend::new(async move {
                let (text, state, _) = asked();
                match found.await {
                    Ok(found) => view! { <Results found text state /> }.into_any(),
                    Err(error) => view! { <Trouble error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

fn address(text: &str, state: &str, page: u32) -> String {
    let mut address = format!("/runs?q={}", escaped(text));
    if !state.is_empty() {
        address.push_str(&format!("&state={state}"));
    }
    if page > 1 {
        address.push_str(&format!("&page={page}"));
    }
    address
}

#[component]
fn Results(found: Found, text: String, state: String) -> impl IntoView {
    let ends = [
        RunState::Held,
        RunState::Complete,
        RunState::CompleteWithRejects,
        RunState::Failed,
        RunState::Canceled,
        RunState::Checked,
    ];
    let choices =
        [("", "All"), (UNDER_WAY, "Under way")].into_iter().chain(ends.map(|end| (end.as_str(), end.label())));
    let is_known = state == UNDER_WAY || RunState::parse(&state).is_some();
    let chosen = if is_known { state.clone() } else { String::new() };
    let filters: Vec<_> = choices
        .map(|(word, label)| {
            let href = address(&text, word, 1);
            let current = (word == chosen).then_some("true");
            view! { <li><a class="facet" href=href aria-current=current>{label}</a></li> }
        })
        .collect();
    let pages = (found.pages > 1).then(|| {
        let link =
            |page: u32, label: &'static str| view! { <a class="button" href=address(&text, &state, page)>{label}</a> };
        view! {
            <nav class="pages" aria-label="Pages">
                {(found.page > 1).then(|| link(found.page - 1, "Previous"))}
                <span>{format!("Page {} of {}", found.page, found.pages)}</span>
                {(found.page < found.pages).then(|| link(found.page + 1, "Next"))}
            </nav>
        }
    });
    let nothing = found.items.is_empty();
    let filtered = !chosen.is_empty() || !text.is_empty();
    let found_nothing = match chosen.as_str() {
        UNDER_WAY if text.is_empty() => "Nothing is under way.",
        _ => "No run matches.",
    };
    view! {
        <div class="result-bar">
            <p role="status">{counted(found.total, "run", "runs")}</p>
            <ul class="facets" aria-label="State">{filters}</ul>
        </div>
        {match (nothing, filtered) {
            (false, _) => view! { <RunTable runs=found.items /> }.into_any(),
            (true, true) => {
                view! {
                    <EmptyState text=found_nothing>
                        <ButtonLink href="/runs">"Show all runs"</ButtonLink>
                    </EmptyState>
                }
                    .into_any()
            }
            (true, false) => {
                view! {
                    <EmptyState text="Nothing has run yet. Share an audience, and its run appears here.">
                        <ButtonLink href="/audiences">"Find an audience"</ButtonLink>
                    </EmptyState>
                }
                    .into_any()
            }
        }}
        {pages}
    }
}

/// How long a run took, from two RFC 3339 times of the same form.
fn duration(run: &RunSummary) -> Option<String> {
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
            view! {
                <tr>
                    <td data-label="State"><RunBadge state=run.state /></td>
                    <th scope="row" data-label="Run">
                        <a href=format!("/runs/{}", run.id)>{run.audience_name}</a>
                        <span class="soft one-line">{format!("{} → {} · {}", run.source_name, run.destination_name, run.destination_segment)}</span>
                    </th>
                    <td data-label="Mode">{run.mode.label()}</td>
                    <td data-label="Asked for"><Time at=run.created_at /></td>
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
                    <th scope="col">"State"</th>
                    <th scope="col">"Run"</th>
                    <th scope="col">"Mode"</th>
                    <th scope="col">"Asked for"</th>
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
