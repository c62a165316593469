//! Data as text for a terminal.

use serde_json::Value;

/// Text without what would move the cursor, colour the screen or turn the reading direction: data may hold anything.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' => Some(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
            c if c.is_control() => Some('\u{fffd}'),
            c => Some(c),
        })
        .collect()
}

/// As [`clean`], with the spaces in front kept: for plans and JSON.
pub(crate) fn clean_line(line: &str) -> String {
    let indent = line.len() - line.trim_start_matches(' ').len();
    format!("{}{}", " ".repeat(indent), clean(line.trim_start_matches(' ')))
}

/// A line in parts of at most so many columns, each as far in as the line; cut between words, inside one only where it is wider by itself.
pub(crate) fn wrapped(line: &str, width: usize) -> Vec<String> {
    let wide = console::measure_text_width;
    if wide(line) <= width {
        return vec![line.to_owned()];
    }
    let indent: String = line.chars().take_while(|c| *c == ' ').take(width / 2).collect();
    let (mut parts, mut part) = (Vec::new(), indent.clone());
    for word in line.split_whitespace() {
        let gap = usize::from(part.len() > indent.len());
        if gap == 1 && wide(&part) + 1 + wide(word) > width {
            parts.push(std::mem::replace(&mut part, indent.clone()));
        } else if gap == 1 {
            part.push(' ');
        }
        for c in word.chars() {
            if part.len() > indent.len() && wide(&part) >= width {
                parts.push(std::mem::replace(&mut part, indent.clone()));
            }
            part.push(c);
        }
    }
    parts.push(part);
    parts
}

/// A value in a table's cell: strings bare, anything else as JSON.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text),
        Value::Null => "null".to_owned(),
        other => clean(&other.to_string()),
    }
}

/// A number with its thousands set apart.
pub(crate) fn count(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 record`, `2,000 records`.
pub(crate) fn plural(number: impl Into<u64>, noun: &str) -> String {
    let number = number.into();
    let form = match noun.strip_suffix('y') {
        _ if number == 1 => noun.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None if noun.ends_with('x') => format!("{noun}es"),
        None => format!("{noun}s"),
    };
    format!("{} {form}", count(number))
}

/// A duration as people say it.
pub(crate) fn took(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        _ if seconds < 0.000_95 => format!("{:.0} µs", seconds * 1e6),
        _ if seconds < 0.95 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn data_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\nc\u{202e}d"), "a\u{fffd}[31mb cd");
        assert_eq!(cell(&json!({ "a": "\u{7}" })), "{\"a\":\"\\u0007\"}");
        assert_eq!(cell(&json!("plain")), "plain");
    }

    #[test]
    fn long_lines_are_cut_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("  one two", 6), ["  one", "  two"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrapped("", 10), [""]);
    }

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!(count(0_u64), "0");
        assert_eq!(count(999_u64), "999");
        assert_eq!(count(1_234_567_u64), "1,234,567");
        assert_eq!(plural(1_u64, "entity"), "1 entity");
        assert_eq!(plural(2_u64, "entity"), "2 entities");
        assert_eq!(plural(3_000_u64, "record"), "3,000 records");
        assert_eq!(plural(2_u64, "index"), "2 indexes");
    }

    #[test]
    fn durations_in_the_unit_that_fits() {
        assert_eq!(took(Duration::from_micros(12)), "12 µs");
        assert_eq!(took(Duration::from_micros(1500)), "1.5 ms");
        assert_eq!(took(Duration::from_millis(2500)), "2.5 s");
    }
}
