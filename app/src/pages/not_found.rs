//! The page for addresses that lead nowhere.

use leptos::prelude::*;
use leptos_meta::Title;

/// There is no such page.
#[component]
pub fn NotFound() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    view! {
        <Title text="Not found" />
        <main id="main" class="lone">
            <h1>"There is no such page"</h1>
            <p class="lead">"The address may be mistyped, or what it led to is gone."</p>
            <a class="button primary" href="/">"To the start page"</a>
        </main>
    }
}
