//! Notices: what happened, what was kept, what to do. Polite ones for what was done, urgent ones for what failed.

use leptos::prelude::*;

use super::icon::{Icon, IconName};
use crate::error::AppError;

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

/// A page, or a part of one, could not be shown.
#[component]
pub fn Trouble(
    /// Why.
    error: AppError,
) -> impl IntoView {
    view! {
        <div class="notice bad" role="alert">
            <Icon name=IconName::Failed />
            <p>{error.to_string()}</p>
        </div>
    }
}
