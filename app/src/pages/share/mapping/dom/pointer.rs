//! What the pointer does: it drags a line from field to field, or presses the one and then the other; and it is above a curve.

use std::time::Duration;

use leptos::{ev, prelude::*};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Element, PointerEvent};

use super::{
    super::{
        carry::{Carry, Place, Side},
        curve::{Point, edge_speed},
        handle::handle_id,
        work::{Work, source_place, target_place},
    },
    browser::{CANVAS, LISTS, by_id, focus_source_select},
    places::Redraw,
};

/// A press becomes a drag after so many pixels.
const DRAG_FROM: f64 = 4.0;

/// The pointer while it is down.
#[derive(Clone, Copy)]
struct Press {
    pointer: i32,
    place: Place,
    start: Point,
    now: Point,
}

/// The field at a point of the window, when it is one of the canvas.
fn place_at(at: Point) -> Option<Place> {
    #[expect(clippy::cast_possible_truncation, reason = "a point in a window is a small number")]
    let element = document().element_from_point(at.x as f32, at.y as f32)?;
    let row = element.closest("[data-source], [data-target]").ok().flatten()?;
    place_of(&row)
}

fn place_of(row: &Element) -> Option<Place> {
    let index = |name: &str| row.get_attribute(name)?.parse().ok();
    index("data-source").map(source_place).or_else(|| index("data-target").map(target_place))
}

fn point_of(event: &PointerEvent) -> Point {
    Point { x: f64::from(event.client_x()), y: f64::from(event.client_y()) }
}

pub(super) fn watch_pointer(work: Work, redraw: &Redraw) {
    let press = StoredValue::new(None::<Press>);
    let down = window_event_listener(ev::pointerdown, move |event| {
        let Some(element) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
        let closest = |selector: &str| element.closest(selector).ok().flatten();
        // A finger on a name scrolls the list; on the handle it draws.
        let grip = if event.pointer_type() == "touch" { closest(".handle") } else { closest(".handle, .grip") };
        let Some(row) = grip.and_then(|grip| grip.closest("[data-source], [data-target]").ok().flatten()) else {
            return;
        };
        let (Some(place), true, 0) = (place_of(&row), work.may_edit, event.button()) else { return };
        let start = point_of(&event);
        press.set_value(Some(Press { pointer: event.pointer_id(), place, start, now: start }));
    });
    let moved = window_event_listener(ev::pointermove, {
        let redraw = redraw.clone();
        move |event| {
            let Some(mut held) = press.get_value().filter(|held| held.pointer == event.pointer_id()) else {
                return;
            };
            held.now = point_of(&event);
            press.set_value(Some(held));
            if !work.dragging.get_untracked() {
                if (held.now.x - held.start.x).hypot(held.now.y - held.start.y) < DRAG_FROM {
                    return;
                }
                work.pick_up(held.place);
                if work.carry.with_untracked(Option::is_none) {
                    press.set_value(None);
                    return;
                }
                work.dragging.set(true);
                scroll_at_edges(work, press, redraw.clone());
            }
            follow(work, held);
        }
    });
    let up = window_event_listener(ev::pointerup, move |event| {
        let Some(held) = press.get_value().filter(|held| held.pointer == event.pointer_id()) else { return };
        press.set_value(None);
        if work.dragging.get_untracked() {
            let to = place_at(point_of(&event)).filter(|place| place.side != held.place.side);
            match to {
                Some(place) => work.put_down(Some(place)),
                None => work.cancel(),
            }
            swallow_next_click();
        }
    });
    let lost = window_event_listener(ev::pointercancel, move |event| {
        if press.get_value().is_some_and(|held| held.pointer == event.pointer_id()) {
            press.set_value(None);
            work.cancel();
        }
    });
    // Who does not drag points at the one field and then at the other.
    let click = window_event_listener(ev::click, move |event| {
        let Some(element) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
        let closest = |selector: &str| element.closest(selector).ok().flatten();
        // The handle is a button and answers for itself.
        if closest(".handle, .mapping-bar").is_some() || !work.may_edit {
            return;
        }
        let place = closest("[data-source], [data-target]").and_then(|row| place_of(&row));
        let carried_from = work.carry.with_untracked(|carry| carry.as_ref().map(Carry::from));
        match (carried_from, place) {
            (Some(from), Some(place)) if from.side != place.side => work.press(place),
            (_, Some(place)) if closest(".grip").is_some() => work.press(place),
            // A press beside everything puts it back; what a key does in a control is no such press.
            (Some(_), None) if event.detail() > 0 => work.cancel(),
            _ => {}
        }
    });
    Effect::new(move |_| {
        // Escape ends the drag while the pointer is still down.
        if !work.dragging.get() {
            press.set_value(None);
        }
        if let Some(root) = document().document_element() {
            let _ = root.class_list().toggle_with_force("is-linking", work.dragging.get());
        }
    });
    on_cleanup(move || {
        down.remove();
        moved.remove();
        up.remove();
        lost.remove();
        click.remove();
        if let Some(root) = document().document_element() {
            let _ = root.class_list().remove_1("is-linking");
        }
    });
}

/// The click that a browser makes of the end of a drag is none.
fn swallow_next_click() {
    let swallow = Closure::<dyn FnMut(web_sys::Event)>::new(|event: web_sys::Event| {
        event.stop_propagation();
        event.prevent_default();
    });
    let _ = document().add_event_listener_with_callback_and_bool("click", swallow.as_ref().unchecked_ref(), true);
    set_timeout(
        move || {
            let _ = document().remove_event_listener_with_callback_and_bool(
                "click",
                swallow.as_ref().unchecked_ref(),
                true,
            );
        },
        Duration::ZERO,
    );
}

/// The line and the field below follow the pointer.
fn follow(work: Work, held: Press) {
    let (Some(canvas), Some(handle)) = (by_id(CANVAS), by_id(&handle_id(held.place))) else { return };
    let (canvas, handle) = (canvas.get_bounding_client_rect(), handle.get_bounding_client_rect());
    let from = Point {
        x: handle.left() + handle.width() / 2.0 - canvas.left(),
        y: handle.top() + handle.height() / 2.0 - canvas.top(),
    };
    let to = Point { x: held.now.x - canvas.left(), y: held.now.y - canvas.top() };
    // A curve always leaves a source to the right, and a destination to the left.
    work.ghost.set(Some(if held.place.side == Side::Source { (from, to) } else { (to, from) }));
    work.hover(place_at(held.now));
}

/// While something is dragged, the list below the pointer, or the page, scrolls when the pointer is near its edge.
fn scroll_at_edges(work: Work, press: StoredValue<Option<Press>>, redraw: Redraw) {
    request_animation_frame(move || {
        let (Some(true), Some(Some(held))) = (work.dragging.try_get_untracked(), press.try_get_value()) else {
            return;
        };
        let mut scrolled = false;
        for list in LISTS.into_iter().filter_map(by_id) {
            let edges = list.get_bounding_client_rect();
            let is_below = held.now.x >= edges.left() && held.now.x <= edges.right();
            if is_below && list.scroll_height() > list.client_height() {
                let before = list.scroll_top();
                #[expect(clippy::cast_possible_truncation, reason = "a few pixels")]
                list.set_scroll_top(before + edge_speed(held.now.y, edges.top(), edges.bottom()) as i32);
                scrolled |= list.scroll_top() != before;
            }
        }
        if !scrolled {
            let height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or_default();
            let speed = edge_speed(held.now.y, 0.0, height);
            if speed.abs() > 0.5 {
                window().scroll_by_with_x_and_y(0.0, speed);
                scrolled = true;
            }
        }
        if scrolled {
            follow(work, held);
            redraw.soon();
        }
        scroll_at_edges(work, press, redraw);
    });
}

/// Curves answer to the pointer: they stand out below it, and a click selects their row.
pub(super) fn watch_links(work: Work) {
    let target_of = |event: &web_sys::Event| {
        let element = event.target()?.dyn_into::<Element>().ok()?;
        element.closest("[data-link]").ok()??.get_attribute("data-link")
    };
    let over = window_event_listener(ev::pointerover, move |event| {
        if let Some(target) = target_of(&event) {
            work.hovered.set(Some(target));
        }
    });
    let out = window_event_listener(ev::pointerout, move |event| {
        if target_of(&event).is_some() {
            work.hovered.set(None);
        }
    });
    let click = window_event_listener(ev::click, move |event| {
        if let Some(target) = target_of(&event) {
            work.selected.set(Some(target.clone()));
            focus_source_select(work, &target);
        }
    });
    on_cleanup(move || {
        over.remove();
        out.remove();
        click.remove();
    });
}
