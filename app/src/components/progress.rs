//! A bar of how far something is; without a share of the whole it says only that it goes on.

use leptos::prelude::*;

/// A progress bar.
#[component]
pub fn Progress(
    /// What is under way, for screen readers.
    #[prop(into)]
    label: String,
    /// 0 to 100; none while it can't be told.
    #[prop(into)]
    percent: Signal<Option<u8>>,
) -> impl IntoView {
    view! {
        <div
            class="progress"
            class:unknown=move || percent.get().is_none()
            role="progressbar"
            aria-label=label
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=move || percent.get().map(|percent| percent.to_string())
        >
            <div class="bar" style:width=move || format!("{}%", percent.get().unwrap_or(30))></div>
        </div>
    }
}
