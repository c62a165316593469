//! From keys to identifiers.

use std::collections::BTreeSet;

/// Words that no Rust field or type can be called; raw identifiers are avoided because some words cannot be raw.
const RUST_WORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut",
    "override", "priv", "pub", "ref", "return", "self", "Self", "static", "struct", "super", "trait", "true", "try", "type",
    "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// `company name` and `companyName` become `company_name`; what would be a keyword or begin with a digit gets a tail or head.
pub(crate) fn snake_case(key: &str) -> String {
    let name = words(key).join("_").to_lowercase();
    legal(name, "field")
}

/// `company name` and `companyName` become `CompanyName`.
pub(crate) fn pascal_case(key: &str) -> String {
    let name: String = words(key)
        .iter()
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + &chars.as_str().to_lowercase())
        })
        .collect();
    legal(name, "Value")
}

fn legal(name: String, fallback: &str) -> String {
    if name.is_empty() {
        return fallback.to_owned();
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        return format!("{fallback}{}{name}", if fallback.starts_with(char::is_lowercase) { "_" } else { "" });
    }
    if RUST_WORDS.contains(&name.as_str()) { format!("{name}_") } else { name }
}

/// The runs of ASCII letters and digits of a key, cut where lower case meets upper. Other letters are left out: identifiers
/// that look alike and differ are worse than a number behind a name.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous = ' ';
    for c in key.chars() {
        let cut = !c.is_ascii_alphanumeric()
            || (c.is_ascii_uppercase() && (previous.is_ascii_lowercase() || previous.is_ascii_digit()));
        if cut {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            word.push(c);
        }
        previous = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Names that are given out once each.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    /// Names that nothing may take.
    pub(crate) fn reserved(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// The name itself, or the name with the first number that makes it new.
    pub(crate) fn unique(&mut self, name: String) -> String {
        let mut candidate = name.clone();
        let mut number = 2;
        while !self.0.insert(candidate.clone()) {
            candidate = format!("{name}{number}");
            number += 1;
        }
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_identifiers() {
        for (key, snake, pascal) in [
            ("companyName", "company_name", "CompanyName"),
            ("Company Name", "company_name", "CompanyName"),
            ("type", "type_", "Type"),
            ("2fa", "field_2fa", "Value2fa"),
            ("né-1", "n_1", "N1"),
            ("日本", "field", "Value"),
            ("", "field", "Value"),
            ("URL", "url", "Url"),
            ("self", "self_", "Self_"),
        ] {
            assert_eq!((snake_case(key).as_str(), pascal_case(key).as_str()), (snake, pascal), "{key:?}");
        }
    }

    #[test]
    fn a_name_is_given_once() {
        let mut names = Names::reserved(&["extra"]);
        assert_eq!(names.unique("extra".into()), "extra2");
        assert_eq!(names.unique("a".into()), "a");
        assert_eq!(names.unique("a".into()), "a2");
    }
}
