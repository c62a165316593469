//! What is synced in each mode: what is there before, what the source says then, and what it says after it changed.

use crate::script::{Row, Script, Sheet, is, sheets};
use mastra_core::{Error, sync::SyncMode};
use mastra_sync::{
    RunOptions,
    write::{FieldPolicy, MergePolicy, RecordsBuilder},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// A way to sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Scenario {
    Incremental,
    Full,
    /// Full, read from its beginning whatever was read.
    Restarted,
    /// Full, from a source so slow that signs of life are given.
    Slow,
    /// Full, of which nothing was synced before.
    Fresh,
    /// Full, from a source that says that it leaves something out.
    Limited,
    /// Full, from a source that says that nothing changed.
    Unmoved,
    /// Full, from a source that lost so much that deleting is refused.
    Refused,
    Append,
    Parents,
    Scopes,
    RetryFailed,
    Merging,
}

/// How far the source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// As it was when everything began.
    First,
    /// As the killed run reads it.
    Now,
    /// As the runs behind it read it, where it changed meanwhile.
    Changed,
}

impl Scenario {
    pub(crate) const ALL: [Self; 13] = [
        Self::Incremental,
        Self::Full,
        Self::Restarted,
        Self::Slow,
        Self::Fresh,
        Self::Limited,
        Self::Unmoved,
        Self::Refused,
        Self::Append,
        Self::Parents,
        Self::Scopes,
        Self::RetryFailed,
        Self::Merging,
    ];

    /// Whether there is a source that can change.
    pub(crate) fn changes(self) -> bool {
        self != Self::RetryFailed
    }

    pub(crate) fn source(self, stage: Stage) -> Script {
        let sheets = match self {
            Self::Incremental => incremental(stage),
            Self::Full | Self::Restarted | Self::Slow | Self::Fresh => full(stage),
            Self::Limited | Self::Unmoved | Self::Refused => full_but(self, stage),
            Self::Append => append(stage),
            Self::Parents => parents(stage),
            Self::Scopes => scopes(stage),
            Self::RetryFailed => retry_failed(),
            Self::Merging => merging(stage),
        };
        let pause = if self == Self::Slow && stage == Stage::Now { Duration::from_millis(45) } else { Duration::ZERO };
        Script { sheets, pause }
    }

    /// What the second sync of the entity says before.
    pub(crate) fn shop(self) -> Vec<Sheet> {
        let spent = |id: &str, spent: i64| is(id, json!({ "spent": spent }));
        match self {
            Self::RetryFailed | Self::Scopes => Vec::new(),
            Self::Merging => shop_merging(),
            _ => vec![Sheet::from(vec![spent("c01", 1), spent("c06", 6), spent("c13", 13), spent("s1", 3)])],
        }
    }

    /// What is done by hand before: the data of a record, or its deletion.
    pub(crate) fn by_hand(self) -> Vec<(&'static str, Option<Value>)> {
        match self {
            Self::Scopes | Self::Parents => vec![("m1", Some(json!({ "of": "d", "by": "hand" })))],
            Self::RetryFailed => Vec::new(),
            Self::Merging => vec![
                ("c01", Some(json!({ "phone": "by hand", "notes": "nice" }))),
                ("c04", Some(json!({ "phone": "by hand" }))),
                ("c06", Some(json!({ "name": "by hand" }))),
            ],
            _ => vec![
                ("c07", Some(json!({ "notes": "by hand" }))),
                ("m1", Some(json!({ "name": "by hand" }))),
                ("c32", Some(json!({ "name": "by hand", "notes": "theirs" }))),
                ("c08", None),
            ],
        }
    }

    pub(crate) fn told(self, stage: Stage, records: RecordsBuilder) -> RecordsBuilder {
        match self {
            Self::Incremental => records.mode(SyncMode::Incremental).batch(3),
            Self::Full | Self::Fresh | Self::Restarted | Self::Limited | Self::Unmoved | Self::Refused => {
                records.mode(SyncMode::Full).batch(4)
            }
            Self::Slow => records.mode(SyncMode::Full),
            Self::Append => records.mode(SyncMode::Append),
            Self::Parents => records.replace_by("of").batch(3),
            Self::Scopes => records.batch(3),
            Self::RetryFailed => records.map(move |draft| match (&draft.data["bad"], stage) {
                (Value::Null, _) => Ok(Some(draft)),
                (Value::Bool(true), Stage::First) | (Value::String(_), _) => Err(Error::invalid_input("it is bad")),
                _ => Ok(Some(draft)),
            }),
            Self::Merging => records.merge(policy()),
        }
    }

    pub(crate) fn options(self, stage: Stage) -> RunOptions {
        RunOptions {
            restart: self == Self::Restarted,
            retry_failed: self == Self::RetryFailed && stage != Stage::First,
            ..RunOptions::default()
        }
    }
}

pub(crate) fn policy() -> MergePolicy {
    MergePolicy::new()
        .field("email", FieldPolicy::Priority(vec!["shop".into(), "crm".into()]))
        .field("phone", FieldPolicy::KeepManual)
        .field("name", FieldPolicy::NewestBy("updatedAt".into()))
}

fn contact(at: usize, name: &str) -> Row {
    is(format!("c{at:02}"), json!({ "name": name, "at": at }))
}

fn contacts(range: std::ops::Range<usize>) -> Vec<Row> {
    range.map(|at| contact(at, "first")).collect()
}

/// A log: later pages follow the earlier ones.
fn incremental(stage: Stage) -> Vec<Sheet> {
    let mut log = sheets(contacts(0..15), 5);
    if stage != Stage::First {
        log.push(vec![contact(2, "changed"), contact(5, "changed"), contact(15, "new"), contact(9, "first")].into());
        log.push(Sheet::default());
        log.push(
            vec![Row::Gone("c03".into()), Row::Unread(Some("c98".into())), contact(16, "new"), is("c97", json!([1]))].into(),
        );
        log.push(vec![contact(15, "again"), contact(15, "last"), Row::Raw(json!({ "no": "id" })), contact(8, "revived")].into());
        log.push(vec![is("c01", json!({ "at": 1 })), Row::Gone("c06".into()), Row::Gone("m1".into())].into());
    }
    if stage == Stage::Changed {
        log.push(vec![contact(15, "later"), Row::Gone("c16".into()), contact(17, "new")].into());
        log.push(vec![contact(17, "new"), contact(98, "readable")].into());
    }
    log
}

/// Everything, each time.
fn full(stage: Stage) -> Vec<Sheet> {
    if stage == Stage::First {
        return sheets(contacts(0..25), 5);
    }
    // Five are no longer there, one of which another sync writes too.
    let mut rows: Vec<Row> = contacts(0..25)
        .into_iter()
        .filter(|row| !["c01", "c02", "c12", "c20", "c21"].iter().any(|id| matches!(row, Row::Is(of, _) if of == id)))
        .collect();
    rows.extend((30..34).map(|at| contact(at, "new")));
    let mut pages = sheets(rows, 6);
    for row in pages.iter_mut().flat_map(|page| &mut page.rows) {
        let Row::Is(id, data) = row else { continue };
        match id.as_str() {
            "c05" | "c16" | "c07" => data["name"] = json!("changed"),
            "c13" => *data = json!({ "at": 13 }),
            "c10" => *data = json!(["no object"]),
            _ => {}
        }
    }
    if stage == Stage::Changed {
        for page in &mut pages {
            page.rows.retain(|row| !matches!(row, Row::Is(id, _) if id == "c03" || id == "c22" || id == "c30"));
            for row in &mut page.rows {
                match row {
                    Row::Is(id, data) if id == "c04" || id == "c31" => data["name"] = json!("later"),
                    _ => {}
                }
            }
            page.rows.reverse();
        }
        // Pages only ever move back: a reading that goes on by their number meets everything.
        pages.insert(0, Sheet::default());
        let repeated = pages[2].clone();
        pages.push(repeated);
        pages.push(vec![contact(34, "new"), contact(5, "changed")].into());
    }
    pages
}

/// As [`full`], but for what the source says now.
fn full_but(scenario: Scenario, stage: Stage) -> Vec<Sheet> {
    let mut pages = full(stage);
    match (scenario, stage) {
        (Scenario::Limited, Stage::Now) => pages[1].incomplete = true,
        (Scenario::Unmoved, Stage::Now) => pages = vec![Sheet { unchanged: true, ..Sheet::default() }],
        (Scenario::Refused, Stage::Now) => drop(pages.drain(1..3)),
        _ => {}
    }
    pages
}

fn append(stage: Stage) -> Vec<Sheet> {
    let mut log = sheets(contacts(0..15), 5);
    if stage != Stage::First {
        log.push(vec![contact(2, "not taken"), contact(15, "new"), contact(8, "revived")].into());
        log.push(vec![contact(15, "not taken"), contact(16, "new"), contact(16, "not taken"), contact(32, "not taken")].into());
        log.push(vec![Row::Unread(Some("c98".into())), contact(17, "new")].into());
    }
    if stage == Stage::Changed {
        log.push(vec![contact(18, "new"), contact(17, "not taken")].into());
    }
    log
}

fn line(of: &str, at: usize, text: &str) -> Row {
    is(format!("{of}{at}"), json!({ "of": of, "text": text }))
}

fn parents(stage: Stage) -> Vec<Sheet> {
    let lines =
        |of: &str, range: std::ops::Range<usize>, text: &str| -> Vec<Row> { range.map(|at| line(of, at, text)).collect() };
    let first = [lines("a", 0..5, "first"), lines("b", 0..3, "first"), lines("c", 0..4, "first")].concat();
    let mut log = sheets(first, 5);
    if stage != Stage::First {
        let now = [lines("a", 1..4, "first"), lines("b", 0..5, "changed"), lines("d", 0..2, "new"), lines("e", 0..4, "new")];
        log.extend(sheets(now.concat(), 4));
    }
    if stage == Stage::Changed {
        log.extend(sheets([lines("c", 1..2, "first"), lines("f", 2..6, "later")].concat(), 3));
    }
    log
}

fn scopes(stage: Stage) -> Vec<Sheet> {
    let page = |of: &str, range: std::ops::Range<usize>, text: &str| Sheet {
        rows: range.map(|at| line(of, at, text)).collect(),
        scope: Some(("of", json!(of))),
        ..Sheet::default()
    };
    let mut log = vec![page("a", 0..5, "first"), page("b", 0..3, "first"), page("c", 0..4, "first")];
    if stage != Stage::First {
        log.extend([page("a", 1..4, "first"), page("b", 0..5, "changed"), page("d", 0..2, "new"), page("c", 0..0, "")]);
        let mut last = page("e", 0..1, "new");
        last.rows.push(Row::Unread(Some("e1".into())));
        log.push(last);
    }
    if stage == Stage::Changed {
        log.extend([page("b", 4..7, "later"), page("d", 0..0, ""), page("e", 0..2, "new")]);
    }
    log
}

fn retry_failed() -> Vec<Sheet> {
    let row = |at: usize| match at % 3 {
        0 => contact(at, "good"),
        1 => is(format!("c{at:02}"), json!({ "at": at, "bad": true })),
        _ if at.is_multiple_of(2) => is(format!("c{at:02}"), json!({ "at": at, "bad": "always" })),
        _ => Row::Unread(Some(format!("c{at:02}"))),
    };
    sheets((0..14).map(row).collect(), 7)
}

fn person(at: usize, round: u32) -> Row {
    let data = json!({
        "name": format!("crm {round}"), "updatedAt": format!("2026-01-{:02}", round * 5), "email": format!("crm{round}@x"),
        "phone": format!("{round}"), "stage": round,
    });
    is(format!("c{at:02}"), data)
}

fn merging(stage: Stage) -> Vec<Sheet> {
    let mut log = sheets((0..8).map(|at| person(at, 1)).collect(), 4);
    if stage != Stage::First {
        log.extend(sheets((1..10).map(|at| person(at, 2)).collect(), 3));
        log.push(vec![is("c02", json!({ "stage": 2 })), Row::Gone("c03".into()), Row::Gone("c07".into())].into());
    }
    if stage == Stage::Changed {
        log.push(vec![person(1, 3), person(4, 3), is("c06", json!({ "stage": 3 }))].into());
    }
    log
}

fn shop_merging() -> Vec<Sheet> {
    let row = |at: usize| {
        let day = if at.is_multiple_of(2) { 7 } else { 20 };
        is(
            format!("c{at:02}"),
            json!({ "name": "shop", "updatedAt": format!("2026-01-{day:02}"), "email": "shop@x", "spent": at }),
        )
    };
    vec![Sheet::from((0..5).map(row).collect::<Vec<_>>())]
}
