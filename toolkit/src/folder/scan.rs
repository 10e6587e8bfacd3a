//! Going through the bytes of a CSV file as fast as they come, without making rows of them.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// What there was in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regular {
    /// Rows, without the header.
    pub rows: u64,
    /// Whether every row has as many values as the header, and all bytes are UTF-8.
    pub is_regular: bool,
}

/// Counts the rows of a CSV file and tells whether something is wrong with one; not what, which is for a slower reader to say.
#[derive(Debug)]
pub struct Scan {
    reader: Reader,
    /// The values themselves are of no interest.
    values: Vec<u8>,
    ends: Vec<usize>,
    records: u64,
    width: Option<usize>,
    in_record: usize,
    is_regular: bool,
    /// The bytes of a character that goes on in the next piece.
    begun: Vec<u8>,
}

impl Scan {
    /// At the start of a file with this delimiter.
    pub fn new(delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            values: vec![0; 64 * 1024],
            ends: vec![0; 1024],
            records: 0,
            width: None,
            in_record: 0,
            is_regular: true,
            begun: Vec::new(),
        }
    }

    /// Goes through the next piece; whether all is well so far.
    pub fn take(&mut self, piece: &[u8]) -> bool {
        if !piece.is_empty() {
            self.is_regular &= self.take_characters(piece);
            self.take_records(piece);
        }
        self.is_regular
    }

    /// What there was, now that no more comes.
    pub fn end(mut self) -> Regular {
        self.take_records(&[]);
        Regular { rows: self.records.saturating_sub(1), is_regular: self.is_regular && self.begun.is_empty() }
    }

    fn take_records(&mut self, mut piece: &[u8]) {
        loop {
            let (result, read, _, ends) = self.reader.read_record(piece, &mut self.values, &mut self.ends);
            piece = &piece[read..];
            self.in_record += ends;
            match result {
                ReadRecordResult::InputEmpty if piece.is_empty() => return,
                ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
                ReadRecordResult::Record => {
                    self.is_regular &= *self.width.get_or_insert(self.in_record) == self.in_record;
                    self.records += 1;
                    self.in_record = 0;
                    // An empty piece means the end to the reader, which only `end` may say.
                    if piece.is_empty() && read > 0 {
                        return;
                    }
                }
                ReadRecordResult::End => return,
            }
        }
    }

    /// Whether the bytes are UTF-8, across pieces.
    fn take_characters(&mut self, mut piece: &[u8]) -> bool {
        while !self.begun.is_empty() {
            let Some((byte, rest)) = piece.split_first() else { return true };
            self.begun.push(*byte);
            piece = rest;
            match std::str::from_utf8(&self.begun) {
                Ok(_) => self.begun.clear(),
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        match std::str::from_utf8(piece) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                self.begun.extend_from_slice(&piece[error.valid_up_to()..]);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_and_faults_found_however_the_bytes_come() {
        let cases: [(&[u8], u64, bool); 12] = [
            (b"", 0, true),
            (b"a,b\r\n", 0, true),
            (b"a,b", 0, true),
            (b"a,b\r\n1,2\r\n3,4", 2, true),
            (b"\xef\xbb\xbfa,b\n1,\"two\r\nlines, \"\"x\"\"\"\n\n3,4\n", 2, true),
            ("a,b\nΑλέξ,𠮷明\nمحمد,\n".as_bytes(), 2, true),
            (b"a,b\n1\n", 1, false),
            (b"a,b\n1,2,3\n4,5\n", 2, false),
            (b"a,b\n1,\xff\n", 1, false),
            (b"a,b\n1,\xe2\x82\n", 1, false),
            (b"a,b\n1,\xe2\x82", 1, false),
            (b"a\n\n\nx\n", 1, true),
        ];
        for (bytes, rows, is_regular) in cases {
            for size in [1, 2, 3, 7, 1000] {
                let mut scan = Scan::new(b',');
                for piece in bytes.chunks(size) {
                    scan.take(piece);
                }
                assert_eq!(scan.end(), Regular { rows, is_regular }, "{:?} by {size}", String::from_utf8_lossy(bytes));
            }
        }
    }
}
