//! Rows as the mapping sees them: values in one run of bytes, borrowed on the way in and reused on the way out.

use std::ops::Range;

/// One row of CSV data, already split: the values without their quotes, and where each ends. Not yet known to be UTF-8.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
    /// How many bytes stand between one value and the next: none, or a comma.
    between: usize,
}

impl<'a> Row<'a> {
    /// Values that stand one right after the other in `bytes`. For each, `ends` has the byte behind its last one; ascending, the last at most
    /// `bytes.len()`.
    pub fn adjoining(bytes: &'a [u8], ends: &'a [usize]) -> Self {
        Self { bytes, ends, between: 0 }
    }

    /// The same for values with one comma between each and the next, which `ends` does not count in.
    pub fn separated(bytes: &'a [u8], ends: &'a [usize]) -> Self {
        Self { bytes, ends, between: 1 }
    }

    /// How many values.
    #[inline]
    pub fn columns(self) -> usize {
        self.ends.len()
    }

    /// The values in order. One whose `ends` do not fit is empty.
    pub fn values(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.ends.len()).map(move |index| self.value(index).unwrap_or_default())
    }

    /// The value at `index`, from 0; none behind the last.
    #[inline]
    pub fn value(self, index: usize) -> Option<&'a [u8]> {
        self.bytes.get(start_and_end(self.ends, self.between, index)?)
    }

    /// All values with a comma between each and the next, when they lie so: what a line of CSV is, if no value needs quotes.
    #[inline]
    pub fn as_line(self) -> Option<&'a [u8]> {
        (self.between == 1 && self.ends.last() == Some(&self.bytes.len())).then_some(self.bytes)
    }

    /// The same row as text. The error says how many bytes from its start on are good; it holds no value.
    pub fn text(self) -> Result<TextRow<'a>, RowNotUtf8> {
        let text = simdutf8::compat::from_utf8(self.bytes).map_err(|error| self.not_utf8(error))?;
        // Two broken values can look like one good text when they touch: each must end where a character does.
        for (index, end) in self.ends.iter().enumerate() {
            if !text.is_char_boundary(*end) {
                return Err(RowNotUtf8 { column: index });
            }
        }
        Ok(TextRow { text, ends: self.ends, between: self.between })
    }

    fn not_utf8(self, error: simdutf8::compat::Utf8Error) -> RowNotUtf8 {
        let column = self.ends.partition_point(|end| *end <= error.valid_up_to());
        RowNotUtf8 { column: column.min(self.ends.len().saturating_sub(1)) }
    }
}

/// A row holds bytes that are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value in column {} is not UTF-8", .column + 1)]
pub struct RowNotUtf8 {
    /// The column of the first such value, from 0.
    pub column: usize,
}

/// A row whose every value is known to be UTF-8.
#[derive(Debug, Clone, Copy)]
pub struct TextRow<'a> {
    text: &'a str,
    ends: &'a [usize],
    between: usize,
}

impl<'a> TextRow<'a> {
    /// How many values.
    #[inline]
    pub fn columns(self) -> usize {
        self.ends.len()
    }

    /// The same row, not known to be text.
    #[inline]
    pub fn row(self) -> Row<'a> {
        Row { bytes: self.text.as_bytes(), ends: self.ends, between: self.between }
    }

    /// The value at `index`, from 0; none behind the last.
    #[inline]
    pub fn value(self, index: usize) -> Option<&'a str> {
        self.text.get(start_and_end(self.ends, self.between, index)?)
    }
}

/// Many rows of text, one behind the other: few allocations for all of them.
#[derive(Debug, Clone, Default)]
pub struct TextRows {
    text: String,
    places: Places,
}

impl TextRows {
    /// None, with room for so many bytes of text.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ..Self::default() }
    }

    /// Adds a row at the end.
    pub fn push(&mut self, row: TextRow<'_>) {
        self.places.push(self.text.len(), row.row());
        self.text.push_str(row.text);
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.places.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.rows.is_empty()
    }

    /// The row at `index`, from 0; none behind the last.
    #[inline]
    pub fn get(&self, index: usize) -> Option<TextRow<'_>> {
        let (place, ends) = self.places.get(index)?;
        Some(TextRow { text: self.text.get(place.start..place.end)?, ends, between: place.between })
    }
}

/// The same for rows that are not yet known to be text.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    bytes: Vec<u8>,
    places: Places,
}

impl Rows {
    /// Forgets all rows; keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.places.ends.clear();
        self.places.rows.clear();
    }

    /// Adds a row at the end.
    pub fn push(&mut self, row: Row<'_>) {
        self.places.push(self.bytes.len(), row);
        self.bytes.extend_from_slice(row.bytes);
    }

    /// How many bytes all of them have.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The row at `index`, from 0; none behind the last.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Row<'_>> {
        let (place, ends) = self.places.get(index)?;
        Some(Row { bytes: self.bytes.get(place.start..place.end)?, ends, between: place.between })
    }
}

/// Where each of many rows is, and the ends of its values.
#[derive(Debug, Clone, Default)]
struct Places {
    ends: Vec<usize>,
    rows: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    start: usize,
    end: usize,
    ends: (usize, usize),
    between: usize,
}

impl Places {
    /// Adds a row whose bytes come to stand at `start`.
    fn push(&mut self, start: usize, row: Row<'_>) {
        let first = self.ends.len();
        self.ends.extend_from_slice(row.ends);
        let ends = (first, self.ends.len());
        self.rows.push(Place { start, end: start + row.bytes.len(), ends, between: row.between });
    }

    #[inline]
    fn get(&self, index: usize) -> Option<(Place, &[usize])> {
        let place = *self.rows.get(index)?;
        Some((place, self.ends.get(place.ends.0..place.ends.1)?))
    }
}

#[inline]
fn start_and_end(ends: &[usize], between: usize, index: usize) -> Option<Range<usize>> {
    let end = *ends.get(index)?;
    let start = if index == 0 { 0 } else { ends[index - 1] + between };
    Some(start..end)
}

/// A row under construction. Cleared and filled again for each row, so that it allocates only while it grows.
#[derive(Debug, Clone, Default)]
pub struct RowBuffer {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl RowBuffer {
    /// Without a value.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all values; keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds a value at the end.
    #[inline]
    pub fn push(&mut self, value: &[u8]) {
        if !self.ends.is_empty() {
            self.bytes.push(b',');
        }
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
    }

    /// What is in it.
    #[inline]
    pub fn row(&self) -> Row<'_> {
        Row::separated(&self.bytes, &self.ends)
    }
}

impl<V: AsRef<[u8]>> FromIterator<V> for RowBuffer {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        let mut buffer = Self::new();
        for value in values {
            buffer.push(value.as_ref());
        }
        buffer
    }
}
