//! What the keys do on the page of a mapping, wherever the focus is. The keys of a control are its own matter.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};

use super::{
    super::{carry::Move, work::Work},
    browser::focus_source_select,
};

pub(super) fn watch_keys(work: Work) {
    let keys = window_event_listener(ev::keydown, move |event| {
        if on_key(work, &event) {
            event.prevent_default();
        }
    });
    on_cleanup(move || keys.remove());
}

/// Whether the key was for us.
fn on_key(work: Work, event: &KeyboardEvent) -> bool {
    let key = event.key();
    if work.carry.with_untracked(Option::is_some) {
        let step = match key.as_str() {
            "ArrowDown" | "ArrowRight" => Some(Move::Next),
            "ArrowUp" | "ArrowLeft" => Some(Move::Previous),
            "Home" => Some(Move::First),
            "End" => Some(Move::Last),
            _ => None,
        };
        if let Some(step) = step {
            if !work.dragging.get_untracked() {
                work.step(step);
            }
            return true;
        }
        if key == "Escape" {
            work.cancel();
            return true;
        }
    }
    if key == "F8" {
        let at = work.selected.get_untracked();
        match untrack(|| work.next_trouble(at.as_deref())) {
            Some(name) => {
                work.target_filter.set(String::new());
                focus_source_select(work, &name);
            }
            None => work.say("Nothing is missing."),
        }
        return true;
    }
    let element = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let types = |element: &Element| {
        element.closest("input:not([type=checkbox], [type=radio]), textarea").ok().flatten().is_some()
    };
    if element.as_ref().is_some_and(types) {
        // What is typed is taken back by the browser.
        return false;
    }
    let control = (event.ctrl_key() || event.meta_key()) && !event.alt_key();
    match key.as_str() {
        "z" | "Z" if control && event.shift_key() => work.redo(),
        "z" if control => work.undo(),
        "y" if control => work.redo(),
        // Among a link's steps it would be taken for the step's.
        "Delete" if element.as_ref().is_some_and(|at| at.closest(".chain-editor").ok().flatten().is_some()) => {
            return false;
        }
        "Delete" if work.may_edit => {
            let selected = work.selected.get_untracked();
            let linked =
                selected.filter(|target| work.mapping.with_untracked(|mapping| mapping.link(target).is_some()));
            let Some(target) = linked else { return false };
            work.unlink(&target);
        }
        _ => return false,
    }
    true
}
