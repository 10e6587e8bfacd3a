//! What one page tells the next: the outcome of a form that was posted without the page's program. Kept in the session until it is read, so
//! that nothing typed stands in an address; never a password or a key.

use std::collections::BTreeMap;

use leptos::prelude::*;
use model::error::HubError;
use serde::{Deserialize, Serialize};

use crate::{actions::Answered, error::AppError};

/// The outcome of a posted form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// What was typed, by the inputs' names; without secrets.
    pub values: BTreeMap<String, String>,
    /// What is wrong with it.
    pub error: Option<HubError>,
    /// What was done.
    pub notice: Option<String>,
}

/// Takes what was left for the page at `path`.
#[server(endpoint = "take_flash", protocol = crate::Called)]
pub async fn take_flash(path: String) -> Result<Flash, AppError> {
    let session = crate::session::session().await?;
    Ok(session.remove::<Flash>(&server::key(&path)).await.ok().flatten().unwrap_or_default())
}

/// A form of a page: what to show in it and what is wrong with it, whichever way it was posted.
#[derive(Clone, Copy)]
pub struct Form {
    flash: crate::answers::Answer<Flash>,
    live: Signal<Answered>,
}

impl Form {
    /// For the page at `path`; `live` is what came of the action that posts the form while the program runs.
    pub fn new(path: impl Fn() -> String + Send + Sync + 'static, live: Signal<Answered>) -> Self {
        Self { flash: crate::answers::ask(path, take_flash), live }
    }

    /// The form's state: read it under `Suspense`.
    pub async fn state(self) -> FormState {
        FormState { flash: self.flash.await.unwrap_or_default(), live: self.live }
    }
}

/// A form's state.
#[derive(Clone)]
pub struct FormState {
    flash: Flash,
    live: Signal<Answered>,
}

impl FormState {
    /// What was typed into an input.
    pub fn value(&self, name: &str) -> String {
        self.value_or(name, String::new())
    }

    /// What was typed into an input, also when that is nothing; what it begins with, while it was not posted.
    pub fn value_or(&self, name: &str, initial: String) -> String {
        self.flash.values.get(name).cloned().unwrap_or(initial)
    }

    /// Something was typed: a box without a value was not ticked.
    pub fn is_typed(&self) -> bool {
        !self.flash.values.is_empty()
    }

    /// What was done.
    pub fn notice(&self) -> Option<String> {
        self.flash.notice.clone()
    }

    /// What is wrong with the form as a whole.
    pub fn error(&self) -> Signal<Option<AppError>> {
        let (first, live) = (self.flash.error.clone().map(AppError::Hub), self.live);
        // On the server the action also knows the error of a plain post, but the browser's first look does not: only the flash is common.
        Signal::derive(move || {
            let answered = if cfg!(feature = "ssr") { None } else { live.get() };
            answered.map_or_else(|| first.clone(), Result::err)
        })
    }

    /// What is wrong with one input.
    pub fn problem(&self, name: &str) -> Signal<Option<String>> {
        let (error, name) = (self.error(), name.to_owned());
        Signal::derive(move || {
            error.with(|error| error.as_ref().and_then(|error| error.problem_of(&name)).map(str::to_owned))
        })
    }
}

#[cfg(feature = "ssr")]
pub use server::{LONGEST_VALUE, done, fail, is_plain_form_post, leave, leave_in};

#[cfg(feature = "ssr")]
mod server {
    use http::{Method, header::ACCEPT, request::Parts};
    use leptos::prelude::use_context;
    use model::error::HubError;

    use super::Flash;
    use crate::error::AppError;

    /// Bytes of a typed value that are given back at most: far more than any input takes.
    pub const LONGEST_VALUE: usize = 64 * 1024;
    /// The same where nobody is signed in: whoever likes may post there, and each post without a cookie is a session of its own.
    const LONGEST_VALUE_AT_THE_DOOR: usize = 1_000;

    pub(super) fn key(path: &str) -> String {
        format!("flash {path}")
    }

    /// The form was posted by the browser itself, not by our program. A page that is asked for is no such post.
    pub async fn is_plain_form_post() -> bool {
        use_context::<Parts>().is_some_and(|request| {
            let accept = request.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
            request.method == Method::POST && accept.is_some_and(|accept| accept.contains("text/html"))
        })
    }

    /// Leaves word for the page at `path`.
    pub async fn leave(path: &str, flash: Flash) -> Result<(), AppError> {
        let session = crate::session::session().await?;
        leave_in(&session, path, flash).await.map_err(|error| AppError::Transport(error.to_string()))
    }

    /// The same, from a route that is no page's own.
    pub async fn leave_in(
        session: &tower_sessions::Session,
        path: &str,
        mut flash: Flash,
    ) -> Result<(), tower_sessions::session::Error> {
        let longest = match session.get_value(crate::session::USER_ID).await? {
            Some(_) => LONGEST_VALUE,
            None => LONGEST_VALUE_AT_THE_DOOR,
        };
        for value in flash.values.values_mut() {
            value.truncate(value.floor_char_boundary(longest));
        }
        session.insert(&key(path), flash).await
    }

    /// Answers a form that was taken: what was done reaches the page at `path` in either way.
    pub async fn done(path: &str, notice: String) -> Result<String, AppError> {
        if is_plain_form_post().await {
            leave(path, Flash { notice: Some(notice.clone()), ..Flash::default() }).await?;
            leptos_axum::redirect(path);
        }
        Ok(notice)
    }

    /// Answers a form that could not be taken: what was typed and what is wrong reach the page at `path` in either way.
    pub async fn fail(path: &str, values: &[(&str, &str)], error: HubError) -> AppError {
        if is_plain_form_post().await {
            let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let left = leave(path, Flash { values, error: Some(error.clone()), notice: None }).await;
            if let Err(error) = left {
                return error;
            }
            leptos_axum::redirect(path);
            return error.into();
        }
        match crate::session::answer::<()>(Err(error.clone())).await {
            Err(error) => error,
            Ok(()) => error.into(),
        }
    }
}
