//! Notices: what happened, what was kept, what to do. Polite ones for what was done, urgent ones for what failed.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
};

use super::icon::{Icon, IconName};
use crate::{door, error::AppError};

/// Something was done.
#[component]
pub fn Done(
    /// What.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    view! {
        <p class="notice good" role="status">
            <Icon name=IconName::Done />
            {text}
        </p>
    }
}

/// A page, or a part of one, could not be shown. Who is not signed in any more is led to the sign-in page, and from there back.
#[component]
pub fn Trouble(
    /// Why.
    error: AppError,
) -> impl IntoView {
    if error.is_signed_out() {
        return view! { <SignedOut /> }.into_any();
    }
    view! {
        <div class="notice bad" role="alert">
            <Icon name=IconName::Failed />
            <p>{error.to_string()}</p>
        </div>
    }
    .into_any()
}

#[component]
fn SignedOut() -> impl IntoView {
    let (way, navigate) = (way_to_sign_in(), use_navigate());
    let href = way.clone();
    // The browser only: the server leads there itself.
    Effect::new(move |_| navigate(&way, NavigateOptions { replace: true, ..NavigateOptions::default() }));
    view! {
        <p class="notice" role="status">
            <span>"You were signed out. "<a href=href>"Sign in again"</a></span>
        </p>
    }
}

/// The sign-in page's address, for somebody who was signed out on the present page.
pub fn way_to_sign_in() -> String {
    let location = use_location();
    let (path, query) = (location.pathname.get_untracked(), location.search.get_untracked());
    let query = if query.is_empty() { query } else { format!("?{}", query.trim_start_matches('?')) };
    door::sign_in_path(&format!("{path}{query}"), true)
}
