//! JSON lines: one JSON value a line.

use super::piece::{Content, MAX_RECORD_BYTES, Piece, Pieces, Place, too_long};
use std::io::{self, BufRead, Read as _};

/// A reader of lines.
pub(crate) struct Lines<R> {
    reader: R,
    place: Place,
    limit: usize,
}

impl<R: BufRead + Send> Lines<R> {
    /// Goes on at a place, where the reader stands already.
    pub(crate) fn new(reader: R, place: Place) -> Self {
        Self { reader, place, limit: MAX_RECORD_BYTES }
    }

    /// Reads up to and with the next line break; whether the line was longer than the limit, of which it keeps only so much.
    fn line(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        let mut text = Vec::new();
        let limit = self.limit as u64 + 1;
        let mut read = (&mut self.reader).take(limit).read_until(b'\n', &mut text)? as u64;
        if read == 0 {
            return Ok(None);
        }
        let cut = read == limit && text.last() != Some(&b'\n');
        if cut {
            read += self.skip_line()?;
        }
        self.place.offset += read;
        self.place.line += 1;
        Ok(Some((text, cut)))
    }

    /// Reads away the rest of a line.
    fn skip_line(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let buffer = self.reader.fill_buf()?;
            let (used, done) = match buffer.iter().position(|byte| *byte == b'\n') {
                Some(position) => (position + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            };
            self.reader.consume(used);
            skipped += used as u64;
            if done {
                return Ok(skipped);
            }
        }
    }
}

impl<R: BufRead + Send> Pieces for Lines<R> {
    fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            let line = self.place.line;
            let Some((mut text, cut)) = self.line()? else { return Ok(None) };
            if cut {
                text.truncate(1024);
                return Ok(Some(Piece { line, behind: self.place, content: Err(too_long(text)) }));
            }
            if text.iter().any(|byte| !byte.is_ascii_whitespace()) {
                return Ok(Some(Piece { line, behind: self.place, content: Ok(Content::Json(text)) }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], limit: usize) -> Vec<(u64, u64, Option<String>)> {
        let mut lines = Lines { reader: text, place: Place::START, limit };
        let mut found = Vec::new();
        while let Some(piece) = lines.next().unwrap() {
            let text = match piece.content {
                Ok(Content::Json(text)) => Some(String::from_utf8(text).unwrap().trim().to_owned()),
                _ => None,
            };
            found.push((piece.line, piece.behind.offset, text));
        }
        found
    }

    #[test]
    fn lines_of_any_ending_with_their_numbers() {
        let found = read(b"{\"a\":1}\r\n\n  \r\n{\"a\":2}\n{\"a\":3}", 100);
        let expected = [(1, 9, "{\"a\":1}"), (4, 22, "{\"a\":2}"), (5, 29, "{\"a\":3}")];
        assert_eq!(found, expected.map(|(line, behind, text)| (line, behind, Some(text.to_owned()))));
        assert!(read(b"", 100).is_empty());
    }

    #[test]
    fn a_line_past_the_limit_is_put_aside_and_the_next_is_read() {
        let found = read(b"1234\n12345\n1\n12345678", 4);
        assert_eq!(found, [(1, 5, Some("1234".into())), (2, 11, None), (3, 13, Some("1".into())), (4, 21, None)]);
    }
}
