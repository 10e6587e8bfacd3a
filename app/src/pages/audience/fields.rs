//! The fields of an audience: what they are, how full, how many different values, and a few values with the person hidden.

use leptos::prelude::*;
use model::{
    catalogue::{AudienceProfile, CountedBy, Distinct},
    field::{Field, FieldForm, FieldKind},
    mask::masked,
    view::Sample,
};

use crate::components::{
    count::{counted, grouped},
    time::Time,
};

/// Values of each field that are shown.
const VALUES: usize = 3;

/// The table, with who counted and over how many rows.
#[component]
pub(super) fn FieldTable(
    fields: Vec<Field>,
    /// What the producer counted; else what Usher did for the sample.
    profile: Option<AudienceProfile>,
    sample: Sample,
    size: Option<u64>,
    producer: String,
    /// Whether the person may see samples at all.
    may_sample: bool,
) -> impl IntoView {
    let profile = profile.or(sample.profile);
    let rows: Vec<_> = fields
        .into_iter()
        .map(|field| {
            let column = sample.columns.iter().position(|name| *name == field.name);
            let values = column.map(|column| values(&sample.rows, column)).unwrap_or_default();
            row(field, profile.as_ref(), values)
        })
        .collect();
    let counted = profile.map(|profile| counted_by(&profile, size, &producer));
    let nothing = (counted.is_none() && sample.problem.is_none()).then(|| {
        let text = if may_sample {
            "Nothing was counted: the producer tells nothing, and the sample has no row."
        } else {
            "How full the fields are is counted over a sample, which members of this account can take."
        };
        view! { <p class="soft">{text}</p> }
    });
    view! {
        {sample.problem.map(|problem| view! { <p class="notice warn">{problem}</p> })}
        {counted}
        {nothing}
        <table class="list">
            <thead>
                <tr>
                    <th scope="col">"Field"</th>
                    <th scope="col">"Says"</th>
                    <th scope="col">"Type"</th>
                    <th scope="col">"Filled"</th>
                    <th scope="col" class="number">"Different values"</th>
                    <th scope="col">"Looks like (masked)"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn values(rows: &[Vec<String>], column: usize) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    let seen = rows.iter().filter_map(|row| row.get(column)).filter(|value| !value.trim().is_empty());
    for value in seen.map(|value| masked(value)) {
        if values.len() < VALUES && !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn row(field: Field, profile: Option<&AudienceProfile>, values: Vec<String>) -> AnyView {
    let kind = match field.kind {
        FieldKind::Identifier => "Identifier",
        FieldKind::Attribute => "Attribute",
    };
    let form = match field.form {
        FieldForm::Raw => "",
        FieldForm::Sha256Hex | FieldForm::Sha256Base64 => ", hashed",
    };
    let counts = profile.and_then(|profile| {
        profile.fields.iter().find(|counts| counts.name == field.name).map(|counts| (profile.rows, counts))
    });
    let filled = match counts {
        Some((rows, counts)) => {
            let text = share(counts.filled, rows);
            view! {
                <span class="filled">
                    <meter min="0" max=rows.max(1).to_string() value=counts.filled.to_string() aria-hidden="true"></meter>
                    <span class="count">{text}</span>
                </span>
            }
            .into_any()
        }
        None => view! { <span class="soft">"not counted"</span> }.into_any(),
    };
    let distinct = match counts.and_then(|(_, counts)| counts.distinct) {
        Some(Distinct::Exactly(number)) => view! { <span class="count">{grouped(number)}</span> }.into_any(),
        Some(Distinct::About(number)) => {
            view! { <span class="count"><span title="An estimate">"≈\u{a0}"</span>{grouped(number)}</span> }.into_any()
        }
        Some(Distinct::AllDifferent) => view! { <span>"all different"</span> }.into_any(),
        None => view! { <span class="soft">"not counted"</span> }.into_any(),
    };
    let samples: Vec<_> = values.into_iter().map(|value| view! { <li>{value}</li> }).collect();
    let label = field.label.filter(|label| *label != field.name);
    view! {
        <tr>
            <th scope="row" data-label="Field">
                <code>{field.name}</code>
                {label.map(|label| view! { <span class="soft one-line">{label}</span> })}
            </th>
            <td data-label="Says"><span>{kind}</span></td>
            <td data-label="Type"><span>{field.field_type.label()}{form}</span></td>
            <td data-label="Filled">{filled}</td>
            <td data-label="Different values" class="number">{distinct}</td>
            <td data-label="Looks like"><ul class="samples">{samples}</ul></td>
        </tr>
    }
    .into_any()
}

/// A share in whole per cent; only all is 100 %, and only none is 0 %.
fn share(part: u64, whole: u64) -> String {
    let percent = match (part, whole) {
        (_, 0) | (0, _) => 0,
        (part, whole) if part >= whole => 100,
        (part, whole) => (part.saturating_mul(100) / whole).clamp(1, 99),
    };
    format!("{percent}\u{a0}%")
}

fn counted_by(profile: &AudienceProfile, size: Option<u64>, producer: &str) -> AnyView {
    let rows = counted(profile.rows, "row", "rows");
    let who = match profile.counted_by {
        CountedBy::Producer => format!("Counted by {producer} over {rows}"),
        CountedBy::Usher => match size {
            Some(size) if size > profile.rows => {
                format!(
                    "Counted by Usher over the first {rows} of {}; of the others nothing is known, and ≈ is an estimate",
                    grouped(size)
                )
            }
            _ => format!("Counted by Usher over all {rows}"),
        },
    };
    let at = profile.at.clone();
    view! { <p class="soft">{who} {at.map(|at| view! { ", " <Time at /> })} "."</p> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_is_a_hundred_per_cent() {
        assert_eq!(share(999, 1_000), "99\u{a0}%");
        assert_eq!(share(1, 1_000), "1\u{a0}%");
        assert_eq!(
            (share(0, 1_000), share(1_000, 1_000), share(0, 0)),
            ("0\u{a0}%".into(), "100\u{a0}%".into(), "0\u{a0}%".into())
        );
    }
}
