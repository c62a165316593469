//! The rows of a CSV file, each within a bound.

use super::window::Window;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use mastra_core::Result;

/// Rows through a window.
pub(super) struct Rows {
    pub(super) window: Window,
    /// A parser, between two rows.
    parser: Reader,
    most: usize,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

/// A row, and the line it begins on.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    /// As it stands in the file; its beginning only where it is too long.
    pub(super) raw: Vec<u8>,
    /// Its fields, or what is wrong with it.
    pub(super) fields: Result<Vec<Vec<u8>>, &'static str>,
}

/// How the parser came out of a row.
enum Parsed {
    /// A row of so many bytes of the file, ends of fields, and whether a line break ends it.
    Row {
        bytes: usize,
        ends: usize,
        ended: bool,
    },
    /// The file ends inside a quote.
    OpenQuote,
    /// The row is past the bound.
    TooLong,
    End,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("window", &self.window).finish_non_exhaustive()
    }
}

impl Rows {
    pub(super) fn new(window: Window, delimiter: u8, most: usize) -> Self {
        let parser = ReaderBuilder::new().delimiter(delimiter).build();
        let mut rows = Self { window, parser, most, fields: vec![0; 4 * 1024], ends: vec![0; 64] };
        rows.reset();
        rows
    }

    /// Puts the parser between two rows, and behind the file's beginning, where alone it passes a byte order mark.
    fn reset(&mut self) {
        self.parser.reset();
        let _ = self.parser.read_record(b"\n", &mut [], &mut []);
    }

    /// The next row; none at the file's end.
    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        self.skip_blank_lines()?;
        let line = self.window.line;
        let (bytes, ends, ended) = match self.parse()? {
            Parsed::Row { bytes, ends, ended } => (bytes, ends, ended),
            Parsed::End => return Ok(None),
            Parsed::OpenQuote => {
                // Its end may be appended yet; until then the lines below it are taken for rows of their own.
                self.window.unsettle();
                return self.line(line, "a quote is not closed");
            }
            Parsed::TooLong => return self.line(line, "the row is too long, or a quote in it is not closed"),
        };
        let raw = self.window.pending().get(..bytes).unwrap_or_default().to_vec();
        if !ended {
            self.window.unsettle();
        }
        self.window.consume(bytes);
        let mut begin = 0;
        let fields = self.ends.iter().take(ends).map(|end| {
            let field = self.fields.get(begin..*end).unwrap_or_default().to_vec();
            begin = *end;
            field
        });
        let fields = fields.collect();
        if self.fields.len() > 1024 * 1024 {
            // One giant row should not be paid for until the end.
            self.fields = vec![0; 4 * 1024];
        }
        Ok(Some(Row { line, raw, fields: Ok(fields) }))
    }

    /// Gives up on one line of the file, so that a stray quote does not swallow all below it.
    fn line(&mut self, line: u64, what: &'static str) -> Result<Option<Row>> {
        self.reset();
        let taken = self.window.take_line(self.most)?;
        Ok(taken.map(|taken| Row { line, raw: taken.bytes, fields: Err(what) }))
    }

    fn skip_blank_lines(&mut self) -> Result<()> {
        loop {
            let pending = self.window.pending();
            let blank = pending.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            let rest = pending.len() - blank;
            self.window.consume(blank);
            if rest > 0 || !self.window.more()? {
                return Ok(());
            }
        }
    }

    /// Parses the row that begins where the window stands, without moving it.
    fn parse(&mut self) -> Result<Parsed> {
        let (mut bytes, mut written, mut ends) = (0, 0, 0);
        loop {
            let input = self.window.pending().get(bytes..).unwrap_or_default();
            let at_end = input.is_empty();
            if at_end {
                if bytes > self.most {
                    return Ok(Parsed::TooLong);
                }
                if self.window.more()? {
                    continue;
                }
                if bytes == 0 {
                    return Ok(Parsed::End);
                }
            }
            // Behind the file's end comes one line break more: a row that it does not end is inside a quote.
            let input = if at_end { b"\n" } else { self.window.pending().get(bytes..).unwrap_or_default() };
            let (fields, places) = (self.fields.get_mut(written..), self.ends.get_mut(ends..));
            let (result, read, wrote, found) =
                self.parser.read_record(input, fields.unwrap_or_default(), places.unwrap_or_default());
            written += wrote;
            ends += found;
            if !at_end {
                bytes += read;
            }
            match result {
                ReadRecordResult::Record if bytes > self.most => return Ok(Parsed::TooLong),
                ReadRecordResult::Record => return Ok(Parsed::Row { bytes, ends, ended: !at_end }),
                ReadRecordResult::InputEmpty if at_end && read > 0 => return Ok(Parsed::OpenQuote),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::End => return Ok(Parsed::End),
            }
        }
    }
}
