//! The list of runs as it goes: by server-sent events, or by asking every few seconds where those do not come through. In the browser only.

use leptos::prelude::*;

/// Counts `beat` up whenever the list may be another, as long as the page is shown.
pub(super) fn follow_list(beat: RwSignal<u32>) {
    Effect::new(move |before: Option<()>| {
        if before.is_none() {
            listen(beat);
        }
    });
}

#[cfg(not(feature = "hydrate"))]
fn listen(_beat: RwSignal<u32>) {}

#[cfg(feature = "hydrate")]
use browser::listen;

#[cfg(feature = "hydrate")]
mod browser {
    use std::time::Duration;

    use leptos::prelude::*;
    use wasm_bindgen::{JsCast, closure::Closure};
    use web_sys::EventSource;

    const ASK_EVERY: Duration = Duration::from_secs(5);

    fn count(beat: RwSignal<u32>) {
        beat.try_update(|beat| *beat = beat.wrapping_add(1));
    }

    pub(super) fn listen(beat: RwSignal<u32>) {
        let polling = StoredValue::new(None::<IntervalHandle>);
        let poll = move || polling.set_value(set_interval_with_handle(move || count(beat), ASK_EVERY).ok());
        on_cleanup(move || {
            if let Some(Some(handle)) = polling.try_get_value() {
                handle.clear();
            }
        });
        let Ok(source) = EventSource::new("/events/runs") else { return poll() };
        // The first says how it is now, which the page shows already.
        let is_first = StoredValue::new(true);
        let on_changed = Closure::<dyn FnMut()>::new(move || {
            if is_first.try_get_value() == Some(true) {
                is_first.set_value(false);
            } else {
                count(beat);
            }
        });
        let stream = source.clone();
        let on_error = Closure::<dyn FnMut()>::new(move || {
            // The browser reconnects by itself unless it has given up; what came meanwhile is asked for then.
            is_first.try_set_value(false);
            if stream.ready_state() == EventSource::CLOSED && polling.try_get_value() == Some(None) {
                poll();
            }
        });
        let _ = source.add_event_listener_with_callback("changed", on_changed.as_ref().unchecked_ref());
        source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        // They live as long as the page is shown.
        let kept = StoredValue::new_local((source, on_changed, on_error));
        on_cleanup(move || {
            let _ = kept.try_with_value(|(source, _, _)| source.close());
        });
    }
}
