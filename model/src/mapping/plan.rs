//! The plan: a mapping made ready for rows of one header. The server's pipeline and the browser's preview both go through it.

use std::{borrow::Cow, collections::HashMap};

use super::{
    Finding, Link, Mapping, RowBuffer, Severity, Source,
    row::{Row, TextRow},
    value::check_fit,
};
use crate::{
    field::{Field, FieldKind},
    reject::{Reject, RejectCode},
    transform::{Transform, is_empty},
};

/// A mapping, compiled for files with one header and for one destination. Cheap to use for each row; make it once for each file.
#[derive(Debug, Clone)]
pub struct Plan {
    columns: Vec<Column>,
    targets: Vec<Field>,
    header: Vec<String>,
    /// Where the identifiers are among the targets.
    identifiers: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Column {
    target: usize,
    from: From,
    transforms: Vec<Transform>,
}

#[derive(Debug, Clone)]
enum From {
    /// The value at this place in the row.
    Position(usize),
    /// The values at these places, with this between those that are not empty.
    Joined(Vec<usize>, String),
    /// This, for every row, before the transforms.
    Constant(String),
}

impl Plan {
    /// Makes `mapping` ready for rows with this header. Errors, all of them at once, name what can't be done with it: a mapped column that the
    /// header lacks or has twice, a destination field that is not there or that has two links, or no link at all.
    pub fn new(mapping: &Mapping, header: &[String], destination: &[Field]) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut positions: HashMap<&str, Vec<usize>> = HashMap::new();
        for (position, name) in header.iter().enumerate() {
            positions.entry(name.as_str()).or_default().push(position);
        }
        if mapping.links.is_empty() {
            findings.push(Finding::error(None, "Nothing is mapped; map at least one field."));
        }
        for link in &mapping.links {
            if !destination.iter().any(|field| field.name == link.target) {
                findings.push(Finding::unknown_target(&link.target));
            }
        }
        let mut columns = Vec::new();
        let mut targets = Vec::new();
        for field in destination {
            let mut links = mapping.links.iter().filter(|link| link.target == field.name);
            let Some(link) = links.next() else { continue };
            if links.next().is_some() {
                findings.push(Finding::two_links(field));
            }
            match compile_source(link, field, &positions) {
                Ok(from) => {
                    columns.push(Column { target: targets.len(), from, transforms: link.transforms.clone() });
                    targets.push(field.clone());
                }
                Err(finding) => findings.push(finding),
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let is_identifier = |(index, field): (usize, &Field)| (field.kind == FieldKind::Identifier).then_some(index);
        let identifiers = targets.iter().enumerate().filter_map(is_identifier).collect();
        Ok(Self { columns, targets, header: header.to_vec(), identifiers })
    }

    /// Where the identifiers are among the values of each row made.
    pub fn identifiers(&self) -> &[usize] {
        &self.identifiers
    }

    /// Where those identifiers are that tell people apart: the required ones, or all when none is required. Two rows with the same values there are
    /// the same person.
    pub fn identity(&self) -> Vec<usize> {
        let required: Vec<usize> =
            self.identifiers.iter().copied().filter(|index| self.targets[*index].required).collect();
        if required.is_empty() { self.identifiers.clone() } else { required }
    }

    /// The destination fields that are sent, in the order of their values in each row made.
    pub fn targets(&self) -> &[Field] {
        &self.targets
    }

    /// The header for which it was made.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Makes the row to be sent from a row as read: checks that it is UTF-8 and has as many values as the header has names, applies the links'
    /// transforms, and checks what comes out against the destination's fields. `output` is cleared first; it holds the row only on `Ok`.
    /// `left_empty` is too; it then holds what was wrong with each value that is sent empty because its chain says so.
    ///
    /// The error is the first thing wrong; its reason holds no value of the row, and is the same for each row that fails in the same way.
    pub fn apply(&self, row: Row<'_>, output: &mut RowBuffer, left_empty: &mut Vec<Reject>) -> Result<(), Reject> {
        output.clear();
        left_empty.clear();
        let row = self.accept(row)?;
        for column in &self.columns {
            let target = &self.targets[column.target];
            match column.value(target, row) {
                Ok(value) => output.push(value.as_bytes()),
                Err(misfit) if leaves_empty(target, &column.transforms) => {
                    output.push(b"");
                    left_empty.push(misfit);
                }
                Err(reject) => return Err(reject),
            }
        }
        let made = output.row();
        let is_nobody = |index: &usize| made.value(*index).is_none_or(<[u8]>::is_empty);
        if !self.identifiers.is_empty() && self.identifiers.iter().all(is_nobody) {
            return Err(self.nobody());
        }
        Ok(())
    }

    fn nobody(&self) -> Reject {
        let names: Vec<&str> = self.identifiers.iter().map(|index| self.targets[*index].display_name()).collect();
        let all = match names.as_slice() {
            [name] => format!("“{name}”, the only identifier that is sent, is"),
            names => format!("All identifiers that are sent ({}) are", names.join(", ")),
        };
        Reject {
            code: RejectCode::NoIdentifier,
            field: None,
            reason: format!("{all} empty, so that nobody can be found by the row. Fill one at the source."),
        }
    }

    /// The same for a row to look at: each value before and after, and what is wrong with each one.
    pub fn preview(&self, row: &[String]) -> Preview {
        let buffer: RowBuffer = row.iter().collect();
        let row = match self.accept(buffer.row()) {
            Ok(row) => row,
            Err(reject) => return Preview { cells: Vec::new(), reject: Some(reject) },
        };
        let mut reject = None;
        let mut cells = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let raw = column.raw(row).into_owned();
            let target = &self.targets[column.target];
            let (sent, problem) = match column.value(target, row) {
                Ok(value) => (value.into_owned(), None),
                Err(cell_reject) if leaves_empty(target, &column.transforms) => {
                    (String::new(), Some(format!("Left empty: {}", cell_reject.reason)))
                }
                Err(cell_reject) => {
                    let problem = cell_reject.reason.clone();
                    reject.get_or_insert(cell_reject);
                    (String::new(), Some(problem))
                }
            };
            cells.push(PreviewCell { target: self.targets[column.target].name.clone(), raw, sent, problem });
        }
        if !self.identifiers.is_empty() && self.identifiers.iter().all(|index| cells[*index].sent.is_empty()) {
            reject.get_or_insert_with(|| self.nobody());
        }
        Preview { cells, reject }
    }

    fn accept<'a>(&self, row: Row<'a>) -> Result<TextRow<'a>, Reject> {
        if row.columns() != self.header.len() {
            return Err(Reject {
                code: RejectCode::WrongColumnCount,
                field: None,
                reason: format!(
                    "The row has {}, but the header has {}. Look for a separator or a quote that is missing or too much in the source.",
                    counted(row.columns(), "value"),
                    counted(self.header.len(), "name"),
                ),
            });
        }
        row.text().map_err(|error| Reject {
            code: RejectCode::InvalidUtf8,
            field: self.header.get(error.column).cloned(),
            reason: "The row holds bytes that are not UTF-8. Have the source write its data in UTF-8.".to_owned(),
        })
    }
}

impl Column {
    fn raw<'a>(&'a self, row: TextRow<'a>) -> Cow<'a, str> {
        match &self.from {
            From::Position(position) => Cow::Borrowed(row.value(*position).unwrap_or_default()),
            From::Joined(positions, separator) => {
                let mut joined = String::new();
                let values = positions.iter().map(|position| row.value(*position).unwrap_or_default());
                for value in values.filter(|value| !is_empty(value)) {
                    if !joined.is_empty() {
                        joined.push_str(separator);
                    }
                    joined.push_str(value);
                }
                Cow::Owned(joined)
            }
            From::Constant(value) => Cow::Borrowed(value),
        }
    }

    fn value<'a>(&'a self, target: &Field, row: TextRow<'a>) -> Result<Cow<'a, str>, Reject> {
        strict_value(target, &self.transforms, self.raw(row))
    }
}

/// Whether a value that does not fit is left empty, instead of its row being rejected.
pub fn leaves_empty(target: &Field, transforms: &[Transform]) -> bool {
    transforms.contains(&Transform::EmptyWhenInvalid) && !needs_value(target, transforms)
}

/// Whether a row without a value is rejected: because the destination's field, or the mapping, says so.
fn needs_value(target: &Field, transforms: &[Transform]) -> bool {
    target.required || transforms.contains(&Transform::RejectWhenEmpty)
}

/// What `target` gets from `raw`: the transforms, then the checks. A misfit is an error whatever the chain says of misfits.
pub(super) fn strict_value<'a>(
    target: &Field,
    transforms: &'a [Transform],
    raw: Cow<'a, str>,
) -> Result<Cow<'a, str>, Reject> {
    let mut value = raw;
    for transform in transforms {
        value = transform.apply(value).map_err(|problem| Reject {
            code: problem.code(),
            field: Some(target.name.clone()),
            reason: format!("“{}” can't be filled: the value {problem}.", target.display_name()),
        })?;
    }
    if is_empty(&value) {
        if needs_value(target, transforms) {
            let why = if target.required { "is required" } else { "must not be empty, says the mapping" };
            return Err(Reject {
                code: RejectCode::RequiredEmpty,
                field: Some(target.name.clone()),
                reason: format!(
                    "“{}” {why}, and there is no value for it. Fill it at the source, or give it a default in the mapping.",
                    target.display_name()
                ),
            });
        }
        if value.is_empty() {
            return Ok(value);
        }
    }
    match check_fit(target, &value) {
        Ok(()) => Ok(value),
        Err(misfit) => Err(Reject {
            code: misfit.code,
            field: Some(target.name.clone()),
            reason: format!("“{}” {}.", target.display_name(), misfit.clause),
        }),
    }
}

fn compile_source(link: &Link, field: &Field, positions: &HashMap<&str, Vec<usize>>) -> Result<From, Finding> {
    match &link.source {
        Source::Constant { value } => Ok(From::Constant(value.clone())),
        Source::Field { name } => position(name, field, positions).map(From::Position),
        Source::Joined { names, separator } => {
            let places: Result<Vec<usize>, Finding> =
                names.iter().map(|name| position(name, field, positions)).collect();
            Ok(From::Joined(places?, separator.clone()))
        }
    }
}

fn position(name: &str, field: &Field, positions: &HashMap<&str, Vec<usize>>) -> Result<usize, Finding> {
    match positions.get(name).map(Vec::as_slice) {
        Some([position]) => Ok(*position),
        Some(_) => Err(Finding {
            target: Some(field.name.clone()),
            severity: Severity::Error,
            message: format!(
                "The header has the column “{name}” more than once, so it is not clear which one feeds “{}”. Give each column a name of its own \
                 at the source.",
                field.display_name()
            ),
        }),
        None => Err(Finding {
            target: Some(field.name.clone()),
            severity: Severity::Error,
            message: format!(
                "The header has no column “{name}”, which feeds “{}”. Add it at the source, or map another field.",
                field.display_name()
            ),
        }),
    }
}

/// "1 value", "3 values".
fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// One row before and after, for the live table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// One for each destination field that is sent, in order; none when the row as a whole can't be used.
    pub cells: Vec<PreviewCell>,
    /// Why the row would be left out, when it would: the first problem.
    pub reject: Option<Reject>,
}

/// One value before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewCell {
    /// The destination field's name.
    pub target: String,
    /// As it was read.
    pub raw: String,
    /// As it would be sent; empty when it can't be.
    pub sent: String,
    /// Why it can't be, as a sentence.
    pub problem: Option<String>,
}
