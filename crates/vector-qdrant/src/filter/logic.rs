//! Conditions that may be no conditions at all. An empty clause of Qdrant's asks for nothing, so what is always or never true is never sent.

use qdrant_client::qdrant::{Condition, Filter, condition::ConditionOneOf};

/// A condition, or what it comes down to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tri {
    /// Holds for every point.
    Yes,
    /// Holds for none.
    No,
    Is(Box<Condition>),
}

/// A filter between two bounds: `lower` holds for no point that does not match, `upper` for every one that does.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) upper: Tri,
    pub(crate) lower: Tri,
    /// Both are the same.
    pub(crate) exact: bool,
    /// Asks for numbers.
    pub(crate) numbers: bool,
}

impl Judged {
    /// Qdrant says the same.
    pub(crate) fn exact(condition: Tri, numbers: bool) -> Self {
        Self { upper: condition.clone(), lower: condition, exact: true, numbers }
    }

    /// Qdrant says less and more.
    pub(crate) fn between(lower: Tri, upper: Tri, numbers: bool) -> Self {
        Self { upper, lower, exact: false, numbers }
    }

    /// Qdrant has nothing to say.
    pub(crate) fn unknown() -> Self {
        Self::between(Tri::No, Tri::Yes, false)
    }

    pub(crate) fn not(self) -> Self {
        let Self { upper, lower, exact, numbers } = self;
        Self { upper: not(lower), lower: not(upper), exact, numbers }
    }

    pub(crate) fn and(list: Vec<Self>) -> Self {
        Self::joined(list, and)
    }

    pub(crate) fn or(list: Vec<Self>) -> Self {
        Self::joined(list, or)
    }

    fn joined(list: Vec<Self>, join: fn(Vec<Tri>) -> Tri) -> Self {
        let exact = list.iter().all(|judged| judged.exact);
        let numbers = list.iter().any(|judged| judged.numbers);
        let (upper, lower) = list.into_iter().map(|judged| (judged.upper, judged.lower)).unzip();
        Self { upper: join(upper), lower: join(lower), exact, numbers }
    }
}

pub(crate) fn is(condition: Condition) -> Tri {
    Tri::Is(Box::new(condition))
}

fn nested(filter: Filter) -> Tri {
    is(Condition { condition_one_of: Some(ConditionOneOf::Filter(filter)) })
}

pub(crate) fn and(list: Vec<Tri>) -> Tri {
    let mut must = Vec::with_capacity(list.len());
    for one in list {
        match one {
            Tri::Yes => {}
            Tri::No => return Tri::No,
            Tri::Is(condition) => must.push(*condition),
        }
    }
    match must.pop() {
        None => Tri::Yes,
        Some(only) if must.is_empty() => is(only),
        Some(last) => {
            must.push(last);
            nested(Filter { must, ..Filter::default() })
        }
    }
}

pub(crate) fn or(list: Vec<Tri>) -> Tri {
    let mut should = Vec::with_capacity(list.len());
    for one in list {
        match one {
            Tri::No => {}
            Tri::Yes => return Tri::Yes,
            Tri::Is(condition) => should.push(*condition),
        }
    }
    match should.pop() {
        None => Tri::No,
        Some(only) if should.is_empty() => is(only),
        Some(last) => {
            should.push(last);
            nested(Filter { should, ..Filter::default() })
        }
    }
}

pub(crate) fn not(one: Tri) -> Tri {
    match one {
        Tri::Yes => Tri::No,
        Tri::No => Tri::Yes,
        Tri::Is(condition) => nested(Filter { must_not: vec![*condition], ..Filter::default() }),
    }
}
