//! Passages of Markdown, as they are read on a terminal: without what only a renderer needs.

/// The lines of a passage without blank ones, its own headings, fences, rules and marks of emphasis; a paragraph is one line. What is left
/// keeps its words and their order.
pub(super) fn lines(passage: &str, headings: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let (mut fenced, mut goes_on) = (false, false);
    for line in passage.lines() {
        let trimmed = line.trim();
        let joins = goes_on && !begins(trimmed);
        goes_on = false;
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            fenced = !fenced;
        } else if fenced {
            lines.push(line.trim_end().to_owned());
        } else if !is_rule(trimmed) {
            let readable = readable(line, trimmed, headings);
            // A heading or row ends where its line does.
            goes_on = !readable.is_empty() && heading(trimmed).is_none() && !trimmed.starts_with('|');
            match lines.last_mut() {
                Some(last) if joins => {
                    last.push(' ');
                    last.push_str(readable.trim_start());
                }
                _ => lines.push(readable),
            }
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// Whether a line begins something of its own: an item, a row, a quotation, a heading.
fn begins(line: &str) -> bool {
    let item = |rest: &str| rest.starts_with(' ');
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with(['|', '>'])
        || heading(line).is_some()
        || line.strip_prefix(['-', '*', '+']).is_some_and(item)
        || (numbered.len() < line.len() && numbered.strip_prefix(['.', ')']).is_some_and(item))
}

/// A line that draws: below a heading, between rows of a table, or across the page.
fn is_rule(line: &str) -> bool {
    line.chars().all(|c| matches!(c, '-' | '=' | '|' | ':' | '*' | '_' | ' '))
}

fn readable(line: &str, trimmed: &str, headings: &[String]) -> String {
    if let Some(heading) = heading(trimmed) {
        // It stands above the passage already.
        return if headings.iter().any(|above| bare(above) == bare(heading)) { String::new() } else { without_marks(heading) };
    }
    if let Some(row) = trimmed.strip_prefix('|') {
        let row = row.strip_suffix('|').unwrap_or(row);
        let cells: Vec<&str> = row.split(" | ").map(str::trim).collect();
        let filled = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        return without_marks(&cells.get(..filled).unwrap_or_default().join(" | "));
    }
    // Of a row that begins before the passage, its end is left.
    let line = line.trim_end();
    without_marks(line.strip_suffix(" |").unwrap_or(line))
}

/// The text of a heading that begins with `#`.
fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    (1..=6).contains(&level).then_some(text).and_then(|text| text.strip_prefix(' ')).map(|text| text.trim_end_matches('#').trim())
}

/// A heading's letters and digits: marks inside it are no difference.
fn bare(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Without emphasis, and of links and pictures what they are called.
fn without_marks(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("](") {
        text.push_str(before);
        let target = behind.split_once(')').filter(|(target, _)| !target.contains(char::is_whitespace));
        let open = text.rfind('[').filter(|open| !text.get(*open..).is_some_and(|label| label.contains(']')));
        match (open, target) {
            (Some(open), Some((_, after))) => {
                let picture = usize::from(text.get(..open).is_some_and(|before| before.ends_with('!')));
                text.replace_range(open - picture..=open, "");
                rest = after;
            }
            _ => {
                text.push_str("](");
                rest = behind;
            }
        }
    }
    text.push_str(rest);
    text.replace("**", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(passage: &str) -> Vec<String> {
        lines(passage, &["Guide".to_owned(), "The `cli` & **more**".to_owned()])
    }

    #[test]
    fn what_draws_is_left_out() {
        assert_eq!(read("# Guide\n\n## The `cli` & more ##\n\nIt is **bold**.\n### Other"), ["It is bold.", "Other"]);
        assert_eq!(read("Title\n=====\ntext\n---\n* * *\n- item"), ["Title", "text", "- item"]);
        assert_eq!(read("| a | b |\n|---|:-:|\n| c | d |\n| e |  |"), ["a | b", "c | d", "e"]);
        assert_eq!(read("```sh\n# Guide\nls **/*.md\n  deep\n```\nbehind"), ["# Guide", "ls **/*.md", "  deep", "behind"]);
    }

    #[test]
    fn a_paragraph_is_one_line() {
        assert_eq!(read("one\ntwo\n  three\n\nfour"), ["one two three", "four"]);
        assert_eq!(
            read("- one\n  more\n- two\n1. three\n> four\n## Five\nsix"),
            ["- one more", "- two", "1. three", "> four", "Five", "six"]
        );
        assert_eq!(read("a whole cell |\n| b | c |\ntext"), ["a whole cell", "b | c", "text"]);
    }

    #[test]
    fn links_are_what_they_are_called() {
        assert_eq!(read("see [the **law**](laws.md#one), ![a picture](x.png) and [1]"), ["see the law, a picture and [1]"]);
        assert_eq!(read("a[0](b c) f](x) [open](unfinished"), ["a[0](b c) f](x) [open](unfinished"]);
    }

    #[test]
    fn what_is_no_markdown_stays() {
        for line in ["#hashtag", "C# is a language", "a | b", "  indented", "2 * 3 ** 0", "####### seven", "-x"] {
            assert_eq!(read(line), [line.replace("**", "")]);
        }
    }
}
