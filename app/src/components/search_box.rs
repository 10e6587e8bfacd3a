//! A search box in a form of its own: Enter works without the program; with it, the list follows what is typed.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::icon::{Icon, IconName};

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
    let search = move |text: String| {
        let mut address = format!("{action}?q={}", escaped(&text));
        // As they are by now: filters change while the box stays. Only the page number belongs to the search before.
        query.with_untracked(|query| {
            for (name, value) in
                query.clone().into_iter().filter(|(name, value)| name != "q" && name != "page" && !value.is_empty())
            {
                address.push_str(&format!("&{name}={}", escaped(&value)));
            }
        });
        navigate(&address, NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
    };
    let waiting = StoredValue::new(None::<TimeoutHandle>);
    let on_input = move |event: leptos::ev::Event| {
        let (text, search) = (event_target_value(&event), search.clone());
        if let Some(Some(handle)) = waiting.try_get_value() {
            handle.clear();
        }
        let handle = set_timeout_with_handle(move || search(text), std::time::Duration::from_millis(200)).ok();
        waiting.set_value(handle);
    };
    let hidden: Vec<_> =
        keep.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value /> }).collect();
    view! {
        <form class="search-box" role="search" method="get" action=action>
            <label class="visually-hidden" for="q">{label}</label>
            <Icon name=IconName::Search />
            <input id="q" name="q" type="search" placeholder=label value=text autocomplete="off" on:input=on_input />
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
