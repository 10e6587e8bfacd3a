//! What the pages of an application have in common, for its provider, for the operator and for who has connected it: how it begins, what it says line by
//! line with what differs from another version, its history.

use leptos::prelude::*;
use model::application::{
    ApplicationEntry, ApplicationEvent, ApplicationPage, HistoryEntry, Line, VersionState, logo_path,
};

use crate::{
    components::{
        badge::{Badge, Tone},
        count::counted,
        field::ErrorSummary,
        notice::Done,
        page::PageHead,
        time::Time,
    },
    flash::FormState,
};

/// How the page of an application begins: its name, what became of the form, where its newest version stands.
#[component]
pub fn ApplicationHead(
    /// What the list shows of it.
    entry: ApplicationEntry,
    /// The list.
    above: (&'static str, &'static str),
    /// Below the name.
    lead: String,
    /// The page's form.
    form: FormState,
    /// Its inputs.
    #[prop(optional)]
    fields: &'static [(&'static str, &'static str)],
    /// What can be done with it.
    #[prop(optional)]
    actions: Vec<AnyView>,
) -> impl IntoView {
    let notice = form.notice().map(|text| view! { <Done text /> });
    let logo = entry
        .logo
        .as_deref()
        .map(logo_path)
        .map(|src| view! { <img class="logo" src=src alt="" width="48" height="48" /> });
    let (title, above) = (entry.name, vec![(above.0.to_owned(), above.1.to_owned())]);
    let head = if actions.is_empty() {
        view! { <PageHead title above lead /> }.into_any()
    } else {
        view! { <PageHead title above lead>{actions}</PageHead> }.into_any()
    };
    view! {
        {head}
        {notice}
        <ErrorSummary form fields />
        <p class="with-logo">
            {logo}
            <StateBadge state=entry.state />
            <span class="soft">{format!("version {}, changed ", entry.version)}<Time at=entry.updated_at /></span>
        </p>
    }
}

/// What the newest version of an application says, with what differs from the approved one.
#[component]
pub fn WhatItSays(
    /// The application.
    page: ApplicationPage,
) -> impl IntoView {
    let approved_version = page.entry.approved_version.filter(|approved| *approved != page.entry.version);
    view! {
        <section aria-labelledby="says">
            <h2 id="says">"What it says"</h2>
            <Lines lines=page.lines approved_version />
        </section>
    }
}

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
    #[prop(optional_no_strip, into)]
    approved_version: Option<u32>,
    /// What the two versions are called above their columns.
    #[prop(default = ("Approved".to_owned(), "This version".to_owned()))]
    heads: (String, String),
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
                        <td data-label=heads.0.clone()><del class="says-before">{cell(line.before, "nothing")}</del></td>
                        <td data-label=heads.1.clone()><ins class="says-now">{cell(line.now, "nothing any more")}</ins></td>
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
                            <th scope="col">{heads.0}</th>
                            <th scope="col">{heads.1}</th>
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
    let list = if items.is_empty() {
        view! { <p class="soft">"Nothing has happened to it yet."</p> }.into_any()
    } else {
        view! { <ol class="history">{items}</ol> }.into_any()
    };
    view! {
        <section aria-labelledby="history">
            <h2 id="history">"History"</h2>
            {list}
        </section>
    }
}
