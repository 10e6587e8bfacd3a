//! Where in the making of a share a page stands: the five steps, as links once they can be reached.

use leptos::prelude::*;
use model::view::ShareView;

use crate::components::{
    count::counted,
    icon::{Icon, IconName},
};

/// One of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Who is sent.
    Audience,
    /// Where it goes.
    Destination,
    /// Which field feeds which.
    Mapping,
    /// How the segment is changed, and when it runs.
    When,
    /// All of it, before it is shared.
    Review,
}

/// The steps, with the present one marked.
#[component]
pub fn Steps(
    /// The share.
    share: ShareView,
    /// The present one.
    current: Step,
) -> impl IntoView {
    let id = share.id.as_str();
    let chosen = share.destination.is_some();
    let mapped = chosen && !share.mapping.links.is_empty();
    let steps = [
        ("Audience", Some(format!("/shares/{id}/audience")), Some(Step::Audience), true),
        ("Destination", Some(format!("/shares/{id}/destination")), Some(Step::Destination), chosen),
        ("Mapping", chosen.then(|| format!("/shares/{id}/mapping")), Some(Step::Mapping), mapped),
        ("When and how", mapped.then(|| format!("/shares/{id}/when")), Some(Step::When), mapped),
        ("Review", mapped.then(|| format!("/shares/{id}/review")), Some(Step::Review), false),
    ];
    let items: Vec<_> = steps
        .into_iter()
        .enumerate()
        .map(|(position, (name, href, step, done))| {
            let is_current = step == Some(current);
            let number = view! { <span class="number" aria-hidden="true">{position + 1}</span> };
            let inside = match href {
                Some(href) => {
                    view! { <a href=href aria-current=is_current.then_some("step")>{number}{name}</a> }.into_any()
                }
                None => view! { <span class="step" aria-current=is_current.then_some("step")>{number}{name}</span> }
                    .into_any(),
            };
            view! { <li class:done=done && !is_current>{inside}</li> }
        })
        .collect();
    let templates = (current == Step::Mapping && share.templates > 0 && share.mapping.links.is_empty()).then(|| {
        let words = counted(u64::from(share.templates), "template", "templates");
        view! {
            <p class="notice">
                <span>
                    {words}" for these two applications: "<a href=format!("/shares/{id}/templates")>"start from one"</a>
                </span>
            </p>
        }
    });
    view! {
        <nav class="steps" aria-label="Steps of sharing">
            <ol>{items}</ol>
        </nav>
        <FieldsChanged share=share.clone() />
        {templates}
    }
}

/// What became of the share since its fields changed, when anything did.
#[component]
pub fn FieldsChanged(
    /// The share.
    share: ShareView,
) -> impl IntoView {
    let path = format!("/shares/{}/changes", share.id);
    let because = share
        .held_because
        .or_else(|| (!share.drift.breaks.is_empty()).then(|| "Its mapping no longer fits".to_owned()));
    match (because, share.drift.changes.len()) {
        (Some(because), _) => view! {
            <p class="notice warn">
                <Icon name=IconName::Warning />
                <span>{because}". No run of this share starts until it is mended. "<a href=path>"See what changed"</a></span>
            </p>
        }
        .into_any(),
        (None, 0) => ().into_any(),
        (None, changes) => {
            let words = counted(changes as u64, "change", "changes");
            view! {
                <p class="notice">
                    <span>{words}" of the fields since somebody last looked; nothing breaks. "<a href=path>"See what changed"</a></span>
                </p>
            }
            .into_any()
        }
    }
}
