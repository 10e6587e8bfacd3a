//! A search box in a form of its own: Enter works without the program; with it, the list follows what is typed.
//!
//! What is typed in one go is one step of the browser's history, however many letters it has: Back leads to what was before it.

use leptos::{html, prelude::*};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::icon::{Icon, IconName};

/// How long after the last letter the list follows.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(120);

/// Searches the page at `action` with the parameter `q`.
#[component]
pub fn SearchBox(
    /// The page's path.
    action: &'static str,
    /// The label, also shown while it is empty.
    label: &'static str,
    /// What is searched for now.
    #[prop(into)]
    text: String,
    /// Parameters to keep: name and, for the form without the program, the value.
    #[prop(optional)]
    keep: Vec<(&'static str, String)>,
) -> impl IntoView {
    let navigate = use_navigate();
    let query = use_query_map();
    let input = NodeRef::<html::Input>::new();
    // What the address was last made to ask for by this box.
    let asked = StoredValue::new(text.clone());
    // The present typing has its step in the history already.
    let has_step = StoredValue::new(false);
    let waiting = StoredValue::new(None::<TimeoutHandle>);
    let stop_waiting = move || {
        if let Some(Some(handle)) = waiting.try_update_value(Option::take) {
            handle.clear();
        }
    };
    let search = move |text: String| {
        // The page may have been left meanwhile.
        let Some(before) = asked.try_get_value() else { return };
        if before == text {
            return;
        }
        asked.set_value(text.clone());
        let mut address = format!("{action}?q={}", escaped(&text));
        // As they are by now: filters change while the box stays. Only the page number belongs to the search before.
        query.with_untracked(|query| {
            for (name, value) in
                query.clone().into_iter().filter(|(name, value)| name != "q" && name != "page" && !value.is_empty())
            {
                address.push_str(&format!("&{name}={}", escaped(&value)));
            }
        });
        let replace = has_step.get_value();
        has_step.set_value(true);
        navigate(&address, NavigateOptions { replace, scroll: false, ..NavigateOptions::default() });
    };
    let on_input = {
        let search = search.clone();
        move |event: leptos::ev::Event| {
            let (text, search) = (event_target_value(&event), search.clone());
            stop_waiting();
            waiting.set_value(set_timeout_with_handle(move || search(text), PAUSE).ok());
        }
    };
    let on_submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        stop_waiting();
        if let Some(input) = input.get_untracked() {
            search(input.value());
        }
        has_step.set_value(false);
    };
    // Back, forward and links change what is asked for without the box.
    Effect::new(move |_| {
        let now = query.with(|query| query.get("q").unwrap_or_default());
        if asked.get_value() != now {
            asked.set_value(now.clone());
            has_step.set_value(false);
            stop_waiting();
            if let Some(input) = input.get_untracked() {
                input.set_value(&now);
            }
        }
    });
    let hidden: Vec<_> =
        keep.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value /> }).collect();
    view! {
        <form class="search-box" role="search" method="get" action=action on:submit=on_submit>
            <label class="visually-hidden" for="q">{label}</label>
            <Icon name=IconName::Search />
            <input
                id="q"
                name="q"
                type="search"
                placeholder=label
                value=text
                autocomplete="off"
                node_ref=input
                on:input=on_input
                on:blur=move |_| has_step.set_value(false)
            />
            {hidden}
            <button type="submit" class="button quiet">"Search"</button>
        </form>
    }
}

/// For a query's value (RFC 3986).
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
