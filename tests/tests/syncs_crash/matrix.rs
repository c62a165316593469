//! Every step of every mode, on every database that outlives a process.

use crate::{
    case::{Case, LEASE},
    child::{End, Errand},
    dice::Dice,
    moment::{Deed, Moment, Phase, Trap},
    scenario::{Scenario, Stage},
    shape::{Shape, generations, ledger},
    store::Store,
    trapped::{Mistake, Trapped},
};
use mastra_core::{Engine, sync::RunCounts};
use std::{collections::BTreeMap, sync::Arc};

/// What happens between the first kill and the last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It is run again.
    Again,
    /// It is run again under its id.
    UnderItsId,
    /// It is killed again, once or twice, and run again.
    KilledAgain,
    /// Its source changes, and it is run again.
    SourceChanges,
}

/// What an undisturbed run comes to.
pub(crate) struct Undisturbed {
    pub(crate) shape: Shape,
    pub(crate) counts: RunCounts,
    /// Where the source changed behind it.
    pub(crate) changed: Option<Shape>,
    pub(crate) trace: Vec<Moment>,
}

/// A store, with what undisturbed runs come to in it.
pub(crate) struct Bench {
    pub(crate) store: Store,
    cases: usize,
    pub(crate) landed: BTreeMap<String, usize>,
}

impl Bench {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, cases: 0, landed: BTreeMap::new() }
    }

    pub(crate) fn kills(&self) -> usize {
        self.landed.values().sum()
    }

    /// A case in a connection of its own, with what is there before.
    pub(crate) async fn case(&mut self, scenario: Scenario) -> (Case, BTreeMap<String, i64>) {
        self.cases += 1;
        let case = Case { scenario, connection: format!("{scenario:?}{}", self.cases), lease: LEASE };
        case.prepare(&self.store.engine).await;
        let before = generations(self.store.engine.as_ref(), &case.entity()).await;
        (case, before)
    }

    pub(crate) async fn undisturbed(&mut self, scenario: Scenario) -> Undisturbed {
        let (case, before) = self.case(scenario).await;
        let trap = Arc::new(Trap::default());
        let engine: Arc<dyn Engine> = Arc::new(Trapped::new(Arc::clone(&self.store.engine), Arc::clone(&trap), None));
        case.run(&engine, Stage::Now, case.run_id(0)).await.unwrap();
        let counts = ledger(&case, engine.as_ref(), 1).await;
        let shape = Shape::of(&case, self.store.engine.as_ref(), &before).await;
        let trace = trap.trace();
        let mut changed = None;
        if scenario.changes() {
            let (case, before) = self.case(scenario).await;
            for (number, stage) in [Stage::Now, Stage::Changed, Stage::Changed].into_iter().enumerate() {
                case.run(&engine, stage, case.run_id(number)).await.unwrap();
            }
            changed = Some(Shape::of(&case, engine.as_ref(), &before).await.without_history());
        }
        Undisturbed { shape, counts, changed, trace }
    }

    /// Kills a run at a moment, runs it again, and compares; `Itself` where the run never came to the moment.
    pub(crate) async fn kill(
        &mut self,
        undisturbed: &Undisturbed,
        scenario: Scenario,
        moment: &Moment,
        then: Then,
        mistake: Option<Mistake>,
        dice: &mut Dice,
    ) -> Result<End, String> {
        let (case, before) = self.case(scenario).await;
        let mut errand = self.errand(&case, Some(moment.clone()));
        errand.mistake = mistake;
        let end = errand.send().await;
        if end == End::Killed {
            *self.landed.entry(moment.place()).or_default() += 1;
        }
        let what = format!("{}: {scenario:?}, killed {moment}, then {then:?}", self.store.name);
        let then = if end == End::Itself && then == Then::KilledAgain { Then::Again } else { then };
        self.make_up(undisturbed, &errand, &before, then, dice).await.map_err(|told| format!("{what}: {told}"))?;
        Ok(end)
    }

    /// What the first run of a case is sent out with.
    pub(crate) fn errand(&self, case: &Case, moment: Option<Moment>) -> Errand {
        Errand {
            place: self.store.place.clone(),
            case: case.clone(),
            stage: Stage::Now,
            run: 0,
            moment: moment.map(|moment| (moment, Deed::Kill)),
            mistake: None,
        }
    }

    /// Runs a case again behind a run that died, and compares.
    pub(crate) async fn make_up(
        &mut self,
        undisturbed: &Undisturbed,
        first: &Errand,
        before: &BTreeMap<String, i64>,
        then: Then,
        dice: &mut Dice,
    ) -> Result<(), String> {
        let (case, mistake) = (&first.case, first.mistake);
        let mut runs = 1;
        if then == Then::KilledAgain {
            for _ in 0..1 + dice.below(2) {
                let moment = dice.pick(&undisturbed.trace).clone();
                let errand = Errand { run: runs, moment: Some((moment.clone(), Deed::Kill)), ..first.clone() };
                runs += 1;
                if errand.send().await == End::Killed {
                    *self.landed.entry(moment.place()).or_default() += 1;
                }
            }
        }
        let engine = &self.store.engine;
        let trapped: Arc<dyn Engine> = Arc::new(Trapped::new(Arc::clone(engine), Arc::new(Trap::default()), mistake));
        let stages: &[Stage] = if then == Then::SourceChanges { &[Stage::Changed, Stage::Changed] } else { &[Stage::Now] };
        for stage in stages {
            let number = if then == Then::UnderItsId { 0 } else { runs };
            runs = number + 1;
            case.run(&trapped, *stage, case.run_id(number)).await.map_err(|error| format!("{error} {error:?}"))?;
        }
        let counts = ledger(case, engine.as_ref(), runs).await;
        let shape = Shape::of(case, engine.as_ref(), before).await;
        compare(undisturbed, then, shape, counts)
    }
}

/// Whether a run that was killed came to what an undisturbed one comes to.
pub(crate) fn compare(undisturbed: &Undisturbed, then: Then, shape: Shape, counts: RunCounts) -> Result<(), String> {
    let changed = then == Then::SourceChanges;
    let expected = if changed { undisturbed.changed.as_ref().expect("its source changes") } else { &undisturbed.shape };
    let differences = if changed { shape.without_history() } else { shape }.differences(expected);
    if !differences.is_empty() {
        return Err(format!("\n{}", differences.join("\n")));
    }
    if changed {
        return Ok(());
    }
    let did = |counts: RunCounts| (counts.created, counts.updated, counts.deleted);
    // An attempt under the same id takes the place of the one before.
    let right = match then {
        Then::UnderItsId => {
            let (is, all) = (did(counts), did(undisturbed.counts));
            is.0 <= all.0 && is.1 <= all.1 && is.2 <= all.2
        }
        _ => did(counts) == did(undisturbed.counts) && counts.failed >= undisturbed.counts.failed,
    };
    if right { Ok(()) } else { Err(format!("the ledger says {counts:?}, expected {:?}", undisturbed.counts)) }
}

pub(crate) fn soak() -> bool {
    std::env::var_os("MASTRA_TEST_SOAK").is_some()
}

/// What happens after the nth kill.
pub(crate) fn then(scenario: Scenario, nth: usize) -> Then {
    match nth % 4 {
        0 => Then::Again,
        1 if scenario.changes() => Then::SourceChanges,
        2 => Then::KilledAgain,
        _ => Then::UnderItsId,
    }
}

/// A few moments of each scenario.
async fn sample(bench: &mut Bench, dice: &mut Dice) {
    for scenario in Scenario::ALL {
        let undisturbed = bench.undisturbed(scenario).await;
        for _ in 0..2 {
            let moment = dice.pick(&undisturbed.trace).clone();
            let then = then(scenario, dice.below(4));
            let end = bench.kill(&undisturbed, scenario, &moment, then, None, dice).await;
            end.unwrap_or_else(|told| panic!("{told}"));
        }
    }
}

/// Every step of each scenario, before and after, each time until the run ends by itself.
async fn all(bench: &mut Bench, dice: &mut Dice) {
    for scenario in Scenario::ALL {
        let undisturbed = bench.undisturbed(scenario).await;
        let mut steps: Vec<&str> = undisturbed.trace.iter().map(|moment| moment.step.as_str()).collect();
        steps.extend((scenario == Scenario::Slow).then_some(["extend_hold", "update_run"]).into_iter().flatten());
        steps.sort_unstable();
        steps.dedup();
        for step in steps {
            for phase in [Phase::Before, Phase::After] {
                for nth in 1..200 {
                    let moment = Moment { step: step.to_owned(), phase, nth };
                    let then = then(scenario, bench.kills());
                    let end = bench.kill(&undisturbed, scenario, &moment, then, None, dice).await;
                    if end.unwrap_or_else(|told| panic!("{told}")) == End::Itself {
                        break;
                    }
                }
            }
        }
        println!("{} {scenario:?}: {} kills so far", bench.store.name, bench.kills());
    }
}

async fn matrix(mut bench: Bench, mut dice: Dice) -> BTreeMap<String, usize> {
    if soak() {
        all(&mut bench, &mut dice).await;
    } else {
        sample(&mut bench, &mut dice).await;
    }
    bench.store.end().await;
    bench.landed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_killed_at_any_step_is_made_up_for() {
    let mut dice = Dice::new("kills at steps");
    let sqlite = tokio::spawn(matrix(Bench::new(Store::sqlite().await), dice.split()));
    let postgres = tokio::spawn(matrix(Bench::new(Store::postgres().await), dice.split()));
    let mut landed = sqlite.await.unwrap();
    for (place, kills) in postgres.await.unwrap() {
        *landed.entry(place).or_default() += kills;
    }
    let kills: usize = landed.values().sum();
    let by_step: Vec<String> = landed.iter().map(|(place, kills)| format!("{place} {kills}")).collect();
    println!("{kills} kills landed, by step: {}", by_step.join(", "));
    assert!(kills >= if soak() { 1_000 } else { 30 }, "only {kills} kills landed");
}
