//! A page, in one transaction: records, stakes, cursor, ledger, and what follows the records.

use super::{
    batch::Batch,
    judge::{Judgement, Place},
    scope::{RunScope, Stop},
    settings::Settings,
};
use crate::source::Scope;
use mastra_core::{
    EntityId, EntityRef, Error, ErrorKind, Filter, Path, RecordQuery, RecordSelector, RecordStore, Result, Transaction,
    UpsertOptions,
    number::values_equal,
    sync::{EnumerationChange, Hold, LedgerEntry, PageCommit, RunTarget, SyncStore},
};
use std::{collections::HashSet, time::Duration};

/// How many errors the ledger shows of one entity.
pub(super) const ERROR_SAMPLES: usize = 10;

/// How often a page is written anew where others write the same records.
const ATTEMPTS: u32 = 20;

/// How many records of a parent are looked at in one page of a query.
const SCOPE_PAGE: u64 = 5_000;

/// What is true once the last batch of a page is stored.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail {
    pub(super) cursor: Option<String>,
    pub(super) enumeration: EnumerationChange,
    pub(super) bytes: u64,
    /// The source was read to its end, and everything done that follows from it.
    pub(super) complete: bool,
}

/// Where pages go.
#[derive(Clone, Copy)]
pub(super) struct Sink<'a> {
    pub(super) run: &'a RunScope,
    pub(super) settings: &'a Settings,
    pub(super) hold: &'a Hold,
    /// Whether what is met is noted, because what is not will be deleted.
    pub(super) notes: bool,
    /// Whether anything may be set aside.
    pub(super) settles: bool,
}

impl Sink<'_> {
    /// Writes batches in one transaction, again where others wrote the same records meanwhile; what the ledger says then.
    pub(super) async fn commit(
        &self,
        batches: &mut [Batch],
        scope: Option<&Scope>,
        tail: &Tail,
        ledger: &RunTarget,
    ) -> Result<RunTarget> {
        let mut attempt = 0_u32;
        loop {
            let error = match self.attempt(batches, scope, tail, ledger).await {
                Ok(ledger) => return Ok(ledger),
                Err(error) => error,
            };
            attempt += 1;
            if error.kind() != ErrorKind::Conflict {
                return Err(error);
            }
            if !error.is_retryable() {
                self.run.stopping(Stop::Lost);
                return Err(error);
            }
            if attempt >= ATTEMPTS {
                return Err(error);
            }
            tracing::debug!(attempt, "another writer made the page fail; trying again");
            // Two that met are kept from meeting again by their ids' last bits.
            let jitter = u64::from(self.run.run_id().as_str().bytes().last().unwrap_or(0) % 16);
            tokio::time::sleep(Duration::from_millis((1 << attempt.min(7)) + jitter)).await;
        }
    }

    async fn attempt(&self, batches: &mut [Batch], scope: Option<&Scope>, tail: &Tail, ledger: &RunTarget) -> Result<RunTarget> {
        let transaction = self.run.engine().begin().await?;
        match self.carry_out(&transaction, batches, scope, tail, ledger.clone()).await {
            Ok(ledger) => {
                transaction.commit().await?;
                Ok(ledger)
            }
            Err(error) => {
                // The error is what the caller needs; a failing rollback leaves the transaction undone all the same.
                let _ = transaction.rollback().await;
                Err(error)
            }
        }
    }

    async fn carry_out(
        &self,
        transaction: &Transaction,
        batches: &mut [Batch],
        scope: Option<&Scope>,
        tail: &Tail,
        mut ledger: RunTarget,
    ) -> Result<RunTarget> {
        let place = Place {
            store: transaction,
            sync_id: self.run.sync_id(),
            entity: self.hold.entity.id,
            target: Some(self.hold.target),
            settings: self.settings,
            plans: false,
        };
        ledger.bytes += tail.bytes;
        ledger.complete |= tail.complete;
        let mut replaced = match scope {
            Some(scope) => scope_members(transaction, self.hold.entity.id, scope, batches).await?,
            None => Vec::new(),
        };
        let count = batches.len();
        for (at, batch) in batches.iter_mut().enumerate() {
            let last = at + 1 == count;
            let mut gone = batch.gone.clone();
            if last && batch.incoming.len() + gone.len() + replaced.len() <= self.settings.batch {
                gone.append(&mut replaced);
            }
            let mut judgement = place.judge_lent(&mut batch.incoming, &gone).await?;
            let written = self.write(transaction, &judgement, batch, &mut ledger).await;
            judgement.give_back(&mut batch.incoming);
            written?;
            while last && !replaced.is_empty() {
                let rest = replaced.split_off(replaced.len().min(self.settings.batch));
                let gone = std::mem::replace(&mut replaced, rest);
                let judgement = place.judge(&[], &gone).await?;
                self.write(transaction, &judgement, &Batch::default(), &mut ledger).await?;
                self.note(transaction, judgement, &Batch::default(), &Tail::default(), &ledger).await?;
            }
            let tail = if last { tail } else { &Tail::default() };
            if last {
                ledger.cursor = tail.cursor.clone().or(ledger.cursor);
            }
            self.note(transaction, judgement, batch, tail, &ledger).await?;
        }
        Ok(ledger)
    }

    /// Writes the records, and counts them.
    async fn write(&self, transaction: &Transaction, judgement: &Judgement, batch: &Batch, ledger: &mut RunTarget) -> Result<()> {
        let entity = EntityRef::Id(self.hold.entity.id);
        let (mut created, mut updated) = (0, 0);
        if !judgement.writes.is_empty() {
            let report = transaction.upsert_records(&entity, &judgement.writes, &UpsertOptions::default()).await;
            // A record has another generation than the one that was read: reading it again decides anew.
            let report = report.map_err(|error| match error.kind() {
                ErrorKind::Conflict => error.retryable(true),
                _ => error,
            })?;
            if report.created.len() != judgement.creates() {
                return Err(met("others created or deleted the same records at the same time"));
            }
            (created, updated) = (report.created.len() as u64, report.updated.len() as u64);
        }
        if !judgement.deletes.is_empty() {
            let deletes = RecordSelector::ExternalIds(judgement.deletes.clone());
            ledger.counts.deleted += transaction.delete_records(&entity, &deletes).await?.deleted;
            // Now nobody else can write them. Another sync may have done so since it was decided that they go.
            let views = syncs(transaction)?.read_stakes(self.hold.entity.id, Some(self.hold.target), &judgement.deletes).await?;
            if views.iter().any(|view| !view.others.is_empty()) {
                return Err(met("another sync wrote a record while it was deleted"));
            }
        }
        let touched = (batch.incoming.len() + judgement.trimmed) as u64;
        let counts = &mut ledger.counts;
        counts.read += batch.read;
        counts.created += created;
        counts.updated += updated;
        counts.unchanged += touched.saturating_sub(created + updated) + batch.unchanged.len() as u64;
        counts.failed += batch.failures.len() as u64;
        let room = ERROR_SAMPLES.saturating_sub(ledger.errors.len());
        ledger.errors.extend(batch.failures.iter().take(room).map(super::draft::Failure::to_sample));
        Ok(())
    }

    /// Writes what goes with the records.
    async fn note(
        &self,
        transaction: &Transaction,
        judgement: Judgement,
        batch: &Batch,
        tail: &Tail,
        ledger: &RunTarget,
    ) -> Result<()> {
        let mut settled = batch.settled.clone();
        if self.settles {
            settled.extend(batch.incoming.iter().map(|incoming| incoming.external_id.clone()));
            settled.extend(batch.unchanged.iter().chain(&batch.gone).cloned());
        }
        let mut failures: Vec<_> = batch.failures.iter().map(super::draft::Failure::to_quarantined).collect();
        let mut keys = HashSet::new();
        failures.retain(|failure| keys.insert(failure.key.clone()));
        let page = PageCommit {
            target: self.hold.target,
            fence: self.hold.fence,
            lease: self.run.options().lease,
            cursor: tail.cursor.clone().filter(|_| !matches!(tail.enumeration, EnumerationChange::Advance(_))),
            enumeration: tail.enumeration.clone(),
            seen: if self.notes { batch.present().cloned().collect() } else { Vec::new() },
            stakes: judgement.stakes,
            dropped: judgement.dropped,
            quarantined: failures,
            settled,
            ledger: LedgerEntry { run_id: self.run.run_id().clone(), attempt: self.run.attempt(), target: ledger.clone() },
        };
        syncs(transaction)?.commit_page(&page).await
    }
}

fn syncs(transaction: &Transaction) -> Result<&dyn SyncStore> {
    transaction.syncs().ok_or_else(|| Error::unsupported("this engine remembers nothing of syncs"))
}

/// What was decided is no longer so: it is decided anew.
fn met(message: &'static str) -> Error {
    Error::conflict(message).retryable(true)
}

/// The records of a parent that are not among its new ones. Where one of those could not be read, and it is not known which, all stay.
pub(super) async fn scope_members(
    store: &dyn RecordStore,
    entity: EntityId,
    scope: &Scope,
    batches: &[Batch],
) -> Result<Vec<String>> {
    if batches.iter().flat_map(|batch| &batch.failures).any(|failure| failure.external_id.is_none()) {
        return Ok(Vec::new());
    }
    // What the source says is gone goes by itself.
    let present: HashSet<&String> = batches.iter().flat_map(|batch| batch.present().chain(&batch.gone)).collect();
    let mut gone = Vec::new();
    let mut query = scope_query(scope)?;
    loop {
        let page = store.get_records(&EntityRef::Id(entity), &query).await?;
        // The filter also finds records in whose list the value stands: they are not this parent's.
        let of_parent = |data: &serde_json::Value| data.get(&scope.field).is_some_and(|value| values_equal(value, &scope.value));
        let ids = page.items.into_iter().filter(|record| of_parent(&record.data)).map(|record| record.external_id);
        gone.extend(ids.filter(|id| !present.contains(id)));
        match page.next_cursor {
            Some(cursor) => query = query.cursor(cursor),
            None => return Ok(gone),
        }
    }
}

/// The records of a parent, without their data.
fn scope_query(scope: &Scope) -> Result<RecordQuery> {
    let field = Path::from_segments([scope.field.as_str()])?;
    let filter = Filter::eq(field.clone(), scope.value.clone())?;
    Ok(RecordQuery::new().filter(filter).fields([field]).limit(SCOPE_PAGE))
}
