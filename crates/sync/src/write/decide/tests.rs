//! One record, some syncs and a person with an editor, in any order.

use super::{super::MergePolicy, *};
use mastra_core::{EntityId, RecordId, sync::RecordMark, time};
use proptest::{collection::vec, prelude::*};
use serde_json::json;

/// A record as a database would keep it, with everybody's stakes.
#[derive(Debug, Clone)]
struct World {
    id: RecordId,
    entity: EntityId,
    data: Option<Map<String, Value>>,
    existed: bool,
    generation: i64,
    stakes: BTreeMap<String, Stake>,
}

impl World {
    fn new() -> Self {
        Self {
            id: RecordId::generate(),
            entity: EntityId::generate(),
            data: None,
            existed: false,
            generation: 0,
            stakes: BTreeMap::new(),
        }
    }

    fn view(&self, sync: &str) -> StakeView {
        let record = self.existed.then(|| RecordMark { id: self.id, generation: self.generation, deleted: self.data.is_none() });
        let own = self.stakes.get(sync).cloned();
        let others = self.stakes.iter().filter(|(other, _)| *other != sync);
        let others = others.map(|(other, stake)| (other.clone(), stake.clone())).collect();
        StakeView { external_id: "1".into(), record, own, others }
    }

    fn record(&self) -> Option<Record> {
        let now = time::now();
        Some(Record {
            id: self.id,
            entity_id: self.entity,
            external_id: "1".into(),
            entity_type: "Contact".into(),
            data: Value::Object(self.data.clone()?),
            generation: self.generation,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        })
    }

    fn write(&mut self, data: Option<Map<String, Value>>) {
        self.data = data;
        self.existed = true;
        self.generation += 1;
    }

    /// What a run of a sync does with what its source says; the decision.
    fn meets(&mut self, sync: &str, incoming: &Incoming, policy: &MergePolicy) -> Decision {
        let view = self.view(sync);
        if is_untouched(incoming, &view) {
            return Decision::default();
        }
        let decision = decide(sync, incoming, &view, self.record().as_ref(), policy, false);
        if let Some(write) = &decision.write {
            if let Some(expected) = write.expected_generation {
                assert_eq!(expected, if self.data.is_some() { self.generation } else { 0 });
            }
            let mut data = self.data.clone().unwrap_or_default();
            write.remove_keys.iter().for_each(|key| drop(data.remove(key)));
            data.extend(write.data.as_object().cloned().unwrap());
            self.write(Some(data));
        }
        if let Some(stake) = &decision.stake {
            assert_eq!(stake.generation.is_none(), decision.write.is_some());
            let kept = Stake {
                external_id: stake.external_id.clone(),
                content: stake.content.clone(),
                generation: stake.generation.unwrap_or(self.generation),
                created: stake.created,
                version: stake.version.clone(),
                keys: stake.keys.clone(),
                written_at: time::now(),
            };
            self.stakes.insert(sync.to_owned(), kept);
        }
        decision
    }

    /// What a run of a sync does when its source no longer has the record.
    fn misses(&mut self, sync: &str, policy: &MergePolicy) {
        let view = self.view(sync);
        let Some(own) = &view.own else { return };
        match withdraw(own, &view.others, self.record().as_ref(), policy) {
            Withdrawal::Nothing => {}
            Withdrawal::Delete => self.write(None),
            Withdrawal::RemoveKeys(keys) => {
                let mut data = self.data.clone().unwrap();
                assert!(keys.iter().all(|key| data.remove(key).is_some()), "only what is there is removed");
                self.write(Some(data));
            }
        }
        self.stakes.remove(sync);
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.data.as_ref().and_then(|data| data.get(key))
    }
}

fn incoming(data: Value, policy: &MergePolicy) -> Incoming {
    let content = hash::of_all([&data, &serde_json::to_value(policy).unwrap()]);
    let data = data.as_object().cloned().unwrap();
    Incoming { external_id: "1".into(), data, entity_type: None, version: None, content }
}

#[derive(Debug, Clone)]
enum Step {
    Says(usize, Map<String, Value>),
    Misses(usize),
    Edits(String, Option<i64>),
    Deletes,
}

const SYNCS: [&str; 3] = ["crm", "newsletter", "shop"];

fn documents() -> impl Strategy<Value = Map<String, Value>> {
    let field = (prop_oneof![Just("a"), Just("b"), Just("c"), Just("at")], 0..4_i64);
    vec(field, 1..4).prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3_usize, documents()).prop_map(|(sync, data)| Step::Says(sync, data)),
        1 => (0..3_usize).prop_map(Step::Misses),
        2 => (prop_oneof![Just("a"), Just("b"), Just("m")], proptest::option::of(10..14_i64))
            .prop_map(|(key, value)| Step::Edits(key.to_owned(), value)),
        1 => Just(Step::Deletes),
    ];
    vec(step, 1..14)
}

fn policies() -> impl Strategy<Value = MergePolicy> {
    let field = prop_oneof![
        Just(FieldPolicy::Source),
        Just(FieldPolicy::KeepManual),
        Just(FieldPolicy::NewestBy("at".into())),
        Just(FieldPolicy::Priority(vec!["crm".into(), "shop".into()])),
    ];
    (field.clone(), field).prop_map(|(a, otherwise)| MergePolicy::new().field("a", a).otherwise(otherwise))
}

fn play(world: &mut World, step: &Step, policy: &MergePolicy) {
    match step {
        Step::Says(sync, data) => drop(world.meets(SYNCS[*sync], &incoming(Value::Object(data.clone()), policy), policy)),
        Step::Misses(sync) => world.misses(SYNCS[*sync], policy),
        Step::Edits(key, value) => {
            if let Some(mut data) = world.data.clone() {
                match value {
                    Some(value) => drop(data.insert(key.clone(), json!(value))),
                    None => drop(data.remove(key)),
                }
                world.write(Some(data));
            }
        }
        Step::Deletes => {
            if world.data.is_some() {
                world.write(None);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever happened before, the same page again changes nothing: not the record, and not the stake.
    #[test]
    fn the_same_again_changes_nothing(steps in steps(), data in documents(), policy in policies(), sync in 0..3_usize) {
        let mut world = World::new();
        steps.iter().for_each(|step| play(&mut world, step, &policy));
        let page = incoming(Value::Object(data), &policy);
        world.meets(SYNCS[sync], &page, &policy);
        let again = world.clone().meets(SYNCS[sync], &page, &policy);
        prop_assert_eq!(again, Decision::default());
        // Also where it has to look, because somebody touched the record.
        world.generation += 1;
        let looked = world.meets(SYNCS[sync], &page, &policy);
        prop_assert_eq!(looked.write, None);
    }

    /// Where the sync that runs wins, its record is as its source says, its former keys are gone, and what it never wrote stays.
    #[test]
    fn a_sync_replaces_its_own_and_leaves_others(steps in steps(), data in documents(), sync in 0..3_usize) {
        let (mut world, policy, sync) = (World::new(), MergePolicy::new(), SYNCS[sync]);
        steps.iter().for_each(|step| play(&mut world, step, &policy));
        let before = world.clone();
        world.meets(sync, &incoming(Value::Object(data.clone()), &policy), &policy);
        for (key, value) in &data {
            prop_assert_eq!(world.get(key), Some(value));
        }
        let own: Vec<&String> = before.stakes.get(sync).map(|own| own.keys.keys().collect()).unwrap_or_default();
        for key in before.data.iter().flat_map(Map::keys).filter(|key| !data.contains_key(*key)) {
            let anothers = before.stakes.iter().any(|(other, stake)| other != sync && stake.keys.contains_key(key));
            let stays = anothers || !own.contains(&key);
            prop_assert_eq!(world.get(key), before.get(key).filter(|_| stays), "{}", key);
        }
    }

    /// What stands highest in the list stays, in whatever order the syncs run.
    #[test]
    fn priority_does_not_depend_on_order(order in Just([0, 1, 2]).prop_shuffle(), rounds in 1..3_usize) {
        let policy = MergePolicy::new().otherwise(FieldPolicy::Priority(vec!["shop".into(), "crm".into()]));
        let mut world = World::new();
        for _ in 0..rounds {
            for sync in order {
                world.meets(SYNCS[sync], &incoming(json!({ "a": sync, SYNCS[sync]: 1 }), &policy), &policy);
            }
        }
        prop_assert_eq!(world.get("a"), Some(&json!(2)), "the shop's");
        prop_assert!(SYNCS.iter().all(|sync| world.get(sync).is_some()));
        // It comes to the next one when the first has it no more.
        world.meets("shop", &incoming(json!({ "shop": 1 }), &policy), &policy);
        world.meets("newsletter", &incoming(json!({ "a": 1, "newsletter": 1 }), &policy), &policy);
        world.meets("crm", &incoming(json!({ "a": 0, "crm": 1 }), &policy), &policy);
        world.meets("newsletter", &incoming(json!({ "a": 1, "newsletter": 1 }), &policy), &policy);
        prop_assert_eq!(world.get("a"), Some(&json!(0)), "the crm's");
    }

    /// The newest wins, in whatever order a source gives its states, and whoever brings them.
    #[test]
    fn the_newest_wins_in_any_order(order in Just([0_i64, 1, 2, 3, 4, 5]).prop_shuffle()) {
        let policy = MergePolicy::new().otherwise(FieldPolicy::NewestBy("at".into()));
        let mut world = World::new();
        for at in order {
            let sync = SYNCS[usize::try_from(at % 2).unwrap()];
            world.meets(sync, &incoming(json!({ "a": format!("of {at}"), "at": at }), &policy), &policy);
        }
        prop_assert_eq!(world.get("a"), Some(&json!("of 5")));
        prop_assert_eq!(world.get("at"), Some(&json!(5)));
    }

    /// What a person wrote stays, what a sync wrote follows its source.
    #[test]
    fn manual_edits_stay(first in 0..3_i64, later in vec(0..3_i64, 1..5)) {
        let policy = MergePolicy::new().field("notes", FieldPolicy::KeepManual);
        let says = |value: i64| incoming(json!({ "notes": value, "name": value }), &policy);
        let mut world = World::new();
        world.meets("crm", &says(first), &policy);
        play(&mut world, &Step::Edits("notes".into(), Some(12)), &policy);
        for value in later {
            let decision = world.meets("crm", &says(value), &policy);
            prop_assert_eq!(world.get("notes"), Some(&json!(12)));
            prop_assert_eq!(world.get("name"), Some(&json!(value)));
            prop_assert!(decision.write.is_none() || decision.kept == ["notes"]);
        }
        // A removal is an edit too.
        play(&mut world, &Step::Edits("notes".into(), None), &policy);
        world.meets("crm", &says(9), &policy);
        prop_assert_eq!(world.get("notes"), None);
    }

    /// A record that syncs created goes with the last of them; one that was there before stays, without their keys.
    #[test]
    fn the_last_sync_deletes_what_syncs_created(order in Just([0, 1, 2]).prop_shuffle(), gone in Just([0, 1, 2]).prop_shuffle(), manual: bool) {
        let (mut world, policy) = (World::new(), MergePolicy::new());
        if manual {
            world.write(json!({ "m": 1 }).as_object().cloned());
        }
        for sync in order {
            world.meets(SYNCS[sync], &incoming(json!({ SYNCS[sync]: 1, "shared": 1 }), &policy), &policy);
        }
        for (at, sync) in gone.into_iter().enumerate() {
            prop_assert!(world.data.is_some());
            world.misses(SYNCS[sync], &policy);
            if at < 2 {
                prop_assert!(world.get("shared").is_some() && world.get(SYNCS[sync]).is_none());
            }
        }
        prop_assert_eq!(world.data, manual.then(|| json!({ "m": 1 }).as_object().cloned().unwrap()));
        prop_assert!(world.stakes.is_empty());
    }
}

#[test]
fn a_record_that_somebody_deleted_comes_back_with_the_source_alone() {
    let (mut world, policy) = (World::new(), MergePolicy::new());
    world.meets("crm", &incoming(json!({ "a": 1 }), &policy), &policy);
    play(&mut world, &Step::Edits("m".into(), Some(12)), &policy);
    play(&mut world, &Step::Deletes, &policy);
    world.meets("crm", &incoming(json!({ "a": 1 }), &policy), &policy);
    assert_eq!(world.data, json!({ "a": 1 }).as_object().cloned());
}

#[test]
fn a_new_policy_is_looked_at_again() {
    let (mut world, lenient) = (World::new(), MergePolicy::new());
    world.meets("crm", &incoming(json!({ "a": 1 }), &lenient), &lenient);
    world.meets("shop", &incoming(json!({ "a": 2 }), &lenient), &lenient);
    let strict = MergePolicy::new().otherwise(FieldPolicy::Priority(vec!["crm".into(), "shop".into()]));
    let decision = world.meets("crm", &incoming(json!({ "a": 1 }), &strict), &strict);
    assert!(decision.write.is_some());
    assert_eq!(world.get("a"), Some(&json!(1)));
}
