//! A statement as words, enough to tell which one it is.

use mastra_core::migrate::tokens;

/// The words of a statement or a part of one: lower case where they are not quoted; quoted names without their quotes.
#[derive(Debug, Clone, Default)]
pub(super) struct Words(Vec<Word>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    /// A quoted name or a literal: never a keyword.
    quoted: bool,
}

impl Words {
    pub(super) fn of(statement: &str) -> Self {
        Self(tokens(statement).map(Word::of).collect())
    }

    /// Whether it begins with these; alternatives are parted by `|`.
    pub(super) fn starts(&self, patterns: &[&str]) -> bool {
        patterns.len() <= self.0.len() && self.0.iter().zip(patterns).all(|(word, pattern)| word.is(pattern))
    }

    /// What follows these words at the beginning; one that begins with `?` may be missing.
    pub(super) fn after(&self, patterns: &[&str]) -> Option<Self> {
        let mut rest = self.0.as_slice();
        for pattern in patterns {
            let (optional, pattern) = pattern.strip_prefix('?').map_or((false, *pattern), |pattern| (true, pattern));
            match rest.split_first() {
                Some((word, tail)) if word.is(pattern) => rest = tail,
                _ if optional => {}
                _ => return None,
            }
        }
        Some(Self(rest.to_vec()))
    }

    /// What follows the first such word.
    pub(super) fn after_word(&self, pattern: &str) -> Option<Self> {
        let at = self.0.iter().position(|word| word.is(pattern))?;
        self.0.get(at + 1..).map(|rest| Self(rest.to_vec()))
    }

    pub(super) fn contains(&self, pattern: &str) -> bool {
        self.0.iter().any(|word| word.is(pattern))
    }

    /// Whether one such word directly follows another.
    pub(super) fn contains_pair(&self, first: &str, second: &str) -> bool {
        self.0.windows(2).any(|pair| matches!(pair, [a, b] if a.is(first) && b.is(second)))
    }

    /// The name that it begins with, without its schema.
    pub(super) fn name(&self) -> String {
        let name = if self.qualified() { self.0.get(2) } else { self.0.first() };
        name.map(|word| word.text.clone()).unwrap_or_default()
    }

    /// Whether the name that it begins with has a schema.
    pub(super) fn qualified(&self) -> bool {
        self.0.get(1).is_some_and(|word| word.is("."))
    }

    /// Behind the first word.
    pub(super) fn without_first(&self) -> Self {
        Self(self.0.get(1..).unwrap_or_default().to_vec())
    }

    /// The parts between commas that stand in no parentheses.
    pub(super) fn parts(&self) -> Vec<Self> {
        let mut parts = vec![Self::default()];
        let mut depth = 0_usize;
        for word in &self.0 {
            match word.text.as_str() {
                "(" if !word.quoted => depth += 1,
                ")" if !word.quoted => depth = depth.saturating_sub(1),
                "," if !word.quoted && depth == 0 => {
                    parts.push(Self::default());
                    continue;
                }
                _ => {}
            }
            if let Some(part) = parts.last_mut() {
                part.0.push(word.clone());
            }
        }
        parts
    }

    /// The names of the functions that it calls.
    pub(super) fn calls(&self) -> impl Iterator<Item = &str> {
        self.0.windows(2).filter_map(|pair| match pair {
            [name, open] if open.is("(") && name.is_name() => Some(name.text.as_str()),
            _ => None,
        })
    }
}

impl Word {
    fn of(token: &str) -> Self {
        match token.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            Some(name) => Self { text: name.replace("\"\"", "\""), quoted: true },
            None if token.contains(['\'', '$']) => Self { text: token.to_owned(), quoted: true },
            None => Self { text: token.to_lowercase(), quoted: false },
        }
    }

    fn is(&self, pattern: &str) -> bool {
        !self.quoted && pattern.split('|').any(|word| word == self.text)
    }

    fn is_name(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}
