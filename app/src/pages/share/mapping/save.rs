//! Saving while people work: a moment after each change, one call at a time, and never silently not.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};
use model::mapping::Mapping;

use super::save_mapping;

/// So long after the last change.
const PAUSE: Duration = Duration::from_millis(400);

/// How the mapping on the page stands to that on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveState {
    /// The same.
    Saved,
    /// Under way, or about to be.
    Saving,
    /// It could not be saved, for this reason.
    Failed(String),
}

/// What saves.
#[derive(Clone, Copy)]
pub struct Saver {
    /// How it stands.
    pub state: RwSignal<SaveState>,
    share_id: StoredValue<String>,
    mapping: Memo<Mapping>,
    on_server: StoredValue<Mapping>,
    waiting: StoredValue<Option<TimeoutHandle>>,
    calling: StoredValue<bool>,
    then: StoredValue<Option<Callback<()>>>,
}

impl Saver {
    /// Saves `mapping` from now on, a moment after each change; `on_server` is what the server has.
    pub fn new(share_id: String, mapping: Memo<Mapping>, on_server: Mapping) -> Self {
        let is_same = mapping.with_untracked(|mapping| *mapping == on_server);
        let state =
            if is_same { SaveState::Saved } else { SaveState::Failed("The last form could not be saved.".to_owned()) };
        let saver = Self {
            state: RwSignal::new(state),
            share_id: StoredValue::new(share_id),
            mapping,
            on_server: StoredValue::new(on_server),
            waiting: StoredValue::new(None),
            calling: StoredValue::new(false),
            then: StoredValue::new(None),
        };
        Effect::new(move |before: Option<()>| {
            mapping.track();
            if before.is_some() && saver.is_saved() == Some(false) {
                saver.state.set(SaveState::Saving);
                saver.stop_waiting();
                saver.waiting.set_value(set_timeout_with_handle(move || saver.save(), PAUSE).ok());
            }
        });
        // Who leaves the page within the pause loses nothing.
        on_cleanup(move || saver.save_at_leaving());
        saver
    }

    /// None when the page is gone.
    fn is_saved(self) -> Option<bool> {
        self.mapping
            .try_with_untracked(|mapping| self.on_server.try_with_value(|on_server| mapping == on_server))
            .flatten()
    }

    fn stop_waiting(self) {
        if let Some(Some(handle)) = self.waiting.try_update_value(Option::take) {
            handle.clear();
        }
    }

    fn save_at_leaving(self) {
        self.stop_waiting();
        let is_to_save =
            cfg!(feature = "hydrate") && self.is_saved() == Some(false) && self.calling.try_get_value() == Some(false);
        let (true, Some(share_id), Some(mapping)) =
            (is_to_save, self.share_id.try_get_value(), self.mapping.try_get_untracked())
        else {
            return;
        };
        spawn_local(async move {
            // The page is gone, so there is nobody left to tell; what was saved last stays.
            let _ = save_mapping(share_id, mapping).await;
        });
    }

    /// Saves now, then does `then`; when it can't be saved, that is said and nothing more is done.
    pub fn save_then(self, then: Callback<()>) {
        self.then.set_value(Some(then));
        self.save();
    }

    /// Saves now.
    pub fn save(self) {
        self.stop_waiting();
        // A call under way looks for further changes when it returns: calls that overtake each other would leave an older mapping behind.
        if self.calling.try_get_value() == Some(false) {
            self.calling.set_value(true);
            spawn_local(self.call());
        }
    }

    async fn call(self) {
        let state = loop {
            let (Some(mapping), Some(share_id)) = (self.mapping.try_get_untracked(), self.share_id.try_get_value())
            else {
                return;
            };
            match self.is_saved() {
                None => return,
                Some(true) => break SaveState::Saved,
                Some(false) => {}
            }
            self.state.try_set(SaveState::Saving);
            match save_mapping(share_id, mapping.clone()).await {
                Ok(()) => {
                    self.on_server.try_update_value(|on_server| *on_server = mapping);
                }
                Err(error) => break SaveState::Failed(error.to_string()),
            }
        };
        self.calling.try_update_value(|calling| *calling = false);
        let is_saved = state == SaveState::Saved;
        self.state.try_set(state);
        if let Some(Some(then)) = self.then.try_update_value(Option::take)
            && is_saved
        {
            then.run(());
        }
    }
}
