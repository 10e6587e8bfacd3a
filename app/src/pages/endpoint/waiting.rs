//! Waiting for an endpoint that is to call: the page looks again when it has, or when it has another key. Without the program the page is loaded again.

use leptos::prelude::*;
use model::view::EndpointView;

use crate::error::AppError;

/// What changes when an endpoint first says what it is, or has other keys.
#[server(endpoint = "endpoint_stamp", protocol = crate::Called)]
pub async fn endpoint_stamp(id: String) -> Result<String, AppError> {
    let actor = crate::session::actor().await?;
    let found = async { crate::session::hub()?.endpoint(&actor, &crate::pages::parse_id(&id, "endpoint")?).await };
    Ok(stamp(&crate::session::answer(found.await).await?))
}

fn stamp(endpoint: &EndpointView) -> String {
    let keys: Vec<&str> = endpoint.keys.iter().map(|key| key.id.as_str()).collect();
    format!("{} {}", endpoint.has_said, keys.join(" "))
}

/// Whether something is waited for, and what it was when the page was made.
#[derive(Clone, Copy)]
pub(super) struct Waiting {
    is_on: RwSignal<bool>,
    seen: StoredValue<String>,
}

impl Waiting {
    /// Waits while the endpoint has still to say what it is.
    pub(super) fn set_for(self, endpoint: &EndpointView) {
        self.seen.set_value(stamp(endpoint));
        if cfg!(feature = "hydrate") {
            self.is_on.set(endpoint.registers && !endpoint.has_said && endpoint.disconnected.is_none());
        }
    }

    /// Something is on its way.
    pub(super) fn begin(self) {
        self.is_on.set(true);
    }
}

/// Looks every other second while something is waited for, and counts `looked` up when it has come.
pub(super) fn wait(id: Signal<String>, looked: RwSignal<u32>) -> Waiting {
    let waiting = Waiting { is_on: RwSignal::new(false), seen: StoredValue::new(String::new()) };
    #[cfg(feature = "hydrate")]
    browser::look(waiting, id, looked);
    #[cfg(not(feature = "hydrate"))]
    let _ = (id, looked);
    waiting
}

#[cfg(feature = "hydrate")]
mod browser {
    use std::time::Duration;

    use leptos::{prelude::*, task::spawn_local};

    use super::{Waiting, endpoint_stamp};

    const LOOK_EVERY: Duration = Duration::from_secs(2);

    pub(super) fn look(waiting: Waiting, id: Signal<String>, looked: RwSignal<u32>) {
        Effect::new(move |_| {
            if !waiting.is_on.get() {
                return;
            }
            let ask = move || {
                spawn_local(async move {
                    let Some(id) = id.try_get_untracked() else { return };
                    let now = endpoint_stamp(id).await;
                    if let Ok(now) = now
                        && waiting.seen.try_with_value(|seen| *seen != now) == Some(true)
                    {
                        // Looking again says whether there is more to wait for.
                        waiting.is_on.try_set(false);
                        looked.try_update(|times| *times += 1);
                    }
                });
            };
            if let Ok(handle) = set_interval_with_handle(ask, LOOK_EVERY) {
                on_cleanup(move || handle.clear());
            }
        });
    }
}
