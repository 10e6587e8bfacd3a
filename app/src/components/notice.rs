//! Notices: what happened, what was kept, what to do. Polite ones for what was done, urgent ones for what failed.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
};
use model::error::HubError;

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

/// A page, or a part of one, could not be shown; with the next step where there is one. Who is not signed in any more is led to the sign-in page, and from there
/// back.
#[component]
pub fn Trouble(
    /// Why.
    error: AppError,
) -> impl IntoView {
    if error.is_signed_out() {
        return view! { <SignedOut /> }.into_any();
    }
    let next = match &error {
        AppError::Hub(HubError::NotFound { .. }) => {
            let (href, words) = list_around(&use_location().pathname.get_untracked());
            Some(view! { <a href=href>{words}</a> }.into_any())
        }
        AppError::Transport(_) | AppError::Hub(HubError::SlowDown { .. } | HubError::Internal { .. }) => {
            Some(view! { <a href=here() rel="external">"Load the page again"</a> }.into_any())
        }
        AppError::Hub(_) => None,
    };
    let said = match &error {
        AppError::Transport(_) => "Usher could not be reached. Try again in a moment.".to_owned(),
        AppError::Hub(error) => error.to_string(),
    };
    view! {
        <div class="notice bad" role="alert">
            <Icon name=IconName::Failed />
            <p>{said} " " {next}</p>
        </div>
    }
    .into_any()
}

/// Where the things are of which one was meant by an address, and how a link there is called.
fn list_around(path: &str) -> (&'static str, &'static str) {
    const START: (&str, &str) = ("/", "To the start page");
    let list = match path.split('/').nth(1).unwrap_or_default() {
        "audiences" => ("/audiences", "See all audiences"),
        "shares" => ("/shares", "See all shares"),
        "runs" => ("/runs", "See all runs"),
        "endpoints" => ("/endpoints", "See all endpoints"),
        "connect" => ("/connect", "See all applications"),
        "schedule" => ("/schedule", "See the schedule"),
        "applications" => ("/applications", "See your applications"),
        "review" => ("/review", "See what is to be reviewed"),
        "people" => ("/people", "See who is in the account"),
        _ => START,
    };
    // Who is not let in there is not led there again.
    if list.0 == path { START } else { list }
}

/// The present page's address.
fn here() -> String {
    let location = use_location();
    let (path, query) = (location.pathname.get_untracked(), location.search.get_untracked());
    let query = if query.is_empty() { query } else { format!("?{}", query.trim_start_matches('?')) };
    format!("{path}{query}")
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
    door::sign_in_path(&here(), true)
}
