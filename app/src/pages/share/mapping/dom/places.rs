//! Where the fields are: handles are measured where their rows are in sight, and from that the curves are drawn.

use leptos::prelude::*;
use model::mapping::Source;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{DomRect, ResizeObserver};

use super::{
    super::{
        carry::{Place, Side},
        curve::Point,
        handle::handle_id,
        links::{Curve, Ends, Shape, reshaped},
        work::{Work, source_place, target_place},
    },
    browser::{CANVAS, LISTS, after_the_picture, by_id, show},
};

/// Measures and draws at most once a frame.
#[derive(Clone)]
pub(super) struct Redraw {
    work: Work,
    curves: RwSignal<Vec<Curve>>,
    asked: StoredValue<bool>,
}

impl Redraw {
    pub(super) fn new(work: Work, curves: RwSignal<Vec<Curve>>) -> Self {
        Self { work, curves, asked: StoredValue::new(false) }
    }

    /// With the next picture.
    pub(super) fn soon(&self) {
        self.ask(request_animation_frame);
    }

    /// The same; where there are very many fields, right after it.
    fn after_a_change(&self) {
        if self.work.turns.are_taken() {
            self.ask(after_the_picture);
        } else {
            self.soon();
        }
    }

    fn ask(&self, when: impl FnOnce(Box<dyn FnOnce()>)) {
        if self.asked.try_get_value() != Some(false) {
            return;
        }
        self.asked.set_value(true);
        let this = self.clone();
        when(Box::new(move || {
            if this.asked.try_update_value(|asked| *asked = false).is_some() {
                this.now();
            }
        }));
    }

    fn now(&self) {
        let Some(canvas) = by_id(CANVAS) else { return };
        let canvas = canvas.get_bounding_client_rect();
        let work = self.work;
        let (sides, in_sight) = work.shown.with_untracked(|shown| {
            let fields = work.board.with_value(|board| (board.source.len(), board.destination.len()));
            let of = |side, order: &[usize], fields| SideInSight::measured(side, order, fields);
            let source = of(Side::Source, &shown.source, fields.0);
            let destination = of(Side::Destination, &shown.destination, fields.1);
            let in_sight: Vec<Place> =
                [&source, &destination].into_iter().flatten().flat_map(SideInSight::places).collect();
            ((source, destination), in_sight)
        });
        work.turns.are_in_sight(in_sight);
        let (Some(source_side), Some(target_side)) = sides else { return };
        let end = |place: Place| {
            let side = match place.side {
                Side::Source => &source_side,
                Side::Destination => &target_side,
            };
            let (at, away) = side.end(place.index)?;
            Some((Point { x: at.x - canvas.left(), y: at.y - canvas.top() }, away))
        };
        let mut drawn = Vec::new();
        work.board.with_value(|board| {
            let position = |name: &str| board.source.iter().position(|field| field.name == name);
            let mut draw = |source: &Source, target: &str, suggested: bool| {
                let index = board.destination.iter().position(|field| field.name == target);
                let Some((to, to_away)) = index.and_then(|index| end(target_place(index))) else { return };
                let mut names: Vec<&str> = Vec::new();
                for name in source.fields() {
                    // Who joins a field with itself sees one line.
                    if names.contains(&name) {
                        continue;
                    }
                    names.push(name);
                    let Some((from, from_away)) = position(name).and_then(|source| end(source_place(source))) else {
                        continue;
                    };
                    if from_away && to_away && (from.y - to.y).abs() < 1.0 {
                        continue;
                    }
                    let shape = Shape { from, to, away: from_away || to_away };
                    let ends = Ends { source: name.to_owned(), target: target.to_owned(), suggested };
                    drawn.push((ends, shape));
                }
            };
            work.suggestions.with_untracked(|suggestions| {
                suggestions.iter().for_each(|suggestion| draw(&suggestion.link.source, &suggestion.link.target, true));
            });
            work.mapping.with_untracked(|mapping| {
                mapping.links.iter().for_each(|link| draw(&link.source, &link.target, false))
            });
        });
        if let Some(curves) = self.curves.with_untracked(|curves| reshaped(curves, drawn)) {
            self.curves.set(curves);
        }
        // A line to where the keys have moved.
        if !work.dragging.get_untracked() {
            let line = work.carry.with_untracked(|carry| {
                let carry = carry.as_ref()?;
                Some((end(carry.from())?.0, end(carry.over()?)?.0))
            });
            if work.ghost.get_untracked() != line {
                work.ghost.set(line);
            }
        }
    }
}

/// Where the rows of a side are, as far as its list shows them. Only those in sight are measured: where the others would be is known by their order, and to
/// ask for it would have the browser lay each of them out.
struct SideInSight {
    side: Side,
    list: DomRect,
    /// Where curves begin whose row is out of sight.
    edge: f64,
    /// By the position of the field; none when a filter has taken it away.
    rows: Vec<Option<RowAt>>,
}

#[derive(Clone, Copy)]
enum RowAt {
    Above,
    /// The middle of its handle.
    InSight(Point),
    Below,
}

impl SideInSight {
    /// Of `fields` fields, of which those in `order` are shown, from top to bottom. None when the list is not there.
    fn measured(side: Side, order: &[usize], fields: usize) -> Option<Self> {
        let list = by_id(match side {
            Side::Source => LISTS[0],
            Side::Destination => LISTS[1],
        })?;
        let list = list.get_bounding_client_rect();
        let handle = |index: usize| by_id(&handle_id(Place { side, index }));
        let row = |index: usize| Some(handle(index)?.closest(".field-row").ok()??.get_bounding_client_rect());
        let first = order.partition_point(|index| row(*index).is_some_and(|row| row.bottom() <= list.top()));
        let mut this = Self { side, list, edge: 0.0, rows: vec![None; fields] };
        let mut is_below = false;
        for (position, index) in order.iter().enumerate() {
            let Some(at) = this.rows.get_mut(*index) else { continue };
            if position < first || is_below {
                *at = Some(if is_below { RowAt::Below } else { RowAt::Above });
                continue;
            }
            let (Some(row), Some(handle)) = (row(*index), handle(*index)) else { continue };
            this.edge = if side == Side::Source { row.right() } else { row.left() };
            is_below = row.top() >= this.list.bottom();
            *at = Some(if is_below {
                RowAt::Below
            } else {
                let handle = handle.get_bounding_client_rect();
                RowAt::InSight(Point {
                    x: handle.left() + handle.width() / 2.0,
                    y: handle.top() + handle.height() / 2.0,
                })
            });
        }
        Some(this)
    }

    /// The rows in sight.
    fn places(&self) -> impl Iterator<Item = Place> {
        let is_in_sight = |(_, row): &(usize, &Option<RowAt>)| matches!(row, Some(RowAt::InSight(_)));
        self.rows.iter().enumerate().filter(is_in_sight).map(|(index, _)| Place { side: self.side, index })
    }

    /// Where a curve ends that leads to this field, and whether that is only the edge behind which it is.
    fn end(&self, index: usize) -> Option<(Point, bool)> {
        let (top, bottom) = (self.list.top(), self.list.bottom());
        match self.rows.get(index).copied().flatten()? {
            RowAt::Above => Some((Point { x: self.edge, y: top }, true)),
            RowAt::Below => Some((Point { x: self.edge, y: bottom }, true)),
            RowAt::InSight(middle) => {
                let y = middle.y.clamp(top, bottom);
                Some((Point { y, ..middle }, (y - middle.y).abs() > 1.0))
            }
        }
    }
}

/// What changes the curves: the mapping, what is suggested, what is shown, and where the keys have moved.
pub(super) fn watch_changes(work: Work, redraw: Redraw) {
    Effect::new({
        let redraw = redraw.clone();
        move |_| {
            work.mapping.track();
            work.suggestions.track();
            work.shown.track();
            redraw.after_a_change();
        }
    });
    Effect::new(move |_| {
        let over = work.carry.with(|carry| carry.as_ref().and_then(|carry| carry.over()));
        if work.dragging.get_untracked() {
            return;
        }
        // With the next picture, because it has to be known where everything is: in the middle of a change that would be found out twice.
        if let Some(handle) = over.and_then(|place| by_id(&handle_id(place))) {
            request_animation_frame(move || show(&handle));
        }
        redraw.after_a_change();
    });
}

/// Stops watching when it is dropped, with the page.
struct Watching {
    on_change: Closure<dyn FnMut()>,
    observer: Option<ResizeObserver>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
        let _ = document().remove_event_listener_with_callback_and_bool(
            "scroll",
            self.on_change.as_ref().unchecked_ref(),
            true,
        );
    }
}

pub(super) fn watch_size(redraw: &Redraw) {
    let redraw = redraw.clone();
    let on_change = Closure::<dyn FnMut()>::new(move || redraw.soon());
    let observer = ResizeObserver::new(on_change.as_ref().unchecked_ref()).ok();
    if let Some(observer) = &observer {
        for id in [CANVAS, LISTS[0], LISTS[1]] {
            let Some(element) = by_id(id) else { continue };
            observer.observe(&element);
            let inside = element.children();
            (0..inside.length()).filter_map(|index| inside.item(index)).for_each(|child| observer.observe(&child));
        }
    }
    // Scrolling does not bubble, but it can be caught on its way down.
    let _ = document().add_event_listener_with_callback_and_bool("scroll", on_change.as_ref().unchecked_ref(), true);
    let watching = StoredValue::new_local(Watching { on_change, observer });
    on_cleanup(move || watching.dispose());
}
