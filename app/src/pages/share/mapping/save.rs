//! Saving while people work: a moment after each change, one call at a time, tried again by itself, and never silently not.

use std::time::Duration;

use leptos::{prelude::*, server_fn::ServerFn, task::spawn_local};
use model::{error::HubError, mapping::Mapping};

use super::{
    SaveMapping,
    keep::{self, Kept},
    save_mapping,
};
use crate::error::AppError;

/// So long after the last change.
const PAUSE: Duration = Duration::from_millis(400);
/// So long after the first call that failed; twice as long after each further one.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// But never longer than this.
const LAST_RETRY: Duration = Duration::from_secs(30);

/// How the mapping on the page stands to that on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveState {
    /// The same.
    Saved,
    /// Under way, or about to be.
    Saving,
    /// It could not be saved.
    Failed(Failure),
}

/// Why it could not be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened, what was kept, and what comes next.
    pub message: String,
    /// Signing in again, in another tab, mends it.
    pub is_signed_out: bool,
    /// Somebody else was faster; the person may put this mapping in place of theirs.
    pub is_outdated: bool,
    /// It is tried again without anybody's doing.
    pub passes: bool,
}

impl Failure {
    fn of(error: &AppError) -> Self {
        let is_signed_out = error.is_signed_out();
        let (message, passes) = match error {
            AppError::Transport(_) => (
                "Usher can't be reached. Your changes are kept here, and saved as soon as it answers.".to_owned(),
                true,
            ),
            AppError::Hub(HubError::SignedOut) => (
                "You were signed out. Your changes are kept here, and saved as soon as you are signed in again."
                    .to_owned(),
                true,
            ),
            AppError::Hub(error @ (HubError::SlowDown { .. } | HubError::Internal { .. })) => {
                (format!("{error} Your changes are kept here, and saving them is tried again."), true)
            }
            AppError::Hub(error) => (error.to_string(), false),
        };
        let is_outdated = matches!(error, AppError::Hub(HubError::Outdated { .. }));
        Self { message, is_signed_out, is_outdated, passes }
    }
}

/// How long to wait after so many calls that failed.
fn retry_after(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(LAST_RETRY)
}

/// What saves.
#[derive(Clone, Copy)]
pub struct Saver {
    /// How it stands.
    pub state: RwSignal<SaveState>,
    /// A call is under way.
    pub calling: RwSignal<bool>,
    share_id: StoredValue<String>,
    mapping: Memo<Mapping>,
    on_server: StoredValue<Mapping>,
    /// The version that is on the server, as far as this page knows; none once the person wants theirs in place of whatever is there.
    version: StoredValue<Option<u32>>,
    waiting: StoredValue<Option<TimeoutHandle>>,
    failures: StoredValue<u32>,
    then: StoredValue<Option<Callback<()>>>,
}

impl Saver {
    /// Saves `mapping` from now on, a moment after each change; `on_server` is what the server has, as that version.
    pub fn new(share_id: String, mapping: Memo<Mapping>, on_server: Mapping, version: u32) -> Self {
        let is_same = mapping.with_untracked(|mapping| *mapping == on_server);
        let state = if is_same {
            SaveState::Saved
        } else {
            let message = "The last form could not be saved.".to_owned();
            SaveState::Failed(Failure { message, is_signed_out: false, is_outdated: false, passes: false })
        };
        let saver = Self {
            state: RwSignal::new(state),
            calling: RwSignal::new(false),
            share_id: StoredValue::new(share_id),
            mapping,
            on_server: StoredValue::new(on_server),
            version: StoredValue::new(Some(version)),
            waiting: StoredValue::new(None),
            failures: StoredValue::new(0),
            then: StoredValue::new(None),
        };
        Effect::new(move |before: Option<()>| {
            mapping.track();
            if before.is_some() && saver.is_saved() == Some(false) {
                if saver.has_failed() {
                    saver.keep();
                } else {
                    saver.state.set(SaveState::Saving);
                }
                saver.save_after(PAUSE);
            }
        });
        // Who leaves the page within the pause loses nothing: by a link, by closing or reloading it, or by putting the telephone away.
        on_cleanup(move || saver.save_at_leaving());
        let leaving = ["pagehide", "visibilitychange"].map(|event| {
            window_event_listener_untyped(event, move |_| {
                if event == "pagehide" || document().hidden() {
                    saver.send();
                }
            })
        });
        let online = window_event_listener_untyped("online", move |_| {
            if saver.has_failed() {
                saver.save();
            }
        });
        let closing = window_event_listener_untyped("beforeunload", move |event| {
            // The browser asks whether the page is really to be left.
            if saver.has_failed() && saver.is_saved() == Some(false) {
                event.prevent_default();
            }
        });
        on_cleanup(move || {
            leaving.into_iter().for_each(WindowListenerHandle::remove);
            online.remove();
            closing.remove();
        });
        saver
    }

    /// What this tab has kept, when it can still be saved: the server has had no other mapping since.
    pub fn kept(self) -> Option<Mapping> {
        let kept = keep::kept(&self.share_id.get_value())?;
        let is_newer =
            self.on_server.with_value(|on_server| kept.on_server == *on_server && kept.mapping != *on_server);
        if !is_newer {
            keep::forget(&self.share_id.get_value());
        }
        is_newer.then_some(kept.mapping)
    }

    /// None when the page is gone.
    fn is_saved(self) -> Option<bool> {
        self.mapping
            .try_with_untracked(|mapping| self.on_server.try_with_value(|on_server| mapping == on_server))
            .flatten()
    }

    fn has_failed(self) -> bool {
        self.state.try_with_untracked(|state| matches!(state, SaveState::Failed(_))) == Some(true)
    }

    fn save_after(self, pause: Duration) {
        self.stop_waiting();
        self.waiting.try_set_value(set_timeout_with_handle(move || self.save(), pause).ok());
    }

    fn stop_waiting(self) {
        if let Some(Some(handle)) = self.waiting.try_update_value(Option::take) {
            handle.clear();
        }
    }

    fn keep(self) {
        let (Some(share_id), Some(on_server), Some(mapping)) =
            (self.share_id.try_get_value(), self.on_server.try_get_value(), self.mapping.try_get_untracked())
        else {
            return;
        };
        keep::keep(&share_id, &Kept { on_server, mapping });
    }

    /// Saves what is not saved yet by a call that outlives the page. Whether that went well is nobody's to hear any more, so it is also kept.
    fn send(self) -> bool {
        let (Some(false), Some(share_id), Some(mapping)) =
            (self.is_saved(), self.share_id.try_get_value(), self.mapping.try_get_untracked())
        else {
            return true;
        };
        self.keep();
        let json = serde_json::to_string(&SaveMapping { share_id, mapping, seen: self.seen() });
        json.is_ok_and(|json| keep::send(SaveMapping::url(), &json))
    }

    fn save_at_leaving(self) {
        self.stop_waiting();
        // On the server nothing was changed.
        if !cfg!(feature = "hydrate") || self.send() {
            return;
        }
        // Too large for the browser to finish it by itself; but the program goes on.
        let (Some(share_id), Some(mapping)) = (self.share_id.try_get_value(), self.mapping.try_get_untracked()) else {
            return;
        };
        let seen = self.seen();
        spawn_local(async move {
            if save_mapping(share_id.clone(), mapping, seen).await.is_ok() {
                keep::forget(&share_id);
            }
        });
    }

    /// Saves now, then does `then`; when it can't be saved, that is said and nothing more is done.
    pub fn save_then(self, then: Callback<()>) {
        self.then.set_value(Some(then));
        self.save();
    }

    fn seen(self) -> Option<u32> {
        self.version.try_get_value().flatten()
    }

    /// Saves now, in place of what somebody else has saved meanwhile.
    pub fn save_in_place(self) {
        self.version.set_value(None);
        self.save();
    }

    /// Saves now.
    pub fn save(self) {
        self.stop_waiting();
        // A call under way looks for further changes when it returns: calls that overtake each other would leave an older mapping behind.
        if self.calling.try_get_untracked() == Some(false) {
            self.calling.set(true);
            spawn_local(self.call());
        }
    }

    async fn call(self) {
        let outcome = loop {
            let (Some(mapping), Some(share_id)) = (self.mapping.try_get_untracked(), self.share_id.try_get_value())
            else {
                return;
            };
            match self.is_saved() {
                None => return,
                Some(true) => break Ok(share_id),
                Some(false) => {}
            }
            // What is wrong stays said until it is mended: it would else be read out anew with each try.
            if !self.has_failed() {
                self.state.try_set(SaveState::Saving);
            }
            match save_mapping(share_id, mapping.clone(), self.seen()).await {
                Ok(version) => {
                    self.version.try_set_value(Some(version));
                    self.on_server.try_update_value(|on_server| *on_server = mapping);
                }
                Err(error) => break Err(Failure::of(&error)),
            }
        };
        self.calling.try_set(false);
        let then = self.then.try_update_value(Option::take).flatten();
        match outcome {
            Ok(share_id) => {
                self.failures.try_set_value(0);
                keep::forget(&share_id);
                self.state.try_set(SaveState::Saved);
                if let Some(then) = then {
                    then.run(());
                }
            }
            Err(failure) => {
                self.keep();
                let failures = self.failures.try_update_value(|failures| {
                    *failures = failures.saturating_add(1);
                    *failures
                });
                if let (true, Some(failures)) = (failure.passes, failures) {
                    self.save_after(retry_after(failures));
                }
                let is_said = self.state.try_with_untracked(|state| *state == SaveState::Failed(failure.clone()));
                if is_said == Some(false) {
                    self.state.try_set(SaveState::Failed(failure));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_again_less_and_less_often_but_for_ever() {
        let seconds: Vec<u64> =
            [1, 2, 3, 4, 5, 6, 100, u32::MAX].into_iter().map(|failures| retry_after(failures).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 30, 30, 30, 30]);
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        let failure = |error| Failure::of(&error);
        assert!(failure(AppError::Transport("gone".to_owned())).passes);
        assert!(failure(HubError::SignedOut.into()).passes);
        assert!(!failure(HubError::Forbidden { message: "A member can.".to_owned() }.into()).passes);
        assert_eq!(
            failure(HubError::Forbidden { message: "A member can.".to_owned() }.into()).message,
            "A member can."
        );
    }
}
