//! What the mock does with a query, which is always the same.

use mastra_core::{
    Explanation, Filter, RecordQuery,
    filter::{Comparison, Predicate},
};
use std::collections::BTreeSet;

pub(crate) fn explain(records: usize, query: &RecordQuery) -> Explanation {
    let mut operators = BTreeSet::new();
    collect(&query.filter, &mut operators);
    let mut plan = vec![format!("read {records} records of the entity in order of id, from memory")];
    if !operators.is_empty() {
        plan.push("keep those that the filter matches, evaluated in core".to_owned());
    }
    if !query.sort.is_empty() {
        plan.push(format!("sort by {} keys in memory", query.sort.len()));
    }
    let finished_in_core = operators.into_iter().map(str::to_owned).collect();
    Explanation { plan, indexes: Vec::new(), finished_in_core }
}

fn collect(filter: &Filter, operators: &mut BTreeSet<&'static str>) {
    match filter {
        Filter::And(filters) => filters.iter().for_each(|filter| collect(filter, operators)),
        Filter::Or(filters) => {
            operators.insert("$or");
            filters.iter().for_each(|filter| collect(filter, operators));
        }
        Filter::Not(inner) => {
            operators.insert("$not");
            collect(inner, operators);
        }
        Filter::Field { predicate, .. } => {
            operators.insert(name(predicate));
            if let Predicate::ElemMatch(_, inner) = predicate {
                collect(inner, operators);
            }
        }
    }
}

const fn name(predicate: &Predicate) -> &'static str {
    match predicate {
        Predicate::Eq(_) => "$eq",
        Predicate::In(_) => "$in",
        Predicate::All(_) => "$all",
        Predicate::Compare(Comparison::Gt, _) => "$gt",
        Predicate::Compare(Comparison::Gte, _) => "$gte",
        Predicate::Compare(Comparison::Lt, _) => "$lt",
        Predicate::Compare(Comparison::Lte, _) => "$lte",
        Predicate::Size(_) => "$size",
        Predicate::Exists => "$exists",
        Predicate::Regex(_) => "$regex",
        Predicate::Contains(_) => "$contains",
        Predicate::ElemMatch(..) => "$elemMatch",
    }
}
