//! The frame around every page of a signed-in person: the rail of rooms, the bar with account and person, and the way past them.

use leptos::{prelude::*, server_fn::ServerFn};
use leptos_router::{components::Outlet, hooks::use_location};
use model::people::{AccountChoice, Presence};

use super::{
    arrival::Arrival,
    bell::{Bell, BellBeat},
    icon::{Icon, IconName, Mark},
    notice::Trouble,
    palette::Palette,
};
use crate::{
    session::{SwitchAccount, who_is_here},
    theme,
};

/// The rooms: address, name and sign.
pub const ROOMS: [(&str, &str, IconName); 6] = [
    ("/", "Home", IconName::Home),
    ("/audiences", "Audiences", IconName::Audiences),
    ("/shares", "Shares", IconName::Shares),
    ("/schedule", "Schedule", IconName::Schedule),
    ("/runs", "Runs", IconName::Runs),
    ("/endpoints", "Endpoints", IconName::Endpoints),
];

/// Below the others: what is set once and seldom looked at.
pub const SETTINGS: [(&str, &str, IconName); 4] = [
    ("/applications", "Integration Manager", IconName::Applications),
    (REVIEW, "Review", IconName::Review),
    ("/people", "People", IconName::People),
    ("/account", "Account", IconName::Settings),
];

/// The operators' room.
pub const REVIEW: &str = "/review";

/// Whether the page at `path` stands in the room at `room`.
fn is_in_room(path: &str, room: &str) -> bool {
    match room {
        "/" => path == "/",
        "/endpoints" => path.starts_with("/endpoints") || path.starts_with("/connect"),
        room => path.starts_with(room),
    }
}

/// The frame; pages are given the person who is signed in as context.
#[component]
pub fn Frame() -> impl IntoView {
    let here = crate::answers::ask(|| (), |()| who_is_here());
    view! {
        // The browser moves the focus along, which the router would not.
        <a class="skip-link" href="#main" rel="external">"Skip to the page"</a>
        // No `Suspense` around it: while the server waits, that looks through its children again and again, and each look at the `Outlet` makes the
        // page and its resources anew. Those that are thrown away would never answer, and the page with them.
        {Suspend::new(async move {
            match here.await {
                Ok(here) => view! { <Signed here /> }.into_any(),
                Err(error) => view! { <main id="main"><Trouble error /></main> }.into_any(),
            }
        })}
    }
}

#[component]
fn Signed(here: Presence) -> impl IntoView {
    let Presence { actor, accounts } = here;
    let location = use_location();
    provide_context(actor.clone());
    let beat = BellBeat::new();
    provide_context(beat);
    provide_context(Arrival::new(location.pathname));
    menus::close_by_themselves(location.pathname);
    let room = move |(href, name, icon): (&'static str, &'static str, IconName)| {
        let current = move || location.pathname.with(|path| is_in_room(path, href)).then_some("page");
        view! {
            <li>
                <a href=href aria-current=current>
                    <Icon name=icon />
                    <span>{name}</span>
                </a>
            </li>
        }
    };
    let rooms: Vec<_> = ROOMS.into_iter().map(room).collect();
    let is_operator = actor.is_operator;
    let may_enter = move |(href, ..): &(&str, &str, IconName)| is_operator || *href != REVIEW;
    let settings: Vec<_> = SETTINGS.into_iter().filter(may_enter).map(room).collect();
    let in_menu: Vec<_> = SETTINGS
        .into_iter()
        .filter(may_enter)
        .map(|(href, name, _)| view! { <a class="button narrow-only" href=href>{name}</a> })
        .collect();
    view! {
        <div class="frame">
            <nav class="rail" aria-label="Rooms">
                <a class="brand" href="/">
                    <Mark />
                    <span>"Usher"</span>
                </a>
                <ul>{rooms}</ul>
                <ul class="settings">{settings}</ul>
            </nav>
            <div class="stage">
                <header class="top-bar">
                    <AccountSwitch name=actor.account_name current=actor.account_id.to_string() accounts />
                    <Palette />
                    <Bell beat />
                    <details class="person-menu">
                        <summary>
                            <Icon name=IconName::Person />
                            <span>{actor.user_name}</span>
                        </summary>
                        <div class="menu">
                            <p class="who">{actor.email}</p>
                            <a class="button" href="/profile">"Your profile"</a>
                            // The rail has no room for them on phones.
                            {in_menu}
                            <ThemeChoice />
                            <form method="post" action="/sign-out">
                                <button type="submit" class="button">"Sign out"</button>
                            </form>
                        </div>
                    </details>
                </header>
                <main id="main" tabindex="-1">
                    <Outlet />
                </main>
            </div>
        </div>
    }
}

/// The menus of the bar: the browser opens and closes them by their summaries, with or without the program.
mod menus {
    #[cfg(feature = "hydrate")]
    use leptos::ev;
    use leptos::prelude::*;

    /// They are also closed by what people expect to: another page, Escape, and a press beside them.
    pub(super) fn close_by_themselves(pathname: Memo<String>) {
        #[cfg(feature = "hydrate")]
        {
            Effect::new(move |_| {
                pathname.track();
                close(|_| true);
            });
            let pressed = window_event_listener(ev::pointerdown, |event| {
                use wasm_bindgen::JsCast;
                let at = event.target().and_then(|target| target.dyn_into::<web_sys::Node>().ok());
                close(|menu| !menu.contains(at.as_ref()));
            });
            let escaped = window_event_listener(ev::keydown, |event| {
                if event.key() == "Escape" {
                    close(|menu| {
                        focus_summary(menu);
                        true
                    });
                }
            });
            on_cleanup(move || {
                pressed.remove();
                escaped.remove();
            });
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = pathname;
    }

    /// Closes the open one, if it is to be closed.
    #[cfg(feature = "hydrate")]
    fn close(is_to_be: impl Fn(&web_sys::Element) -> bool) {
        let open = document().query_selector(".person-menu[open]").ok().flatten();
        if let Some(menu) = open.filter(is_to_be) {
            let _ = menu.remove_attribute("open");
        }
    }

    /// Who closes it by a key goes on from where it was opened.
    #[cfg(feature = "hydrate")]
    fn focus_summary(menu: &web_sys::Element) {
        use wasm_bindgen::JsCast;
        let summary = menu.query_selector("summary").ok().flatten();
        if let Some(summary) = summary.and_then(|summary| summary.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = summary.focus();
        }
    }
}

/// The account in which one acts, and the way to one's others.
#[component]
fn AccountSwitch(name: String, current: String, accounts: Vec<AccountChoice>) -> impl IntoView {
    if accounts.len() < 2 {
        return view! { <span class="account">{name}</span> }.into_any();
    }
    let others: Vec<_> = accounts
        .into_iter()
        .filter(|account| account.id.as_str() != current)
        .map(|account| {
            view! {
                <li>
                    <button type="submit" class="button quiet" name="account_id" value=account.id.to_string()>
                        <span>{account.name}</span>
                        <span class="soft">{account.role.as_str()}</span>
                    </button>
                </li>
            }
        })
        .collect();
    view! {
        <details class="person-menu account-menu">
            <summary>
                <span class="visually-hidden">"Account: "</span>
                <span class="account">{name}</span>
                <Icon name=IconName::Down />
            </summary>
            <div class="menu">
                <p class="who">"Go on in another account"</p>
                // By the browser itself: everything on the page is the other account's then.
                <form method="post" action=SwitchAccount::PATH>
                    <ul>{others}</ul>
                </form>
            </div>
        </details>
    }
    .into_any()
}

#[component]
fn ThemeChoice() -> impl IntoView {
    let current = RwSignal::new(theme::current());
    let choose = |name: &'static str, theme: Option<&'static str>| {
        let click = move |_| {
            theme::choose(theme);
            current.set(theme);
        };
        view! {
            <button type="button" class="button quiet" aria-pressed=move || (current.get() == theme).to_string() on:click=click>
                {name}
            </button>
        }
    };
    view! {
        <div class="theme-choice needs-program" role="group" aria-label="Colours">
            {choose("Light", Some("light"))} {choose("Dark", Some("dark"))} {choose("As the system", None)}
        </div>
    }
}
