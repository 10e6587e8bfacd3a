//! A field's handle: what a link is drawn from, by pointer or by key.

use leptos::prelude::*;

use super::{
    carry::{Place, Side},
    work::{Standing, Work},
};

/// The id of a handle's element.
pub fn handle_id(place: Place) -> String {
    match place.side {
        Side::Source => format!("source-handle-{}", place.index),
        Side::Destination => format!("target-handle-{}", place.index),
    }
}

/// A handle.
#[component]
pub fn Handle(
    /// The page's state.
    work: Work,
    /// Whose.
    place: Place,
    /// The field's name for people.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let standing = work.turns.follow(place, move || work.standing(place));
    let said = move || match (standing.get(), place.side) {
        (Standing::Carried, _) => format!("Put {label} down"),
        (Standing::Allowed | Standing::Over, _) => format!("Link with {label}"),
        (_, Side::Source) => format!("Pick up {label}, a field of the audience"),
        (_, Side::Destination) => format!("Pick up {label}, a field of the destination"),
    };
    view! {
        <button
            type="button"
            class="handle needs-program"
            id=handle_id(place)
            aria-label=said
            aria-describedby="carry-help"
            aria-pressed=move || (standing.get() == Standing::Carried).to_string()
            on:click=move |_| work.press(place)
        >
            <span class="dot"></span>
        </button>
    }
}
