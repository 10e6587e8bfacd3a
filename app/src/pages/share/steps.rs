//! Where in the making of a share a page stands: the five steps, as links once they can be reached.

use leptos::prelude::*;
use model::view::ShareView;

/// One of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
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
        ("Audience", Some(format!("/audiences/{}", share.audience.id)), None, true),
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
    view! {
        <nav class="steps" aria-label="Steps of sharing">
            <ol>{items}</ol>
        </nav>
    }
}
