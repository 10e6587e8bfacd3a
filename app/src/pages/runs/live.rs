//! A run as it goes: by server-sent events, or by asking every two seconds where those do not come through.

use leptos::prelude::*;
use model::view::RunView;

use super::run::run;

/// The run's view, kept up to date until it has ended. Runs in the browser only; elsewhere it stays as it was first.
pub(super) fn follow(first: RunView) -> (ReadSignal<RunView>, WriteSignal<RunView>) {
    let ended = first.summary.state.is_final();
    let (view, set_view) = signal(first);
    if !ended {
        Effect::new(move |previous: Option<()>| {
            if previous.is_none() {
                listen(view, set_view);
            }
        });
    }
    (view, set_view)
}

/// Takes what is newer than what is shown.
fn take(next: RunView, view: ReadSignal<RunView>, set_view: WriteSignal<RunView>) {
    if view.try_with_untracked(|shown| next.version > shown.version) == Some(true) {
        set_view.set(next);
    }
}

#[cfg(feature = "hydrate")]
fn listen(view: ReadSignal<RunView>, set_view: WriteSignal<RunView>) {
    use wasm_bindgen::{JsCast, closure::Closure};
    use web_sys::{EventSource, MessageEvent};

    let id = view.with_untracked(|view| view.summary.id.to_string());
    let Ok(source) = EventSource::new(&format!("/events/runs/{id}")) else { return poll(id, view, set_view) };
    let stream = source.clone();
    let on_run = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let Some(text) = event.data().as_string() else { return };
        let Ok(next) = serde_json::from_str::<RunView>(&text) else { return };
        if next.summary.state.is_final() {
            stream.close();
        }
        take(next, view, set_view);
    });
    let stream = source.clone();
    let asked = id.clone();
    let on_error = Closure::<dyn FnMut()>::new(move || {
        // The browser reconnects by itself unless it has given up.
        if stream.ready_state() == EventSource::CLOSED
            && view.try_with_untracked(|view| !view.summary.state.is_final()) == Some(true)
        {
            poll(asked.clone(), view, set_view);
        }
    });
    let _ = source.add_event_listener_with_callback("run", on_run.as_ref().unchecked_ref());
    source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    // They live as long as the page shows the run; then the stream is closed.
    let kept = StoredValue::new_local((source, on_run, on_error));
    on_cleanup(move || {
        let _ = kept.try_with_value(|(source, _, _)| source.close());
    });
}

#[cfg(not(feature = "hydrate"))]
fn listen(view: ReadSignal<RunView>, set_view: WriteSignal<RunView>) {
    let id = view.with_untracked(|view| view.summary.id.to_string());
    poll(id, view, set_view);
}

fn poll(id: String, view: ReadSignal<RunView>, set_view: WriteSignal<RunView>) {
    set_timeout(
        move || {
            leptos::task::spawn_local(async move {
                if let Ok(next) = run(id.clone()).await {
                    take(next, view, set_view);
                }
                if view.try_with_untracked(|view| !view.summary.state.is_final()) == Some(true) {
                    poll(id, view, set_view);
                }
            });
        },
        std::time::Duration::from_secs(2),
    );
}
