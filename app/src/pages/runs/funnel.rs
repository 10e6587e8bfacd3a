//! The funnel: declared, read, valid, sent, acknowledged as bars on one scale; the gap between two of them is the button that opens its reasons.

use leptos::prelude::*;
use model::{
    reject::RejectCode,
    run::{RejectGroup, RunCounts},
    view::{BesideRun, RunView},
};

use crate::components::{
    count::{counted, grouped},
    search_box::escaped,
};

/// One bar.
#[derive(Debug, Clone, Copy)]
struct Bar {
    name: &'static str,
    help: &'static str,
    rows: fn(&RunCounts) -> Option<u64>,
}

const DECLARED: Bar =
    Bar { name: "Declared", help: "Rows that the source says it has", rows: |counts| counts.declared };
const READ: Bar = Bar { name: "Read", help: "Rows that came from the source", rows: |counts| Some(counts.read) };
const VALID: Bar = Bar { name: "Valid", help: "Rows fit to be sent", rows: |counts| Some(counts.valid) };
const SENT: Bar = Bar { name: "Sent", help: "Rows sent to the destination", rows: |counts| Some(counts.sent) };
const ACKNOWLEDGED: Bar =
    Bar { name: "Acknowledged", help: "Rows that the destination took", rows: |counts| Some(counts.acknowledged) };

/// Rows on the scale that all bars share, as a CSS percentage.
fn on_scale(counts: &RunCounts, rows: u64) -> String {
    let all = [counts.declared.unwrap_or(0), counts.read, counts.valid, counts.sent, counts.acknowledged];
    let longest = all.into_iter().max().unwrap_or(0);
    let share = (rows * 10_000).checked_div(longest).unwrap_or(0);
    format!("{}.{:02}%", share / 100, share % 100)
}

/// The funnel of a run, and what was left out at each of its gaps.
#[component]
pub fn Funnel(
    /// The run.
    run: ReadSignal<RunView>,
    /// What stands beside it: samples of what was left out.
    details: RwSignal<BesideRun>,
) -> impl IntoView {
    let left = LeftOut {
        run_id: run.with_untracked(|run| run.summary.id.to_string()),
        has_file: Memo::new(move |_| run.with(|run| run.has_rejects)),
        details,
    };
    let ours = left.clone();
    let counts = Memo::new(move |_| run.with(|run| run.summary.counts));
    let groups = Memo::new(move |_| run.with(|run| run.left_out.clone()));
    // Each part stays while its numbers change, so that opened reasons stay open.
    view! {
        <ol class="funnel">
            <Row counts bar=DECLARED />
            <Row counts bar=READ />
            <Gap counts groups side=Side::Ours left=ours />
            <Row counts bar=VALID />
            <Row counts bar=SENT />
            <Gap counts groups side=Side::Destination left />
            <Row counts bar=ACKNOWLEDGED />
        </ol>
    }
}

#[component]
fn Row(counts: Memo<RunCounts>, bar: Bar) -> impl IntoView {
    let rows = Memo::new(move |_| counts.with(bar.rows));
    let width = move || counts.with(|counts| on_scale(counts, (bar.rows)(counts).unwrap_or(0)));
    view! {
        <li class="funnel-row" hidden=move || rows.get().is_none()>
            <span class="funnel-name" title=bar.help>{bar.name}</span>
            <span class="funnel-bar"><span style:width=width></span></span>
            <span class="count">{move || grouped(rows.get().unwrap_or(0))}</span>
        </li>
    }
}

/// Who left rows out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Usher, between reading and sending.
    Ours,
    /// The destination, after they were sent.
    Destination,
}

impl Side {
    fn rows(self, counts: &RunCounts) -> u64 {
        match self {
            Self::Ours => counts.rejected,
            Self::Destination => counts.refused,
        }
    }

    /// Where the gap begins: what went on.
    fn went_on(self, counts: &RunCounts) -> u64 {
        match self {
            Self::Ours => counts.valid,
            Self::Destination => counts.acknowledged,
        }
    }

    fn said(self, counts: &RunCounts) -> String {
        let rows = counted(self.rows(counts), "row", "rows");
        match self {
            Self::Ours => format!("{rows} rejected before sending"),
            Self::Destination => format!("{rows} refused by the destination"),
        }
    }

    fn gave(self, group: &RejectGroup) -> bool {
        (group.code == RejectCode::Refused) == (self == Self::Destination)
    }
}

/// Where what was left out is found.
#[derive(Clone)]
struct LeftOut {
    run_id: String,
    has_file: Memo<bool>,
    details: RwSignal<BesideRun>,
}

impl LeftOut {
    /// The values that rows of a group had, hidden but for their form.
    fn values(&self, group: &RejectGroup) -> Vec<String> {
        let field = group.field.as_deref().unwrap_or_default();
        self.details.with(|details| {
            let of = details.samples.iter().find(|sample| sample.code == group.code.as_str() && sample.field == field);
            of.map(|sample| sample.values.clone()).unwrap_or_default()
        })
    }

    /// The file with the rows of a group. Those that the destination refused have one code there.
    fn file(&self, group: &RejectGroup) -> Option<String> {
        let field = escaped(group.field.as_deref().unwrap_or_default());
        self.has_file
            .get()
            .then(|| format!("/runs/{}/rejects.csv?code={}&field={field}", self.run_id, group.code.as_str()))
    }
}

#[component]
fn Gap(counts: Memo<RunCounts>, groups: Memo<Vec<RejectGroup>>, side: Side, left: LeftOut) -> impl IntoView {
    let reasons = move || {
        let left = left.clone();
        let mine = groups.get().into_iter().filter(move |group| side.gave(group));
        mine.map(|group| {
            let code = group.destination_code.clone().unwrap_or_else(|| group.code.as_str().to_owned());
            let values: Vec<_> = left
                .values(&group)
                .into_iter()
                .map(|value| {
                    if value.is_empty() {
                        view! { <span class="soft">"(empty)"</span>" " }.into_any()
                    } else {
                        view! { <code>{value}</code>" " }.into_any()
                    }
                })
                .collect();
            let label = format!("Download the rows: {}", group.reason);
            let file = left
                .file(&group)
                .map(|href| view! { <a href=href rel="external" download="" aria-label=label>"Rows"</a> });
            view! {
                <tr>
                    <th scope="row" data-label="Reason">{group.reason}</th>
                    <td data-label="Field">{group.field.map(|field| view! { <code>{field}</code> })}</td>
                    <td data-label="Code"><code>{code}</code></td>
                    <td data-label="For example">{values}</td>
                    <td data-label="Rows" class="number">{grouped(group.rows)}</td>
                    <td data-label="Download">{file}</td>
                </tr>
            }
        })
        .collect::<Vec<_>>()
    };
    let from = move || counts.with(|counts| on_scale(counts, side.went_on(counts)));
    let width = move || counts.with(|counts| on_scale(counts, side.rows(counts)));
    view! {
        <li class="funnel-gap" hidden=move || counts.with(|counts| side.rows(counts) == 0)>
            <details class="gap">
                <summary>
                    <span class="gap-said">{move || counts.with(|counts| side.said(counts))}</span>
                    <span class="gap-bar" aria-hidden="true"><span style:margin-inline-start=from style:width=width></span></span>
                    <span class="count" aria-hidden="true">{move || counts.with(|counts| format!("−{}", grouped(side.rows(counts))))}</span>
                </summary>
                <table class="list">
                    <thead>
                        <tr>
                            <th scope="col">"Reason"</th>
                            <th scope="col">"Field"</th>
                            <th scope="col">"Code"</th>
                            <th scope="col">"For example"</th>
                            <th scope="col" class="number">"Rows"</th>
                            <th scope="col">"Download"</th>
                        </tr>
                    </thead>
                    <tbody>{reasons}</tbody>
                </table>
            </details>
        </li>
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
            rejected: 50,
            sent: 150,
            acknowledged: 1,
            ..RunCounts::default()
        };
        let bars = [DECLARED, READ, VALID, SENT, ACKNOWLEDGED];
        let widths = bars.map(|bar| on_scale(&counts, (bar.rows)(&counts).unwrap_or(0)));
        assert_eq!(widths, ["100.00%", "100.00%", "75.00%", "75.00%", "0.50%"]);
        assert_eq!(on_scale(&counts, Side::Ours.rows(&counts)), "25.00%", "a gap is as wide as what is missing");
        assert_eq!(on_scale(&RunCounts::default(), 0), "0.00%");
        assert_eq!((DECLARED.rows)(&RunCounts::default()), None, "what is not declared has no bar");
    }
}
