//! CSV rows under a header.

use super::piece::{Content, MAX_RECORD_BYTES, Piece, Pieces, Place, Unreadable, too_long};
use csv_core::{ReadRecordResult, Reader};
use std::io::{self, BufRead};

/// A reader of rows.
pub(crate) struct Rows<R> {
    reader: R,
    csv: Reader,
    place: Place,
    fields: Vec<u8>,
    ends: Vec<usize>,
    limit: usize,
}

impl<R: BufRead + Send> Rows<R> {
    /// Goes on at a place, where the reader stands already: at the start, or behind a row.
    pub(crate) fn new(reader: R, place: Place) -> Self {
        let mut csv = Reader::new();
        csv.set_line(place.line);
        Self { reader, csv, place, fields: vec![0; 64 * 1024], ends: vec![0; 64], limit: MAX_RECORD_BYTES }
    }

    /// Reads away line breaks before a row, so that its line number is right and a blank line is none.
    fn skip_blank_lines(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.reader.fill_buf()?;
            let used = buffer.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            if used == 0 {
                return Ok(());
            }
            self.place.line += buffer.iter().take(used).filter(|byte| **byte == b'\n').count() as u64;
            self.place.offset += used as u64;
            self.reader.consume(used);
        }
    }
}

impl<R: BufRead + Send> Pieces for Rows<R> {
    fn next(&mut self) -> io::Result<Option<Piece>> {
        self.skip_blank_lines()?;
        self.csv.set_line(self.place.line);
        let line = self.place.line;
        let (mut written, mut ended, mut cut) = (0, 0, false);
        // Behind the file's end comes one line break more: a row that does not end with it is inside quotes.
        let (mut broken, mut open) = (false, false);
        loop {
            let input = self.reader.fill_buf()?;
            let at_end = input.is_empty() && !broken;
            let input = if at_end { b"\n" } else { input };
            let (output, ends) = (self.fields.get_mut(written..), self.ends.get_mut(ended..));
            let (result, read, wrote, fields) = self.csv.read_record(input, output.unwrap_or_default(), ends.unwrap_or_default());
            if at_end {
                broken = read > 0;
                open = broken && matches!(result, ReadRecordResult::InputEmpty);
            } else {
                self.reader.consume(read);
                self.place.offset += read as u64;
            }
            written += wrote;
            ended += fields;
            match result {
                ReadRecordResult::InputEmpty => {}
                // Past the limit a row is read to its end for its place only.
                ReadRecordResult::OutputFull if self.fields.len() >= self.limit => (cut, written) = (true, 0),
                ReadRecordResult::OutputFull => self.fields.resize((self.fields.len() * 2).min(self.limit), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::Record => break,
            }
        }
        self.place.line = self.csv.line() - u64::from(broken);
        let content = if cut {
            Err(too_long(self.fields.get(..1024.min(written)).unwrap_or_default().to_vec()))
        } else {
            let mut start = 0;
            let fields = self.ends.iter().take(ended).map(|end| {
                let field = self.fields.get(start..*end).unwrap_or_default().to_vec();
                start = *end;
                field
            });
            let fields: Vec<_> = fields.collect();
            if open {
                let reason = "a quote is not closed; the rest of the file was read as part of this row".to_owned();
                Err(Unreadable { reason, text: fields.join(&b',') })
            } else {
                Ok(Content::Row(fields))
            }
        };
        if self.fields.len() > 1024 * 1024 {
            // One giant row should not be paid for until the end.
            self.fields = vec![0; 64 * 1024];
        }
        Ok(Some(Piece { line, behind: self.place, content }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, buffer: usize, limit: usize) -> Vec<(u64, Option<Vec<String>>)> {
        let mut rows = Rows::new(io::BufReader::with_capacity(buffer, text.as_bytes()), Place::START);
        (rows.limit, rows.fields) = (limit, vec![0; 4.min(limit)]);
        let mut found = Vec::new();
        while let Some(piece) = rows.next().unwrap() {
            let fields = match piece.content {
                Ok(Content::Row(fields)) => Some(fields.into_iter().map(|field| String::from_utf8(field).unwrap()).collect()),
                _ => None,
            };
            found.push((piece.line, fields));
        }
        found
    }

    #[test]
    fn quotes_line_breaks_and_endings() {
        let text = "id,name\r\n1,\"a \"\"b\"\"\r\nc\"\r\n\r\n2,\"x,y\"\n3,plain\"quote";
        for buffer in [1, 2, 3, 100] {
            let found: Vec<_> =
                read(text, buffer, 1000).into_iter().map(|(line, fields)| (line, fields.unwrap().join("|"))).collect();
            let expected = [(1, "id|name"), (2, "1|a \"b\"\r\nc"), (5, "2|x,y"), (6, "3|plain\"quote")];
            assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())), "{buffer}");
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told_and_no_record() {
        let mut rows = Rows::new(&b"1,\"b\n2,c\n"[..], Place::START);
        let unreadable = rows.next().unwrap().unwrap().content.unwrap_err();
        assert!(unreadable.reason.contains("quote") && unreadable.text.starts_with(b"1,b\n2,c\n"));
        for buffer in [1, 100] {
            for text in ["id,a\n1,\"b\n2,c\n", "id,a\n1,\"", "id,a\n1,\"b\"\"", "id,a\n1,\"bbbbbbbbbbbbbbbbbbbbbbbb\n"] {
                let found = read(text, buffer, 16);
                assert_eq!((found.len(), &found[1]), (2, &(2, None)), "{text}");
            }
            for text in ["id,a\n1,\"b\"", "id,a\n1,b\"", "id,a\n1,", "id,a\n1,\"\""] {
                assert!(matches!(read(text, buffer, 100)[1], (2, Some(_))), "{text}");
            }
            assert_eq!(read("id,a\r\n", buffer, 100).len(), 1);
        }
    }

    #[test]
    fn a_row_past_the_limit_is_put_aside() {
        let found = read("a,b\n1,2345678901234567890\n3,4\n", 100, 8);
        assert_eq!(found[1], (2, None));
        assert_eq!(found[2], (3, Some(vec!["3".into(), "4".into()])));
    }

    #[test]
    fn reading_goes_on_behind_any_row() {
        let text = "id,name\r\n1,\"a\r\nb\"\r\n2,c\r\n3,d";
        let mut rows = Rows::new(text.as_bytes(), Place::START);
        while let Some(piece) = rows.next().unwrap() {
            let rest = &text.as_bytes()[usize::try_from(piece.behind.offset).unwrap()..];
            let mut again = Rows::new(rest, piece.behind);
            let mut whole = Rows::new(text.as_bytes(), Place::START);
            let later = std::iter::from_fn(|| whole.next().unwrap()).find(|next| next.line > piece.line);
            assert_eq!(again.next().unwrap().map(|next| (next.line, next.content)), later.map(|next| (next.line, next.content)));
        }
    }
}
