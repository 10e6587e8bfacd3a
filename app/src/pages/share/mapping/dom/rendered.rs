//! The form as the server rendered it, until the page's program takes it over: what is in it, and what a person has chosen there meanwhile.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement, HtmlOptionElement, HtmlSelectElement, HtmlTextAreaElement};

use super::super::form::FormLink;

/// On the form, from when the program runs it.
const TAKEN_OVER: &str = "data-taken-over";

/// The form as the server rendered it. One that stands there from another page is not meant, and was taken over already.
fn rendered() -> Option<Element> {
    document().query_selector(&format!("form.mapping:not([{TAKEN_OVER}])")).ok().flatten()
}

/// Whether the page was rendered by the server, and is about to be taken over.
pub fn is_rendered() -> bool {
    rendered().is_some()
}

/// From now on the program runs the form.
pub(super) fn take_over() {
    if let Some(form) = document().query_selector("form.mapping").ok().flatten() {
        let _ = form.set_attribute(TAKEN_OVER, "");
    }
}

pub fn rendered_preview() -> Option<String> {
    let table = rendered()?.query_selector(&format!("#{}", super::PREVIEW)).ok()??;
    Some(table.inner_html()).filter(|html| !html.is_empty())
}

pub fn chosen_early() -> Vec<FormLink> {
    let form = rendered();
    let Some(rows) = form.and_then(|form| form.query_selector_all("[data-target]").ok()) else { return Vec::new() };
    (0..rows.length()).filter_map(|index| changed_line(&rows.item(index)?.dyn_into().ok()?)).collect()
}

/// The line of a destination field, when one of its controls is not as the server sent it.
fn changed_line(row: &Element) -> Option<FormLink> {
    let controls = row.query_selector_all("input, select, textarea").ok()?;
    let (mut line, mut is_changed) = (FormLink::default(), false);
    for control in (0..controls.length()).filter_map(|index| controls.item(index)) {
        let (name, value) = match control.dyn_into::<HtmlSelectElement>() {
            Ok(select) => {
                is_changed |= select.value() != default_choice(&select);
                (select.name(), select.value())
            }
            Err(control) if control.has_type::<HtmlTextAreaElement>() => {
                let text = control.dyn_into::<HtmlTextAreaElement>().ok()?;
                is_changed |= text.default_value().is_ok_and(|default| default != text.value());
                (text.name(), text.value())
            }
            Err(control) => {
                let input = control.dyn_into::<HtmlInputElement>().ok()?;
                if input.type_() == "checkbox" {
                    is_changed |= input.checked() != input.default_checked();
                    (input.name(), if input.checked() { input.value() } else { String::new() })
                } else {
                    is_changed |= input.value() != input.default_value();
                    (input.name(), input.value())
                }
            }
        };
        line.set(&name, value);
    }
    is_changed.then_some(line)
}

fn default_choice(select: &HtmlSelectElement) -> String {
    let options = select.options();
    let all = || (0..options.length()).filter_map(|index| options.item(index)?.dyn_into::<HtmlOptionElement>().ok());
    let chosen = all().find(HtmlOptionElement::default_selected).or_else(|| all().next());
    chosen.map(|option| option.value()).unwrap_or_default()
}
