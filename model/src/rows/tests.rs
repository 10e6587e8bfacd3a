#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::mapping::RowBuffer;

/// A row as it was handed out, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    line: u64,
    byte: u64,
    values: Vec<Vec<u8>>,
}

fn keep(rows: &mut Vec<Kept>) -> impl FnMut(RawRow<'_>) -> Result<(), RowError> + '_ {
    |row| {
        let values = row.values.values().map(<[u8]>::to_vec).collect();
        rows.push(Kept { line: row.line, byte: row.byte, values });
        Ok(())
    }
}

/// Reads `data` in slices of `size` bytes.
fn read_sliced(mut reader: RowReader, data: &[u8], size: usize) -> Result<(Vec<String>, Vec<Kept>), RowError> {
    let mut rows = Vec::new();
    for slice in data.chunks(size.max(1)) {
        reader.feed(slice, &mut keep(&mut rows))?;
    }
    reader.finish(&mut keep(&mut rows))?;
    assert_eq!(reader.rows(), rows.len() as u64);
    assert_eq!(reader.bytes(), data.len() as u64);
    assert_eq!(reader.line_feeds(), data.iter().filter(|byte| **byte == b'\n').count() as u64);
    Ok((reader.header().unwrap().to_vec(), rows))
}

/// Reads `data` whole and byte by byte, and sees that this makes no difference.
fn read(data: &[u8]) -> Result<(Vec<String>, Vec<Kept>), RowError> {
    let whole = read_sliced(RowReader::new(), data, data.len());
    assert_eq!(read_sliced(RowReader::new(), data, 1), whole, "byte by byte it reads the same");
    whole
}

fn values(rows: &[Kept]) -> Vec<Vec<&str>> {
    rows.iter().map(|row| row.values.iter().map(|value| std::str::from_utf8(value).unwrap()).collect()).collect()
}

#[test]
fn takes_every_line_ending_and_a_byte_order_mark() {
    for data in [
        "name,city\nO'Brien,Köln\nLee,\"a, \"\"b\"\"\"\n",
        "\u{feff}name,city\r\nO'Brien,Köln\r\nLee,\"a, \"\"b\"\"\"\r\n",
        "name,city\rO'Brien,Köln\rLee,\"a, \"\"b\"\"\"\r",
        "name,city\nO'Brien,Köln\n\r\n\nLee,\"a, \"\"b\"\"\"",
    ] {
        let (header, rows) = read(data.as_bytes()).unwrap();
        assert_eq!(header, ["name", "city"]);
        assert_eq!(values(&rows), [["O'Brien", "Köln"], ["Lee", "a, \"b\""]]);
    }
}

#[test]
fn says_where_each_row_starts() {
    let data = "\u{feff}a,b\r\n1,\"x\r\ny\nz\"\r\n\r\n2,\n3,4";
    let (_, rows) = read(data.as_bytes()).unwrap();
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 6, 7]);
    for (row, text) in rows.iter().zip(["1,\"x", "2,", "3,4"]) {
        assert!(data.as_bytes()[row.byte as usize..].starts_with(text.as_bytes()), "{row:?} starts with {text}");
    }
}

#[test]
fn hands_out_ragged_rows_and_bytes_that_are_no_text() {
    let (_, rows) = read(b"a,b\n1\n1,2,3\n\xff,\xc3\n").unwrap();
    assert_eq!(rows.iter().map(|row| row.values.len()).collect::<Vec<_>>(), [1, 3, 2]);
    assert_eq!(rows[2].values, [b"\xff".to_vec(), b"\xc3".to_vec()]);
}

#[test]
fn knows_two_halves_of_a_character_from_a_whole_one() {
    let mut is_utf8 = Vec::new();
    let mut reader = RowReader::new();
    let mut note = |row: RawRow<'_>| -> Result<(), RowError> {
        is_utf8.push(row.is_utf8());
        Ok(())
    };
    reader.feed(b"a,b\n\xc3,\xa9\n\xc3\xa9,\n", &mut note).unwrap();
    assert_eq!(is_utf8, [false, true]);
}

#[test]
fn needs_a_header() {
    for nothing in ["", "\u{feff}", "\n\r\n"] {
        assert_eq!(read(nothing.as_bytes()), Err(RowError::NoHeader), "{nothing:?}");
    }
    assert_eq!(read(b"a,b").unwrap(), (vec!["a".to_owned(), "b".to_owned()], vec![]));
}

#[test]
fn refuses_headers_that_name_nothing() {
    assert_eq!(read(b"\na,,c\n1,2,3\n"), Err(RowError::UnnamedColumn { line: 2, column: 2 }));
    assert_eq!(read(b"a, \n"), Err(RowError::UnnamedColumn { line: 1, column: 2 }));
    assert_eq!(read(b"a,\xff\n"), Err(RowError::HeaderNotUtf8 { line: 1, column: 2 }));
    // A file in UTF-16.
    assert_eq!(read(b"\xff\xfea\0,\0b\0\n\0"), Err(RowError::HeaderNotUtf8 { line: 1, column: 1 }));
    let names = |columns: usize| (0..columns).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(read(names(512).as_bytes()).unwrap().0.len(), 512);
    assert_eq!(read(names(513).as_bytes()), Err(RowError::TooManyColumns { line: 1, columns: 513 }));
}

#[test]
fn notices_data_that_ends_within_a_row() {
    let cut_in_quotes = RowError::Truncated { line: 3, byte: 8 };
    for data in ["a,b\n1,2\n3,\"four", "a,b\n1,2\n3,\"four\n", "a,b\n1,2\n3,\"fo\"\"", "a,b\n1,2\n3,\""] {
        assert_eq!(read(data.as_bytes()), Err(cut_in_quotes.clone()), "{data:?}");
    }
    assert_eq!(read(b"a,b\n1,2\n3"), Err(cut_in_quotes), "fewer values, and no line break");
    assert_eq!(read(b"a,\"b"), Err(RowError::Truncated { line: 1, byte: 0 }));
    for whole in ["a,b\n1,2\n3,\"four\"", "a,b\n1,2\n3,", "a,b\n1,2\n3\n"] {
        assert_eq!(read(whole.as_bytes()).unwrap().1.len(), 2, "{whole:?}");
    }
}

#[test]
fn bounds_a_row() {
    let row = |bytes: usize| [b"a\nfirst\n".as_slice(), &vec![b'x'; bytes], b"\nlast\n"].concat();
    let (_, rows) = read_sliced(RowReader::new(), &row(MAX_ROW_BYTES - 1), 64 * 1024).unwrap();
    assert_eq!(rows[1].values[0].len(), MAX_ROW_BYTES - 1);
    let too_long = RowError::RowTooLong { line: 3, byte: 8 };
    for size in [999, 64 * 1024, 8 * 1024 * 1024] {
        assert_eq!(read_sliced(RowReader::new(), &row(MAX_ROW_BYTES + 1), size), Err(too_long.clone()));
    }
    let unclosed = [b"a,b\n1,2\n3,\"".as_slice(), &b"four,five\n".repeat(200_000)].concat();
    assert_eq!(read_sliced(RowReader::new(), &unclosed, 64 * 1024), Err(too_long));
    let many_values = [b"a\n".as_slice(), &b",".repeat(9_999), b"\n"].concat();
    assert_eq!(read_sliced(RowReader::new(), &many_values, 4096).unwrap().1[0].values.len(), 10_000);
}

#[test]
fn stops_at_the_callers_error() {
    #[derive(Debug, PartialEq)]
    struct Stop;
    impl From<RowError> for Stop {
        fn from(error: RowError) -> Self {
            panic!("{error}")
        }
    }
    let mut seen = 0;
    let mut stop_at_second = |_: RawRow<'_>| {
        seen += 1;
        if seen == 2 { Err(Stop) } else { Ok(()) }
    };
    assert_eq!(RowReader::new().feed(b"a\n1\n2\n3\n", &mut stop_at_second), Err(Stop));
    assert_eq!(seen, 2);
}

#[test]
fn writes_quotes_only_where_needed() {
    let mut csv = Vec::new();
    append_row(&mut csv, ["O'Brien", "", " a b ", "c,d", "\"", "e\r\nf"]);
    append_row(&mut csv, [""]);
    assert_eq!(csv, b"O'Brien,, a b ,\"c,d\",\"\"\"\",\"e\r\nf\"\r\n\"\"\r\n");
}

/// Values with all that CSV trips over.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-z',;\"\r\n\u{feff}é \t]{0,8}".prop_map(String::into_bytes),
        2 => any::<String>().prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..12),
        1 => Just("\u{feff}".as_bytes().to_vec()),
        1 => Just(b"\"".repeat(20_000)),
    ]
}

fn table() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    (1_usize..5).prop_flat_map(|columns| vec(vec(value(), columns), 0..8))
}

fn written(names: Option<usize>, table: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut csv = Vec::new();
    if let Some(columns) = names {
        append_row(&mut csv, (0..columns).map(|n| format!("c{n}")));
    }
    for row in table {
        append_row(&mut csv, row);
    }
    csv
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_was_written_reads_the_same_in_any_slicing(table in table(), size in 1_usize..64) {
        let columns = table.first().map_or(1, Vec::len);
        let (header, rows) = read_sliced(RowReader::new(), &written(Some(columns), &table), size).unwrap();
        prop_assert_eq!(header.len(), columns);
        prop_assert_eq!(rows.into_iter().map(|row| row.values).collect::<Vec<_>>(), table.clone());
        let (_, rows) = read_sliced(RowReader::headless(), &written(None, &table), size).unwrap();
        prop_assert_eq!(rows.into_iter().map(|row| row.values).collect::<Vec<_>>(), table);
    }

    #[test]
    fn a_row_in_one_piece_is_written_as_its_values_are(values in vec(value(), 1..5)) {
        let buffer: RowBuffer = values.iter().collect();
        let (mut at_once, mut one_by_one, mut by_the_crate) = (Vec::new(), Vec::new(), csv::WriterBuilder::new());
        append_values(&mut at_once, buffer.row());
        append_row(&mut one_by_one, &values);
        prop_assert_eq!(&at_once, &one_by_one);
        let mut writer = by_the_crate.terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        writer.write_record(&values).unwrap();
        prop_assert_eq!(at_once, writer.into_inner().unwrap());
    }

    #[test]
    fn reads_as_the_csv_crate_does(table in table(), ending in prop_oneof![Just("\n"), Just("\r\n")], always in any::<bool>()) {
        let columns = table.first().map_or(1, Vec::len);
        let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let terminator = if ending == "\n" { csv::Terminator::Any(b'\n') } else { csv::Terminator::CRLF };
        let mut writer = csv::WriterBuilder::new().quote_style(style).terminator(terminator).from_writer(Vec::new());
        writer.write_record((0..columns).map(|n| format!("c{n}"))).unwrap();
        for row in &table {
            writer.write_record(row).unwrap();
        }
        let data = writer.into_inner().unwrap();
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(data.as_slice());
        let expected: Vec<Vec<Vec<u8>>> =
            reader.byte_records().map(|row| row.unwrap().iter().map(<[u8]>::to_vec).collect()).collect();
        let (_, rows) = read(&data).unwrap();
        prop_assert_eq!(rows.into_iter().map(|row| row.values).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn any_bytes_end_in_rows_or_an_error(data in vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r')], 0..200), size in 1_usize..50) {
        let whole = read_sliced(RowReader::new(), &data, data.len());
        prop_assert_eq!(read_sliced(RowReader::new(), &data, size), whole);
    }
}
