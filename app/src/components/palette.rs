//! The palette: one box from which every page and everything by name is reached. Ctrl+K (or Cmd+K) opens it, and so does `/`, unless the page has a
//! search box of its own, which then gets the focus. Without the program its place is a link to the catalogue.

use std::time::Duration;

use leptos::{ev, html, prelude::*, task::spawn_local};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use serde::{Deserialize, Serialize};

use super::{
    frame::{REVIEW, ROOMS, SETTINGS},
    icon::{Icon, IconName},
};
use crate::error::AppError;

/// Things of a kind that are shown.
#[cfg(feature = "ssr")]
const MOST_OF_A_KIND: usize = 5;
/// What is typed is searched for so long after the last key.
const PAUSE: Duration = Duration::from_millis(150);

/// Something that can be gone to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What it is: "Audience".
    kind: String,
    /// Its name.
    name: String,
    /// What tells it from others of its name.
    about: String,
    /// Its address.
    href: String,
}

/// Audiences, shares and endpoints by their names.
#[server(endpoint = "find_places", protocol = crate::Called)]
pub async fn find_places(text: String) -> Result<Vec<Place>, AppError> {
    let (hub, actor) = (crate::session::hub()?, crate::session::actor().await?);
    let found = async {
        let audiences = hub
            .audiences(&actor, &model::view::AudienceQuery { text: text.clone(), page: 1, ..Default::default() })
            .await?;
        let mut places: Vec<Place> = audiences
            .items
            .into_iter()
            .map(|audience| Place {
                kind: "Audience".to_owned(),
                name: audience.name,
                about: audience.endpoint_name,
                href: format!("/audiences/{}", audience.id),
            })
            .collect();
        // An audience can be found by its fields, too; those that are called so come first.
        places.sort_by_key(|place| !place.has(&text));
        places.truncate(MOST_OF_A_KIND);
        let shares = hub.shares(&actor).await?.into_iter().map(|share| Place {
            kind: "Share".to_owned(),
            name: share.audience_name,
            about: match (share.destination_name, share.destination_segment) {
                (Some(endpoint), Some(segment)) => format!("to {endpoint}, {segment}"),
                (Some(endpoint), None) => format!("to {endpoint}"),
                (None, _) => "a draft".to_owned(),
            },
            href: format!("/shares/{}", share.id),
        });
        places.extend(shares.filter(|place| place.has(&text)).take(MOST_OF_A_KIND));
        let endpoints = hub.endpoints(&actor).await?.into_iter().map(|endpoint| Place {
            kind: "Endpoint".to_owned(),
            name: endpoint.name,
            about: endpoint.application,
            href: format!("/endpoints/{}", endpoint.id),
        });
        places.extend(endpoints.filter(|place| place.has(&text)).take(MOST_OF_A_KIND));
        Ok(places)
    };
    crate::session::answer(found.await).await
}

impl Place {
    /// Whether every word stands in its name or in what is said of it.
    fn has(&self, text: &str) -> bool {
        let said = format!("{} {} {}", self.kind, self.name, self.about).to_lowercase();
        text.to_lowercase().split_whitespace().all(|word| said.contains(word))
    }
}

/// The pages and what can be begun, as far as the words fit.
fn pages(text: &str, may_connect: bool, is_operator: bool) -> Vec<Place> {
    let page = |kind: &str, name: &str, href: &str| Place {
        kind: kind.to_owned(),
        name: name.to_owned(),
        about: String::new(),
        href: href.to_owned(),
    };
    let rooms = ROOMS.into_iter().chain(SETTINGS).filter(|(href, ..)| is_operator || *href != REVIEW);
    let rooms = rooms.map(|(href, name, _)| (name, href));
    let mut places: Vec<Place> =
        rooms.chain([("Your profile", "/profile")]).map(|(name, href)| page("Page", name, href)).collect();
    places.push(page("Action", "Share an audience", "/audiences"));
    if may_connect {
        places.push(page("Action", "Connect an application", "/connect"));
    }
    places.retain(|place| place.has(text));
    places
}

/// The button that opens the palette, and the palette.
#[component]
pub fn Palette() -> impl IntoView {
    let (may_connect, is_operator) = (crate::pages::may_connect(), crate::pages::is_operator());
    let (dialog, input) = (NodeRef::<html::Dialog>::new(), NodeRef::<html::Input>::new());
    let text = RwSignal::new(String::new());
    // With the text for which they were found.
    let found = RwSignal::new((String::new(), Vec::<Place>::new()));
    let problem = RwSignal::new(None::<String>);
    let chosen = RwSignal::new(0_usize);
    let places = Memo::new(move |_| {
        text.with(|text| {
            let text = text.trim();
            let mut places = pages(text, may_connect, is_operator);
            // Of what was found for another text only what is called so, too, is there until the answer comes: Enter goes to nothing else.
            found.with(|(of, found)| {
                places
                    .extend(found.iter().filter(|place| of == text || (!text.is_empty() && place.has(text))).cloned());
            });
            places
        })
    });
    let is_found = move || text.with(|text| found.with(|(of, _)| of == text.trim()));
    let open = move || {
        let (Some(dialog), Some(input)) = (dialog.get_untracked(), input.get_untracked()) else { return };
        if !dialog.open() {
            let _ = dialog.show_modal();
        }
        input.select();
    };
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let keys = window_event_listener(ev::keydown, move |event| {
        let control = (event.ctrl_key() || event.meta_key()) && !event.alt_key() && !event.shift_key();
        if control && event.key().eq_ignore_ascii_case("k") {
            event.prevent_default();
            open();
        } else if event.key() == "/" && !control && !event.alt_key() && !is_typed_into(&event) {
            event.prevent_default();
            if !focus_search_box() {
                open();
            }
        }
    });
    on_cleanup(move || keys.remove());

    let waiting = StoredValue::new(None::<TimeoutHandle>);
    let search = move |wanted: String| {
        spawn_local(async move {
            let answer = find_places(wanted.clone()).await;
            // An answer to what was typed before is of no use any more.
            if text.try_with_untracked(|text| text.trim() == wanted) != Some(true) {
                return;
            }
            match answer {
                Ok(places) => found.set((wanted, places)),
                Err(error) => problem.set(Some(error.to_string())),
            }
        });
    };
    let typed = move |event: ev::Event| {
        text.set(event_target_value(&event));
        chosen.set(0);
        problem.set(None);
        if let Some(handle) = waiting.try_update_value(Option::take).flatten() {
            handle.clear();
        }
        let wanted = text.with_untracked(|text| text.trim().to_owned());
        if wanted.is_empty() {
            found.set(Default::default());
            return;
        }
        waiting.set_value(set_timeout_with_handle(move || search(wanted), PAUSE).ok());
    };
    let navigate = StoredValue::new(use_navigate());
    let go = move |href: &str| {
        close();
        text.set(String::new());
        found.set(Default::default());
        chosen.set(0);
        navigate.with_value(|navigate| navigate(href, NavigateOptions::default()));
    };
    let key = move |event: ev::KeyboardEvent| {
        let count = places.with_untracked(Vec::len);
        let at = chosen.get_untracked();
        match event.key().as_str() {
            "ArrowDown" if count > 0 => chosen.set((at + 1) % count),
            "ArrowUp" if count > 0 => chosen.set((at + count - 1) % count),
            "Enter" => {
                if let Some(place) = places.with_untracked(|places| places.get(at).cloned()) {
                    go(&place.href);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let option = move |(index, place): (usize, Place)| {
        let href = place.href.clone();
        view! {
            <li
                id=format!("place-{index}")
                role="option"
                aria-selected=move || (chosen.get() == index).to_string()
                on:click=move |_| go(&href)
            >
                <span class="place-kind">{place.kind}</span>
                <span class="place-name">{place.name}</span>
                <span class="place-about">{place.about}</span>
            </li>
        }
    };
    let options = move || places.get().into_iter().enumerate().map(option).collect::<Vec<_>>();
    Effect::new(move |_| {
        let at = chosen.get();
        if let Some(option) = document().get_element_by_id(&format!("place-{at}")) {
            option.scroll_into_view_with_bool(false);
        }
    });
    let count = move || match places.with(Vec::len) {
        0 if !is_found() => "Searching …".to_owned(),
        0 => "Nothing is called so.".to_owned(),
        1 => "1 place".to_owned(),
        more => format!("{more} places"),
    };
    view! {
        <div class="to-palette">
            <a class="button quiet without-program" href="/audiences">
                <Icon name=IconName::Search />
                <span>"Search audiences"</span>
            </a>
            <button type="button" class="button quiet needs-program" aria-haspopup="dialog" aria-keyshortcuts="Control+K /" on:click=move |_| open()>
                <Icon name=IconName::Search />
                <span>"Search or go to …"</span>
                <kbd aria-hidden="true">"Ctrl K"</kbd>
            </button>
        </div>
        <dialog
            class="palette"
            node_ref=dialog
            aria-label="Search or go to"
            on:click=move |event| {
                // Beside the palette, on what the browser puts behind it.
                if event.target() == event.current_target() {
                    close();
                }
            }
        >
            <div class="palette-body">
                <input
                    node_ref=input
                    type="text"
                    role="combobox"
                    aria-label="Search or go to"
                    aria-expanded="true"
                    aria-controls="places"
                    aria-activedescendant=move || places.with(|places| !places.is_empty()).then(|| format!("place-{}", chosen.get()))
                    placeholder="A page, an audience, a share, an endpoint"
                    autocomplete="off"
                    spellcheck="false"
                    prop:value=move || text.get()
                    on:input=typed
                    on:keydown=key
                />
                <ul id="places" role="listbox" aria-label="Places">{options}</ul>
                <p class="palette-count" role="status">{move || problem.get().unwrap_or_else(count)}</p>
            </div>
        </dialog>
    }
}

/// Whether a key goes into a field that takes text.
fn is_typed_into(event: &ev::KeyboardEvent) -> bool {
    #[cfg(feature = "hydrate")]
    {
        use wasm_bindgen::JsCast;
        let element = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        element.is_some_and(|element| element.closest("input, textarea, select, dialog").ok().flatten().is_some())
    }
    #[cfg(not(feature = "hydrate"))]
    {
        let _ = event;
        false
    }
}

/// Puts the focus into the page's own search box, when it has one.
fn focus_search_box() -> bool {
    #[cfg(feature = "hydrate")]
    {
        use wasm_bindgen::JsCast;
        let found = document().query_selector("main input[type=search]").ok().flatten();
        let Some(input) = found.and_then(|found| found.dyn_into::<web_sys::HtmlInputElement>().ok()) else {
            return false;
        };
        input.select();
        input.focus().is_ok()
    }
    #[cfg(not(feature = "hydrate"))]
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_by_any_of_their_words_and_only_admins_are_offered_to_connect() {
        let names = |text: &str, may_connect| {
            pages(text, may_connect, false).into_iter().map(|place| place.name).collect::<Vec<_>>()
        };
        assert_eq!(names("aud share", true), ["Share an audience"]);
        assert_eq!(names("END", true), ["Endpoints"]);
        assert!(names("", true).contains(&"Connect an application".to_owned()));
        assert_eq!(names("connect", false), Vec::<String>::new());
    }
}
