//! Predicates of jsonpath, put together without changing what they mean.

/// A predicate of jsonpath, and whether it says all that was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    truth: Truth,
    /// Whether it is true of exactly the documents that were meant; else of those and of more.
    pub(super) exact: bool,
}

/// A predicate, negations pushed down to its atoms.
///
/// Not for beauty: over `!(A && B)` a GIN index answers wrongly where it can look up one of the two alone, since the server's
/// extraction of keys (`extract_jsp_bool_expr`) then takes the conjunction for one although its complement is a disjunction.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Truth {
    Always,
    Never,
    /// A predicate that can stand between `&&` and `||`, and behind `!` in parentheses.
    Atom(String),
    /// The complement of an atom.
    Not(String),
    All(Vec<Truth>),
    Any(Vec<Truth>),
}

impl Node {
    pub(super) const ALWAYS: Self = Self { truth: Truth::Always, exact: true };
    pub(super) const NEVER: Self = Self { truth: Truth::Never, exact: true };
    /// Nothing can be said: core has to decide of every document.
    pub(super) const UNKNOWN: Self = Self { truth: Truth::Always, exact: false };

    /// A predicate without `&&`, `||` and `!`.
    pub(super) fn when(text: impl Into<String>) -> Self {
        Self { truth: Truth::Atom(text.into()), exact: true }
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
            Truth::Always => Truth::Atom(format!("exists({items})")),
            truth => Truth::Atom(format!("exists({items} ? ({}))", truth.write())),
        };
        Self { truth, exact }
    }

    /// As [`Node::of_some`], of the members of what is known to be an array.
    pub(super) fn of_some_member(self, array: &str) -> Self {
        // A filter expression opens the array by itself, and must not open its members; without one there is nothing to open it.
        let opened = if self.truth == Truth::Always { format!("{array}[*]") } else { array.to_owned() };
        self.of_some(&opened)
    }

    /// True of what this is false of.
    pub(super) fn negate(self) -> Self {
        if !self.exact {
            // The complement of too much is too little.
            return Self::UNKNOWN;
        }
        Self { truth: self.truth.negate(), exact: true }
    }

    pub(super) fn and(nodes: impl IntoIterator<Item = Self>) -> Self {
        let mut exact = true;
        let mut all = Vec::new();
        for node in nodes {
            match node.truth {
                Truth::Never => return Self::NEVER,
                Truth::Always => {}
                Truth::All(inner) => all.extend(inner),
                truth => all.push(truth),
            }
            exact &= node.exact;
        }
        let truth = if all.len() > 1 { Truth::All(all) } else { all.pop().unwrap_or(Truth::Always) };
        Self { truth, exact }
    }

    pub(super) fn or(nodes: impl IntoIterator<Item = Self>) -> Self {
        let mut exact = true;
        let mut always = false;
        let mut any = Vec::new();
        for node in nodes {
            match node.truth {
                Truth::Always if node.exact => return Self::ALWAYS,
                Truth::Always => always = true,
                Truth::Never => {}
                Truth::Any(inner) => any.extend(inner),
                truth => any.push(truth),
            }
            exact &= node.exact;
        }
        if always {
            return Self::UNKNOWN;
        }
        let truth = if any.len() > 1 { Truth::Any(any) } else { any.pop().unwrap_or(Truth::Never) };
        Self { truth, exact }
    }

    pub(super) fn is_never(&self) -> bool {
        self.truth == Truth::Never
    }

    /// How long the predicate is, about.
    pub(super) fn len(&self) -> usize {
        self.truth.len()
    }

    /// The whole predicate; `None` where it is always true.
    pub(super) fn into_condition(self) -> Option<String> {
        match self.truth {
            Truth::Always => None,
            truth => Some(truth.write()),
        }
    }
}

impl Truth {
    fn negate(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Atom(text) => Self::Not(text),
            Self::Not(text) => Self::Atom(text),
            Self::All(inner) => Self::Any(inner.into_iter().map(Self::negate).collect()),
            Self::Any(inner) => Self::All(inner.into_iter().map(Self::negate).collect()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Always | Self::Never => 0,
            Self::Atom(text) | Self::Not(text) => text.len(),
            Self::All(inner) | Self::Any(inner) => inner.iter().map(Self::len).sum(),
        }
    }

    fn write(self) -> String {
        let all = |inner: Vec<Self>, operator| balanced(inner.into_iter().map(Self::write).collect(), operator);
        match self {
            Self::Always => "1 == 1".to_owned(),
            Self::Never => "1 == 0".to_owned(),
            Self::Atom(text) => text,
            Self::Not(text) => format!("!({text})"),
            Self::All(inner) => all(inner, " && "),
            Self::Any(inner) => all(inner, " || "),
        }
    }
}

/// Joins predicates as a tree of logarithmic depth: the server walks each operator by recursion, on a bounded stack.
fn balanced(mut texts: Vec<String>, operator: &str) -> String {
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
    texts.pop().unwrap_or_default()
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
    fn negation_goes_down_to_the_atoms() {
        let node = Node::and([Node::when("a"), Node::or([Node::when("b"), Node::when("c").negate()])]).negate();
        assert_eq!(node.into_condition().unwrap(), "(!(a) || (!(b) && c))");
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
