//! The live table: five rows of the sample, before and after, as the mapping stands.

use leptos::prelude::*;
use model::{
    mapping::{Mapping, Plan, Preview as RowPreview, PreviewCell},
    transform::Transform,
};

use super::{
    mask::{masked, shortened},
    work::Work,
};
use crate::components::icon::{Icon, IconName};

/// Rows of the sample that are shown.
const ROWS_SHOWN: usize = 5;

/// The table.
#[component]
pub fn Preview(
    /// The page's state.
    work: Work,
) -> impl IntoView {
    let (problem, has_rows) = work.sample.with_value(|sample| (sample.problem.clone(), !sample.rows.is_empty()));
    let toggle = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        work.show_values.update(|shown| *shown = !*shown);
    };
    let table = move || table(work);
    view! {
        <section class="preview" aria-labelledby="preview-heading">
            <header class="section-head">
                <h2 id="preview-heading">"What will be sent"</h2>
                {has_rows
                    .then(|| {
                        view! {
                            <button
                                type="submit"
                                class="button quiet"
                                form="values"
                                name="values"
                                value=move || if work.show_values.get() { "hidden" } else { "shown" }
                                role="switch"
                                aria-checked=move || work.show_values.get().to_string()
                                on:click=toggle
                            >
                                <Icon name=IconName::Show />
                                "Show values"
                            </button>
                        }
                    })}
            </header>
            {problem.map(|problem| view! { <p class="help">{problem}</p> })}
            {table}
        </section>
    }
}

fn table(work: Work) -> AnyView {
    let is_masked = !work.show_values.get();
    work.mapping.with(|mapping| {
        work.board.with_value(|board| {
            work.sample.with_value(|sample| {
                if sample.rows.is_empty() {
                    let text = "There are no sample rows to try the mapping on.";
                    return sample.problem.is_none().then(|| view! { <p class="help">{text}</p> }).into_any();
                }
                // A link that can't be used is told at its row; the others are tried all the same.
                let usable = Mapping {
                    links: mapping.links.iter().filter(|link| is_usable(link, &sample.columns)).cloned().collect(),
                };
                if usable.links.is_empty() {
                    return view! { <p class="help">"Map a field, and you see here what is sent."</p> }.into_any();
                }
                match Plan::new(&usable, &sample.columns, &board.destination) {
                    Ok(plan) => filled(&plan, &usable, &sample.rows[..sample.rows.len().min(ROWS_SHOWN)], is_masked),
                    Err(findings) => {
                        let items: Vec<_> =
                            findings.into_iter().map(|finding| view! { <li>{finding.message}</li> }).collect();
                        view! { <ul class="help">{items}</ul> }.into_any()
                    }
                }
            })
        })
    })
}

fn is_usable(link: &model::mapping::Link, columns: &[String]) -> bool {
    link.source.fields().all(|name| columns.iter().any(|column| column == name))
}

/// Whether a value that does not fit is left empty, instead of its row being left out.
fn leaves_empty(plan: &Plan, mapping: &Mapping, target: &str) -> bool {
    let is_required = plan.targets().iter().any(|field| field.name == target && field.required);
    !is_required && mapping.link(target).is_some_and(|link| link.transforms.contains(&Transform::EmptyWhenInvalid))
}

fn filled(plan: &Plan, mapping: &Mapping, rows: &[Vec<String>], is_masked: bool) -> AnyView {
    let heads: Vec<_> =
        plan.targets().iter().map(|field| view! { <th scope="col">{field.display_name().to_owned()}</th> }).collect();
    let columns = plan.targets().len();
    let previews: Vec<RowPreview> = rows.iter().map(|row| plan.preview(row)).collect();
    let sent = previews.iter().filter(|preview| preview.reject.is_none()).count();
    let total = previews.len();
    let body: Vec<_> = previews
        .into_iter()
        .enumerate()
        .map(|(index, preview)| {
            row(index + 1, preview, columns, is_masked, &|target| leaves_empty(plan, mapping, target))
        })
        .collect();
    view! {
        <p class="preview-sum">
            {format!("{sent} of {total} sample rows would be sent.")}
            {is_masked.then_some(" Values are masked; their shape is not.")}
        </p>
        <div class="table-scroll" role="region" aria-label="Sample rows as they will be sent" tabindex="0">
            <table class="preview-table">
                <thead>
                    <tr>
                        <th scope="col">"Row"</th>
                        {heads}
                    </tr>
                </thead>
                <tbody>{body}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn row(
    number: usize,
    preview: RowPreview,
    columns: usize,
    is_masked: bool,
    leaves_empty: &dyn Fn(&str) -> bool,
) -> AnyView {
    let is_left_out = preview.reject.is_some();
    let cells: Vec<_> = preview
        .cells
        .into_iter()
        .map(|cell| {
            let leaves_empty = leaves_empty(&cell.target);
            value_cell(cell, is_masked, leaves_empty)
        })
        .collect();
    let why = preview.reject.map(|reject| {
        view! {
            <tr class="left-out-why">
                <td colspan=(columns + 1).to_string()>
                    <Icon name=IconName::Warning />
                    {format!("Row {number} would be left out. {}", reject.reason)}
                </td>
            </tr>
        }
    });
    view! {
        <tr class:left-out=is_left_out>
            <th scope="row">{number}</th>
            {cells}
        </tr>
        {why}
    }
    .into_any()
}

fn value_cell(cell: PreviewCell, is_masked: bool, leaves_empty: bool) -> impl IntoView {
    let shown = |value: &str| match (value.is_empty(), is_masked) {
        (true, _) => "empty".to_owned(),
        (false, true) => masked(value),
        (false, false) => shortened(value),
    };
    let is_same = cell.raw == cell.sent;
    let (raw, raw_is_empty) = (shown(&cell.raw), cell.raw.is_empty());
    let (sent, sent_is_empty) = (shown(&cell.sent), cell.sent.is_empty());
    let title = (!is_masked).then(|| cell.sent.clone());
    let after = match cell.problem {
        Some(problem) if leaves_empty => {
            view! { <span class="sent left-empty" title=problem>"left empty"</span> }.into_any()
        }
        Some(problem) => view! { <span class="sent problem" title=problem>"can't be sent"</span> }.into_any(),
        None if is_same => view! { <span class="sent same">"as it is"</span> }.into_any(),
        None => view! { <span class="sent" class:nothing=sent_is_empty title=title>{sent}</span> }.into_any(),
    };
    view! {
        <td>
            <span class="raw" class:nothing=raw_is_empty>{raw}</span>
            <span class="visually-hidden">" becomes "</span>
            {after}
        </td>
    }
}
