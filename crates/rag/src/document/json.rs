//! JSON as a text that can be read and found: a line a value, with its path.

use serde_json::Value;

use super::structure::one_line;

/// Paths past this many bytes lose their beginning: a page of deep keys stays about as long as it was.
const MAX_PATH: usize = 120;

/// The lines of a value: `path: value`, a blank line before each object or list of the first two levels. A list of scalars is one line.
pub(super) fn text(value: &Value) -> String {
    let mut text = String::new();
    // A stack of our own: a value that a program built can be of any depth.
    let mut stack = vec![(String::new(), value, 0_usize)];
    let mut apart = false;
    while let Some((path, value, depth)) = stack.pop() {
        match value {
            Value::Array(members) if !members.is_empty() && !members.iter().all(is_scalar) => {
                apart |= depth <= 2;
                let below = members.iter().enumerate().rev();
                stack.extend(below.map(|(index, member)| (shortened(format!("{path}[{index}]")), member, depth + 1)));
            }
            Value::Object(members) if !members.is_empty() => {
                apart |= depth <= 2;
                let dot = if path.is_empty() { "" } else { "." };
                let below = members.iter().rev();
                stack.extend(below.map(|(key, member)| (shortened(format!("{path}{dot}{}", one_line(key))), member, depth + 1)));
            }
            scalar => {
                if std::mem::take(&mut apart) && !text.is_empty() {
                    text.push('\n');
                }
                if !path.is_empty() {
                    text += &path;
                    text += ": ";
                }
                match scalar {
                    Value::Array(members) => members.iter().enumerate().for_each(|(index, member)| {
                        text += if index == 0 { "" } else { ", " };
                        push(&mut text, member);
                    }),
                    other => push(&mut text, other),
                }
                text.push('\n');
            }
        }
    }
    text
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

fn push(text: &mut String, value: &Value) {
    match value {
        Value::String(string) => *text += string,
        other => *text += &other.to_string(),
    }
}

fn shortened(path: String) -> String {
    if path.len() <= MAX_PATH {
        return path;
    }
    let from = path.ceil_char_boundary(path.len() - MAX_PATH);
    format!("…{}", path.get(from..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_line_says_where_it_stands() {
        let value = json!({"a": 1, "b": {"c": "two\nlines", "d": [true, null]}, "e": [{"f": 1.50}, {"f": {}}], "g": [1]});
        let expected = "a: 1\n\nb.c: two\nlines\nb.d: true, null\n\ne[0].f: 1.5\n\ne[1].f: {}\ng: 1\n";
        assert_eq!(text(&value), expected);
        assert_eq!(text(&json!("only this")), "only this\n");
    }

    #[test]
    fn a_value_of_any_depth() {
        let mut deep = json!([{}, 1]);
        for _ in 0..1_000 {
            deep = Value::Array(vec![json!({}), deep]);
        }
        let text = text(&deep);
        assert!(text.ends_with("[1]: 1\n"));
        assert!(text.lines().all(|line| line.len() < 2 * MAX_PATH));
    }
}
