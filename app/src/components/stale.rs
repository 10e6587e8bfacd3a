//! A form that somebody else was faster with: what was chosen is still there, and can be put in place on purpose.

use leptos::prelude::*;
use model::error::HubError;
use serde::{Deserialize, Serialize};

use crate::{error::AppError, flash::FormState};

/// Which version a form was made from, as it is sent with the form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The version that the page showed.
    #[serde(default)]
    pub version: String,
    /// Not empty when the person knows of the newer choice and wants theirs.
    #[serde(default)]
    pub in_place: String,
}

impl Seen {
    /// The version that the form was made from; none when the person wants theirs whatever there is.
    pub fn version(&self) -> Option<u32> {
        if self.in_place.is_empty() { self.version.parse().ok() } else { None }
    }
}

/// The version that the page showed and, once it turned out to be an old one, the choice to put this one in its place. Stands within the form.
#[component]
pub fn SeenVersion(
    /// The form's state.
    form: FormState,
    /// The version that the page shows.
    version: u32,
    /// The page's address, to look at what is there now.
    #[prop(into)]
    page: String,
) -> impl IntoView {
    // Without the page's program the page was loaded anew: what the person had before them is what they sent.
    let seen = form.value("seen");
    let seen = if seen.is_empty() { version.to_string() } else { seen };
    let error = form.error();
    let is_outdated =
        Memo::new(move |_| error.with(|error| matches!(error, Some(AppError::Hub(HubError::Outdated { .. })))));
    view! {
        <input type="hidden" name="seen[version]" value=seen />
        {move || {
            let page = page.clone();
            is_outdated
                .get()
                .then(move || {
                    view! {
                        <div class="notice warn outdated">
                            <label>
                                <input type="checkbox" name="seen[in_place]" value="yes" />
                                " Put mine in place of it"
                            </label>
                            <a href=page rel="external">"Look at what is there now"</a>
                        </div>
                    }
                })
        }}
    }
}
