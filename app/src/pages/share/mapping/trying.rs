//! Trying a mapping: what speaks against it, what could be linked, and what becomes of the rows of the sample. Nothing here knows of the page.
//!
//! With all that is done to values this is large, and a page that was just rendered was tried already, by the server. So it is a piece (`pieces`), which
//! comes once the page can be used.
//!
//! The table is made as HTML, because it is made anew with each change and can have hundreds of columns.

use std::ops::Range;

use html_escape::{encode_double_quoted_attribute as attribute, encode_text as text};
use model::{
    mapping::{Finding, Link, Mapping, Plan, Preview as RowPreview, PreviewCell, check},
    profile::Profile,
    suggestion::{Likely, Suggestion},
    transform::Transform,
    view::Sample,
};
use serde::{Deserialize, Serialize};

use super::{
    editor::Board,
    mask::{masked, shortened},
};

/// Rows in sight at once.
pub const IN_SIGHT: usize = 5;
/// How wide each column is of a table that is made of some of its columns, in rem.
pub const COLUMN_WIDTH: u32 = 11;
/// And the one with the rows' numbers.
const NUMBERS_WIDTH: u32 = 4;

/// What of the table is looked at.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// `IN_SIGHT` rows from the one at this place.
    pub first: usize,
    /// Values are masked.
    pub is_masked: bool,
    /// The columns at these places; none for all.
    pub columns: Option<Range<usize>>,
}

/// The functions.
#[derive(Clone, Copy)]
pub struct Trying {
    /// What speaks against a mapping.
    pub check: fn(&Mapping, &Board) -> Vec<Finding>,
    /// What is likely to mean the same, by names, types, and what the sample looks like.
    pub likely: fn(&Board, &Sample) -> Likely,
    /// Links that could be accepted.
    pub suggest: fn(&Mapping, &Board, &Likely) -> Vec<Suggestion>,
    /// Rows before and after; none when nothing can be tried.
    pub table: fn(&Mapping, &Board, &Sample, Looked) -> Option<String>,
    /// The rows that would be left out.
    pub failing: fn(&Mapping, &Board, &Sample) -> Vec<u32>,
    /// Why the row at this place would be left out.
    pub reason: fn(&Mapping, &Board, &Sample, usize) -> Option<String>,
}

/// Them.
pub const TRYING: Trying = Trying {
    check: |mapping, board| check(mapping, &board.source, &board.destination),
    likely: |board, sample| {
        let profiles = Profile::of_sample(sample, board.source.iter().map(|field| field.name.as_str()));
        Likely::new(&board.source, &board.destination, &profiles)
    },
    suggest: |mapping, board, likely| likely.suggest(&board.source, &board.destination, mapping),
    table: |mapping, board, sample, looked| {
        tried(mapping, board, sample, |plan, mapping, rows| table_html(plan, mapping, rows, looked))
    },
    failing: |mapping, board, sample| {
        tried(mapping, board, sample, |plan, _, rows| failing(plan, rows)).unwrap_or_default()
    },
    reason: |mapping, board, sample, row| {
        let reject = tried(mapping, board, sample, |plan, _, rows| plan.preview(rows.get(row)?).reject);
        Some(reject??.reason)
    },
};

/// What the server found when it rendered the page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// What speaks against the mapping.
    pub findings: Vec<Finding>,
    /// Links that could be accepted.
    pub suggestions: Vec<Suggestion>,
    /// The rows of the sample that would be left out.
    pub failing: Vec<u32>,
    /// There is something to be tried.
    pub has_rows: bool,
}

impl Tried {
    /// What is found.
    #[cfg(feature = "ssr")]
    pub fn of(mapping: &Mapping, board: &Board, sample: &Sample) -> Self {
        let likely = (TRYING.likely)(board, sample);
        Self {
            findings: (TRYING.check)(mapping, board),
            suggestions: (TRYING.suggest)(mapping, board, &likely),
            failing: (TRYING.failing)(mapping, board, sample),
            has_rows: tried(mapping, board, sample, |_, _, _| ()).is_some(),
        }
    }
}

/// Looks at the sample through the mapping; none when nothing can be tried.
fn tried<T>(
    mapping: &Mapping,
    board: &Board,
    sample: &Sample,
    look: impl FnOnce(&Plan, &Mapping, &[Vec<String>]) -> T,
) -> Option<T> {
    // A link that can't be used is told at its row; the others are tried all the same.
    let usable =
        Mapping { links: mapping.links.iter().filter(|link| is_usable(link, &sample.columns)).cloned().collect() };
    if sample.rows.is_empty() || usable.links.is_empty() {
        return None;
    }
    let plan = Plan::new(&usable, &sample.columns, &board.destination).ok()?;
    Some(look(&plan, &usable, &sample.rows))
}

fn is_usable(link: &Link, columns: &[String]) -> bool {
    link.source.fields().all(|name| columns.iter().any(|column| column == name))
}

fn failing(plan: &Plan, rows: &[Vec<String>]) -> Vec<u32> {
    (0_u32..).zip(rows).filter(|(_, row)| plan.preview(row).reject.is_some()).map(|(index, _)| index).collect()
}

/// Whether a value that does not fit is left empty, instead of its row being left out.
fn leaves_empty(plan: &Plan, mapping: &Mapping, target: &str) -> bool {
    let is_required = plan.targets().iter().any(|field| field.name == target && field.required);
    !is_required && mapping.link(target).is_some_and(|link| link.transforms.contains(&Transform::EmptyWhenInvalid))
}

/// Which columns of the table are made. The others' room is kept, so that a person scrolls as through all of them.
struct Columns {
    all: usize,
    made: Range<usize>,
}

impl Columns {
    fn new(all: usize, wanted: Option<Range<usize>>) -> Self {
        let made = wanted.map_or(0..all, |wanted| wanted.start.min(all)..wanted.end.min(all));
        Self { all, made }
    }

    fn are_all(&self) -> bool {
        self.made == (0..self.all)
    }

    /// Where the column at this place stands in the whole table, for those who don't see it; nothing when all are there to be counted.
    fn number(&self, place: usize) -> String {
        if self.are_all() { String::new() } else { format!(r#" aria-colindex="{}""#, place + 2) }
    }

    /// The room of those before, or behind.
    fn room(&self, html: &mut String, cell: &str, of: Range<usize>) {
        if !of.is_empty() {
            html.push_str(&format!(r#"<{cell} colspan="{}" aria-hidden="true"></{cell}>"#, of.len()));
        }
    }

    fn begin(&self) -> String {
        if self.are_all() {
            return r#"<table class="preview-table">"#.to_owned();
        }
        let all = u32::try_from(self.all).unwrap_or(u32::MAX);
        let width = NUMBERS_WIDTH + COLUMN_WIDTH.saturating_mul(all);
        format!(
            r#"<table class="preview-table of-some" aria-colcount="{}" style="inline-size:{width}rem"><colgroup><col style="inline-size:{NUMBERS_WIDTH}rem"><col span="{all}"></colgroup>"#,
            self.all + 1
        )
    }

    /// The cells of a row, with the room of those that are not made.
    fn row(&self, html: &mut String, cell: &str, mut make: impl FnMut(&mut String, usize)) {
        self.room(html, cell, 0..self.made.start);
        self.made.clone().for_each(|place| make(html, place));
        self.room(html, cell, self.made.end..self.all);
    }
}

/// The rows in sight as a table.
fn table_html(plan: &Plan, mapping: &Mapping, rows: &[Vec<String>], looked: Looked) -> String {
    let Looked { first, is_masked, columns } = looked;
    let columns = &Columns::new(plan.targets().len(), columns);
    let mut html = columns.begin();
    html.push_str(r#"<thead><tr><th scope="col">Row</th>"#);
    columns.row(&mut html, "th", |html, place| {
        let field = &plan.targets()[place];
        let (name, label, number) = (attribute(&field.name), text(field.display_name()), columns.number(place));
        html.push_str(&format!(r#"<th scope="col"{number} data-column="{name}">{label}</th>"#));
    });
    html.push_str("</tr></thead><tbody>");
    let lenient: Vec<bool> = plan.targets().iter().map(|field| leaves_empty(plan, mapping, &field.name)).collect();
    let labels: Vec<&str> = plan.targets().iter().map(model::field::Field::display_name).collect();
    for (index, row) in rows.iter().enumerate().skip(first).take(IN_SIGHT) {
        row_html(&mut html, index + 1, &plan.preview(row), &labels, &lenient, is_masked, columns);
    }
    html.push_str("</tbody></table>");
    html
}

fn row_html(
    html: &mut String,
    number: usize,
    row: &RowPreview,
    labels: &[&str],
    lenient: &[bool],
    is_masked: bool,
    columns: &Columns,
) {
    let class = if row.reject.is_some() { "of-row left-out" } else { "of-row" };
    html.push_str(&format!(r#"<tr class="{class}"><th scope="row"><span class="row-word">Row </span>{number}</th>"#));
    columns.row(html, "td", |html, place| {
        // A row that can't be used as a whole has no cells.
        if let (Some(cell), Some(label), Some(lenient)) = (row.cells.get(place), labels.get(place), lenient.get(place))
        {
            cell_html(html, cell, label, *lenient, is_masked, &columns.number(place));
        }
    });
    html.push_str("</tr>");
    if let Some(reject) = &row.reject {
        let (columns, reason) = (labels.len() + 1, text(&reject.reason));
        html.push_str(&format!(
            r#"<tr class="left-out-why"><td colspan="{columns}"><span class="why">Row {number} would be left out. {reason}</span></td></tr>"#
        ));
    }
}

fn cell_html(html: &mut String, cell: &PreviewCell, label: &str, lenient: bool, is_masked: bool, number: &str) {
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
        r#"<td{number} data-label="{}"><span class="raw{}">{}</span><span class="visually-hidden"> becomes </span><span class="sent{class}"{title}>{}</span></td>"#,
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
        let looked = Looked { is_masked, ..Looked::default() };
        table_html(&plan, &mapping, &[vec![value.to_owned()]], looked)
    }

    #[test]
    fn of_a_wide_table_only_what_is_in_sight_is_made_and_the_rest_keeps_its_room() {
        let names: Vec<String> = (0..9).map(|number| format!("f{number}")).collect();
        let link = |name: &String| Link {
            target: name.clone(),
            source: Source::Field { name: name.clone() },
            transforms: Vec::new(),
        };
        let mapping = Mapping { links: names.iter().map(link).collect() };
        let destination: Vec<Field> =
            names.iter().map(|name| Field::new(name, FieldKind::Attribute, FieldType::String)).collect();
        let plan = Plan::new(&mapping, &names, &destination).unwrap();
        let rows = [names.iter().map(|name| format!("value of {name}")).collect::<Vec<_>>()];
        let table = |columns| table_html(&plan, &mapping, &rows, Looked { columns, ..Looked::default() });
        let some = table(Some(2..5));
        assert!(some.contains(r#"aria-colcount="10""#) && some.contains(r#"style="inline-size:103rem""#), "{some}");
        assert!(some.contains(
            r#"<th colspan="2" aria-hidden="true"></th><th scope="col" aria-colindex="4" data-column="f2">"#
        ));
        assert!(some.contains(r#"data-column="f4">f4</th><th colspan="4" aria-hidden="true"></th></tr>"#), "{some}");
        assert!(some.contains("value of f2") && some.contains("value of f4"), "{some}");
        assert!(!some.contains("value of f1") && !some.contains("value of f5"), "{some}");
        assert_eq!(some.matches(r#"<td colspan="#).count(), 2);
        assert_eq!(table(Some(0..40)), table(None), "what all fits into is the whole table");
        assert!(table(Some(7..40)).contains("value of f8"));
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
}
