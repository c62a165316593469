//! The tree of a filter, between its bounds.

use super::{keys, leaf, logic::Judged};
use mastra_core::Path;
use mastra_core::filter::{Filter, Members, Predicate};

/// Messages nest no deeper.
const DEPTH: usize = 12;

pub(super) fn judge(filter: &Filter, depth: usize) -> Judged {
    if depth > DEPTH {
        return doubt();
    }
    let each = |filters: &[Filter]| filters.iter().map(|filter| judge(filter, depth + 1)).collect();
    match filter {
        Filter::And(filters) => Judged::and(each(filters)),
        Filter::Or(filters) => Judged::or(each(filters)),
        Filter::Not(inner) => judge(inner, depth + 1).not(),
        Filter::Field { path, predicate } => field(path, predicate, depth),
    }
}

/// Nothing is known, nor whether it asks for numbers.
fn doubt() -> Judged {
    Judged { numbers: true, ..Judged::unknown() }
}

fn field(path: &Path, predicate: &Predicate, depth: usize) -> Judged {
    if let Predicate::ElemMatch(members, inner) = predicate {
        let inner = below(path, *members, inner, depth + 1);
        return Judged::between(super::Tri::No, inner.upper, inner.numbers);
    }
    keys::keys(path).map_or_else(Judged::unknown, |keys| leaf::judge(&keys, path.segments().len() == 1, predicate))
}

/// What one member has to fulfil, asked of all of them together: of what comes out, the upper bound alone counts. Negations ask of the
/// member what the whole may well fulfil, so they bound nothing.
fn below(path: &Path, members: Members, inner: &Filter, depth: usize) -> Judged {
    if depth > DEPTH {
        return doubt();
    }
    let each = |filters: &[Filter]| filters.iter().map(|filter| below(path, members, filter, depth + 1)).collect();
    match (inner, members) {
        (Filter::And(filters), _) => Judged::and(each(filters)),
        (Filter::Or(filters), _) => Judged::or(each(filters)),
        (Filter::Not(_), _) => Judged::unknown(),
        // These ask a member as a whole, which the path itself does not.
        (Filter::Field { predicate: Predicate::Size(_) | Predicate::ElemMatch(..), .. }, Members::Any) => Judged::unknown(),
        (Filter::Field { path: inner, predicate }, Members::Any) if inner.is_this() => field(path, predicate, depth),
        (Filter::Field { .. }, Members::Any) => Judged::unknown(),
        (Filter::Field { path: inner, predicate }, Members::Objects) => field(&path.join(inner), predicate, depth),
    }
}
