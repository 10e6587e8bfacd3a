//! What an application says, line by line, with what differs from its approved version; its state; its history.

use leptos::prelude::*;
use model::application::{ApplicationEvent, HistoryEntry, Line, VersionState};

use crate::components::{
    badge::{Badge, Tone},
    count::counted,
    time::Time,
};

/// A version's state.
#[component]
pub fn StateBadge(
    /// The state.
    state: VersionState,
) -> impl IntoView {
    let tone = match state {
        VersionState::Draft => Tone::Neutral,
        VersionState::InReview => Tone::Active,
        VersionState::Approved => Tone::Good,
        VersionState::Rejected => Tone::Bad,
    };
    view! { <Badge tone text=state.label() /> }
}

/// The lines; those that differ first, when it is compared with an approved version.
#[component]
pub fn Lines(
    /// What it says.
    lines: Vec<Line>,
    /// The version that it is compared with.
    #[prop(optional_no_strip)]
    approved_version: Option<u32>,
) -> impl IntoView {
    let (differing, same): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| approved_version.is_some() && line.before != line.now);
    let changes = approved_version.map(|version| {
        let heading = match differing.len() {
            0 => format!("Nothing differs from version {version}"),
            count => format!("{} from version {version}", counted(count as u64, "difference", "differences")),
        };
        let rows: Vec<_> = differing
            .into_iter()
            .map(|line| {
                let cell = |text: Option<String>, word: &'static str| match text {
                    Some(text) => view! { <span class="says">{text}</span> }.into_any(),
                    None => view! { <span class="soft">{word}</span> }.into_any(),
                };
                view! {
                    <tr>
                        <th scope="row" data-label="What">{line.what}</th>
                        <td data-label="Approved"><del class="says-before">{cell(line.before, "nothing")}</del></td>
                        <td data-label="This version"><ins class="says-now">{cell(line.now, "nothing any more")}</ins></td>
                    </tr>
                }
            })
            .collect();
        let table = (!rows.is_empty()).then(|| {
            view! {
                <table class="list differences">
                    <thead>
                        <tr>
                            <th scope="col">"What"</th>
                            <th scope="col">"Approved"</th>
                            <th scope="col">"This version"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            }
        });
        view! {
            <h3>{heading}</h3>
            {table}
        }
    });
    let same: Vec<_> = same
        .into_iter()
        .filter_map(|line| {
            let text = line.now?;
            Some(view! {
                <div>
                    <dt>{line.what}</dt>
                    <dd class="says">{text}</dd>
                </div>
            })
        })
        .collect();
    let rest = approved_version.map(|_| view! { <h3>"The same as before"</h3> });
    view! {
        {changes}
        {rest}
        <dl class="definition">{same}</dl>
    }
}

/// What happened, the newest first.
#[component]
pub fn History(
    /// The events.
    history: Vec<HistoryEntry>,
) -> impl IntoView {
    if history.is_empty() {
        return view! { <p class="soft">"Nothing has happened to it yet."</p> }.into_any();
    }
    let items: Vec<_> = history
        .into_iter()
        .map(|entry| {
            let what = match entry.event {
                ApplicationEvent::Begun => "Begun",
                ApplicationEvent::Submitted => "Submitted for review",
                ApplicationEvent::Withdrawn => "Taken back from review",
                ApplicationEvent::Approved => "Approved",
                ApplicationEvent::Rejected => "Rejected",
                ApplicationEvent::Retired => "Retired",
                ApplicationEvent::Restored => "Put back into the gallery",
            };
            view! {
                <li>
                    <p><strong>{what}</strong>{format!(", version {}, by {}, ", entry.version, entry.by)}<Time at=entry.at /></p>
                    {entry.note.map(|note| view! { <p class="says">{note}</p> })}
                </li>
            }
        })
        .collect();
    view! { <ol class="history">{items}</ol> }.into_any()
}
