//! Rows of CSV: read from a stream of bytes in any slicing, and written into parts. Bytes in, the same values out.
//!
//! Reading is RFC 4180 and what the world makes of it: a byte order mark, CRLF, LF or CR, line breaks within quotes, blank lines between rows
//! (skipped; a single empty value is therefore written as `""`). `csv-core` does the parsing, but for rows without a quote, which most are:
//! those are only cut at their commas, which takes a fraction of the time. This module keeps the limits, knows where each row starts, and
//! notices data that ends within a row. What the values mean, and whether they are UTF-8, is the plan's matter
//! ([`mapping`](crate::mapping)); nothing here waits for anything. The hub and the Toolkit read and write their rows with it.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, ReaderBuilder, WriteResult};
use memchr::{memchr, memchr_iter, memchr2};

use crate::{
    contract::{MAX_COLUMNS, MAX_ROW_BYTES},
    mapping::Row,
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why data can't be read (any further). Lines count from 1 by line feeds, bytes from 0, both from the start of the data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// There is no header, since there is nothing at all.
    #[error("the data is empty: not even a header came")]
    NoHeader,
    /// A name in the header is not UTF-8.
    #[error(
        "the name of column {column} in the header (line {line}) is not UTF-8; have the source write its data in UTF-8"
    )]
    HeaderNotUtf8 {
        /// Where the header is.
        line: u64,
        /// From 1.
        column: usize,
    },
    /// A name in the header is empty.
    #[error("column {column} in the header (line {line}) has no name; give each column a name")]
    UnnamedColumn {
        /// Where the header is.
        line: u64,
        /// From 1.
        column: usize,
    },
    /// The header has too many names.
    #[error(
        "the header (line {line}) has {columns} columns, and {MAX_COLUMNS} are the most; leave some out at the source"
    )]
    TooManyColumns {
        /// Where the header is.
        line: u64,
        /// How many there are.
        columns: usize,
    },
    /// A row is too long; often a quote that is never closed.
    #[error(
        "the row at line {line} (byte {byte}) is longer than {MAX_ROW_BYTES} bytes; look for a quote that is opened there and never closed"
    )]
    RowTooLong {
        /// Where the row starts.
        line: u64,
        /// Where the row starts.
        byte: u64,
    },
    /// The data ends within a row.
    #[error(
        "the data ends in the middle of the row that starts at line {line} (byte {byte}); it was cut off on its way"
    )]
    Truncated {
        /// Where the row starts.
        line: u64,
        /// Where the row starts.
        byte: u64,
    },
}

/// A row as it was read: its values without their quotes, not yet known to be UTF-8, and not yet counted against the header.
#[derive(Debug, Clone, Copy)]
pub struct RawRow<'a> {
    /// The line at which it starts, from 1.
    pub line: u64,
    /// The byte at which it starts, from 0.
    pub byte: u64,
    /// The names in the header; empty when it is read without one.
    pub header: &'a [String],
    /// Its values.
    pub values: Row<'a>,
}

impl RawRow<'_> {
    /// Whether every value is UTF-8.
    pub fn is_utf8(&self) -> bool {
        self.values.text().is_ok()
    }
}

/// Reads rows from bytes that are pushed into it. Its memory is bounded by the longest row, never by the data.
///
/// After an error it is of no more use.
pub struct RowReader {
    parser: csv_core::Reader,
    /// The first bytes, held back while they may yet turn out to be a byte order mark. None once that is decided.
    opening: Option<Vec<u8>>,
    header: Option<Vec<String>>,
    values: Vec<u8>,
    values_length: usize,
    ends: Vec<usize>,
    columns: usize,
    /// Where the values of a row without quotes end.
    commas: Vec<usize>,
    /// Where the row under way starts; none between rows.
    start: Option<Start>,
    bytes: u64,
    rows: u64,
}

#[derive(Debug, Clone, Copy)]
struct Start {
    line: u64,
    byte: u64,
}

impl Default for RowReader {
    fn default() -> Self {
        Self::new()
    }
}

impl RowReader {
    /// For data with a header on top, which may begin with a byte order mark.
    pub fn new() -> Self {
        let mut parser = ReaderBuilder::new().build();
        let (mut values, mut ends) = (vec![0; 8 * 1024], vec![0; 64]);
        // The parser takes its very first bytes for a byte order mark when they look like one; so these are others.
        parser.read_record(b"\n", &mut values, &mut ends);
        parser.set_line(1);
        Self {
            parser,
            opening: Some(Vec::new()),
            header: None,
            values,
            values_length: 0,
            ends,
            columns: 0,
            commas: Vec::with_capacity(64),
            start: None,
            bytes: 0,
            rows: 0,
        }
    }

    /// For data without a header on top: what Usher itself wrote for later. Nothing is taken for a byte order mark.
    pub fn headless() -> Self {
        Self { opening: None, header: Some(Vec::new()), ..Self::new() }
    }

    /// The names in the header, once it was read; empty when it reads without one.
    pub fn header(&self) -> Option<&[String]> {
        self.header.as_deref()
    }

    /// How many rows were handed out; the header is none.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many bytes were parsed, the byte order mark included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many line feeds were parsed.
    pub fn line_feeds(&self) -> u64 {
        self.parser.line() - 1
    }

    /// Parses the next bytes, and hands out each row that is whole. Ends at the first error, be it in the data or from `on_row`.
    pub fn feed<E: From<RowError>>(
        &mut self,
        bytes: &[u8],
        on_row: &mut impl FnMut(RawRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(opening) = &mut self.opening else {
            return self.parse(bytes, on_row);
        };
        opening.extend_from_slice(bytes);
        if opening.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(opening) {
            return Ok(());
        }
        self.open(on_row)
    }

    /// Says that the data is at its end: hands out the last row when no line break closed it, or says that it was cut off.
    ///
    /// Cut off is what ends within quotes, and a last row without a line break that has fewer values than the header has names.
    pub fn finish<E: From<RowError>>(&mut self, on_row: &mut impl FnMut(RawRow<'_>) -> Result<(), E>) -> Result<(), E> {
        self.open(on_row)?;
        if let Some(start) = self.start {
            // One line break closes a row that misses it, but only becomes part of a value whose quote was never closed.
            let mut short = false;
            let columns = self.header.as_ref().map_or(0, Vec::len);
            let (bytes, line) = (self.bytes, self.parser.line());
            self.parse::<E>(b"\n", &mut |row| {
                short = row.values.columns() < columns;
                if short { Ok(()) } else { on_row(row) }
            })?;
            self.bytes = bytes;
            self.parser.set_line(line);
            if self.start.is_some() || short {
                return Err(RowError::Truncated { line: start.line, byte: start.byte }.into());
            }
        }
        if self.header.is_none() {
            return Err(RowError::NoHeader.into());
        }
        Ok(())
    }

    /// Parses what was held back, without the byte order mark.
    fn open<E: From<RowError>>(&mut self, on_row: &mut impl FnMut(RawRow<'_>) -> Result<(), E>) -> Result<(), E> {
        let Some(opening) = self.opening.take() else { return Ok(()) };
        let text = opening.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&opening);
        self.bytes += (opening.len() - text.len()) as u64;
        self.parse(text, on_row)
    }

    fn parse<E: From<RowError>>(
        &mut self,
        mut input: &[u8],
        on_row: &mut impl FnMut(RawRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !input.is_empty() {
            let start = match self.start {
                Some(start) => start,
                None => {
                    input = self.skip_line_breaks(input);
                    if input.is_empty() {
                        break;
                    }
                    let start = Start { line: self.parser.line(), byte: self.bytes };
                    if let Some(length) = line_without_quotes(input) {
                        self.hand_out_line(start, &input[..length], on_row)?;
                        input = &input[length..];
                        continue;
                    }
                    self.start = Some(start);
                    start
                }
            };
            // No more than the row may still have: a row without an end is found out before its bytes pile up.
            let taken = (self.bytes - start.byte) as usize;
            let window = &input[..input.len().min(MAX_ROW_BYTES + 1 - taken)];
            let (result, read, written, ended) =
                self.parser.read_record(window, &mut self.values[self.values_length..], &mut self.ends[self.columns..]);
            input = &input[read..];
            self.bytes += read as u64;
            self.values_length += written;
            self.columns += ended;
            let length = (self.bytes - start.byte) as usize;
            if length > MAX_ROW_BYTES {
                return Err(RowError::RowTooLong { line: start.line, byte: start.byte }.into());
            }
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    let longer = self.values.len() * 2;
                    self.values.resize(longer, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    let longer = self.ends.len() * 2;
                    self.ends.resize(longer, 0);
                }
                ReadRecordResult::Record => self.hand_out(start, on_row)?,
                // The parser only says so when it is given nothing, which it never is.
                ReadRecordResult::End => break,
            }
        }
        Ok(())
    }

    /// Passes over blank lines, and over the line feed of a CRLF whose carriage return has closed the row before.
    fn skip_line_breaks<'i>(&mut self, input: &'i [u8]) -> &'i [u8] {
        let breaks = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if breaks > 0 {
            let line_feeds = input[..breaks].iter().filter(|byte| **byte == b'\n').count();
            self.parser.set_line(self.parser.line() + line_feeds as u64);
            self.bytes += breaks as u64;
        }
        &input[breaks..]
    }

    fn hand_out<E: From<RowError>>(
        &mut self,
        start: Start,
        on_row: &mut impl FnMut(RawRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let values = Row::adjoining(&self.values[..self.values_length], &self.ends[..self.columns]);
        self.start = None;
        self.values_length = 0;
        self.columns = 0;
        hand_out(start, values, &mut self.header, &mut self.rows, on_row)
    }

    /// Hands out a row of which it is known that only commas matter in it.
    fn hand_out_line<E: From<RowError>>(
        &mut self,
        start: Start,
        line: &[u8],
        on_row: &mut impl FnMut(RawRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.bytes += line.len() as u64;
        self.commas.clear();
        self.commas.extend(memchr_iter(b',', line));
        self.commas.push(line.len());
        hand_out(start, Row::separated(line, &self.commas), &mut self.header, &mut self.rows, on_row)
    }
}

/// The length of the row that starts here, when all of it is here, and nothing in it has to be unquoted.
fn line_without_quotes(input: &[u8]) -> Option<usize> {
    let within = &input[..input.len().min(MAX_ROW_BYTES)];
    let length = memchr2(b'\r', b'\n', within)?;
    memchr(b'"', &within[..length]).is_none().then_some(length)
}

fn hand_out<E: From<RowError>>(
    start: Start,
    values: Row<'_>,
    header: &mut Option<Vec<String>>,
    rows: &mut u64,
    on_row: &mut impl FnMut(RawRow<'_>) -> Result<(), E>,
) -> Result<(), E> {
    match header {
        None => *header = Some(read_header(values, start.line)?),
        Some(header) => {
            *rows += 1;
            on_row(RawRow { line: start.line, byte: start.byte, header, values })?;
        }
    }
    Ok(())
}

fn read_header(values: Row<'_>, line: u64) -> Result<Vec<String>, RowError> {
    let columns = values.columns();
    if columns > MAX_COLUMNS {
        return Err(RowError::TooManyColumns { line, columns });
    }
    let mut header = Vec::with_capacity(columns);
    for (index, name) in values.values().enumerate() {
        let column = index + 1;
        let name = std::str::from_utf8(name).map_err(|_| RowError::HeaderNotUtf8 { line, column })?;
        let name = name.trim_start_matches('\u{feff}');
        if name.trim().is_empty() {
            return Err(RowError::UnnamedColumn { line, column });
        }
        header.push(name.to_owned());
    }
    Ok(header)
}

/// Writes one row behind what is there: CRLF at its end, quotes only where needed.
pub fn append_row<V: AsRef<[u8]>>(csv: &mut Vec<u8>, values: impl IntoIterator<Item = V>) {
    let begin = csv.len();
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            csv.push(b',');
        }
        let value = value.as_ref();
        if needs_quotes(value) {
            append_quoted(csv, value);
        } else {
            csv.extend_from_slice(value);
        }
    }
    if csv.len() == begin {
        // A blank line would be none.
        csv.extend_from_slice(b"\"\"");
    }
    csv.extend_from_slice(b"\r\n");
}

/// The same for a row, which is copied at once when no value of it needs quotes.
pub fn append_values(csv: &mut Vec<u8>, row: Row<'_>) {
    match plain_line(row) {
        Some(line) => {
            csv.extend_from_slice(&line);
            csv.extend_from_slice(b"\r\n");
        }
        None => append_row(csv, row.values()),
    }
}

/// The row as a line of CSV, without its line break; none when a value needs quotes. Borrowed when the values lie with commas between them already.
pub fn plain_line(row: Row<'_>) -> Option<Cow<'_, [u8]>> {
    let Some(line) = row.as_line() else {
        let line = row.values().collect::<Vec<_>>().join(&b',');
        let plain = row.values().all(|value| !needs_quotes(value)) && !line.is_empty();
        return plain.then_some(Cow::Owned(line));
    };
    let (mut commas, mut quotes_needed) = (0, line.is_empty());
    // In pieces whose commas a byte can count, so that many are counted at a time.
    for piece in line.chunks(usize::from(u8::MAX)) {
        commas += usize::from(piece.iter().map(|byte| u8::from(*byte == b',')).sum::<u8>());
        quotes_needed |= piece.iter().fold(false, |needed, byte| needed | matches!(byte, b'"' | b'\r' | b'\n'));
    }
    (!quotes_needed && commas + 1 == row.columns()).then_some(Cow::Borrowed(line))
}

fn needs_quotes(value: &[u8]) -> bool {
    // Without leaving early, so that many bytes are looked at at a time.
    value.iter().fold(false, |needed, byte| needed | matches!(byte, b',' | b'"' | b'\r' | b'\n'))
}

fn append_quoted(csv: &mut Vec<u8>, mut value: &[u8]) {
    csv.push(b'"');
    loop {
        let length = csv.len();
        // Each of its bytes may be a quote, which is doubled.
        csv.resize(length + value.len() * 2, 0);
        let (result, read, written) = csv_core::quote(value, &mut csv[length..], b'"', b'"', true);
        csv.truncate(length + written);
        value = &value[read..];
        if result == WriteResult::InputEmpty {
            break;
        }
    }
    csv.push(b'"');
}

#[cfg(test)]
mod tests;
