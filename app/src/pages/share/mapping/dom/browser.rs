//! The page once its program runs: what is watched for as long as it is there, what waits for the next picture, and where the focus goes. Each part
//! of the page has a module of its own beside this.

use std::time::Duration;

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, ScrollIntoViewOptions, ScrollLogicalPosition};

use super::{
    super::{
        links::Curve,
        target_list::{List, source_of},
        work::Work,
    },
    columns, keys, places, pointer, rendered,
};

pub(super) const CANVAS: &str = "canvas";
pub(super) const LISTS: [&str; 2] = ["source-list", "target-list"];

pub(super) fn by_id(id: &str) -> Option<HtmlElement> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

pub fn start(work: Work, curves: RwSignal<Vec<Curve>>) {
    rendered::take_over();
    let redraw = places::Redraw::new(work, curves);
    places::watch_changes(work, redraw.clone());
    columns::watch_the_field(work);
    watch_turns(work);
    places::watch_size(&redraw);
    pointer::watch_pointer(work, &redraw);
    keys::watch_keys(work);
    pointer::watch_links(work);
    when_resized({
        let redraw = redraw.clone();
        move || redraw.soon()
    });
    redraw.soon();
    shorten_lists(work);
}

pub fn when_resized(act: impl Fn() + 'static) {
    let resized = window_event_listener(ev::resize, move |_| act());
    on_cleanup(move || resized.remove());
}

/// Makes long lists short, some at a time, when nothing else is to be done.
fn shorten_lists(work: Work) {
    const AT_ONCE: usize = 5;
    const PAUSE: Duration = Duration::from_millis(30);
    let lists = work.board.with_value(|board| board.destination.len());
    if work.first_list != List::Rendered || work.short_lists.get_untracked() >= lists {
        return;
    }
    set_timeout(
        move || {
            // The page may be gone by now.
            if work.short_lists.try_update(|short| *short += AT_ONCE).is_some() {
                shorten_lists(work);
            }
        },
        PAUSE,
    );
}

pub fn focus_source_select(work: Work, name: &str) {
    let index = work.board.with_value(|board| board.destination.iter().position(|field| field.name == name));
    let Some(index) = index else { return };
    // A filter may just have been taken away: the row is there in the next frame.
    request_animation_frame(move || {
        if let Some(select) = by_id(&source_of(index)) {
            let _ = select.focus();
            show(&select);
        }
    });
}

pub fn after_the_picture(act: impl FnOnce() + 'static) {
    request_animation_frame(move || set_timeout(act, Duration::ZERO));
}

pub fn focus_soon(id: &str) {
    let id = id.to_owned();
    request_animation_frame(move || {
        if let Some(element) = by_id(&id) {
            let _ = element.focus();
        }
    });
}

pub(super) fn show(element: &Element) {
    let options = ScrollIntoViewOptions::new();
    options.set_block(ScrollLogicalPosition::Nearest);
    element.scroll_into_view_with_scroll_into_view_options(&options);
}

/// Rows in sight follow each change at once, the others when it is on the screen.
fn watch_turns(work: Work) {
    if !work.turns.are_taken() {
        return;
    }
    let goes_on = StoredValue::new(false);
    Effect::new(move |before: Option<()>| {
        work.mapping.track();
        work.findings.track();
        work.suggestions.track();
        work.carry.track();
        if before.is_none() {
            return;
        }
        work.turns.all_have_to_follow();
        if !goes_on.get_value() {
            goes_on.set_value(true);
            after_the_picture(move || let_others_follow(work, goes_on));
        }
    });
}

/// A few rows at a time, so that whoever does the next thing does not wait.
fn let_others_follow(work: Work, goes_on: StoredValue<bool>) {
    const AT_ONCE: usize = 8;
    let still_wait = work.turns.next(AT_ONCE);
    if goes_on.try_update_value(|goes_on| *goes_on = still_wait).is_some() && still_wait {
        set_timeout(move || let_others_follow(work, goes_on), Duration::ZERO);
    }
}
