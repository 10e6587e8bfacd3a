//! What needs the browser: measuring where handles are, dragging, the keys of the page, scrolling. On the server nothing of it is there.

/// The id of what scrolls the live table.
pub const PREVIEW: &str = "preview-rows";

#[cfg(feature = "hydrate")]
pub use browser::{
    after_the_picture, chosen_early, columns_in_sight, focus_soon, focus_source_select, is_rendered, rendered_preview,
    start, when_resized,
};

/// In the browser: watches pointer, keys, size and scrolling, for as long as the page is there.
#[cfg(not(feature = "hydrate"))]
pub fn start(_work: super::work::Work, _curves: leptos::prelude::RwSignal<Vec<super::links::Curve>>) {}

/// In the browser: whether the page is there already, rendered by the server and not yet taken over.
#[cfg(not(feature = "hydrate"))]
pub fn is_rendered() -> bool {
    false
}

/// In the browser: once the next picture is on the screen.
#[cfg(not(feature = "hydrate"))]
pub fn after_the_picture(_act: impl FnOnce() + 'static) {}

/// In the browser: the lines of the form in which something was chosen before the page's program had loaded.
#[cfg(not(feature = "hydrate"))]
pub fn chosen_early() -> Vec<super::form::FormLink> {
    Vec::new()
}

/// In the browser: the live table as the server rendered it.
#[cfg(not(feature = "hydrate"))]
pub fn rendered_preview() -> Option<String> {
    None
}

/// In the browser: which columns of a live table of very many are in sight, with so many beside them; none where they stand one below the other.
#[cfg(not(feature = "hydrate"))]
pub fn columns_in_sight(_beside: usize) -> Option<std::ops::Range<usize>> {
    None
}

/// In the browser: whenever the window gets another size, as long as the page is there.
#[cfg(not(feature = "hydrate"))]
pub fn when_resized(_act: impl Fn() + 'static) {}

/// In the browser: shows a destination field, and puts the focus on what says what feeds it.
#[cfg(not(feature = "hydrate"))]
pub fn focus_source_select(_work: super::work::Work, _name: &str) {}

/// In the browser: puts the focus on the element of that id, once the page shows what was just changed.
#[cfg(not(feature = "hydrate"))]
pub fn focus_soon(_id: &str) {}

#[cfg(feature = "hydrate")]
mod browser {
    use std::{ops::Range, time::Duration};

    use leptos::{ev, prelude::*};
    use model::mapping::{Mapping, Source};
    use wasm_bindgen::{JsCast, closure::Closure};
    use web_sys::{
        DomRect, Element, HtmlElement, HtmlInputElement, HtmlOptionElement, HtmlSelectElement, HtmlTextAreaElement,
        KeyboardEvent, PointerEvent, ResizeObserver, ScrollIntoViewOptions, ScrollLogicalPosition,
    };

    use super::super::{
        carry::{Carry, Move, Place, Side},
        curve::{Point, edge_speed},
        form::FormLink,
        handle::handle_id,
        links::{Curve, Ends, Shape, reshaped},
        preview::PAUSE,
        target_list::{List, source_of},
        trying::COLUMN_WIDTH,
        work::{Work, source_place, target_place},
    };

    /// A press becomes a drag after so many pixels.
    const DRAG_FROM: f64 = 4.0;
    /// The live table follows a change within this time, and a pause where there are very many fields.
    const TABLE_IS_MADE: Duration = Duration::from_millis(50);
    const CANVAS: &str = "canvas";
    /// On the form, from when the program runs it.
    const TAKEN_OVER: &str = "data-taken-over";
    const LISTS: [&str; 2] = ["source-list", "target-list"];

    /// The pointer while it is down.
    #[derive(Clone, Copy)]
    struct Press {
        pointer: i32,
        place: Place,
        start: Point,
        now: Point,
    }

    fn by_id(id: &str) -> Option<HtmlElement> {
        document().get_element_by_id(id)?.dyn_into().ok()
    }

    /// The form as the server rendered it. One that stands there from another page is not meant, and was taken over already.
    fn rendered() -> Option<Element> {
        document().query_selector(&format!("form.mapping:not([{TAKEN_OVER}])")).ok().flatten()
    }

    /// Whether the page was rendered by the server, and is about to be taken over.
    pub fn is_rendered() -> bool {
        rendered().is_some()
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
        let all =
            || (0..options.length()).filter_map(|index| options.item(index)?.dyn_into::<HtmlOptionElement>().ok());
        let chosen = all().find(HtmlOptionElement::default_selected).or_else(|| all().next());
        chosen.map(|option| option.value()).unwrap_or_default()
    }

    pub fn start(work: Work, curves: RwSignal<Vec<Curve>>) {
        if let Some(form) = document().query_selector("form.mapping").ok().flatten() {
            let _ = form.set_attribute(TAKEN_OVER, "");
        }
        let redraw = Redraw::new(work, curves);
        watch_changes(work, redraw.clone());
        watch_turns(work);
        watch_size(&redraw);
        watch_pointer(work, &redraw);
        watch_keys(work);
        watch_links(work);
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

    fn show(element: &Element) {
        let options = ScrollIntoViewOptions::new();
        options.set_block(ScrollLogicalPosition::Nearest);
        element.scroll_into_view_with_scroll_into_view_options(&options);
    }

    /// Measures and draws at most once a frame.
    #[derive(Clone)]
    struct Redraw {
        work: Work,
        curves: RwSignal<Vec<Curve>>,
        asked: StoredValue<bool>,
    }

    impl Redraw {
        fn new(work: Work, curves: RwSignal<Vec<Curve>>) -> Self {
            Self { work, curves, asked: StoredValue::new(false) }
        }

        /// With the next picture.
        fn soon(&self) {
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
                        let Some((from, from_away)) = position(name).and_then(|source| end(source_place(source)))
                        else {
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
                    suggestions
                        .iter()
                        .for_each(|suggestion| draw(&suggestion.link.source, &suggestion.link.target, true));
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
    fn watch_changes(work: Work, redraw: Redraw) {
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
        // The live table shows the column of the field that a person is at. Once it is made: a column may just come.
        Effect::new(move |_| {
            if let Some(name) = work.selected.get() {
                let waits = if work.turns.are_taken() { PAUSE } else { Duration::ZERO };
                set_timeout(move || show_column(work, &name), waits + TABLE_IS_MADE);
            }
        });
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

    /// How wide a column is of a live table of which only some columns are made, in pixels; none where columns stand one below the other.
    fn column_width() -> Option<f64> {
        // As in `preview.css`.
        if window().match_media("(max-width: 48rem)").ok()??.matches() {
            return None;
        }
        let style = window().get_computed_style(&document().document_element()?).ok()??;
        // Whole pixels are enough; to read a fraction takes a table of 12 KB.
        let rem: u32 = style.get_property_value("font-size").ok()?.split(['.', 'p']).next()?.parse().ok()?;
        Some(f64::from(rem * COLUMN_WIDTH)).filter(|width| *width > 0.0)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few thousand pixels, none below zero"
    )]
    pub fn columns_in_sight(beside: usize) -> Option<Range<usize>> {
        let width = column_width()?;
        let table = by_id(super::PREVIEW)?;
        let first = (f64::from(table.scroll_left()) / width) as usize;
        let many = (f64::from(table.client_width()) / width) as usize + 2;
        Some(first.saturating_sub(beside)..first + many + beside)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a few thousand pixels")]
    fn show_column(work: Work, name: &str) {
        let Some(table) = by_id(super::PREVIEW) else { return };
        let Ok(heads) = table.query_selector_all("[data-column]") else { return };
        let head = (0..heads.length())
            .filter_map(|index| heads.item(index)?.dyn_into::<HtmlElement>().ok())
            .find(|head| head.get_attribute("data-column").as_deref() == Some(name));
        let edges = match head {
            Some(head) => Some((head.offset_left(), head.offset_left() + head.offset_width())),
            // It is there, but not made: about here.
            None if table.query_selector(".of-some").is_ok_and(|table| table.is_some()) => {
                let of_it = |mapping: &Mapping| mapping.links.iter().position(|link| link.target == name);
                let place = work.mapping.try_with_untracked(of_it).flatten();
                place.zip(column_width()).map(|(place, width)| {
                    let left = (place as f64 * width) as i32;
                    (left, left + width as i32)
                })
            }
            None => None,
        };
        if let Some((left, right)) = edges
            && (left < table.scroll_left() || right > table.scroll_left() + table.client_width())
        {
            table.set_scroll_left(left - table.client_width() / 3);
        }
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

    fn watch_size(redraw: &Redraw) {
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
        let _ =
            document().add_event_listener_with_callback_and_bool("scroll", on_change.as_ref().unchecked_ref(), true);
        let watching = StoredValue::new_local(Watching { on_change, observer });
        on_cleanup(move || watching.dispose());
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

    fn watch_pointer(work: Work, redraw: &Redraw) {
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

    fn watch_keys(work: Work) {
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

    /// Curves answer to the pointer: they stand out below it, and a click selects their row.
    fn watch_links(work: Work) {
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
}
