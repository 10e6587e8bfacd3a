//! The columns of the live table: which are in sight, and that of the field at which a person is.

use std::{ops::Range, time::Duration};

use leptos::prelude::*;
use model::mapping::Mapping;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::{
    super::{preview::PAUSE, trying::COLUMN_WIDTH, work::Work},
    PREVIEW,
    browser::by_id,
};

/// The live table follows a change within this time, and a pause where there are very many fields.
const TABLE_IS_MADE: Duration = Duration::from_millis(50);

/// The live table shows the column of the field that a person is at. Once it is made: a column may just come.
pub(super) fn watch_the_field(work: Work) {
    Effect::new(move |_| {
        if let Some(name) = work.selected.get() {
            let waits = if work.turns.are_taken() { PAUSE } else { Duration::ZERO };
            set_timeout(move || show_column(work, &name), waits + TABLE_IS_MADE);
        }
    });
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

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand pixels, none below zero")]
pub fn columns_in_sight(beside: usize) -> Option<Range<usize>> {
    let width = column_width()?;
    let table = by_id(PREVIEW)?;
    let first = (f64::from(table.scroll_left()) / width) as usize;
    let many = (f64::from(table.client_width()) / width) as usize + 2;
    Some(first.saturating_sub(beside)..first + many + beside)
}

#[expect(clippy::cast_possible_truncation, reason = "a few thousand pixels")]
fn show_column(work: Work, name: &str) {
    let Some(table) = by_id(PREVIEW) else { return };
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
