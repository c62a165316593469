//! Splitting a script into its statements, as psql and the sqlite3 shell do.

/// One statement of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Its text, without the semicolon and without the comments before it.
    pub text: &'a str,
    /// The line of the script on which it begins, from 1.
    pub line: usize,
}

impl Statement<'_> {
    /// Its beginning on one line, to name it in a message.
    pub fn head(&self) -> String {
        const WORDS: usize = 8;
        let head: Vec<&str> = self.text.split_whitespace().take(WORDS + 1).collect();
        match head.get(..WORDS) {
            Some(words) if head.len() > WORDS => format!("{} …", words.join(" ")),
            _ => head.join(" "),
        }
    }
}

/// The statements of a script, for Postgres and SQLite alike.
///
/// Semicolons inside quotes, dollar quotes, comments and the body of a `CREATE TRIGGER … BEGIN … END` do not end a statement.
///
/// ```
/// use mastra_core::migrate::statements;
///
/// let script = "-- one\nCREATE TABLE a (b text DEFAULT ';');\nSELECT $$ ; $$;";
/// let found: Vec<_> = statements(script).map(|statement| (statement.line, statement.text)).collect();
/// assert_eq!(found, [(2, "CREATE TABLE a (b text DEFAULT ';')"), (3, "SELECT $$ ; $$")]);
/// ```
pub fn statements(script: &str) -> impl Iterator<Item = Statement<'_>> {
    let mut rest = Some((script, 1));
    std::iter::from_fn(move || {
        loop {
            let (text, line) = rest?;
            let (text, line) = skip_blank(text, line);
            if text.is_empty() {
                return None;
            }
            let end = end_of_statement(text);
            let (statement, tail) = text.split_at_checked(end)?;
            rest = tail.strip_prefix(';').map(|tail| (tail, line + lines(statement)));
            let statement = statement.trim_end();
            if !statement.is_empty() {
                return Some(Statement { text: statement, line });
            }
        }
    })
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// Behind white space and comments.
fn skip_blank(mut text: &str, mut line: usize) -> (&str, usize) {
    loop {
        let length = match text.chars().next() {
            Some(c) if c.is_whitespace() => c.len_utf8(),
            _ if text.starts_with("--") || text.starts_with("/*") => token_length(text),
            _ => return (text, line),
        };
        let (skipped, rest) = text.split_at_checked(length).unwrap_or((text, ""));
        line += lines(skipped);
        text = rest;
    }
}

/// Where the statement ends: at its semicolon or at the end of the text.
fn end_of_statement(text: &str) -> usize {
    let (mut at, mut words, mut depth) = (0, Vec::new(), 0_usize);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = token_length(rest);
        let token = rest.get(..length).unwrap_or(rest);
        if token.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            let word = token.to_ascii_uppercase();
            // In SQLite's triggers the body is statements between BEGIN and END; CASE has an END of its own.
            let trigger =
                matches!(words.first().map(String::as_str), Some("CREATE")) && words.iter().any(|word| word == "TRIGGER");
            match word.as_str() {
                "BEGIN" if trigger => depth += 1,
                "CASE" if depth > 0 => depth += 1,
                "END" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if words.len() < 4 {
                words.push(word);
            }
        } else if token == ";" && depth == 0 {
            return at;
        }
        at += length;
    }
    text.len()
}

/// The tokens of a statement without white space and comments: words, numbers, quoted pieces whole, and single characters.
///
/// ```
/// use mastra_core::migrate::tokens;
///
/// let found: Vec<_> = tokens("ADD \"a b\" /* wide */ text DEFAULT 'x y'").collect();
/// assert_eq!(found, ["ADD", "\"a b\"", "text", "DEFAULT", "'x y'"]);
/// ```
pub fn tokens(statement: &str) -> impl Iterator<Item = &str> {
    let mut rest = statement;
    std::iter::from_fn(move || {
        (rest, _) = skip_blank(rest, 0);
        let (token, tail) = rest.split_at_checked(token_length(rest)).filter(|(token, _)| !token.is_empty())?;
        rest = tail;
        Some(token)
    })
}

/// How long the token at the beginning of a text is: a word, a quoted piece, a comment, or a single character.
fn token_length(text: &str) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    let until = |from: usize, end: &str| {
        text.get(from..).and_then(|rest| rest.find(end)).map_or(text.len(), |found| from + found + end.len())
    };
    match first {
        // A doubled quote ends one piece and begins the next, which comes to the same.
        '\'' => until(1, "'"),
        '"' => until(1, "\""),
        '-' if text.starts_with("--") => until(2, "\n"),
        '/' if text.starts_with("/*") => block_comment(text),
        '$' => match dollar_tag(text) {
            Some(tag) => until(tag.len(), tag),
            None => 1,
        },
        'e' | 'E' if text.get(1..2) == Some("'") => escape_string(text),
        c if c.is_alphanumeric() || c == '_' => {
            text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(text.len())
        }
        c => c.len_utf8(),
    }
}

/// `$$` or `$tag$` at the beginning of a text. `$1` is a parameter.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text.get(1..)?.find('$')? + 2;
    let tag = text.get(..end)?;
    let name = tag.trim_matches('$');
    let is_tag = !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_tag.then_some(tag)
}

/// Postgres nests block comments. SQLite does not, and a script for both should not write `/*` inside one.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(pair) = text.as_bytes().get(at..at + 2) {
        at += match pair {
            b"/*" => {
                depth += 1;
                2
            }
            b"*/" => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// `E'…'`, in which a backslash escapes the quote.
fn escape_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(2) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(script: &str) -> Vec<&str> {
        statements(script).map(|statement| statement.text).collect()
    }

    #[test]
    fn quotes_comments_and_dollars_hide_semicolons() {
        assert_eq!(
            split("a ';' ; b \";\" ; c $x$ ; $$ ; $x$ ; d -- ;\n; e /* ; /* ; */ ; */ f"),
            ["a ';'", "b \";\"", "c $x$ ; $$ ; $x$", "d -- ;", "e /* ; /* ; */ ; */ f"]
        );
        assert_eq!(split(r"select E'\';', 'it''s;'; b"), [r"select E'\';', 'it''s;'", "b"]);
        assert_eq!(split("select $1; select $2"), ["select $1", "select $2"]);
        assert_eq!(split("select a$b; select c$b"), ["select a$b", "select c$b"]);
    }

    #[test]
    fn a_trigger_is_one_statement() {
        let trigger = "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = CASE WHEN 1 THEN 2 END; DELETE FROM d; END";
        assert_eq!(split(&format!("{trigger};\nBEGIN; END; c")), [trigger, "BEGIN", "END", "c"]);
        let postgres = "CREATE TRIGGER t BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f()";
        assert_eq!(split(&format!("{postgres}; b")), [postgres, "b"]);
    }

    #[test]
    fn blanks_are_no_statements_and_lines_are_counted() {
        assert!(split("").is_empty() && split(" ;; -- x\n ; /* y */").is_empty());
        let lines: Vec<_> = statements("-- a\n\nb\n  c;\n\n/* d\n*/ e; f").map(|statement| statement.line).collect();
        assert_eq!(lines, [3, 7, 7]);
    }

    #[test]
    fn what_is_left_open_runs_to_the_end() {
        for open in ["select 'a;", "select \"a;", "select $$ a;", "/* a; */ b /* c;", "select E'a\\';"] {
            assert_eq!(split(open).len(), 1, "{open}");
        }
        assert_eq!(split("ä; ö 'ü;' ; é"), ["ä", "ö 'ü;'", "é"]);
    }

    #[test]
    fn a_head_is_one_line() {
        let statement = statements("CREATE TABLE a (\n  b int,\n  c int,\n  d int)").next().unwrap();
        assert_eq!(statement.head(), "CREATE TABLE a ( b int, c int, …");
        assert_eq!(statements("SELECT 1").next().unwrap().head(), "SELECT 1");
    }
}
