//! The end of a run's work on an entity: what the source no longer has is deleted, and the target is let go.

use super::{
    RecordWriter,
    batch::Batch,
    commit::Tail,
    draft::{self, Ready, Retry},
    scope::Stop,
    writer::Destination,
};
use crate::RunEvent;
use mastra_core::{
    Error, Result, Timestamp,
    sync::{EnumerationChange, ErrorSample, QuarantineQuery, RunTarget},
};
use serde_json::Value;

/// How many records that are missing are listed at once. Many, since each list passes over all that were met.
const UNSEEN_PAGE: u32 = 5_000;

/// How many items that were set aside are tried again at once.
const RETRY_PAGE: u32 = 500;

impl RecordWriter {
    /// Says that the source was read to its end. In full mode, what it no longer has is deleted now; then the entity is free for other runs.
    ///
    /// `Conflict` where the guard refuses: what was read stays written, nothing is deleted.
    pub async fn complete(mut self) -> Result<RunTarget> {
        if let Some(group) = self.groups.as_mut().and_then(super::groups::Groups::finish) {
            self.store_group(group).await?;
        }
        if let Destination::Nowhere(_) = self.place {
            return self.rehearsed().await;
        }
        let mut tail = Tail { complete: self.incomplete.is_none(), ..Tail::default() };
        if self.enumerates() {
            // In other modes each page has moved it.
            tail.cursor.clone_from(&self.cursor);
            if self.incomplete.is_none() && !self.all_unchanged {
                self.delete_missing().await?;
            }
            // Without a cursor of its own the one before would stand for what this reading wrote.
            let told = self.incomplete.is_none() || tail.cursor.is_some();
            tail.enumeration = if told { EnumerationChange::End } else { EnumerationChange::Advance(None) };
        }
        if let Some(why) = self.incomplete.take() {
            self.ledger.errors.push(ErrorSample { external_id: None, message: format!("not everything was read: {why}") });
        }
        self.commit(vec![Batch::default()], None, tail).await?;
        self.release().await;
        Ok(self.ledger)
    }

    async fn delete_missing(&mut self) -> Result<()> {
        if !self.is_read() {
            let tail = Tail { enumeration: EnumerationChange::Read, ..Tail::default() };
            self.guard().await?;
            self.commit(vec![Batch::default()], None, tail).await?;
        }
        loop {
            self.check()?;
            let Destination::Store { hold, .. } = &self.place else { return Ok(()) };
            let unseen = self.run.syncs()?.list_unseen(hold.target, UNSEEN_PAGE).await?;
            if unseen.is_empty() {
                return Ok(());
            }
            let gone: Vec<String> = unseen.into_iter().map(|stake| stake.external_id).collect();
            for gone in gone.chunks(self.settings.batch) {
                self.check()?;
                self.commit(vec![Batch { gone: gone.to_vec(), ..Batch::default() }], None, Tail::default()).await?;
            }
        }
    }

    /// Refuses before anything is deleted, and gives the enumeration up: the next run reads anew.
    async fn guard(&mut self) -> Result<()> {
        let Destination::Store { hold, .. } = &self.place else { return Ok(()) };
        let unseen = self.run.syncs()?.count_unseen(hold.target).await?;
        let refusal = match self.settings.guard.refuses(unseen) {
            _ if self.run.options().confirm_deletes || unseen.unseen == 0 => None,
            Some(why) => Some(why),
            None => self.unread().await?,
        };
        let Some(why) = refusal else {
            let entity = self.settings.entity.clone();
            if unseen.unseen > 0 {
                self.run.tell(&RunEvent::Deleting { run_id: self.run.run_id().clone(), entity, records: unseen.unseen });
            }
            return Ok(());
        };
        // It is left open: what it wrote is not what the cursor of the reading before stands for.
        let tail = Tail { enumeration: EnumerationChange::Advance(None), ..Tail::default() };
        self.commit(vec![Batch::default()], None, tail).await?;
        self.run.stopping(Stop::Refused);
        self.release().await;
        Err(refused(&why, &self.settings.entity))
    }

    /// What could not be read and has no id may be any of the records that are missing.
    async fn unread(&self) -> Result<Option<String>> {
        let Destination::Store { hold, .. } = &self.place else { return Ok(None) };
        let syncs = self.run.syncs()?;
        // Of an enumeration that this run began, all that it set aside counts, and nothing else does.
        let open = hold.state.enumeration.as_ref().filter(|_| self.resumed);
        let began = open.map(|enumeration| enumeration.started_at);
        let since = match began {
            // The clock was set back since the enumeration began: times tell nothing, and everything may be of it.
            Some(began) if syncs.get_run(self.run.run_id()).await?.started_at < began => Some(Timestamp::UNIX_EPOCH),
            began => began,
        };
        let mut query = QuarantineQuery { target: Some(hold.target), limit: Some(1_000), ..QuarantineQuery::default() };
        let mut unread = self.ids.doubtful();
        loop {
            let page = syncs.list_quarantined(&query).await?;
            let nameless = page.iter().filter(|item| {
                let of_run = item.run_id == *self.run.run_id();
                item.external_id.is_none() && (of_run || since.is_some_and(|since| item.last_failed_at >= since))
            });
            unread += nameless.count() as u64;
            match page.last() {
                Some(last) if page.len() == 1_000 => query.after = Some((last.target, last.key.clone())),
                _ => break,
            }
        }
        Ok((unread > 0).then(|| {
            format!("{unread} items of the source could not be read and have no id, so that what is missing cannot be told")
        }))
    }

    /// Tries again what was set aside.
    pub(super) async fn retry(mut self) -> Result<RunTarget> {
        let Destination::Store { hold, .. } = &self.place else { return self.rehearse_retry().await };
        let target = hold.target;
        let mut query = QuarantineQuery { target: Some(target), limit: Some(RETRY_PAGE), ..QuarantineQuery::default() };
        loop {
            self.check()?;
            let page = self.run.syncs()?.list_quarantined(&query).await?;
            let Some(last) = page.last() else { break };
            query.after = Some((last.target, last.key.clone()));
            let full = page.len() == RETRY_PAGE as usize;
            for item in page {
                let key = item.key;
                let ready = self.tried_again(item.raw, item.external_id);
                let mut batches = super::batch::cut(ready, 1, true);
                for batch in &mut batches {
                    batch.read = 1;
                    // What fails again under its key is set aside anew; under another one, this one has had its time.
                    if batch.failures.iter().all(|failure| failure.to_quarantined().key != key) {
                        batch.settled.push(key.clone());
                    }
                }
                self.commit(batches, None, Tail::default()).await?;
            }
            if !full {
                break;
            }
        }
        self.complete().await
    }

    /// What was set aside, made ready once more.
    pub(super) fn tried_again(&self, raw: Value, external_id: Option<String>) -> Option<Ready> {
        let allowed = self.run.engine().capabilities().data;
        match draft::again(raw, external_id) {
            Retry::Item(item) => draft::prepare(item, &self.settings, &mut draft::Ids::Untold(0), None, &allowed),
            Retry::Draft(draft) => Some(draft::ready(draft, None, &self.settings, None, &allowed)),
        }
    }

    pub(super) async fn release(&self) {
        self.run.let_go_of(&self.settings.entity, &self.settings.connection_id).await;
    }
}

/// What the guard says.
pub(super) fn refused(why: &str, entity: &str) -> Error {
    Error::conflict(format!("nothing was deleted: {why}; look at a dry run, and confirm the deletions where they are right"))
        .with("entity", entity)
}
