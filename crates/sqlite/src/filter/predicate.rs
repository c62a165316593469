//! A predicate on what a path leads to.
//!
//! Compiled is what SQL sees at a glance: the leaf, and its members one level down. Where the walk meets an array above the leaf,
//! core judges.

use super::{
    Document, condition, member,
    path::{document_path, prefixes},
    term::{Term, all},
    wanted::{Wanted, number},
};
use crate::{args::Args, finish::is_exact};
use mastra_core::{
    Path,
    filter::{Bound, Comparison, Members, Predicate},
};

/// The characters outside ASCII that fold to an ASCII letter: KELVIN SIGN to k, LATIN SMALL LETTER LONG S to s.
const FOLDING: [char; 2] = ['\u{212A}', '\u{17F}'];

/// The operator's name in the filter language.
pub(super) fn name(predicate: &Predicate) -> &'static str {
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

/// A comparison as SQL spells it.
pub(crate) fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Gt => ">",
        Comparison::Gte => ">=",
        Comparison::Lt => "<",
        Comparison::Lte => "<=",
    }
}

/// Where a field is, in SQL.
struct Place {
    /// The JSON type at the path; NULL where it leads nowhere.
    json_type: String,
    /// The SQL value at the path.
    value: String,
    /// The two arguments that lead there, of `json_each` and kin.
    at: String,
    /// A condition that the walk meets an array above the leaf; none for a path of one key.
    branches: Option<String>,
    /// What the members of an array there are called.
    members: String,
}

impl Place {
    fn of(Document(document): &Document, path: &Path, depth: usize) -> Option<Self> {
        let literal = document_path(path.segments())?;
        let above = prefixes(path)?;
        let branches = above.iter().map(|prefix| format!("json_type({document}, {prefix}) = 'array'"));
        Some(Self {
            json_type: format!("json_type({document}, {literal})"),
            value: format!("json_extract({document}, {literal})"),
            at: format!("{document}, {literal}"),
            branches: (!above.is_empty()).then(|| branches.collect::<Vec<_>>().join(" OR ")),
            members: format!("m{depth}"),
        })
    }

    /// A choice by the type of the leaf; what is missing, or of a type without a case, is `otherwise`.
    fn choose(&self, cases: Vec<(&str, Term)>, otherwise: &str) -> Term {
        let total = self.branches.is_none() && cases.iter().all(|(_, term)| term.total);
        let otherwise = match &self.branches {
            // The leaf of a path through an array is missing to SQL, whose paths do not walk.
            Some(branches) => format!("CASE WHEN {branches} THEN NULL ELSE {otherwise} END"),
            None => otherwise.to_owned(),
        };
        if cases.is_empty() {
            return Term { sql: otherwise, total };
        }
        let cases: String = cases.into_iter().map(|(json_type, term)| format!(" WHEN '{json_type}' THEN {}", term.sql)).collect();
        Term { sql: format!("CASE {}{cases} ELSE {otherwise} END", self.json_type), total }
    }

    /// A member of the array at the path meets a total condition, which names it as [`Place::members`].
    fn member(&self, condition: &str) -> Term {
        Term::total(format!("EXISTS (SELECT 1 FROM json_each({}) {} WHERE {condition})", self.at, self.members))
    }
}

/// A predicate on the field of a document.
pub(super) fn field(document: &Document, path: &Path, predicate: &Predicate, depth: usize, args: &mut Args) -> Term {
    let Some(place) = Place::of(document, path, depth) else { return Term::unknown() };
    match predicate {
        Predicate::Eq(value) => equals(&place, &Wanted::of([value]), args),
        Predicate::In(values) => equals(&place, &Wanted::of(values), args),
        Predicate::All(values) if values.is_empty() => Term::constant(false),
        Predicate::All(values) => all(values.iter().map(|value| equals(&place, &Wanted::of([value]), args)).collect()),
        Predicate::Compare(comparison, bound) => compare(&place, *comparison, bound, args),
        Predicate::Size(size) => match i64::try_from(*size) {
            Ok(size) => {
                let counted = format!("json_array_length({}) = {}", place.at, args.bind(size));
                place.choose(vec![("array", Term::total(counted))], "0")
            }
            Err(_) => place.choose(Vec::new(), "0"),
        },
        Predicate::Exists => place.choose(Vec::new(), &format!("{} IS NOT NULL", place.json_type)),
        Predicate::Regex(_) => strings_in_core(&place),
        Predicate::Contains(needle) => contains(&place, needle, args),
        Predicate::ElemMatch(Members::Any, inner) => {
            let matched = match member::condition(inner, &place.members, args) {
                Some(condition) => place.member(&condition),
                None => Term::unknown(),
            };
            place.choose(vec![("array", matched)], "0")
        }
        Predicate::ElemMatch(Members::Objects, inner) => {
            let members = &place.members;
            let inner = condition(inner, Document(format!("{members}.value")), depth + 1, args);
            let matched = if inner.total {
                // The guard comes first in a CASE: the member's value is JSON only where it is an object.
                place.member(&format!("CASE WHEN {members}.type = 'object' THEN {} ELSE 0 END", inner.sql))
            } else {
                Term::unknown()
            };
            place.choose(vec![("array", matched)], "0")
        }
    }
}

fn equals(place: &Place, wanted: &Wanted, args: &mut Args) -> Term {
    let leaf = wanted.by_type(&place.value, args);
    let members = &place.members;
    let mut cases: Vec<(&str, Term)> = leaf.iter().map(|(json_type, sql)| (*json_type, Term::total(sql.clone()))).collect();
    if wanted.object {
        cases.push(("object", Term::unknown()));
    }
    let array = if wanted.array || wanted.object {
        Term::unknown()
    } else {
        place.member(&member::by_type(members, &wanted.by_type(&format!("{members}.value"), args)))
    };
    cases.push(("array", array));
    let present = place.choose(cases, "0");
    if !wanted.null {
        return present;
    }
    // Null is a missing field too, but no field of another type.
    let missing = match &place.branches {
        Some(branches) => format!("CASE WHEN {branches} THEN NULL ELSE 1 END"),
        None => "1".to_owned(),
    };
    Term { sql: format!("CASE WHEN {} IS NULL THEN {missing} ELSE {} END", place.json_type, present.sql), total: present.total }
}

fn compare(place: &Place, comparison: Comparison, bound: &Bound, args: &mut Args) -> Term {
    let operator = operator(comparison);
    let (types, bound): (&[&str], String) = match bound {
        Bound::Number(bound) if is_exact(bound.as_json_number()) => (&["integer", "real"], number(bound.as_json_number(), args)),
        Bound::Number(_) => {
            let cases = ["integer", "real", "array"].map(|json_type| (json_type, Term::unknown()));
            return place.choose(cases.into(), "0");
        }
        Bound::String(text) => (&["text"], args.bind(text.as_str())),
    };
    let members = &place.members;
    let leaf = format!("{} {operator} {bound}", place.value);
    let within: Vec<_> = types.iter().map(|json_type| (*json_type, format!("{members}.value {operator} {bound}"))).collect();
    let mut cases: Vec<(&str, Term)> = types.iter().map(|json_type| (*json_type, Term::total(leaf.clone()))).collect();
    cases.push(("array", place.member(&member::by_type(members, &within))));
    place.choose(cases, "0")
}

/// Strings, and arrays that may hold some, are judged in core.
fn strings_in_core(place: &Place) -> Term {
    place.choose(vec![("text", Term::unknown()), ("array", Term::unknown())], "0")
}

fn contains(place: &Place, needle: &str, args: &mut Args) -> Term {
    if !needle.is_ascii() {
        return strings_in_core(place);
    }
    let lower = args.bind(needle.to_ascii_lowercase());
    // SQLite's lower() folds ASCII alone, which is all that folds to an ASCII needle, but for two characters.
    let holds = |value: &str| format!("instr(lower({value}), {lower}) > 0");
    let folds = needle.bytes().any(|byte| matches!(byte, b'k' | b'K' | b's' | b'S'));
    let members = &place.members;
    let within = place.member(&member::by_type(members, &[("text", holds(&format!("{members}.value")))]));
    if !folds {
        return place.choose(vec![("text", Term::total(holds(&place.value))), ("array", within)], "0");
    }
    let value = &place.value;
    let doubtful = FOLDING.map(|c| format!("instr({value}, '{c}') > 0")).join(" OR ");
    let leaf = format!("CASE WHEN {} THEN 1 WHEN {doubtful} THEN NULL ELSE 0 END", holds(value));
    let within = format!("CASE WHEN {} THEN 1 END", within.sql);
    place.choose(vec![("text", Term::partial(leaf)), ("array", Term::partial(within))], "0")
}
