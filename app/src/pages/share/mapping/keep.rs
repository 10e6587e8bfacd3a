//! What outlives the page: a last call as it goes, and a mapping that could not be saved, kept in the tab until it was.

use model::mapping::Mapping;
use serde::{Deserialize, Serialize};

/// A mapping that the server does not have yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What the server had when it was made. When it has another one by now, somebody else has gone on.
    pub on_server: Mapping,
    /// The mapping.
    pub mapping: Mapping,
}

#[cfg(feature = "hydrate")]
pub use browser::{forget, keep, kept, send};

#[cfg(feature = "hydrate")]
mod browser {
    use leptos::prelude::window;
    use wasm_bindgen::JsValue;
    use web_sys::{Blob, BlobPropertyBag, Storage};

    use super::Kept;

    fn storage() -> Option<Storage> {
        // A browser may be told to keep nothing.
        window().session_storage().ok().flatten()
    }

    fn name(share_id: &str) -> String {
        format!("usher mapping {share_id}")
    }

    /// Keeps a share's mapping in this tab.
    pub fn keep(share_id: &str, kept: &Kept) {
        if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(kept)) {
            let _ = storage.set_item(&name(share_id), &text);
        }
    }

    /// What is kept of a share's mapping.
    pub fn kept(share_id: &str) -> Option<Kept> {
        let text = storage()?.get_item(&name(share_id)).ok().flatten()?;
        crate::reading::read(text.as_bytes()).ok()
    }

    /// It need not be kept any more.
    pub fn forget(share_id: &str) {
        if let Some(storage) = storage() {
            let _ = storage.remove_item(&name(share_id));
        }
    }

    /// Posts JSON in a call that the browser finishes even when the page is gone. False when it would not take it.
    pub fn send(address: &str, json: &str) -> bool {
        let options = BlobPropertyBag::new();
        options.set_type("application/json");
        let parts = js_sys::Array::of1(&JsValue::from_str(json));
        Blob::new_with_str_sequence_and_options(&parts, &options)
            .and_then(|body| window().navigator().send_beacon_with_opt_blob(address, Some(&body)))
            .unwrap_or(false)
    }
}

#[cfg(not(feature = "hydrate"))]
pub use server::{forget, keep, kept, send};

/// The server keeps a mapping in its database, or not at all.
#[cfg(not(feature = "hydrate"))]
mod server {
    use super::Kept;

    pub fn keep(_share_id: &str, _kept: &Kept) {}

    pub fn kept(_share_id: &str) -> Option<Kept> {
        None
    }

    pub fn forget(_share_id: &str) {}

    pub fn send(_address: &str, _json: &str) -> bool {
        false
    }
}
