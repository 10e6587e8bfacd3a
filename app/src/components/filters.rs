//! A form that narrows a list: what is typed and chosen becomes the address, with the program and without. A choice is asked for at once; the button is for
//! what was typed, and for where no program runs. Lists whose values are counted beside them are narrowed by `choices`.

use leptos::prelude::*;
use leptos_router::components::Form;

use super::icon::{Icon, IconName};

/// The form around the fields. It reads the list at `action`.
#[component]
pub fn Filters(
    /// The list's path.
    action: &'static str,
    /// What stands in the field for words while it is empty.
    placeholder: &'static str,
    /// The words that are searched for now (`q`).
    text: Signal<String>,
    /// What else narrows it: [`FilterSelect`]s.
    children: Children,
) -> impl IntoView {
    // What was asked for follows the address, too: links and the way back change it without the form.
    let initial = text.get_untracked();
    view! {
        <Form method="GET" action attr:class="filters" attr:role="search">
            <div class="field">
                <label for="q">"Search"</label>
                <input id="q" name="q" type="search" placeholder=placeholder value=initial prop:value=move || text.get() autocomplete="off" />
            </div>
            {children()}
            <button type="submit" class="button"><Icon name=IconName::Search />"Search"</button>
        </Form>
    }
}

/// One of several values, or any.
#[component]
pub fn FilterSelect(
    /// The parameter of the address, and the field's id.
    name: &'static str,
    /// The label.
    label: &'static str,
    /// What is said of not narrowing by it.
    any: &'static str,
    /// The values, each with what it is called.
    choices: Vec<(String, String)>,
    /// The value that is chosen now; empty for any.
    chosen: Signal<String>,
) -> impl IntoView {
    let options: Vec<_> = choices
        .into_iter()
        .map(|(value, name)| {
            let word = value.clone();
            view! { <option value=value selected=move || chosen.with(|chosen| *chosen == word)>{name}</option> }
        })
        .collect();
    let send = move |event: leptos::ev::Event| {
        #[cfg(feature = "hydrate")]
        {
            use wasm_bindgen::JsCast;
            let select = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlSelectElement>().ok());
            if let Some(form) = select.and_then(|select| select.form()) {
                let _ = form.request_submit();
            }
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = event;
    };
    view! {
        <div class="field">
            <label for=name>{label}</label>
            <select id=name name=name prop:value=move || chosen.get() on:change=send>
                <option value="">{any}</option>
                {options}
            </select>
        </div>
    }
}

/// The address of a list with these parameters; those without a value are left out.
pub fn list_address<const N: usize>(path: &str, parameters: [(&str, &str); N]) -> String {
    let asked: Vec<String> = parameters
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", super::search_box::escaped(value)))
        .collect();
    if asked.is_empty() { path.to_owned() } else { format!("{path}?{}", asked.join("&")) }
}

/// The way to the other pages of a list that goes back in time.
#[component]
pub fn OlderPages(
    /// Where its first page is, when this one is another.
    newest: Option<String>,
    /// Where the page after this one is, when there is one.
    older: Option<String>,
) -> impl IntoView {
    (newest.is_some() || older.is_some()).then(|| {
        view! {
            <nav class="pages" aria-label="Pages">
                {newest.map(|href| view! { <a class="button" href=href>"Newest"</a> })}
                {older.map(|href| view! { <a class="button" href=href>"Older"</a> })}
            </nav>
        }
    })
}

#[cfg(test)]
mod tests {
    use super::list_address;

    #[test]
    fn an_address_holds_what_is_asked_for_and_nothing_else() {
        assert_eq!(list_address("/runs", [("q", ""), ("state", "")]), "/runs");
        assert_eq!(
            list_address("/runs", [("q", "a & b"), ("state", ""), ("before", "5-x")]),
            "/runs?q=a%20%26%20b&before=5-x"
        );
    }
}
