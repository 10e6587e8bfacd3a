//! What a run's page shows beside the run: how it differs from the one before, and its parts.

use leptos::prelude::*;
use model::{
    run::RunState,
    view::{BesideRun, PartView, RunSummary, RunView},
};

use super::list::duration;
use crate::{
    components::{
        count::{bytes, counted, grouped},
        time::Time,
    },
    error::AppError,
};

/// The rest of a run's page.
#[server(endpoint = "run_details", protocol = crate::Called)]
pub async fn run_details(id: String) -> Result<BesideRun, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.run_details(&actor, &crate::pages::parse_id(&id, "run")?).await };
    crate::session::answer(found.await).await
}

/// Follows a run: asks for what stands beside it anew whenever it takes a step. In the browser only.
pub(super) fn follow_details(view: ReadSignal<RunView>, details: RwSignal<BesideRun>) {
    let state = Memo::new(move |_| view.with(|view| view.summary.state));
    Effect::new(move |before: Option<RunState>| {
        let state = state.get();
        if before.is_some_and(|before| before != state) {
            let id = view.with_untracked(|view| view.summary.id.to_string());
            leptos::task::spawn_local(async move {
                // What can't be had now stays as it was; the run itself says when it can't be seen any more.
                if let Ok(next) = run_details(id).await {
                    details.try_set(next);
                }
            });
        }
        state
    });
}

/// The comparison and the parts.
#[component]
pub(super) fn Details(
    /// The run.
    view: ReadSignal<RunView>,
    /// What stands beside it.
    details: RwSignal<BesideRun>,
) -> impl IntoView {
    move || {
        let details = details.get();
        let now = view.with_untracked(|view| view.summary.clone());
        let has_ended = now.state.is_final();
        let compared = details.previous.filter(|_| has_ended).map(|previous| view! { <Compared now previous /> });
        let parts = (!details.parts.is_empty()).then(|| view! { <Parts parts=details.parts /> });
        view! { {compared}{parts} }
    }
}

/// "+1 200 (+12.0 %)".
fn difference(now: u64, before: u64) -> String {
    let sign = match now.cmp(&before) {
        std::cmp::Ordering::Less => "−",
        std::cmp::Ordering::Equal => return "the same".to_owned(),
        std::cmp::Ordering::Greater => "+",
    };
    let off = now.abs_diff(before);
    match (off * 1_000).checked_div(before) {
        Some(per_mille) => format!("{sign}{} ({sign}{}.{}\u{a0}%)", grouped(off), per_mille / 10, per_mille % 10),
        None => format!("{sign}{}", grouped(off)),
    }
}

#[component]
fn Compared(now: RunSummary, previous: RunSummary) -> impl IntoView {
    let took = |run: &RunSummary| duration(run).unwrap_or_else(|| "—".to_owned());
    let lines: [(&str, u64, u64); 5] = [
        ("Read", now.counts.read, previous.counts.read),
        ("Valid", now.counts.valid, previous.counts.valid),
        ("Sent", now.counts.sent, previous.counts.sent),
        ("Acknowledged", now.counts.acknowledged, previous.counts.acknowledged),
        ("Left out", now.counts.rejected + now.counts.refused, previous.counts.rejected + previous.counts.refused),
    ];
    let rows: Vec<_> = lines
        .into_iter()
        .map(|(name, now, before)| {
            view! {
                <tr>
                    <th scope="row" data-label="Rows">{name}</th>
                    <td data-label="This run" class="number">{grouped(now)}</td>
                    <td data-label="Before" class="number">{grouped(before)}</td>
                    <td data-label="Difference" class="number">{difference(now, before)}</td>
                </tr>
            }
        })
        .collect();
    let (took_now, took_before) = (took(&now), took(&previous));
    view! {
        <section aria-labelledby="compared">
            <h2 id="compared">"Compared with the run before"</h2>
            <p class="soft"><a href=format!("/runs/{}", previous.id)>"The run before"</a>" of this share that ended well was asked for "<Time at=previous.created_at />"."</p>
            <table class="list">
                <thead>
                    <tr>
                        <th scope="col">"Rows"</th>
                        <th scope="col" class="number">"This run"</th>
                        <th scope="col" class="number">"Before"</th>
                        <th scope="col" class="number">"Difference"</th>
                    </tr>
                </thead>
                <tbody>
                    {rows}
                    <tr>
                        <th scope="row" data-label="Rows">"Took"</th>
                        <td data-label="This run" class="number">{took_now}</td>
                        <td data-label="Before" class="number">{took_before}</td>
                        <td data-label="Difference" class="number">"—"</td>
                    </tr>
                </tbody>
            </table>
        </section>
    }
}

#[component]
fn Parts(parts: Vec<PartView>) -> impl IntoView {
    let many = counted(parts.len() as u64, "part", "parts");
    let rows: Vec<_> = parts
        .into_iter()
        .map(|part| {
            let answer = match part.acknowledged_at {
                Some(at) => {
                    let refused = match part.refused {
                        0 => String::new(),
                        refused => format!(", refused {}", grouped(refused)),
                    };
                    view! { {format!("Took {}{refused} ", counted(part.accepted, "row", "rows"))}<Time at /> }
                        .into_any()
                }
                None if part.attempts == 0 => view! { <span class="soft">"Not sent yet"</span> }.into_any(),
                None => view! { <span class="soft">"No answer yet"</span> }.into_any(),
            };
            view! {
                <tr>
                    <th scope="row" data-label="Part">{part.number}</th>
                    <td data-label="Rows" class="number">{grouped(part.rows)}</td>
                    <td data-label="Size" class="number">{bytes(part.bytes)}</td>
                    <td data-label="Attempts" class="number">{part.attempts}</td>
                    <td data-label="The destination’s answer">{answer}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <section aria-labelledby="parts">
            <h2 id="parts">"Parts"</h2>
            <details class="parts">
                <summary>{many}", with what the destination answered"</summary>
                <table class="list">
                    <thead>
                        <tr>
                            <th scope="col">"Part"</th>
                            <th scope="col" class="number">"Rows"</th>
                            <th scope="col" class="number">"Size"</th>
                            <th scope="col" class="number">"Attempts"</th>
                            <th scope="col">"The destination’s answer"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </details>
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn differences_are_said_in_rows_and_percent() {
        assert_eq!(difference(112, 100), "+12 (+12.0\u{a0}%)");
        assert_eq!(difference(75, 100), "−25 (−25.0\u{a0}%)");
        assert_eq!(difference(7, 7), "the same");
        assert_eq!(difference(7, 0), "+7");
    }
}
