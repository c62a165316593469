//! apt's lists of sources: both forms read, one written. Pure text in, pure text out.

use std::collections::BTreeMap;

use mastra_core::{Error, Result};

/// One source of binary packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    uris: String,
    suites: Vec<String>,
    components: String,
    signed_by: Option<String>,
}

/// Reads the form of one line an entry: `deb [signed-by=…] uri suite component…`.
pub(super) fn parse_lines(text: &str) -> Vec<Entry> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Entry> {
    let rest = line.split('#').next()?.trim().strip_prefix("deb ")?.trim();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    Some(Entry {
        uris: uri.to_owned(),
        suites: vec![suite.to_owned()],
        components: words.collect::<Vec<_>>().join(" "),
        signed_by: options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(str::to_owned),
    })
}

/// Reads the form of one stanza an entry: `Types: deb`, `URIs: …`.
pub(super) fn parse_stanzas(text: &str) -> Vec<Entry> {
    let without_comments: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    // A line of blanks ends a stanza as an empty one does.
    without_comments.split(|line| line.trim().is_empty()).filter_map(parse_stanza).collect()
}

fn parse_stanza(lines: &[&str]) -> Option<Entry> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last = None;
    for line in lines {
        match line.split_once(':') {
            Some((key, value)) if !line.starts_with([' ', '\t']) => {
                let key = key.trim().to_ascii_lowercase();
                fields.insert(key.clone(), value.trim().to_owned());
                last = Some(key);
            }
            // A key block in `Signed-By` spans lines; they are kept as they stand.
            _ => {
                let value = fields.get_mut(last.as_ref()?)?;
                value.push('\n');
                value.push_str(line);
            }
        }
    }
    let enabled = fields.get("enabled").is_none_or(|value| !matches!(value.as_str(), "no" | "false" | "0"));
    let binary = fields.get("types")?.split_whitespace().any(|kind| kind == "deb");
    (enabled && binary).then_some(())?;
    Some(Entry {
        uris: fields.get("uris")?.clone(),
        suites: fields.get("suites")?.split_whitespace().map(str::to_owned).collect(),
        components: fields.get("components").cloned().unwrap_or_default(),
        signed_by: fields.get("signed-by").cloned(),
    })
}

/// A list of the distribution's own entries, without those of others, and the source packages of `source_release` from the same
/// place.
///
/// # Errors
/// `Unavailable` where the machine's configuration has no entry of the release `codename`.
pub(super) fn private_list(entries: &[Entry], codename: &str, source_release: &str) -> Result<String> {
    let updates = format!("{codename}-");
    let of_release = |suite: &String| *suite == codename || suite.starts_with(&updates);
    let own: Vec<&Entry> = entries.iter().filter(|entry| entry.suites.iter().any(of_release)).collect();
    let base = own.iter().find(|entry| {
        entry.suites.iter().any(|suite| suite == codename) && entry.components.split_whitespace().any(|name| name == "main")
    });
    let Some(base) = base else {
        return Err(Error::unavailable("apt's sources of this machine name no archive of its release").with("release", codename));
    };
    let mut stanzas: Vec<String> = own
        .iter()
        .map(|entry| {
            let suites: Vec<&str> = entry.suites.iter().filter(|suite| of_release(suite)).map(String::as_str).collect();
            stanza("deb", entry, &suites.join(" "))
        })
        .collect();
    stanzas.push(stanza("deb-src", base, source_release));
    Ok(stanzas.join("\n"))
}

fn stanza(kind: &str, entry: &Entry, suites: &str) -> String {
    let Entry { uris, components, signed_by, .. } = entry;
    let signed_by = signed_by.as_ref().map(|keys| format!("Signed-By: {keys}\n")).unwrap_or_default();
    format!("Types: {kind}\nURIs: {uris}\nSuites: {suites}\nComponents: {components}\n{signed_by}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_give_the_same_entry() {
        let line = "# deb off\ndeb [arch=amd64 signed-by=/k.gpg] mirror://a bookworm main contrib # c\ndeb-src mirror://a bookworm main\n";
        let stanza = "# c\nTypes: deb deb-src\nURIs: mirror://a\nSuites: bookworm\nComponents: main contrib\nSigned-By: /k.gpg\n";
        let expected = Entry {
            uris: "mirror://a".into(),
            suites: vec!["bookworm".into()],
            components: "main contrib".into(),
            signed_by: Some("/k.gpg".into()),
        };
        let expected = vec![expected];
        assert_eq!(parse_lines(line), expected);
        assert_eq!(parse_stanzas(stanza), expected);
    }

    #[test]
    fn disabled_entries_and_those_of_sources_are_left_out() {
        let text = "Types: deb\nURIs: a\nSuites: s\nEnabled: no\n\nTypes: deb-src\nURIs: b\nSuites: s\n";
        assert_eq!(parse_stanzas(text), []);
    }

    #[test]
    fn the_private_list_holds_the_distribution_alone() {
        let text = "deb u://d bookworm main\ndeb u://s bookworm-security main\ndeb u://other stable main\n";
        let list = private_list(&parse_lines(text), "bookworm", "trixie").unwrap();
        assert!(list.contains("u://s"), "{list}");
        assert!(!list.contains("u://other"), "{list}");
        assert!(list.ends_with("Types: deb-src\nURIs: u://d\nSuites: trixie\nComponents: main\n"), "{list}");
        assert!(private_list(&[], "bookworm", "trixie").is_err());
    }
}
