//! One JSON list: its members are cut out one by one, so that a list of any length is read with flat memory.

use super::piece::{Content, MAX_RECORD_BYTES, Piece, Pieces, Place, Unreadable, too_long};
use std::io::{self, BufRead};

/// A reader of a list's members.
pub(crate) struct Members<R> {
    reader: R,
    place: Place,
    state: State,
    limit: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// The opening bracket is still to come.
    Before,
    /// Between two members.
    Inside,
    /// Behind the closing bracket.
    Behind,
    /// Nothing more is to be had.
    Done,
}

impl<R: BufRead + Send> Members<R> {
    /// Goes on at a place, where the reader stands already: at the start, or behind a member.
    pub(crate) fn new(reader: R, place: Place, at_start: bool) -> Self {
        Self { reader, place, state: if at_start { State::Before } else { State::Inside }, limit: MAX_RECORD_BYTES }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.reader.fill_buf()?.first().copied())
    }

    fn take(&mut self, byte: u8) {
        self.reader.consume(1);
        self.place.offset += 1;
        self.place.line += u64::from(byte == b'\n');
    }

    /// Cuts out one member, up to the comma or bracket that ends it. Strings and nesting are followed, nothing else is looked at.
    fn member(&mut self) -> io::Result<Piece> {
        let line = self.place.line;
        let (mut text, mut cut) = (Vec::new(), false);
        let (mut depth, mut in_string, mut escaped) = (0_u64, false, false);
        let ended = loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                break false;
            }
            let (mut used, mut lines, mut end) = (0, 0, false);
            for byte in buffer {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if in_string => escaped = true,
                    b'"' => in_string = !in_string,
                    _ if in_string => {}
                    b'{' | b'[' => depth += 1,
                    b',' | b']' | b'}' if depth == 0 => {
                        end = true;
                        break;
                    }
                    b']' | b'}' => depth -= 1,
                    _ => {}
                }
                used += 1;
                lines += u64::from(*byte == b'\n');
            }
            let taken = buffer.get(..used).unwrap_or_default();
            if text.len() + taken.len() <= self.limit {
                text.extend_from_slice(taken);
            } else {
                cut = true;
            }
            self.reader.consume(used);
            self.place.offset += used as u64;
            self.place.line += lines;
            if end {
                break true;
            }
        };
        let content = match (cut, ended) {
            (true, _) => {
                text.truncate(1024);
                Err(too_long(text))
            }
            (false, true) => Ok(Content::Json(text)),
            (false, false) => {
                text.truncate(1024);
                Err(Unreadable { reason: "the list ends within this member".to_owned(), text })
            }
        };
        Ok(Piece { line, behind: self.place, content })
    }

    /// What does not belong here ends the reading: nothing behind it can be told apart.
    fn broken(&mut self, reason: &str) -> Piece {
        self.state = State::Done;
        let unreadable = Unreadable { reason: format!("{reason}; the rest of the file was not read"), text: Vec::new() };
        Piece { line: self.place.line, behind: self.place, content: Err(unreadable) }
    }
}

impl<R: BufRead + Send> Pieces for Members<R> {
    fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            let next = self.peek()?;
            match (self.state, next) {
                (State::Done, _) | (State::Before | State::Behind, None) => return Ok(None),
                (State::Inside, None) => return Ok(Some(self.broken("the list is not closed"))),
                (_, Some(byte)) if byte.is_ascii_whitespace() => self.take(byte),
                (State::Before, Some(byte @ b'[')) => {
                    self.take(byte);
                    self.state = State::Inside;
                }
                (State::Inside, Some(byte @ b',')) => self.take(byte),
                (State::Inside, Some(byte @ b']')) => {
                    self.take(byte);
                    self.state = State::Behind;
                }
                (State::Inside, Some(b'}')) => return Ok(Some(self.broken("a brace that nothing opened"))),
                (State::Inside, Some(_)) => return self.member().map(Some),
                (State::Before, Some(_)) => return Ok(Some(self.broken("no JSON list"))),
                (State::Behind, Some(_)) => return Ok(Some(self.broken("something stands behind the list"))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u64, Result<String, String>)> {
        // A tiny buffer, so that every state is met at the edge of one.
        let reader = io::BufReader::with_capacity(3, text.as_bytes());
        let mut members = Members::new(reader, Place::START, true);
        members.limit = 40;
        let mut found = Vec::new();
        while let Some(piece) = members.next().unwrap() {
            let content = match piece.content {
                Ok(Content::Json(text)) => Ok(String::from_utf8(text).unwrap().trim().to_owned()),
                Ok(Content::Row(_)) => unreachable!(),
                Err(unreadable) => Err(unreadable.reason),
            };
            found.push((piece.line, content));
        }
        found
    }

    fn good(text: &str) -> Vec<(u64, String)> {
        read(text).into_iter().map(|(line, content)| (line, content.unwrap())).collect()
    }

    #[test]
    fn members_with_the_lines_on_which_they_begin() {
        let found = good("[\n  {\"a\": \"],}{\\\"\", \"b\": [1, {}]},\r\n  {\"a\": 2}\n,3]\n");
        assert_eq!(found, [(2, "{\"a\": \"],}{\\\"\", \"b\": [1, {}]}".into()), (3, "{\"a\": 2}".into()), (4, "3".into())]);
        assert!(good("[]").is_empty());
        assert!(good("").is_empty());
    }

    #[test]
    fn reading_goes_on_behind_any_member() {
        let text = b"[{\"a\":1}, {\"a\":2},\n{\"a\":3}]";
        let mut members = Members::new(&text[..], Place::START, true);
        let first = members.next().unwrap().unwrap();
        let rest = &text[usize::try_from(first.behind.offset).unwrap()..];
        let mut again = Members::new(rest, first.behind, false);
        assert_eq!(again.next().unwrap().unwrap(), members.next().unwrap().unwrap());
        assert_eq!(again.next().unwrap().unwrap(), members.next().unwrap().unwrap());
        assert_eq!(again.next().unwrap(), None);
    }

    #[test]
    fn a_broken_list_says_where() {
        assert_eq!(
            read("[{\"a\":1}, {\"a\""),
            [
                (1, Ok("{\"a\":1}".into())),
                (1, Err("the list ends within this member".into())),
                (1, Err("the list is not closed; the rest of the file was not read".into()))
            ]
        );
        assert_eq!(
            read("[1]\n x").last().unwrap(),
            &(2, Err("something stands behind the list; the rest of the file was not read".into()))
        );
        assert!(read("{}")[0].1.as_ref().unwrap_err().starts_with("no JSON list"));
        assert!(read("[1}]")[1].1.as_ref().unwrap_err().starts_with("a brace"));
    }

    #[test]
    fn a_member_past_the_limit_is_put_aside() {
        let found = read(&format!("[1, \"{}\", 2]", "x".repeat(50)));
        assert_eq!(found, [(1, Ok("1".into())), (1, Err("longer than 64 MiB".into())), (1, Ok("2".into()))]);
    }
}
