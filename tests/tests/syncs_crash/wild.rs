//! Sources that repeat, reorder, leave out, begin with nothing, break off, and change while they are read: once one is quiet, what is stored
//! is what it says, and what others own was theirs all along.

use crate::{case::Case, dice::Dice, matrix::soak, scenario::Scenario, store::Store};
use futures::{StreamExt as _, stream};
use mastra_core::{Engine, Error, NewRecord, RecordQuery, Result, UpsertOptions, sync::SyncMode};
use mastra_sync::{
    RunOptions, SyncErrorKind,
    source::{Item, Page, Pages, Position, Source},
    write::RecordsBuilder,
};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

/// How many ids the source draws from.
const IDS: usize = 36;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Incremental,
    Full,
    Append,
    Parents,
}

const MODES: [Mode; 4] = [Mode::Incremental, Mode::Full, Mode::Append, Mode::Parents];

impl Mode {
    fn told(self, records: RecordsBuilder, batch: usize) -> RecordsBuilder {
        match self {
            Self::Incremental => records.mode(SyncMode::Incremental),
            Self::Full => records.mode(SyncMode::Full),
            Self::Append => records.mode(SyncMode::Append),
            Self::Parents => records.replace_by("of"),
        }
        .batch(batch)
    }
}

/// What the source has, what it ever had, and chance.
struct World {
    has: BTreeMap<String, Value>,
    ever: BTreeMap<String, Vec<Value>>,
    dice: Dice,
    quiet: bool,
}

impl World {
    fn new(dice: Dice) -> Self {
        let mut world = Self { has: BTreeMap::new(), ever: BTreeMap::new(), dice, quiet: false };
        (0..IDS * 2).for_each(|_| world.change());
        world
    }

    /// A record comes, goes, or changes.
    fn change(&mut self) {
        let id = format!("w{:02}", self.dice.below(IDS));
        if self.dice.below(4) == 0 {
            self.has.remove(&id);
            return;
        }
        let mut data = Map::new();
        data.insert("of".into(), json!(format!("p{}", self.dice.below(5))));
        for key in ["a", "b", "c"] {
            if self.dice.below(3) > 0 {
                data.insert(key.into(), json!(self.dice.below(4)));
            }
        }
        self.ever.entry(id.clone()).or_default().push(Value::Object(data.clone()));
        self.has.insert(id, Value::Object(data));
    }

    fn chance(&mut self, one_in: usize) -> bool {
        !self.quiet && self.dice.below(one_in) == 0
    }

    /// The ids in the order of this reading.
    fn order(&mut self, mode: Mode) -> Vec<String> {
        let mut ids: Vec<String> = self.has.keys().cloned().collect();
        if !self.quiet {
            let dice = &mut self.dice;
            dice.shuffle(&mut ids);
            if dice.below(2) == 0 {
                ids.truncate(ids.len() - dice.below(4).min(ids.len()));
            }
            for _ in 0..dice.below(6) {
                let again = dice.pick(&ids).clone();
                ids.insert(dice.below(ids.len()), again);
            }
        }
        if mode == Mode::Parents {
            ids.sort_by_key(|id| self.has[id]["of"].to_string());
        }
        ids
    }
}

#[derive(Clone)]
struct Wild {
    world: Arc<Mutex<World>>,
    mode: Mode,
}

impl std::fmt::Debug for Wild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wild").finish_non_exhaustive()
    }
}

impl Wild {
    /// A page of the ids that are left, as the source has them just now.
    fn page(&self, left: &mut Vec<String>, number: usize, kept: &mut Option<Vec<String>>) -> Result<Page> {
        let mut world = self.world.lock().unwrap();
        if world.chance(25) {
            return Err(Error::unavailable("the source went away"));
        }
        if world.chance(3) {
            let times = 1 + world.dice.below(5);
            (0..times).for_each(|_| world.change());
        }
        let mut ids = if number == 1 && world.chance(3) {
            Vec::new()
        } else {
            let size = 1 + world.dice.below(7);
            left.drain(..size.min(left.len())).collect()
        };
        if let Some(again) = kept.take() {
            ids.extend(again);
        }
        if world.chance(5) {
            *kept = Some(ids.clone());
        }
        let items: Vec<Item> = ids.iter().filter_map(|id| Some(Item::record(id.as_str(), world.has.get(id)?.clone()))).collect();
        let page = Page::new(items).bytes(1);
        Ok(if world.chance(4) { page } else { page.cursor(number.to_string()) })
    }
}

impl Source for Wild {
    fn kind(&self) -> &'static str {
        "wild"
    }

    /// Where it goes on it has another order than before: the worst there is.
    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        let mut left = self.world.lock().unwrap().order(self.mode);
        let behind: usize = from.cursor.map_or(0, |cursor| cursor.parse().unwrap());
        left.drain(..(behind * 4).min(left.len()));
        let state = (left, behind, None, false);
        stream::unfold(state, async |(mut left, number, mut kept, failed)| {
            if failed || (left.is_empty() && kept.is_none()) {
                return None;
            }
            let page = self.page(&mut left, number + 1, &mut kept);
            let failed = page.is_err();
            Some((page, (left, number + 1, kept, failed)))
        })
        .boxed()
    }
}

/// The fields of others, which no run may touch.
fn theirs(data: &Value) -> Map<String, Value> {
    let fields = data.as_object().unwrap();
    fields.iter().filter(|(key, _)| ["spent", "hand"].contains(&key.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// The fields of the source.
fn its(data: &Value) -> Value {
    let fields = data.as_object().unwrap();
    fields.iter().filter(|(key, _)| !["spent", "hand"].contains(&key.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
}

async fn live(case: &Case, engine: &dyn Engine) -> BTreeMap<String, Value> {
    let page = engine.get_records(&case.entity(), &RecordQuery::new()).await.unwrap();
    page.items.into_iter().map(|record| (record.external_id, record.data)).collect()
}

/// What others own, of what is there.
fn of_others(live: &BTreeMap<String, Value>) -> BTreeMap<String, Map<String, Value>> {
    live.iter().map(|(id, data)| (id.clone(), theirs(data))).filter(|(_, fields)| !fields.is_empty()).collect()
}

async fn survives(case: &Case, engine: &Arc<dyn Engine>, mode: Mode, mut dice: Dice) {
    let batch = 1 + dice.below(6);
    let world = Arc::new(Mutex::new(World::new(dice.split())));
    let wild = Wild { world: Arc::clone(&world), mode };
    let how = move |records: RecordsBuilder| mode.told(records, batch);
    // Records by hand, some of them of ids that the source has too.
    let by_hand: Vec<_> = ["w01", "w02", "w03", "m1"].map(|id| NewRecord::new(id, json!({ "hand": id }))).into();
    let mut owned = BTreeMap::new();
    for round in 0..7 {
        if round == 0 || round == 2 {
            // A second sync has a part in records of the first one, before it and behind it.
            let spent: Vec<_> =
                (0..IDS).filter(|_| dice.below(3) == 0).map(|at| format!("w{at:02}")).chain(["s1".into()]).collect();
            let pages =
                vec![spent.into_iter().map(|id| crate::script::is(id, json!({ "spent": round }))).collect::<Vec<_>>().into()];
            let shop = crate::script::Script { sheets: pages, pause: Duration::ZERO };
            case.load(engine, &format!("shop{round}"), shop, RunOptions::default(), |records| records).await.unwrap();
        }
        if round == 0 {
            engine.upsert_records(&case.entity(), &by_hand, &UpsertOptions::default()).await.unwrap();
        }
        if round == 0 || round == 2 {
            owned = of_others(&live(case, engine.as_ref()).await);
        }
        let options = RunOptions { restart: dice.below(3) == 0, ..RunOptions::default() };
        if let Err(error) = case.load(engine, "crm", wild.clone(), options, how).await {
            assert!([SyncErrorKind::Failed, SyncErrorKind::Refused].contains(&error.kind()), "{error} {error:?}");
        }
        let now = live(case, engine.as_ref()).await;
        assert_eq!(of_others(&now), owned, "round {round}: what others own is theirs");
        (0..6).for_each(|_| world.lock().unwrap().change());
    }
    world.lock().unwrap().quiet = true;
    let options = RunOptions { restart: true, confirm_deletes: true, ..RunOptions::default() };
    case.load(engine, "crm", wild.clone(), options, how).await.unwrap();
    let now = live(case, engine.as_ref()).await;
    assert_eq!(of_others(&now), owned, "what others own is theirs");
    let world = world.lock().unwrap();
    let stored: BTreeMap<&String, Value> = now.iter().map(|(id, data)| (id, its(data))).collect();
    if mode == Mode::Append {
        for id in world.has.keys() {
            let is = &stored[id];
            assert!(world.ever[id].contains(is) || owned.contains_key(id), "{id} is {is}, which it never was");
        }
        return;
    }
    for (id, data) in &world.has {
        assert_eq!(stored.get(id), Some(data), "{id}");
    }
    let parents: BTreeSet<&str> = world.has.values().filter_map(|data| data["of"].as_str()).collect();
    for (id, data) in stored.iter().filter(|(id, _)| !world.has.contains_key(id.as_str())) {
        let gone = match mode {
            Mode::Full => data == &json!({}) && owned.contains_key(*id),
            Mode::Parents => !data.get("of").and_then(Value::as_str).is_some_and(|of| parents.contains(of)),
            Mode::Incremental | Mode::Append => true,
        };
        assert!(gone, "{id} is {data}, which the source no longer has");
    }
}

async fn on(store: Store, worlds: usize, mut dice: Dice) {
    for at in 0..if soak() { worlds * 12 } else { worlds } {
        for mode in MODES {
            let case = Case { scenario: Scenario::Full, connection: format!("{mode:?}{at}"), lease: Duration::from_secs(30) };
            survives(&case, &store.engine, mode, dice.split()).await;
        }
    }
    store.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wild_source_in_memory() {
    on(Store::mock().0, 30, Dice::new("a wild source in memory")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wild_source_on_sqlite() {
    on(Store::sqlite().await, 3, Dice::new("a wild source on SQLite")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wild_source_on_postgres() {
    on(Store::postgres().await, 3, Dice::new("a wild source on Postgres")).await;
}
