//! The text of an HTML page, simply: enough to search it.

/// The title where there is one, and the text without tags, scripts and styles.
pub(super) fn strip(html: &str) -> (Option<String>, String) {
    let (mut text, mut title) = (String::with_capacity(html.len() / 2), None);
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text += &entities(before);
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
            continue;
        }
        let Some((tag, behind)) = tag.split_once('>') else {
            rest = "";
            break;
        };
        rest = behind;
        let closing = tag.starts_with('/');
        let name: String =
            tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        match name.as_str() {
            "script" | "style" if !closing => (_, rest) = until_closed(rest, &name),
            "title" if !closing => {
                let (inside, behind) = until_closed(rest, &name);
                title.get_or_insert(squeezed(&entities(inside)));
                rest = behind;
            }
            "b" | "i" | "em" | "strong" | "a" | "span" | "code" | "u" | "small" | "sub" | "sup" => {}
            _ => text.push('\n'),
        }
    }
    text += &entities(rest);
    let lines = text.lines().map(squeezed).filter(|line| !line.is_empty());
    (title.filter(|title| !title.is_empty()), lines.collect::<Vec<_>>().join("\n"))
}

/// What stands before and behind an element's end.
fn until_closed<'a>(text: &'a str, name: &str) -> (&'a str, &'a str) {
    let end = format!("</{name}");
    let found = text.char_indices().find(|(index, _)| {
        text.as_bytes().get(*index..index + end.len()).is_some_and(|found| found.eq_ignore_ascii_case(end.as_bytes()))
    });
    match found.and_then(|(index, _)| text.split_at_checked(index)) {
        Some((inside, behind)) => (inside, behind.split_once('>').map_or("", |(_, rest)| rest)),
        None => (text, ""),
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        plain += before;
        let decoded =
            behind.split_once(';').filter(|(name, _)| name.len() <= 8).and_then(|(name, after)| Some((entity(name)?, after)));
        match decoded {
            Some((character, after)) => {
                plain.push(character);
                rest = after;
            }
            None => {
                plain.push('&');
                rest = behind;
            }
        }
    }
    plain + rest
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| *c != '\0');
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "szlig" => 'ß',
        "eacute" => 'é',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_as_text() {
        let html = "<!doctype html><html><head><TITLE>Tea &amp; more</Title><style>p{}</style><script>if (a < b) {}</SCRIPT></head>\
            <body><h1>Tea</h1><!-- <p>no</p> --><p>Green <b>tea</b>, caf&eacute;&#33; &unknown; 1 &lt; 2</p><br/>End</body></html>";
        let (title, text) = strip(html);
        assert_eq!(title.as_deref(), Some("Tea & more"));
        assert_eq!(text, "Tea\nGreen tea, café! &unknown; 1 < 2\nEnd");
    }

    #[test]
    fn broken_pages_end_somewhere() {
        for html in ["<", "<p", "<script>x", "<!-- x", "a & b", "<title>ü", "&#0;", "&#xffffffff;", "</script>ü<style>é"] {
            let _ = strip(html);
        }
        assert_eq!(strip("a < b").1, "a");
    }
}
