//! The frame around every page of a signed-in person: the rail of rooms, the bar with account and person, and the way past them.

use leptos::prelude::*;
use leptos_router::{components::Outlet, hooks::use_location};
use model::view::Actor;

use super::{
    icon::{Icon, IconName, Mark},
    notice::Trouble,
    palette::Palette,
};
use crate::{session::current_actor, theme};

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
const SETTINGS: [(&str, &str, IconName); 1] = [("/account", "Account", IconName::Settings)];

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
    let actor = crate::answers::ask(|| (), |()| current_actor());
    view! {
        // The browser moves the focus along, which the router would not.
        <a class="skip-link" href="#main" rel="external">"Skip to the page"</a>
        // No `Suspense` around it: while the server waits, that looks through its children again and again, and each look at the `Outlet` makes the
        // page and its resources anew. Those that are thrown away would never answer, and the page with them.
        {Suspend::new(async move {
            match actor.await {
                Ok(actor) => view! { <Signed actor /> }.into_any(),
                Err(error) => view! { <main id="main"><Trouble error /></main> }.into_any(),
            }
        })}
    }
}

#[component]
fn Signed(actor: Actor) -> impl IntoView {
    let location = use_location();
    provide_context(actor.clone());
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
    let settings: Vec<_> = SETTINGS.into_iter().map(room).collect();
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
                    <span class="account">{actor.account_name}</span>
                    <Palette />
                    <details class="person-menu">
                        <summary>
                            <Icon name=IconName::Person />
                            <span>{actor.user_name}</span>
                        </summary>
                        <div class="menu">
                            <p class="who">{actor.email}</p>
                            // The rail has no room for it on phones.
                            <a class="button narrow-only" href="/account">"Account"</a>
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
