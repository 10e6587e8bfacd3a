//! Skeletons: what stands in a list's place while it loads, in its final layout, so that nothing jumps.

use leptos::prelude::*;

/// That many rows of a list.
#[component]
pub fn Skeleton(
    /// How many.
    #[prop(default = 6)]
    rows: usize,
) -> impl IntoView {
    let rows: Vec<_> = (0..rows).map(|_| view! { <div class="skeleton-row"></div> }).collect();
    view! {
        <div class="skeleton" aria-busy="true">
            <span class="visually-hidden">"Loading"</span>
            {rows}
        </div>
    }
}
