//! What was: an audience's size over time, and what changed in one audience or in all of an endpoint.

use leptos::prelude::*;
use model::catalogue::{AudienceChange, SizePoint};

use crate::components::{count::grouped, time::Time};

/// The size over time: a chart when it ever changed, and the same as a table.
#[component]
pub(super) fn Sizes(
    /// As SVG; it holds numbers and dates only.
    chart: Option<String>,
    points: Vec<SizePoint>,
) -> impl IntoView {
    let Some(chart) = chart else {
        let since = points.first().map(|point| point.at.clone())?;
        return Some(
            view! {
                <section aria-labelledby="size">
                    <h2 id="size">"Size over time"</h2>
                    <p class="soft">"It has not changed since Usher first saw it, " <Time at=since /> "."</p>
                </section>
            }
            .into_any(),
        );
    };
    let rows: Vec<_> = points
        .into_iter()
        .rev()
        .map(|point| {
            let difference = point.difference.map(signed).unwrap_or_default();
            view! {
                <tr>
                    <th scope="row" data-label="From"><Time at=point.at /></th>
                    <td data-label="People" class="number"><span class="count">{grouped(point.size)}</span></td>
                    <td data-label="Difference" class="number"><span class="count">{difference}</span></td>
                </tr>
            }
        })
        .collect();
    Some(
        view! {
            <section aria-labelledby="size">
                <h2 id="size">"Size over time"</h2>
                <div class="size-over-time" inner_html=chart></div>
                <details class="size-table">
                    <summary>"As a table"</summary>
                    <table class="list">
                        <thead>
                            <tr>
                                <th scope="col">"From"</th>
                                <th scope="col" class="number">"People"</th>
                                <th scope="col" class="number">"Difference"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </details>
            </section>
        }
        .into_any(),
    )
}

/// "+12" or "−12": more or fewer than before.
pub(super) fn signed(difference: i64) -> String {
    let sign = match difference {
        0 => "",
        1.. => "+",
        _ => "\u{2212}",
    };
    format!("{sign}{}", grouped(difference.unsigned_abs()))
}

/// What changed, the newest first.
#[component]
pub fn ChangeList(
    /// Which changes.
    changes: Vec<AudienceChange>,
    /// Say of which audience each is.
    names: bool,
) -> impl IntoView {
    let items: Vec<_> = changes
        .into_iter()
        .map(|change| {
            let name = names.then(|| {
                view! { <a href=format!("/audiences/{}", change.audience_id)>{change.audience_name.clone()}</a> }
            });
            view! {
                <li>
                    <span class="soft"><Time at=change.at /></span>
                    {name}
                    <span>{change.change.sentence()}</span>
                </li>
            }
        })
        .collect();
    view! { <ul class="plain-list audience-changes">{items}</ul> }
}
