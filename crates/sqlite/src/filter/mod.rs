//! Filters in SQL, as far as SQL judges them exactly.
//!
//! SQL's own three values carry the doubt: a compiled condition is 1 where a row matches, 0 where it does not and NULL where core
//! has to judge. AND, OR and NOT pass NULL on soundly, so a negation needs no care of its own. Rows marked `finish` are not
//! compiled for; see [`crate::finish`].

mod member;
mod path;
mod predicate;
mod term;
mod wanted;

pub(crate) use path::{document_path, prefixes};
pub(crate) use predicate::operator;
pub(crate) use term::balanced;
pub(crate) use wanted::number;

use term::{Term, all, any};

use crate::args::Args;
use mastra_core::Filter;

/// The longest condition that is worth compiling: reading one costs more than core's work on a page.
const LONGEST: usize = 64 * 1024;

/// A filter as SQL.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Conditions that every matching row meets; further rows may meet them too.
    pub(crate) conditions: Vec<String>,
    /// Which of the rows that meet them have to be judged in core.
    pub(crate) doubt: Doubt,
}

/// Which rows core has to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// None: SQL has judged.
    Never,
    /// Those for which this expression is 1.
    Rows(String),
    /// All.
    Always,
}

/// Compiles a conjunction over the documents of a column, as in `r.data`.
pub(crate) fn compile(conjuncts: &[&Filter], column: &str, args: &mut Args) -> Compiled {
    let mut compiled = Compiled { conditions: Vec::new(), doubt: Doubt::Never };
    let mut doubts = Vec::new();
    for filter in conjuncts {
        let term = condition(filter, Document(column.to_owned()), 0, args);
        if term.is_unknown() || term.sql.len() > LONGEST {
            compiled.doubt = Doubt::Always;
        } else if term.total {
            compiled.conditions.push(term.sql);
        } else {
            doubts.push(format!("({}) IS NULL", term.sql));
            compiled.conditions.push(format!("({}) IS NOT FALSE", term.sql));
        }
    }
    if compiled.doubt == Doubt::Never && !doubts.is_empty() {
        compiled.doubt = Doubt::Rows(doubts.join(" OR "));
    }
    compiled
}

/// The conjuncts of a filter, nested conjunctions taken apart.
pub(crate) fn conjuncts<'f>(filter: &'f Filter, into: &mut Vec<&'f Filter>) {
    match filter {
        Filter::And(filters) => filters.iter().for_each(|filter| conjuncts(filter, into)),
        other => into.push(other),
    }
}

/// The SQL expression of a JSON object that paths begin at.
#[derive(Debug, Clone)]
struct Document(String);

/// A condition on one document. `depth` counts the arrays that are open, to name their members.
fn condition(filter: &Filter, document: Document, depth: usize, args: &mut Args) -> Term {
    match filter {
        Filter::And(filters) => all(filters.iter().map(|filter| condition(filter, document.clone(), depth, args)).collect()),
        Filter::Or(filters) => any(filters.iter().map(|filter| condition(filter, document.clone(), depth, args)).collect()),
        Filter::Not(inner) => condition(inner, document, depth, args).negate(),
        Filter::Field { path, predicate } => predicate::field(&document, path, predicate, depth, args),
    }
}

/// The operators of a filter that SQL leaves to core for at least some documents, by name.
pub(crate) fn finished_in_core(filter: &Filter, into: &mut std::collections::BTreeSet<&'static str>) {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().for_each(|filter| finished_in_core(filter, into)),
        Filter::Not(inner) => finished_in_core(inner, into),
        Filter::Field { path, predicate } => {
            let term = predicate::field(&Document("r.data".to_owned()), path, predicate, 0, &mut Args::default());
            if !term.total {
                into.insert(predicate::name(predicate));
            }
        }
    }
}
