//! The header `Link`, by RFC 8288.

/// The target of the first link whose relations hold `next`, over all headers of that name. Of a malformed header, what stands before the
/// fault counts.
pub(super) fn next_link<'a>(headers: impl Iterator<Item = &'a str>) -> Option<String> {
    headers.flat_map(Links).find(|link| link.is_next).map(|link| link.target)
}

#[derive(Debug, PartialEq)]
struct Link {
    target: String,
    is_next: bool,
}

/// The links of a header: what is not read yet.
struct Links<'a>(&'a str);

impl Iterator for Links<'_> {
    type Item = Link;

    fn next(&mut self) -> Option<Link> {
        // Empty elements of a list are allowed.
        let rest = self.0.trim_start_matches([' ', '\t', ',']);
        let (target, rest) = rest.strip_prefix('<')?.split_once('>')?;
        let mut parameters = Parameters(rest);
        let mut relations: Option<String> = None;
        let mut anchored = false;
        for (name, value) in &mut parameters {
            match name.to_ascii_lowercase().as_str() {
                // Only the first counts.
                "rel" if relations.is_none() => relations = Some(value),
                // A link from another place than this page.
                "anchor" => anchored = true,
                _ => {}
            }
        }
        self.0 = parameters.0;
        let is_next =
            !anchored && relations.is_some_and(|all| all.split_ascii_whitespace().any(|one| one.eq_ignore_ascii_case("next")));
        Some(Link { target: target.trim().to_owned(), is_next })
    }
}

/// The parameters of a link: what is not read yet, up to the next link.
struct Parameters<'a>(&'a str);

impl Iterator for &mut Parameters<'_> {
    type Item = (String, String);

    fn next(&mut self) -> Option<(String, String)> {
        let rest = self.0.trim_start().strip_prefix(';')?.trim_start();
        let end = rest.find(['=', ';', ',']).unwrap_or(rest.len());
        let (name, rest) = (rest.get(..end)?.trim().to_owned(), rest.get(end..)?);
        let Some(rest) = rest.strip_prefix('=').map(str::trim_start) else {
            self.0 = rest;
            return Some((name, String::new()));
        };
        let (value, rest) = match rest.strip_prefix('"') {
            Some(rest) => quoted(rest)?,
            None => {
                let end = rest.find([';', ',']).unwrap_or(rest.len());
                (rest.get(..end)?.trim().to_owned(), rest.get(end..)?)
            }
        };
        self.0 = rest;
        Some((name, value))
    }
}

/// A quoted string without its first quote, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(header: &str) -> Option<String> {
        next_link([header].into_iter())
    }

    #[test]
    fn the_next_page_is_found() {
        for header in [
            "<https://a.org/?page=2>; rel=\"next\"",
            "<https://a.org/?page=2>; rel=next",
            "<https://a.org/?page=1>; rel=\"prev\", <https://a.org/?page=2>; rel=\"next\", <https://a.org/?page=9>; rel=\"last\"",
            "<https://a.org/?page=2>;rel=\"last NEXT\";title=\"x\"",
            " , <https://a.org/x>; title=\"a, b; rel=\\\"next\\\"\"; rel=prev , <https://a.org/?page=2> ; REL = \"next\"",
            "<https://a.org/x>; rel=\"prev\"; rel=\"next\", <https://a.org/?page=2>; x; rel=next",
            "<https://a.org/x>; rel=next; anchor=\"#f\", <https://a.org/?page=2>; rel=next",
        ] {
            assert_eq!(next(header).as_deref(), Some("https://a.org/?page=2"), "{header}");
        }
        // Commas and semicolons are part of a target.
        assert_eq!(next("</items;a=1?ids=1,2>; rel=next").as_deref(), Some("/items;a=1?ids=1,2"));
        assert_eq!(next_link(["<a>; rel=prev", "<b>; rel=next"].into_iter()).as_deref(), Some("b"));
    }

    #[test]
    fn what_is_no_next_page_is_none() {
        for header in [
            "",
            "<a>",
            "<a>; rel=nextish",
            "<a>; rel=prev",
            "a; rel=next",
            "<a; rel=next",
            "<a>; title=\"; rel=next",
            "<a> rel=next",
        ] {
            assert_eq!(next(header), None, "{header}");
        }
    }
}
