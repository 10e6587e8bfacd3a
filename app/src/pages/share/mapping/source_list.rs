//! The left column: the audience's fields.

use leptos::prelude::*;
use model::field::Field;

use super::{
    carry::Side,
    filter_box,
    handle::Handle,
    list_class,
    mask::{outlined, shortened},
    title, type_mark,
    work::{Work, source_place},
};

/// Samples beside a field.
const SAMPLES: usize = 3;

/// The audience's fields.
#[component]
pub fn SourceList(
    /// The page's state.
    work: Work,
    /// Where they come from.
    #[prop(into)]
    from: String,
) -> impl IntoView {
    let fields = work.board.with_value(|board| board.source.clone());
    let filter = filter_box(work, Side::Source, fields.len());
    let rows: Vec<_> =
        fields.into_iter().enumerate().map(|(index, field)| view! { <SourceRow work index field /> }).collect();
    view! {
        <section class="side source-side" aria-labelledby="source-heading">
            <header class="side-head">
                <h2 id="source-heading">"Audience"</h2>
                <span class="side-of">{from}</span>
                {filter}
            </header>
            // It scrolls, also for those who can't put the focus into it.
            <ul class=list_class(work) id="source-list" tabindex="0" aria-labelledby="source-heading">
                {rows}
            </ul>
        </section>
    }
}

#[component]
fn SourceRow(work: Work, index: usize, field: Field) -> impl IntoView {
    let name = field.name.clone();
    let place = source_place(index);
    let fed = {
        let name = name.clone();
        work.turns.follow(place, move || {
            work.mapping.with(|mapping| {
                mapping
                    .links
                    .iter()
                    .filter(|link| link.source.reads(&name))
                    .map(|link| link.target.clone())
                    .collect::<Vec<_>>()
            })
        })
    };
    let standing = work.turns.follow(place, move || work.standing(place));
    let is_shown = Memo::new(move |_| work.shown.with(|shown| shown.source.contains(&index)));
    let is_lit = Memo::new(move |_| fed.with(|targets| targets.iter().any(|target| work.is_lit(target))));
    // One string: a class that is set apart from it would be lost when it changes.
    let class = move || {
        let used = if fed.with(Vec::is_empty) { "" } else { " used" };
        let lit = if is_lit.get() { " lit" } else { "" };
        format!("field-row source-row {}{used}{lit}", standing.get().class())
    };
    let values = samples(work, &name);
    let samples = Memo::new(move |_| {
        let shown = work.show_values.get();
        let look = |value: &String| if shown { shortened(value) } else { outlined(value) };
        values.iter().map(look).collect::<Vec<_>>().join("\u{2003}")
    });
    let fill = fill(work, &name);
    let label = field.display_name().to_owned();
    let title = title(&field);
    let technical = (label != name).then(|| name.clone());
    view! {
        <li
            class=class
            hidden=move || !is_shown.get()
            data-source=index.to_string()
            on:pointerenter=move |_| work.hovered.set(fed.with_untracked(|targets| targets.first().cloned()))
            on:pointerleave=move |_| work.hovered.set(None)
        >
            <div class="grip" title=title>
                <span class="field-name">
                    <span class="label">{label.clone()}</span>
                    {technical.map(|name| view! { <code>{name}</code> })}
                </span>
                <span class="samples" title=samples>{samples}</span>
                {fill}
                {type_mark(&field)}
            </div>
            <Handle work place label />
        </li>
    }
}

/// In how many rows of the sample a field says something: a bar, and the share in words for those who don't see it.
fn fill(work: Work, name: &str) -> Option<impl IntoView + use<>> {
    let (filled, rows) = work.sample.with_value(|sample| {
        let position = sample.columns.iter().position(|column| column == name)?;
        let is_filled = |row: &&Vec<String>| row.get(position).is_some_and(|value| !value.trim().is_empty());
        Some((sample.rows.iter().filter(is_filled).count(), sample.rows.len()))
    })?;
    let percent = filled.saturating_mul(100).checked_div(rows)?;
    let said = format!("{percent}\u{202f}%");
    Some(view! {
        <span class="fill" title=format!("{filled} of {rows} sample rows have a value")>
            <span class="fill-bar" aria-hidden="true"><span style=format!("inline-size:{percent}%")></span></span>
            <span class="fill-said"><span class="visually-hidden">"filled "</span>{said}</span>
        </span>
    })
}

/// The first values of a field that say something.
fn samples(work: Work, name: &str) -> Vec<String> {
    work.sample.with_value(|sample| {
        let Some(position) = sample.columns.iter().position(|column| column == name) else { return Vec::new() };
        let values = sample.rows.iter().filter_map(|row| row.get(position)).filter(|value| !value.trim().is_empty());
        values.take(SAMPLES).cloned().collect()
    })
}
