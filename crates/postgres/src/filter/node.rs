//! Predicates of jsonpath, put together without changing what they mean.

/// A predicate of jsonpath, and whether it says all that was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    truth: Truth,
    /// Whether it is true of exactly the documents that were meant; else of those and of more.
    pub(super) exact: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Truth {
    Always,
    Never,
    /// A predicate that can stand between `&&` and `||` as it is.
    When(String),
}

impl Node {
    pub(super) const ALWAYS: Self = Self { truth: Truth::Always, exact: true };
    pub(super) const NEVER: Self = Self { truth: Truth::Never, exact: true };
    /// Nothing can be said: core has to decide of every document.
    pub(super) const UNKNOWN: Self = Self { truth: Truth::Always, exact: false };

    /// A predicate that can stand between `&&` and `||`.
    pub(super) fn when(text: impl Into<String>) -> Self {
        Self { truth: Truth::When(text.into()), exact: true }
    }

    /// The same predicate, said to be true of too much.
    pub(super) fn too_wide(mut self) -> Self {
        self.exact = self.truth == Truth::Never;
        self
    }

    /// `exists(items ? (self))`: whether one of the items satisfies it.
    pub(super) fn of_some(self, items: &str) -> Self {
        let exact = self.exact;
        let truth = match self.truth {
            Truth::Never => Truth::Never,
            Truth::Always => Truth::When(format!("exists({items})")),
            Truth::When(text) => Truth::When(format!("exists({items} ? ({text}))")),
        };
        Self { truth, exact }
    }

    /// True of what this is false of.
    pub(super) fn negate(self) -> Self {
        if !self.exact {
            // The complement of too much is too little.
            return Self::UNKNOWN;
        }
        let truth = match self.truth {
            Truth::Always => Truth::Never,
            Truth::Never => Truth::Always,
            Truth::When(text) => Truth::When(format!("!({text})")),
        };
        Self { truth, exact: true }
    }

    pub(super) fn and(nodes: impl IntoIterator<Item = Self>) -> Self {
        let mut exact = true;
        let mut texts = Vec::new();
        for node in nodes {
            match node.truth {
                Truth::Never => return Self::NEVER,
                Truth::Always => {}
                Truth::When(text) => texts.push(text),
            }
            exact &= node.exact;
        }
        let truth = balanced(texts, " && ").map_or(Truth::Always, Truth::When);
        Self { truth, exact }
    }

    pub(super) fn or(nodes: impl IntoIterator<Item = Self>) -> Self {
        let mut exact = true;
        let mut always = false;
        let mut texts = Vec::new();
        for node in nodes {
            match node.truth {
                Truth::Always if node.exact => return Self::ALWAYS,
                Truth::Always => always = true,
                Truth::Never => {}
                Truth::When(text) => texts.push(text),
            }
            exact &= node.exact;
        }
        if always {
            return Self::UNKNOWN;
        }
        let truth = balanced(texts, " || ").map_or(Truth::Never, Truth::When);
        Self { truth, exact }
    }

    pub(super) fn is_never(&self) -> bool {
        self.truth == Truth::Never
    }

    /// How long the predicate is.
    pub(super) fn len(&self) -> usize {
        match &self.truth {
            Truth::When(text) => text.len(),
            Truth::Always | Truth::Never => 0,
        }
    }

    /// The whole predicate; `None` where it is always true.
    pub(super) fn into_condition(self) -> Option<String> {
        match self.truth {
            Truth::Always => None,
            Truth::Never => Some("1 == 0".to_owned()),
            Truth::When(text) => Some(text),
        }
    }
}

/// Joins predicates as a tree of logarithmic depth: the server walks each operator by recursion, on a bounded stack.
fn balanced(mut texts: Vec<String>, operator: &str) -> Option<String> {
    while texts.len() > 1 {
        let mut pairs = Vec::with_capacity(texts.len().div_ceil(2));
        let mut rest = texts.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => format!("({left}{operator}{right})"),
                None => left,
            });
        }
        texts = pairs;
    }
    texts.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_stays_so_under_negation() {
        let wide = Node::when("a").too_wide();
        assert_eq!(wide.clone().negate(), Node::UNKNOWN);
        assert_eq!(Node::and([wide.clone(), Node::NEVER]), Node::NEVER);
        assert_eq!(Node::or([wide.clone(), Node::ALWAYS]), Node::ALWAYS);
        assert!(!Node::or([wide, Node::when("b")]).exact);
        assert!(Node::NEVER.too_wide().exact);
    }

    #[test]
    fn ten_thousand_terms_nest_like_their_logarithm() {
        let node = Node::or((0..10_000).map(|n| Node::when(format!("x == {n}"))));
        let text = node.into_condition().unwrap();
        let depth = text.chars().scan(0_i32, |depth, c| {
            *depth += i32::from(c == '(') - i32::from(c == ')');
            Some(*depth)
        });
        assert!(depth.max().unwrap() <= 14);
    }
}
