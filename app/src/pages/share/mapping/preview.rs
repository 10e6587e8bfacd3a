//! The live table: rows of the sample, before and after, as the mapping stands; and the way through those that would be left out.
//!
//! The rows in sight follow each change at once; the whole sample, and the rows too where there are very many columns, a moment later, so that typing never waits
//! for them. What the table says is `trying`'s matter. Until that is there, what the server has rendered stays.

use std::{ops::Range, time::Duration};

use leptos::{prelude::*, task::spawn_local};
use model::{mapping::Mapping, view::Sample};

use super::{
    dom,
    editor::Board,
    show_values,
    trying::{IN_SIGHT, Looked},
    work::Work,
};
use crate::{
    components::icon::{Icon, IconName},
    pieces::not_loaded,
};

/// With more links than this a table is not made within the time that an answer may take, and waits as well.
const MANY_COLUMNS: usize = 40;
/// So many columns are made beside those in sight.
const BESIDE: usize = 6;
/// So long after the last change the whole sample is tried.
pub const PAUSE: Duration = Duration::from_millis(120);

/// The table.
#[component]
pub fn Preview(
    /// The page's state.
    work: Work,
    /// Whose mapping it is.
    #[prop(into)]
    share_id: String,
) -> impl IntoView {
    let (problem, rows) = work.sample.with_value(|sample| (sample.problem.clone(), sample.rows.len()));
    // The row at which the person is, from 0; the rows in sight are those around it.
    let at = RwSignal::new(0_usize);
    let in_sight = Memo::new(move |_| at.get() / IN_SIGHT);
    let settled = settled(work);
    let failing = failing(work, settled);
    let seen = seen(work);
    // Of very many columns those are made that are in sight, and made anew when others come into it.
    let made = StoredValue::new(None::<Range<usize>>);
    let scrolled = RwSignal::new(0_u32);
    let look_again = move || {
        let Some(made) = made.try_get_value().flatten() else { return };
        let is_made = |seen: &Range<usize>| made.start <= seen.start && seen.end <= made.end;
        if !dom::columns_in_sight(0).as_ref().is_some_and(is_made) {
            scrolled.update(|count| *count += 1);
        }
    };
    dom::when_resized(look_again);
    let html = Memo::new(move |before: Option<&Option<String>>| {
        seen.track();
        settled.track();
        scrolled.track();
        let (first, is_masked) = (in_sight.get() * IN_SIGHT, !work.show_values.get());
        match work.trying() {
            Some(trying) => untrack(|| {
                with_sample(work, |mapping, board, sample| {
                    let are_many = mapping.links.len() > MANY_COLUMNS;
                    let columns = are_many.then(|| dom::columns_in_sight(BESIDE)).flatten();
                    made.set_value(columns.clone());
                    (trying.table)(mapping, board, sample, Looked { first, is_masked, columns })
                })
            }),
            None => before.cloned().unwrap_or_else(dom::rendered_preview),
        }
    });
    // Marked apart from the table, which does not change when a person steps from row to row.
    let current = Memo::new(move |_| (at.get() % IN_SIGHT) + 1);
    let go = move |to: usize| {
        at.set(to);
        work.say(said_of_row(work, to));
    };
    let step = move |forth: bool| {
        if rows > 0 {
            let from = at.get_untracked();
            go(if forth { (from + 1) % rows } else { (from + rows - 1) % rows });
        }
    };
    let next_failing = move || {
        let from = at.get_untracked();
        let to = failing.with_untracked(|failing| {
            failing.iter().copied().find(|row| *row > from).or_else(|| failing.first().copied())
        });
        if let Some(to) = to {
            go(to);
        }
    };
    let sum = move || failing.with(|failing| said_of_all(rows, failing.len()));
    let is_empty = move || html.with(Option::is_none);
    let hint = move || {
        let nothing_mapped = work.mapping.with(|mapping| mapping.links.is_empty());
        let text = match (rows, nothing_mapped) {
            (0, _) => work
                .sample
                .with_value(|sample| sample.problem.is_none())
                .then_some("There are no sample rows to try the mapping on."),
            _ => Some("Map a field, and you see here what is sent."),
        };
        let is_loaded = !work.piece.has_failed();
        (is_loaded && is_empty()).then(|| text.map(|text| view! { <p class="help">{text}</p> }))
    };
    let failed = move || work.piece.has_failed().then(|| not_loaded(Callback::new(move |()| work.piece.load())));
    view! {
        <section class="preview" aria-labelledby="preview-heading">
            <header class="section-head">
                <h2 id="preview-heading">"What will be sent"</h2>
                {(rows > 0).then(|| view! { <ShowValues work share_id /> })}
            </header>
            {problem.map(|problem| view! { <p class="help">{problem}</p> })}
            <div>{failed} {hint}</div>
            <div hidden=is_empty>
                <div class="preview-tools">
                    <p class="preview-sum">{sum}</p>
                    <div class="stepping needs-program" role="group" aria-label="Rows of the sample">
                        <button type="button" class="button quiet" hidden=move || failing.with(Vec::is_empty) on:click=move |_| next_failing()>
                            <Icon name=IconName::Warning />
                            "Next that fails"
                        </button>
                        <button type="button" class="button quiet" aria-label="Previous row" on:click=move |_| step(false)>"‹"</button>
                        <span class="row-at">{move || format!("Row {} of {rows}", at.get() + 1)}</span>
                        <button type="button" class="button quiet" aria-label="Next row" on:click=move |_| step(true)>"›"</button>
                    </div>
                </div>
                <div
                    class=if work.turns.are_taken() { "table-scroll long" } else { "table-scroll" }
                    id=dom::PREVIEW
                    data-current=move || current.get().to_string()
                    role="region"
                    aria-label="Sample rows as they will be sent"
                    tabindex="0"
                    on:scroll=move |_| look_again()
                    inner_html=move || html.get().unwrap_or_default()
                ></div>
            </div>
        </section>
    }
}

/// Changes with the mapping, as long as the table is made at once; where the fields are very many, when the change is on the screen.
fn seen(work: Work) -> RwSignal<u32> {
    let seen = RwSignal::new(0_u32);
    let again = move || {
        // The page may be gone by now.
        seen.try_update(|count| *count += 1);
    };
    Effect::new(move |before: Option<usize>| {
        let links = work.mapping.with(|mapping| mapping.links.len());
        if before.is_some_and(|before| before.max(links) <= MANY_COLUMNS) {
            if work.turns.are_taken() { dom::after_the_picture(again) } else { again() }
        }
        links
    });
    seen
}

/// Changes a moment after the last change of the mapping.
fn settled(work: Work) -> RwSignal<u32> {
    let settled = RwSignal::new(0_u32);
    let waiting = StoredValue::new(None::<TimeoutHandle>);
    Effect::new(move |before: Option<()>| {
        work.mapping.track();
        if before.is_none() {
            return;
        }
        if let Some(handle) = waiting.try_update_value(Option::take).flatten() {
            handle.clear();
        }
        let settle = move || {
            settled.try_update(|count| *count += 1);
        };
        waiting.set_value(set_timeout_with_handle(settle, PAUSE).ok());
    });
    settled
}

/// Masks values, or shows them; that they are shown is noted first.
#[component]
fn ShowValues(work: Work, share_id: String) -> impl IntoView {
    let share_id = StoredValue::new(share_id);
    let problem = RwSignal::new(None::<String>);
    let toggle = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        problem.set(None);
        if work.show_values.get_untracked() {
            work.show_values.set(false);
            work.say("Values are masked again.");
            return;
        }
        spawn_local(async move {
            let noted = show_values(share_id.get_value()).await;
            // The page may be gone by now.
            match noted {
                Ok(()) if work.show_values.try_set(true).is_none() => {
                    work.say("Values are shown. That you asked was noted.")
                }
                Ok(()) => {}
                Err(error) => {
                    problem.try_set(Some(format!("Values stay masked. {error}")));
                }
            }
        });
    };
    view! {
        <div class="show-values">
            <button
                type="submit"
                class="button quiet"
                form="values"
                name="values"
                value=move || if work.show_values.get() { "hidden" } else { "shown" }
                role="switch"
                aria-checked=move || work.show_values.get().to_string()
                aria-describedby="values-noted"
                on:click=toggle
            >
                <Icon name=IconName::Show />
                "Show values"
            </button>
            <span class="help" id="values-noted">"Who looks at values, and when, is noted for your admins."</span>
            {move || problem.get().map(|problem| view! { <p class="problem" role="alert">{problem}</p> })}
        </div>
    }
}

/// Looks at the mapping, the fields and the sample.
fn with_sample<T>(work: Work, look: impl FnOnce(&Mapping, &Board, &Sample) -> T) -> T {
    work.mapping
        .with(|mapping| work.board.with_value(|board| work.sample.with_value(|sample| look(mapping, board, sample))))
}

/// The rows of the whole sample that would be left out, a moment after the last change.
fn failing(work: Work, settled: RwSignal<u32>) -> Memo<Vec<usize>> {
    Memo::new(move |before: Option<&Vec<usize>>| {
        settled.track();
        let trying = work.trying();
        untrack(|| match trying {
            Some(trying) => {
                places(&with_sample(work, |mapping, board, sample| (trying.failing)(mapping, board, sample)))
            }
            None => before.cloned().unwrap_or_else(|| work.tried.with_value(|tried| places(&tried.failing))),
        })
    })
}

fn places(rows: &[u32]) -> Vec<usize> {
    rows.iter().map(|row| *row as usize).collect()
}

fn said_of_all(rows: usize, failing: usize) -> String {
    match failing {
        0 if rows == 1 => "The sample row would be sent.".to_owned(),
        0 => format!("All {rows} sample rows would be sent."),
        failing if failing == rows => format!("None of the {rows} sample rows would be sent."),
        1 => format!("{} of {rows} sample rows would be sent, 1 would be left out.", rows - 1),
        failing => format!("{} of {rows} sample rows would be sent, {failing} would be left out.", rows - failing),
    }
}

/// What is said aloud of a row.
fn said_of_row(work: Work, index: usize) -> String {
    untrack(|| match work.trying() {
        Some(trying) => {
            match with_sample(work, |mapping, board, sample| (trying.reason)(mapping, board, sample, index)) {
                Some(reason) => format!("Row {} would be left out. {reason}", index + 1),
                None => format!("Row {} would be sent.", index + 1),
            }
        }
        None => format!("Row {}.", index + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_a_sentence() {
        assert_eq!(said_of_all(20, 0), "All 20 sample rows would be sent.");
        assert_eq!(said_of_all(20, 1), "19 of 20 sample rows would be sent, 1 would be left out.");
        assert_eq!(said_of_all(20, 20), "None of the 20 sample rows would be sent.");
        assert_eq!(said_of_all(1, 0), "The sample row would be sent.");
    }
}
