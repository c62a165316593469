//! Dry runs: everything is read and decided, and nothing is written.

use super::{
    RecordWriter,
    batch::Batch,
    commit::{Tail, scope_members},
    finish::refused,
    hash,
    judge::Place,
    plan::{PLAN_SAMPLES, PlannedAction, PlannedChange, TargetPlan},
    scope::RunScope,
    settings::Settings,
    writer::Destination,
};
use crate::source::Scope;
use mastra_core::{
    EntityId, Result,
    sync::{EnumerationChange, QuarantineQuery, RunTarget, SyncMode, TargetId, TargetInfo, Unseen},
};
use serde_json::Value;
use std::collections::HashSet;

/// How many stakes are looked at at once for what is missing.
const STAKES_PAGE: u32 = 1_000;

/// What a dry run knows.
#[derive(Debug)]
pub(super) struct Rehearsal {
    /// The entity, where it is there.
    pub(super) entity: Option<EntityId>,
    target: Option<TargetInfo>,
    /// Hashes of the ids that were met.
    seen: HashSet<String>,
    /// How many items could not be read and have no id.
    nameless: u64,
    samples: Vec<PlannedChange>,
}

impl Rehearsal {
    pub(super) async fn begin(run: &RunScope, settings: &Settings) -> Result<Self> {
        let name = mastra_core::EntityRef::named(&settings.entity).in_connection(&settings.connection_id);
        let entity = match run.engine().resolve_entity(&name).await {
            Ok(entity) => Some(entity.id),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        let targets = run.syncs()?.list_targets(Some(run.sync_id())).await?;
        let target = targets.into_iter().find(|target| Some(target.entity.id) == entity);
        Ok(Self { entity, target, seen: HashSet::new(), nameless: 0, samples: Vec::new() })
    }

    pub(super) fn target(&self) -> Option<TargetId> {
        self.target.as_ref().map(|target| target.id)
    }

    /// Where the run would begin: an enumeration is planned from its beginning, since all of it has to be met.
    pub(super) fn cursor(&self, run: &RunScope, settings: &Settings) -> Option<String> {
        let begins_anew = run.options().restart || run.options().retry_failed || settings.mode == SyncMode::Full;
        self.target.as_ref().filter(|_| !begins_anew).and_then(|target| target.state.cursor.clone())
    }

    /// Decides batches, and counts what would be done.
    pub(super) async fn note(
        &mut self,
        run: &RunScope,
        settings: &Settings,
        batches: &[Batch],
        scope: Option<&Scope>,
        tail: &Tail,
        ledger: &RunTarget,
    ) -> Result<RunTarget> {
        let mut ledger = ledger.clone();
        for (at, batch) in batches.iter().enumerate() {
            let (mut incoming, mut unchanged) = (batch.incoming.clone(), batch.unchanged.len() as u64);
            // A record that comes again would be met as the earlier mention left it, which is not known here.
            incoming.retain(|record| {
                let fresh = self.seen.insert(id_hash(&record.external_id));
                unchanged += u64::from(!fresh);
                fresh
            });
            self.seen.extend(batch.present().map(|id| id_hash(id)));
            self.nameless += batch.failures.iter().filter(|failure| failure.external_id.is_none()).count() as u64;
            let mut gone = batch.gone.clone();
            if let (Some(scope), Some(entity)) = (scope.filter(|_| at + 1 == batches.len()), self.entity) {
                let members = scope_members(run.engine().as_ref(), entity, scope, batches).await?;
                gone.extend(members);
            }
            let total = incoming.len() as u64;
            let (created, updated, deleted) = self.decide(run, settings, &incoming, &gone).await?;
            let counts = &mut ledger.counts;
            counts.read += batch.read;
            counts.created += created;
            counts.updated += updated;
            counts.deleted += deleted;
            counts.unchanged += unchanged + total.saturating_sub(created + updated);
            counts.failed += batch.failures.len() as u64;
            let room = super::commit::ERROR_SAMPLES.saturating_sub(ledger.errors.len());
            ledger.errors.extend(batch.failures.iter().take(room).map(super::draft::Failure::to_sample));
        }
        ledger.bytes += tail.bytes;
        ledger.complete |= tail.complete;
        if let EnumerationChange::Advance(Some(cursor)) = &tail.enumeration {
            ledger.cursor = Some(cursor.clone());
        }
        ledger.cursor = tail.cursor.clone().or(ledger.cursor);
        Ok(ledger)
    }

    async fn decide(
        &mut self,
        run: &RunScope,
        settings: &Settings,
        incoming: &[super::decide::Incoming],
        gone: &[String],
    ) -> Result<(u64, u64, u64)> {
        let Some(entity) = self.entity else {
            for record in incoming {
                self.sample(PlannedChange {
                    external_id: record.external_id.clone(),
                    action: PlannedAction::Create,
                    before: None,
                    after: Some(Value::Object(record.data.clone())),
                    kept: Vec::new(),
                });
            }
            return Ok((incoming.len() as u64, 0, 0));
        };
        let engine: &dyn mastra_core::Engine = run.engine().as_ref();
        let place = Place { store: engine, sync_id: run.sync_id(), entity, target: self.target(), settings, plans: true };
        let judgement = place.judge(incoming, gone).await?;
        let count = |action| judgement.changes.iter().filter(|change| change.action == action).count() as u64;
        let counts = (count(PlannedAction::Create), count(PlannedAction::Update), count(PlannedAction::Delete));
        judgement.changes.into_iter().for_each(|change| self.sample(change));
        Ok(counts)
    }

    fn sample(&mut self, change: PlannedChange) {
        if self.samples.iter().filter(|sample| sample.action == change.action).count() < PLAN_SAMPLES {
            self.samples.push(change);
        }
    }

    /// What the source no longer has: how much of what is there, and which.
    async fn missing(&self, run: &RunScope) -> Result<(Unseen, Vec<String>)> {
        let (mut unseen, mut missing) = (Unseen::default(), Vec::new());
        let Some(target) = self.target() else { return Ok((unseen, missing)) };
        let mut after: Option<String> = None;
        loop {
            let stakes = run.syncs()?.list_stakes(target, after.as_deref(), STAKES_PAGE).await?;
            unseen.stakes += stakes.len() as u64;
            let full = stakes.len() == STAKES_PAGE as usize;
            after = stakes.last().map(|stake| stake.external_id.clone());
            missing.extend(stakes.into_iter().map(|stake| stake.external_id).filter(|id| !self.seen.contains(&id_hash(id))));
            if !full {
                unseen.unseen = missing.len() as u64;
                return Ok((unseen, missing));
            }
        }
    }
}

fn id_hash(id: &str) -> String {
    hash::of(&Value::from(id))
}

impl RecordWriter {
    /// The end of a dry run.
    pub(super) async fn rehearsed(mut self) -> Result<RunTarget> {
        let enumerates = self.enumerates() && self.incomplete.is_none() && !self.all_unchanged;
        let doubtful = self.ids.doubtful();
        let Destination::Nowhere(rehearsal) = &mut self.place else { return Ok(self.ledger) };
        self.ledger.complete = self.incomplete.is_none();
        let mut refusal = None;
        if enumerates {
            let (unseen, missing) = rehearsal.missing(&self.run).await?;
            let confirmed = self.run.options().confirm_deletes;
            refusal = self.settings.guard.refuses(unseen).filter(|_| !confirmed);
            if refusal.is_none() && !confirmed && unseen.unseen > 0 && rehearsal.nameless + doubtful > 0 {
                refusal = Some(format!("{} items of the source could not be read and have no id", rehearsal.nameless + doubtful));
            }
            for gone in missing.chunks(STAKES_PAGE as usize) {
                let (_, updated, deleted) = rehearsal.decide(&self.run, &self.settings, &[], gone).await?;
                self.ledger.counts.updated += updated;
                self.ledger.counts.deleted += deleted;
            }
        }
        let plan = TargetPlan {
            target: self.ledger.clone(),
            refused: refusal.map(|why| refused(&why, &self.settings.entity).message().to_owned()),
            samples: std::mem::take(&mut rehearsal.samples),
        };
        self.run.done(&self.ledger);
        self.run.planned(plan);
        Ok(self.ledger)
    }

    /// What a dry run of another try would meet.
    pub(super) async fn rehearse_retry(mut self) -> Result<RunTarget> {
        let Destination::Nowhere(rehearsal) = &self.place else { return Ok(self.ledger) };
        let Some(target) = rehearsal.target() else { return self.rehearsed().await };
        let mut query = QuarantineQuery { target: Some(target), limit: Some(500), ..QuarantineQuery::default() };
        loop {
            let page = self.run.syncs()?.list_quarantined(&query).await?;
            let Some(last) = page.last() else { return self.rehearsed().await };
            query.after = Some((last.target, last.key.clone()));
            let ready: Vec<_> = page.into_iter().filter_map(|item| self.tried_again(item.raw, item.external_id)).collect();
            let batches = super::batch::cut(ready, self.settings.batch, true);
            self.commit(batches, None, Tail::default()).await?;
        }
    }
}
