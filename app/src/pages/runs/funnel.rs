//! The funnel: declared, read, valid, sent, acknowledged as bars on one scale; every gap opens its reasons.

use leptos::prelude::*;
use model::{
    reject::RejectCode,
    run::{RejectGroup, RunCounts},
    view::RunView,
};

use crate::components::count::{counted, grouped};

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bar {
    name: &'static str,
    help: &'static str,
    rows: u64,
    /// Hundredths of a per cent of the longest bar.
    share: u64,
}

fn bars(counts: &RunCounts) -> Vec<Bar> {
    let longest = [counts.declared.unwrap_or(0), counts.read, counts.valid, counts.sent, counts.acknowledged]
        .into_iter()
        .max()
        .unwrap_or(0);
    let bar =
        |name, help, rows: u64| Bar { name, help, rows, share: (rows * 10_000).checked_div(longest).unwrap_or(0) };
    let mut bars = Vec::new();
    if let Some(declared) = counts.declared {
        bars.push(bar("Declared", "Rows that the source says it has", declared));
    }
    bars.push(bar("Read", "Rows that came from the source", counts.read));
    bars.push(bar("Valid", "Rows fit to be sent", counts.valid));
    bars.push(bar("Sent", "Rows sent to the destination", counts.sent));
    bars.push(bar("Acknowledged", "Rows that the destination took", counts.acknowledged));
    bars
}

/// The funnel of a run, and what was left out at each of its gaps.
#[component]
pub fn Funnel(
    /// The run.
    run: ReadSignal<RunView>,
) -> impl IntoView {
    let counts = Memo::new(move |_| run.with(|run| run.summary.counts));
    let groups = Memo::new(move |_| run.with(|run| run.left_out.clone()));
    let rows = move || {
        bars(&counts.get())
            .into_iter()
            .map(|bar| {
                let width = format!("{}.{:02}%", bar.share / 100, bar.share % 100);
                view! {
                    <div class="funnel-row">
                        <dt title=bar.help>{bar.name}</dt>
                        <dd>
                            <span class="funnel-bar"><span style:width=width></span></span>
                            <span class="count">{grouped(bar.rows)}</span>
                        </dd>
                    </div>
                }
            })
            .collect::<Vec<_>>()
    };
    let rejected = move || counts.with(|counts| counts.rejected);
    let refused = move || counts.with(|counts| counts.refused);
    view! {
        <dl class="funnel">{rows}</dl>
        <Gap rows=Signal::derive(rejected) groups title="rejected before sending" of_destination=false />
        <Gap rows=Signal::derive(refused) groups title="refused by the destination" of_destination=true />
    }
}

#[component]
fn Gap(
    #[prop(into)] rows: Signal<u64>,
    groups: Memo<Vec<RejectGroup>>,
    title: &'static str,
    of_destination: bool,
) -> impl IntoView {
    let reasons = move || {
        let mine = groups.get().into_iter().filter(|group| (group.code == RejectCode::Refused) == of_destination);
        mine.map(|group| {
            let code = group.destination_code.clone().unwrap_or_else(|| group.code.as_str().to_owned());
            view! {
                <tr>
                    <th scope="row" data-label="Reason">{group.reason}</th>
                    <td data-label="Field">{group.field.map(|field| view! { <code>{field}</code> })}</td>
                    <td data-label="Code"><code>{code}</code></td>
                    <td data-label="Rows" class="number">{grouped(group.rows)}</td>
                </tr>
            }
        })
        .collect::<Vec<_>>()
    };
    view! {
        <details class="gap" hidden=move || rows.get() == 0>
            <summary>{move || format!("{} {title}", counted(rows.get(), "row", "rows"))}</summary>
            <table class="list">
                <thead>
                    <tr>
                        <th scope="col">"Reason"</th>
                        <th scope="col">"Field"</th>
                        <th scope="col">"Code"</th>
                        <th scope="col" class="number">"Rows"</th>
                    </tr>
                </thead>
                <tbody>{reasons}</tbody>
            </table>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_on_one_scale_and_survive_nothing_at_all() {
        let counts = RunCounts {
            declared: Some(200),
            read: 200,
            valid: 150,
            sent: 150,
            acknowledged: 1,
            ..RunCounts::default()
        };
        let shares: Vec<u64> = bars(&counts).iter().map(|bar| bar.share).collect();
        assert_eq!(shares, [10_000, 10_000, 7_500, 7_500, 50]);
        assert!(bars(&RunCounts::default()).iter().all(|bar| bar.share == 0));
        assert_eq!(bars(&RunCounts::default()).len(), 4, "what is not declared has no bar");
    }
}
