//! Empty states: one sentence, and the next step as a button.

use leptos::prelude::*;

/// There is nothing here yet, or nothing that matches.
#[component]
pub fn EmptyState(
    /// The sentence.
    #[prop(into)]
    text: String,
    /// The next step.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty-state">
            <p>{text}</p>
            {children.map(|children| children())}
        </div>
    }
}
