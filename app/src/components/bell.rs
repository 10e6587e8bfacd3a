//! The bell: how many messages about alerts the person has not read, on every page. A link, so it works before the program has loaded; then it looks
//! again every half a minute, and whenever another page is shown.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::icon::{Icon, IconName};
use crate::pages::alerts::unread_alerts;

/// How often the browser looks again.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(30);

/// Makes the bell count anew: a page that changed what is unread rings it.
#[derive(Clone, Copy)]
pub struct BellBeat(RwSignal<u32>);

impl BellBeat {
    /// One that has not rung.
    pub fn new() -> Self {
        Self(RwSignal::new(0))
    }

    /// How often it rang.
    pub fn count(self) -> ReadSignal<u32> {
        self.0.read_only()
    }

    /// Counts anew.
    pub fn ring(self) {
        self.0.try_update(|count| *count = count.wrapping_add(1));
    }
}

impl Default for BellBeat {
    fn default() -> Self {
        Self::new()
    }
}

/// The bell of the frame.
#[component]
pub fn Bell(
    /// What makes it count anew.
    beat: BellBeat,
) -> impl IntoView {
    let location = use_location();
    let path = location.pathname;
    let unread = crate::answers::ask(move || (path.get(), beat.count().get()), |_| unread_alerts());
    Effect::new(move |before: Option<()>| {
        if before.is_none()
            && let Ok(handle) = set_interval_with_handle(move || beat.ring(), LOOK_EVERY)
        {
            on_cleanup(move || handle.clear());
        }
    });
    let current = move || path.with(|path| path == "/alerts").then_some("page");
    view! {
        <a class="bell" href="/alerts" title="Alerts" aria-current=current>
            <Icon name=IconName::Bell />
            <Transition>
                {move || Suspend::new(async move {
                    // Whether it can be counted or not is no matter of the page's; its own parts say what is wrong.
                    let unread = unread.await.unwrap_or(0);
                    let (name, count) = match unread {
                        0 => ("Alerts".to_owned(), String::new()),
                        99.. => ("Alerts, 99 or more not read".to_owned(), "99+".to_owned()),
                        unread => (format!("Alerts, {unread} not read"), unread.to_string()),
                    };
                    view! {
                        <span class="visually-hidden">{name}</span>
                        <span class="unread-count" aria-hidden="true" hidden=unread == 0>{count}</span>
                    }
                })}
            </Transition>
        </a>
    }
}
