//! Storing batch by batch, each with the mark that says how far the import has come.

use super::{
    Import, Target,
    interpret::Rules,
    mark::Mark,
    piece::Place,
    pump::{self, Batch},
    rehearse::{Tally, rehearse},
    rejects::Rejects,
    report::{Report, Resumed, Stopped},
    source::Source,
};
use crate::{
    exit::{HINT, Outcome},
    interrupt::Interrupts,
    output::{Output, text},
};
use indicatif::ProgressBar;
use mastra_core::{Engine, EntityUpdate, Error, Result, SyncBatch, SyncReport};
use std::time::{Duration, Instant};

/// Pauses before a batch is tried again where a retry can help; storing a batch twice is storing it once.
const PAUSES: [Duration; 5] =
    [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// One run of an import.
pub(super) struct Storing<'a> {
    pub(super) engine: &'a dyn Engine,
    pub(super) import: &'a Import,
    pub(super) target: &'a Target,
    pub(super) mark: Mark,
    pub(super) resumable: bool,
    pub(super) rejects: Rejects,
    pub(super) bar: &'a ProgressBar,
    pub(super) out: Output,
    pub(super) interrupts: Interrupts,
}

impl Storing<'_> {
    pub(super) async fn run(mut self, sources: Vec<(Source, Rules)>, resumed: bool) -> Outcome<Report> {
        let began = Instant::now();
        let mut report = Report::of(self.import, self.target, &sources, false);
        if resumed {
            let files = sources.get(self.mark.file).map(|(source, _)| source.name.clone());
            report.resumed = files.map(|file| Resumed { file, line: self.mark.place().line, records: self.mark.records });
            self.bar.set_position(bytes_before(&sources, self.mark.file) + self.mark.place().offset);
        }
        report.rejected = self.mark.rejected;
        let size = self.import.batch_size as usize;
        let mut batches = pump::start(sources, (self.mark.file, self.mark.place()), size)?;
        let mut done = Tally::default();
        loop {
            let batch = tokio::select! {
                batch = batches.recv() => batch,
                () = self.interrupts.pressed() => {
                    report.stopped = Some(Stopped::Interrupted);
                    break;
                }
            };
            let Some(batch) = batch else { break };
            let batch = batch?;
            let (read, bytes) = (batch.records.len() as u64, batch.bytes);
            let pressed = self.interrupts.count();
            report.add_rejects(&batch.rejects);
            let Some(stored) = self.batch(batch).await? else {
                report.stopped = Some(Stopped::Interrupted);
                break;
            };
            report.records += read;
            done.add(stored);
            self.bar.inc(bytes);
            let rate = report.records as f64 / began.elapsed().as_secs_f64().max(0.001);
            self.bar.set_message(format!("{} records, {}/s", text::count(report.records), text::count(rate as u64)));
            if self.import.max_rejects.is_some_and(|most| self.mark.rejected > most) {
                report.stopped = Some(Stopped::MaxRejects);
                break;
            }
            if self.interrupts.count() > pressed {
                report.stopped = Some(Stopped::Interrupted);
                break;
            }
        }
        if report.stopped.is_none() {
            self.finish().await?;
        }
        report.count(done);
        report.rejected = self.mark.rejected;
        report.rejects_file = (self.mark.rejected > 0).then(|| self.rejects.path().display().to_string());
        report.took(began.elapsed());
        Ok(report)
    }

    /// Stores one batch with the mark behind it; `None` where the user would not wait for it.
    async fn batch(&mut self, batch: Batch) -> Outcome<Option<Tally>> {
        self.rejects.write(&batch.rejects)?;
        self.mark.move_to(batch.behind.0, batch.behind.1);
        self.mark.records += batch.records.len() as u64;
        self.mark.rejected += batch.rejects.len() as u64;
        self.mark.rejects_bytes = self.rejects.length();
        let mut sync = SyncBatch::new(&self.target.name, &self.target.connection, batch.records).options(self.import.mode.into());
        if self.resumable {
            sync = sync.last_sync_id(self.mark.write()?);
        }
        let work = store(self.engine, &sync, &self.out);
        let mut work = std::pin::pin!(work);
        let mut pressed = 0;
        loop {
            tokio::select! {
                stored = &mut work => {
                    let records = stored.map_err(|error| self.advised(error))?.records;
                    return Ok(Some(Tally {
                        created: records.created.len() as u64,
                        updated: records.updated.len() as u64,
                        unchanged: records.unchanged.len() as u64,
                    }));
                }
                () = self.interrupts.pressed() => {
                    pressed += 1;
                    if pressed > 1 {
                        return Ok(None);
                    }
                    self.out.note("stopping behind this batch; Ctrl-C again stops at once");
                }
            }
        }
    }

    /// The entity gets back the sync cursor that it had before the import.
    async fn finish(&self) -> Result<()> {
        if self.resumable {
            let update = EntityUpdate { last_sync_id: Some(self.mark.previous.clone()), ..EntityUpdate::default() };
            self.engine.update_entity(&self.target.entity_ref(), &update).await?;
        }
        Ok(())
    }

    fn advised(&self, error: Error) -> Error {
        if self.resumable {
            error.with(HINT, "the same command again: it goes on behind the last batch that was stored")
        } else {
            error
        }
    }
}

async fn store(engine: &dyn Engine, batch: &SyncBatch, out: &Output) -> Result<SyncReport> {
    for pause in PAUSES {
        match engine.sync_records(batch).await {
            Err(error) if error.is_retryable() => {
                out.note(format!("{error}; trying again in {}", text::took(pause)));
                tokio::time::sleep(pause).await;
            }
            done => return done,
        }
    }
    engine.sync_records(batch).await
}

/// Goes through the files and counts what storing them would do.
pub(super) async fn rehearsed(
    engine: &dyn Engine,
    import: &Import,
    target: &Target,
    sources: Vec<(Source, Rules)>,
    bar: &ProgressBar,
    mut interrupts: Interrupts,
) -> Outcome<Report> {
    let began = Instant::now();
    let mut report = Report::of(import, target, &sources, true);
    let mut batches = pump::start(sources, (0, Place::START), import.batch_size as usize)?;
    let mut counted = Tally::default();
    loop {
        let batch = tokio::select! {
            batch = batches.recv() => batch,
            () = interrupts.pressed() => {
                report.stopped = Some(Stopped::Interrupted);
                break;
            }
        };
        let Some(batch) = batch else { break };
        let batch = batch?;
        counted.add(rehearse(engine, &target.entity_ref(), &batch.records, &import.mode.into()).await?);
        report.records += batch.records.len() as u64;
        report.add_rejects(&batch.rejects);
        report.rejected += batch.rejects.len() as u64;
        bar.inc(batch.bytes);
        if import.max_rejects.is_some_and(|most| report.rejected > most) {
            report.stopped = Some(Stopped::MaxRejects);
            break;
        }
    }
    report.count(counted);
    report.took(began.elapsed());
    Ok(report)
}

fn bytes_before(sources: &[(Source, Rules)], file: usize) -> u64 {
    sources.iter().take(file).filter_map(|(source, _)| source.size).sum()
}
