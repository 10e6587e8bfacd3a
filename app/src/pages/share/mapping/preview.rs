//! The live table: rows of the sample, before and after, as the mapping stands; and the way through those that would be left out.
//!
//! The rows in sight follow each change at once; the whole sample is tried a moment later, so that typing never waits for it. The table is made as
//! HTML, because it is made anew with each change and can have hundreds of columns.

use std::time::Duration;

use html_escape::{encode_double_quoted_attribute as attribute, encode_text as text};
use leptos::{prelude::*, task::spawn_local};
use model::{
    mapping::{Link, Mapping, Plan, Preview as RowPreview, PreviewCell},
    transform::Transform,
};

use super::{
    dom,
    mask::{masked, shortened},
    show_values,
    work::Work,
};
use crate::components::icon::{Icon, IconName};

/// Rows in sight at once.
const IN_SIGHT: usize = 5;
/// The whole sample is tried so long after the last change.
const PAUSE: Duration = Duration::from_millis(120);

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
    let failing = failing(work);
    let table = move || {
        let first = in_sight.get() * IN_SIGHT;
        let is_masked = !work.show_values.get();
        tried(work, |plan, mapping, sample| table_html(plan, mapping, sample, first, is_masked))
    };
    let html = Memo::new(move |_| table());
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
        (is_empty()).then(|| text.map(|text| view! { <p class="help">{text}</p> }))
    };
    view! {
        <section class="preview" aria-labelledby="preview-heading">
            <header class="section-head">
                <h2 id="preview-heading">"What will be sent"</h2>
                {(rows > 0).then(|| view! { <ShowValues work share_id /> })}
            </header>
            {problem.map(|problem| view! { <p class="help">{problem}</p> })}
            {hint}
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
                    class="table-scroll"
                    id=dom::PREVIEW
                    data-current=move || current.get().to_string()
                    role="region"
                    aria-label="Sample rows as they will be sent"
                    tabindex="0"
                    inner_html=move || html.get().unwrap_or_default()
                ></div>
            </div>
        </section>
    }
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

/// Looks at the sample through the mapping; none when nothing can be tried.
fn tried<T>(work: Work, look: impl FnOnce(&Plan, &Mapping, &[Vec<String>]) -> T) -> Option<T> {
    work.numbers_are_read.track();
    work.mapping.with(|mapping| {
        work.board.with_value(|board| {
            work.sample.with_value(|sample| {
                // A link that can't be used is told at its row; the others are tried all the same.
                let usable = Mapping {
                    links: mapping.links.iter().filter(|link| is_usable(link, &sample.columns)).cloned().collect(),
                };
                if sample.rows.is_empty() || usable.links.is_empty() {
                    return None;
                }
                let plan = Plan::new(&usable, &sample.columns, &board.destination).ok()?;
                Some(look(&plan, &usable, &sample.rows))
            })
        })
    })
}

fn is_usable(link: &Link, columns: &[String]) -> bool {
    link.source.fields().all(|name| columns.iter().any(|column| column == name))
}

/// The rows of the whole sample that would be left out, a moment after the last change.
fn failing(work: Work) -> Memo<Vec<usize>> {
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
    Memo::new(move |_| {
        settled.track();
        work.numbers_are_read.track();
        untrack(|| {
            tried(work, |plan, _, rows| {
                let fails = |(_, row): &(usize, &Vec<String>)| plan.preview(row).reject.is_some();
                rows.iter().enumerate().filter(fails).map(|(index, _)| index).collect()
            })
            .unwrap_or_default()
        })
    })
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
    untrack(|| {
        let reject = tried(work, |plan, _, rows| plan.preview(&rows[index]).reject).flatten();
        match reject {
            Some(reject) => format!("Row {} would be left out. {}", index + 1, reject.reason),
            None => format!("Row {} would be sent.", index + 1),
        }
    })
}

/// Whether a value that does not fit is left empty, instead of its row being left out.
fn leaves_empty(plan: &Plan, mapping: &Mapping, target: &str) -> bool {
    let is_required = plan.targets().iter().any(|field| field.name == target && field.required);
    !is_required && mapping.link(target).is_some_and(|link| link.transforms.contains(&Transform::EmptyWhenInvalid))
}

/// The rows in sight as a table.
fn table_html(plan: &Plan, mapping: &Mapping, rows: &[Vec<String>], first: usize, is_masked: bool) -> String {
    let mut html = String::from(r#"<table class="preview-table"><thead><tr><th scope="col">Row</th>"#);
    for field in plan.targets() {
        let (name, label) = (attribute(&field.name), text(field.display_name()));
        html.push_str(&format!(r#"<th scope="col" data-column="{name}">{label}</th>"#));
    }
    html.push_str("</tr></thead><tbody>");
    let lenient: Vec<bool> = plan.targets().iter().map(|field| leaves_empty(plan, mapping, &field.name)).collect();
    let labels: Vec<&str> = plan.targets().iter().map(model::field::Field::display_name).collect();
    for (index, row) in rows.iter().enumerate().skip(first).take(IN_SIGHT) {
        row_html(&mut html, index + 1, &plan.preview(row), &labels, &lenient, is_masked);
    }
    html.push_str("</tbody></table>");
    html
}

fn row_html(html: &mut String, number: usize, row: &RowPreview, labels: &[&str], lenient: &[bool], is_masked: bool) {
    let class = if row.reject.is_some() { "of-row left-out" } else { "of-row" };
    html.push_str(&format!(r#"<tr class="{class}"><th scope="row"><span class="row-word">Row </span>{number}</th>"#));
    for ((cell, label), lenient) in row.cells.iter().zip(labels).zip(lenient) {
        cell_html(html, cell, label, *lenient, is_masked);
    }
    html.push_str("</tr>");
    if let Some(reject) = &row.reject {
        let (columns, reason) = (labels.len() + 1, text(&reject.reason));
        html.push_str(&format!(
            r#"<tr class="left-out-why"><td colspan="{columns}"><span class="why">Row {number} would be left out. {reason}</span></td></tr>"#
        ));
    }
}

fn cell_html(html: &mut String, cell: &PreviewCell, label: &str, lenient: bool, is_masked: bool) {
    let shown = |value: &str| match (value.is_empty(), is_masked) {
        (true, _) => "empty".to_owned(),
        (false, true) => masked(value),
        (false, false) => shortened(value),
    };
    let nothing = |value: &str| if value.is_empty() { " nothing" } else { "" };
    let (class, title, after) = match &cell.problem {
        Some(problem) if lenient => (" left-empty", Some(problem), "left empty".to_owned()),
        Some(problem) => (" problem", Some(problem), "can't be sent".to_owned()),
        None if cell.raw == cell.sent => (" same", None, "as it is".to_owned()),
        None => (nothing(&cell.sent), (!is_masked).then_some(&cell.sent), shown(&cell.sent)),
    };
    let title = title.map(|title| format!(r#" title="{}""#, attribute(title))).unwrap_or_default();
    html.push_str(&format!(
        r#"<td data-label="{}"><span class="raw{}">{}</span><span class="visually-hidden"> becomes </span><span class="sent{class}"{title}>{}</span></td>"#,
        attribute(label),
        nothing(&cell.raw),
        text(&shown(&cell.raw)),
        text(&after),
    ));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

    use model::{
        field::{Field, FieldKind, FieldType},
        mapping::Source,
    };

    use super::*;

    fn html(value: &str, transforms: Vec<Transform>, is_masked: bool) -> String {
        let mapping = Mapping {
            links: vec![Link {
                target: "email".to_owned(),
                source: Source::Field { name: "mail".to_owned() },
                transforms,
            }],
        };
        let destination = [Field::new("email", FieldKind::Identifier, FieldType::Email).required()];
        let plan = Plan::new(&mapping, &["mail".to_owned()], &destination).unwrap();
        table_html(&plan, &mapping, &[vec![value.to_owned()]], 0, is_masked)
    }

    #[test]
    fn a_value_is_shown_before_and_after_and_masked_unless_asked_for() {
        let shown = html("Anna@Ex.com", vec![Transform::NormaliseEmail], false);
        assert!(shown.contains(r#"<span class="raw">Anna@Ex.com</span>"#), "{shown}");
        assert!(shown.contains(r#"title="anna@ex.com">anna@ex.com</span>"#), "{shown}");
        let hidden = html("Anna@Ex.com", vec![Transform::NormaliseEmail], true);
        assert!(!hidden.contains("nna") && hidden.contains("A•••@••.•••"), "{hidden}");
        assert!(html("a@b.com", vec![], true).contains("as it is"));
    }

    #[test]
    fn what_people_are_called_never_becomes_markup() {
        let shown = html("<img src=x onerror=alert(1)>\"&", vec![], false);
        assert!(!shown.contains("<img"), "{shown}");
        assert!(shown.contains("&lt;img src=x onerror=alert(1)&gt;\"&amp;"), "{shown}");
        assert!(html("\"><script>", vec![Transform::Trim, Transform::Lowercase], false).contains("&lt;script&gt;"));
    }

    #[test]
    fn a_row_that_would_be_left_out_says_why_in_the_same_table() {
        let shown = html("", vec![], true);
        assert!(
            shown.contains(r#"<tr class="of-row left-out">"#) && shown.contains("Row 1 would be left out. "),
            "{shown}"
        );
        assert!(shown.contains("is required"), "{shown}");
    }

    #[test]
    fn the_sum_is_a_sentence() {
        assert_eq!(said_of_all(20, 0), "All 20 sample rows would be sent.");
        assert_eq!(said_of_all(20, 1), "19 of 20 sample rows would be sent, 1 would be left out.");
        assert_eq!(said_of_all(20, 20), "None of the 20 sample rows would be sent.");
        assert_eq!(said_of_all(1, 0), "The sample row would be sent.");
    }
}
