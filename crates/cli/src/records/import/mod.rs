//! `mastra records import`: files into an entity, with flat memory, and resumable wherever it was killed.

mod array;
mod interpret;
mod lines;
mod mark;
mod piece;
mod pump;
mod rehearse;
mod rejects;
mod report;
mod rows;
mod source;
mod store;

/// Cutting a file into records, for other commands that load files.
pub(crate) mod reading {
    pub(crate) use super::lines::Lines;
    pub(crate) use super::piece::{Content, Pieces, Place, Unreadable};
}

/// Putting records aside, for other commands that load files.
pub(crate) mod put_aside {
    pub(crate) use super::rejects::{Reject, Rejects, named_after};
}

use crate::{
    context::{Context, entity_ref},
    exit::{Exit, HINT, Outcome, Stop},
    interrupt::Interrupts,
    output::progress,
};
use clap::{Args, ValueEnum};
use interpret::{IdField, Rules};
use mark::Mark;
use mastra_core::{
    Engine, Entity, EntityQuery, EntityRef, Error, ErrorKind, NewRecord, OptionalExt as _, UpsertMode, UpsertOptions,
    capabilities::DataCapabilities, engine::one_entity, validate,
};
use piece::{Content, Piece, Pieces as _, Place};
use rejects::Rejects;
use report::Report;
use sha2::{Digest as _, Sha256};
use source::{Format, Reading, Source};
use std::path::PathBuf;

/// The connection of entities that an import creates without being told one.
pub(crate) const DEFAULT_CONNECTION: &str = "default";

const EXAMPLES: &str = "\
Examples:
  mastra records import contacts.jsonl --entity Contacts --id-field id
  mastra records import *.csv --entity Deals --connection crm --id-field dealId --infer
  mastra records import export.jsonl --entity Contacts          lines of {\"externalId\": …, \"data\": {…}}
  mastra records import contacts.jsonl --entity Contacts --id-field id --dry-run
  curl -s https://example.com/deals | mastra records import - --entity Deals --id-field id

An import that was stopped or killed goes on where it was when the same command runs again. Lines that cannot be \
imported go to a rejects file with their line numbers and reasons; the exit code is 6 then. A CSV's values stay text \
unless --infer: then numbers, booleans and empty cells (null) become what they look like.";

/// Files to load, and how.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// The files: JSON lines, JSON lists or CSV; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The entity to load into; it is created on first use
    #[arg(long)]
    entity: String,
    /// The entity's connection [default: that of the one entity of this name, else "default"]
    #[arg(long)]
    connection: Option<String>,
    /// The field or column that holds each record's id
    #[arg(long, value_name = "FIELD")]
    id_field: Option<String>,
    /// What kind of files these are [default: by their names and first bytes]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// How records meet those already there
    #[arg(long, value_enum, default_value = "merge")]
    mode: Mode,
    /// Read numbers, booleans and empty cells of CSV as such
    #[arg(long)]
    infer: bool,
    /// Records stored in one transaction
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: u32,
    /// Where rejected lines go [default: ENTITY.rejects.jsonl]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Stop once more lines than this were rejected
    #[arg(long, value_name = "N")]
    max_rejects: Option<u64>,
    /// Begin at the first record, whatever an earlier run has stored
    #[arg(long)]
    restart: bool,
    /// Count what would be created, updated and left alone; change nothing
    #[arg(long)]
    dry_run: bool,
}

/// How the data of a record meets the data already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Top-level keys replace those already there, other keys stay
    Merge,
    /// The new data takes the place of the old
    Replace,
    /// Objects merge with objects at every level
    DeepMerge,
}

impl From<Mode> for UpsertOptions {
    fn from(mode: Mode) -> Self {
        Self::from(match mode {
            Mode::Merge => UpsertMode::Merge,
            Mode::Replace => UpsertMode::Replace,
            Mode::DeepMerge => UpsertMode::DeepMerge,
        })
    }
}

impl Import {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let id_field = self.id_field.as_deref().map(IdField::from);
        let reading = Reading { format: self.format, id_field: id_field.as_ref(), infer: self.infer };
        let sources = self.sources(&reading)?;
        let interrupts = Interrupts::listen();
        let engine = if self.dry_run { context.connect_existing().await } else { context.connect().await };
        let engine = match engine {
            // Where no engine is yet, a dry run is against an empty one.
            Err(error) if self.dry_run && error.is_not_found() => mastra_engine::connect("mock://dry-run").await?,
            engine => engine?,
        };
        let entity = self.entity(&*engine).await?;
        let data = engine.capabilities().data;
        let total = sources.iter().map(|source| source.size).sum::<Option<u64>>();
        let identity = self.identity(&sources);
        let sources: Vec<(Source, Rules)> = sources
            .into_iter()
            .map(|source| {
                let rules = source.rules(&reading, data);
                (source, rules)
            })
            .collect();
        let bar = progress::bytes(total);
        let report = if self.dry_run {
            store::rehearsed(&*engine, self, &entity, sources, &bar, interrupts).await
        } else {
            self.stored(&*engine, &entity, sources, identity, &bar, context, interrupts).await
        };
        bar.finish_and_clear();
        let report = report?;
        report.show(&context.out)?;
        match report.stopped {
            Some(report::Stopped::Interrupted) => Err(Stop::Interrupted),
            None if report.rejected == 0 => Ok(Exit::Done),
            _ => Ok(Exit::Partial),
        }
    }

    /// Everything about the files that can be known beforehand.
    fn sources(&self, reading: &Reading<'_>) -> Outcome<Vec<Source>> {
        validate::name("entity name", &self.entity)?;
        self.connection.as_deref().map_or(Ok(()), |id| validate::name("connection id", id))?;
        if self.files.iter().filter(|file| file.as_os_str() == "-").count() > 1 {
            return Err(Error::invalid_input("standard input can be read once only").into());
        }
        Ok(self.files.iter().map(|file| Source::open(file, reading)).collect::<mastra_core::Result<_>>()?)
    }

    /// What tells this import from others: its files and whatever decides how they are read. `None` where it cannot go on.
    fn identity(&self, sources: &[Source]) -> Option<String> {
        let files: Option<Vec<&str>> = sources.iter().map(Source::identity).collect();
        let how = format!("{:?} {:?} {:?} {:?} {}", files?, self.id_field, self.format, self.mode, self.infer);
        Some(Sha256::digest(how).iter().take(12).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The entity to load into, and its row where there is one: without a connection, the one of that name.
    async fn entity(&self, engine: &dyn Engine) -> Outcome<Target> {
        if let EntityRef::Id(id) = entity_ref(&self.entity, None) {
            let entity = engine.resolve_entity(&id.into()).await?;
            return Ok(Target { name: entity.name.clone(), connection: entity.connection_id.clone(), stored: Some(entity) });
        }
        let query = EntityQuery {
            name: Some(self.entity.clone()),
            connection_id: self.connection.clone(),
            limit: Some(11),
            ..EntityQuery::default()
        };
        let stored = one_entity(engine.list_entities(&query).await?.items).optional().map_err(|error| match error.kind() {
            ErrorKind::Conflict => error.with(HINT, "--connection"),
            _ => error,
        })?;
        let connection = match (&self.connection, &stored) {
            (Some(connection), _) => connection.clone(),
            (None, Some(entity)) => entity.connection_id.clone(),
            (None, None) => DEFAULT_CONNECTION.to_owned(),
        };
        Ok(Target { name: self.entity.clone(), connection, stored })
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one run, used here only")]
    async fn stored(
        &self,
        engine: &dyn Engine,
        target: &Target,
        sources: Vec<(Source, Rules)>,
        identity: Option<String>,
        bar: &indicatif::ProgressBar,
        context: &Context,
        interrupts: Interrupts,
    ) -> Outcome<Report> {
        let stored = target.stored.as_ref().and_then(|entity| entity.last_sync_id.as_deref());
        let resumable = identity.is_some();
        let (mark, resumed) = match identity {
            Some(identity) => mark::begin(identity, stored, self.restart),
            None => (Mark::start(String::new(), None), false),
        };
        let rejects = if resumed {
            Rejects::resume(self.rejects_path(), mark.rejects_bytes)?
        } else {
            Rejects::begin(self.rejects_path())?
        };
        if resumed {
            context.out.note(format!("going on at line {} of file {} of {}", mark.place().line, mark.file + 1, sources.len()));
        }
        store::Storing { engine, import: self, target, mark, resumable, rejects, bar, out: context.out, interrupts }
            .run(sources, resumed)
            .await
    }

    fn rejects_path(&self) -> PathBuf {
        self.rejects.clone().unwrap_or_else(|| put_aside::named_after(&self.entity))
    }
}

/// The records of a CSV that is part of this program, values as they look.
pub(crate) fn built_in_rows(csv: &'static [u8], id_field: &str) -> mastra_core::Result<Vec<NewRecord>> {
    let failed = |what: &str| Error::internal(format!("the built-in table is broken: {what}"));
    let mut rows = rows::Rows::new(csv, Place::START);
    let mut next = || rows.next().map_err(|source| failed("it cannot be read").with_source(source));
    let Some(Piece { content: Ok(Content::Row(header)), .. }) = next()? else { return Err(failed("it has no header")) };
    let columns = header.into_iter().map(|name| String::from_utf8_lossy(&name).into_owned()).collect();
    let rules = Rules { id_field: Some(IdField::from(id_field)), columns, infer: true, data: DataCapabilities::default() };
    let mut records = Vec::new();
    while let Some(piece) = next()? {
        let record = piece.content.and_then(|content| rules.record(content));
        records.push(record.map_err(|unreadable| failed(&unreadable.reason))?);
    }
    Ok(records)
}

/// The entity that is loaded into.
#[derive(Debug)]
pub(crate) struct Target {
    name: String,
    connection: String,
    /// As it stands in the engine, where it does.
    stored: Option<Entity>,
}

impl Target {
    fn entity_ref(&self) -> EntityRef {
        EntityRef::named(&self.name).in_connection(&self.connection)
    }
}
