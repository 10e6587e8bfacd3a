//! A run as it goes: by server-sent events, or by asking every two seconds where those do not come through.

use leptos::prelude::*;
use model::view::RunView;

use super::pace::Pace;
use crate::error::AppError;

/// A run that is followed until it has ended. In the browser only; elsewhere it stays as it was first.
#[derive(Clone, Copy)]
pub(super) struct Live {
    /// The run as it is.
    pub(super) view: ReadSignal<RunView>,
    /// How fast it goes, while it does and that can be told.
    pub(super) pace: ReadSignal<Option<String>>,
    /// Nothing is heard of it at the moment.
    pub(super) is_lost: ReadSignal<bool>,
    /// Why it can't be followed any more.
    pub(super) error: ReadSignal<Option<AppError>>,
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only the browser follows a run"))]
    set: Setters,
}

#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only the browser follows a run"))]
#[derive(Clone, Copy)]
struct Setters {
    view: WriteSignal<RunView>,
    pace: WriteSignal<Option<String>>,
    is_lost: WriteSignal<bool>,
    error: WriteSignal<Option<AppError>>,
    seen: StoredValue<Pace>,
}

/// Follows a run.
pub(super) fn follow(first: RunView) -> Live {
    let ended = first.summary.state.is_final();
    let (view, set_view) = signal(first);
    let (pace, set_pace) = signal(None);
    let (is_lost, set_is_lost) = signal(false);
    let (error, set_error) = signal(None);
    let seen = StoredValue::new(Pace::default());
    let set = Setters { view: set_view, pace: set_pace, is_lost: set_is_lost, error: set_error, seen };
    let live = Live { view, pace, is_lost, error, set };
    if !ended {
        Effect::new(move |previous: Option<()>| {
            if previous.is_none() {
                listen(live);
            }
        });
    }
    live
}

#[cfg(not(feature = "hydrate"))]
fn listen(_live: Live) {}

#[cfg(feature = "hydrate")]
use browser::listen;

#[cfg(feature = "hydrate")]
mod browser {
    use std::time::Duration;

    use leptos::{prelude::*, task::spawn_local};
    use model::{error::HubError, view::RunView};
    use wasm_bindgen::{JsCast, closure::Closure};
    use web_sys::{EventSource, MessageEvent};

    use super::{super::run::run, Live};
    use crate::error::AppError;

    const ASK_EVERY: Duration = Duration::from_secs(2);
    const TICK: Duration = Duration::from_secs(1);

    impl Live {
        /// None when the page is gone.
        fn has_ended(self) -> Option<bool> {
            self.view.try_with_untracked(|view| view.summary.state.is_final())
        }

        /// Takes what is newer than what is shown.
        fn take(self, next: RunView) {
            self.set.is_lost.try_set(false);
            if self.view.try_with_untracked(|shown| next.version > shown.version) == Some(true) {
                self.set.seen.try_update_value(|pace| pace.note(js_sys::Date::now(), &next));
                self.set.view.try_set(next);
                self.tell_pace();
            }
        }

        fn tell_pace(self) {
            let said = self.view.try_with_untracked(|view| {
                self.set.seen.try_with_value(|pace| pace.said(js_sys::Date::now(), view)).flatten()
            });
            if let Some(said) = said
                && self.pace.try_with_untracked(|before| *before != said) == Some(true)
            {
                self.set.pace.try_set(said);
            }
        }
    }

    pub(super) fn listen(live: Live) {
        let id = live.view.with_untracked(|view| view.summary.id.to_string());
        live.view.with_untracked(|view| live.set.seen.update_value(|pace| pace.note(js_sys::Date::now(), view)));
        // A pace fades while nothing comes; once the run has ended there is none.
        let ticks = set_interval_with_handle(move || live.tell_pace(), TICK).ok();
        let polling = StoredValue::new(None::<TimeoutHandle>);
        let Ok(source) = EventSource::new(&format!("/events/runs/{id}")) else { return poll(id, live, polling) };
        let stream = source.clone();
        let on_run = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let Some(text) = event.data().as_string() else { return };
            let Ok(next) = crate::reading::read::<RunView>(text.as_bytes()) else { return };
            if next.summary.state.is_final() {
                stream.close();
                ticks.inspect(IntervalHandle::clear);
            }
            live.take(next);
        });
        let stream = source.clone();
        let on_error = Closure::<dyn FnMut()>::new(move || {
            if live.has_ended() != Some(false) {
                return;
            }
            live.set.is_lost.try_set(true);
            // The browser reconnects by itself unless it has given up.
            if stream.ready_state() == EventSource::CLOSED {
                poll(id.clone(), live, polling);
            }
        });
        let _ = source.add_event_listener_with_callback("run", on_run.as_ref().unchecked_ref());
        source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        // They live as long as the page shows the run; then the stream is closed, and nothing is asked for any more.
        let kept = StoredValue::new_local((source, on_run, on_error));
        on_cleanup(move || {
            ticks.inspect(IntervalHandle::clear);
            let _ = kept.try_with_value(|(source, _, _)| source.close());
            if let Some(Some(handle)) = polling.try_get_value() {
                handle.clear();
            }
        });
    }

    /// Asks again and again, until the run has ended, or it is clear that it can't be seen any more.
    fn poll(id: String, live: Live, polling: StoredValue<Option<TimeoutHandle>>) {
        let ask = move || {
            spawn_local(async move {
                match run(id.clone()).await {
                    Ok(next) => live.take(next),
                    Err(
                        error @ AppError::Hub(
                            HubError::SignedOut | HubError::NotFound { .. } | HubError::Forbidden { .. },
                        ),
                    ) => {
                        live.set.error.try_set(Some(error));
                        return;
                    }
                    Err(_) => {
                        live.set.is_lost.try_set(true);
                    }
                }
                if live.has_ended() == Some(false) {
                    poll(id, live, polling);
                }
            });
        };
        polling.try_set_value(set_timeout_with_handle(ask, ASK_EVERY).ok());
    }
}
