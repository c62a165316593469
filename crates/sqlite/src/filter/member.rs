//! Conditions on a member of an array, as `json_each` shows it: never NULL, or not compiled.

use super::{
    predicate::operator,
    term::balanced,
    wanted::{Wanted, number},
};
use crate::{args::Args, finish::is_exact};
use mastra_core::{
    Filter,
    filter::{Bound, Predicate},
};

/// A condition that is the one given for the member's type, and 0 for a type without one.
pub(super) fn by_type(member: &str, cases: &[(&'static str, String)]) -> String {
    if cases.is_empty() {
        return "0".to_owned();
    }
    let cases: String = cases.iter().map(|(json_type, condition)| format!(" WHEN '{json_type}' THEN {condition}")).collect();
    format!("CASE {member}.type{cases} ELSE 0 END")
}

/// A filter on the member itself, which is not looked into; none where SQL cannot judge it.
pub(super) fn condition(filter: &Filter, member: &str, args: &mut Args) -> Option<String> {
    let list = |filters: &[Filter], operator: &str, empty: &str, args: &mut Args| {
        let all = filters.iter().map(|filter| condition(filter, member, args)).collect::<Option<Vec<_>>>()?;
        Some(if all.is_empty() { empty.to_owned() } else { balanced(&all, operator) })
    };
    match filter {
        Filter::And(filters) => list(filters, "AND", "1", args),
        Filter::Or(filters) => list(filters, "OR", "0", args),
        Filter::Not(inner) => Some(format!("NOT ({})", condition(inner, member, args)?)),
        Filter::Field { path, .. } if !path.is_this() => None,
        Filter::Field { predicate, .. } => predicate_on(predicate, member, args),
    }
}

fn predicate_on(predicate: &Predicate, member: &str, args: &mut Args) -> Option<String> {
    let value = format!("{member}.value");
    let equals = |wanted: Wanted, args: &mut Args| {
        (!wanted.array && !wanted.object).then(|| by_type(member, &wanted.by_type(&value, args)))
    };
    match predicate {
        Predicate::Eq(wanted) => equals(Wanted::of([wanted]), args),
        Predicate::In(wanted) => equals(Wanted::of(wanted), args),
        Predicate::All(wanted) if wanted.is_empty() => Some("0".to_owned()),
        Predicate::All(wanted) => {
            let each = wanted.iter().map(|wanted| equals(Wanted::of([wanted]), args)).collect::<Option<Vec<_>>>()?;
            Some(balanced(&each, "AND"))
        }
        Predicate::Compare(comparison, bound) => {
            let operator = operator(*comparison);
            let (types, bound): (&[&'static str], String) = match bound {
                Bound::Number(bound) if !is_exact(bound.as_json_number()) => return None,
                Bound::Number(bound) => (&["integer", "real"], number(bound.as_json_number(), args)),
                Bound::String(text) => (&["text"], args.bind(text.as_str())),
            };
            let cases: Vec<_> = types.iter().map(|json_type| (*json_type, format!("{value} {operator} {bound}"))).collect();
            Some(by_type(member, &cases))
        }
        Predicate::Size(size) => {
            let size = args.bind(i64::try_from(*size).ok()?);
            Some(by_type(member, &[("array", format!("json_array_length({value}) = {size}"))]))
        }
        Predicate::Exists => Some("1".to_owned()),
        Predicate::Regex(_) | Predicate::Contains(_) | Predicate::ElemMatch(..) => None,
    }
}
