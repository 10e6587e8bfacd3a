//! When a share's runs come: the part of the form "When and how" that says so. Its inputs are sent with that form (`when::save_when`).

use leptos::prelude::*;
use model::view::ShareView;

/// When the share's runs come.
#[component]
pub fn Timing(
    /// The share.
    share: ShareView,
) -> impl IntoView {
    let audience = share.audience.name;
    view! {
        <fieldset class="timing" id="timing">
            <legend>"When"</legend>
            <p>{format!("Each time somebody presses “Share now”, “{audience}” is read anew and sent.")}</p>
        </fieldset>
    }
}
