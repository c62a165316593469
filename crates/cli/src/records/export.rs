//! `mastra records export`: streamed, so that memory stays flat, in a form that `import` takes.

use super::select::{self, EntityArgs};
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome, file_error},
    output::{Lines, progress, text},
};
use clap::{Args, ValueEnum};
use futures::TryStreamExt as _;
use mastra_core::{Engine, Error, ErrorKind, NewRecord, Path, Record, RecordQuery};
use serde_json::Value;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use tempfile::NamedTempFile;

const EXAMPLES: &str = "\
Examples:
  mastra records export --entity Deals -o deals.jsonl
  mastra records export --entity Deals --filter '{\"stage\": \"won\"}' | gzip > won.jsonl.gz
  mastra records export --entity Deals --format csv --fields name,amount -o deals.csv
  mastra records export --entity Deals | mastra records import - --entity Deals --engine sqlite:copy.db

A line of JSON is {\"externalId\": …, \"data\": {…}, \"entityType\": …}, which import takes as it stands; so it does a CSV, \
whose nested values are JSON text.";

/// Which records, and where to.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    #[command(flatten)]
    entity: EntityArgs,
    /// JSON lines or CSV
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// The file to write, which must not exist; standard output without it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over the file
    #[arg(long, requires = "output")]
    force: bool,
    /// Only records whose data matches
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// Only these fields
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', value_parser = select::path)]
    fields: Vec<Path>,
}

/// What a file of records looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values under a header
    Csv,
}

impl Export {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let query = RecordQuery {
            filter: select::filter(self.filter.as_deref())?,
            fields: (!self.fields.is_empty()).then(|| self.fields.clone()),
            ..RecordQuery::new()
        };
        let engine = context.connect_existing().await?;
        // The entity is looked up before the file is made.
        engine.resolve_entity(&self.entity.entity_ref()).await?;
        let mut target = Target::open(self, context)?;
        let written = match self.format {
            Format::Jsonl => self.jsonl(&*engine, &query, &mut target).await?,
            Format::Csv => self.csv(&*engine, &query, &mut target).await?,
        };
        target.finish(self.force)?;
        if let Some(path) = &self.output {
            context.out.document(&serde_json::json!({ "records": written, "file": path.display().to_string() }))?;
            context.out.say(format!("{} written to {}", text::plural(written, "record"), path.display()))?;
        }
        Ok(Exit::Done)
    }

    async fn jsonl(&self, engine: &dyn Engine, query: &RecordQuery, target: &mut Target) -> Outcome<u64> {
        let mut line = Vec::new();
        self.each(engine, query, |record| {
            line.clear();
            let record = NewRecord::new(record.external_id, record.data).entity_type(record.entity_type);
            serde_json::to_writer(&mut line, &record)
                .map_err(|source| Error::internal("a record could not be written").with_source(source))?;
            line.push(b'\n');
            target.write(&line)
        })
        .await
    }

    /// The columns are those of `--fields`, else every top-level key: these take a pass of their own.
    async fn csv(&self, engine: &dyn Engine, query: &RecordQuery, target: &mut Target) -> Outcome<u64> {
        let columns = if self.fields.is_empty() { self.keys(engine, query).await? } else { self.fields.clone() };
        let names: Vec<String> = columns.iter().map(column_name).collect();
        target.row(["externalId", "entityType"].into_iter().chain(names.iter().map(String::as_str)))?;
        self.each(engine, query, |record| {
            let cells = columns.iter().map(|path| cell(find(&record.data, path)));
            let cells: Vec<String> = [record.external_id, record.entity_type].into_iter().chain(cells).collect();
            target.row(cells.iter().map(String::as_str))
        })
        .await
    }

    async fn keys(&self, engine: &dyn Engine, query: &RecordQuery) -> Outcome<Vec<Path>> {
        let mut keys = std::collections::BTreeSet::new();
        self.each(engine, query, |record| {
            let Value::Object(map) = record.data else { return Ok(()) };
            for (key, _) in map {
                if !keys.contains(&key) {
                    keys.insert(key);
                }
            }
            Ok(())
        })
        .await?;
        if let Some(key) = keys.iter().find(|key| ["externalId", "entityType", ""].contains(&key.as_str())) {
            return Err(Error::invalid_input("the data has a key that a CSV cannot hold beside the record's own columns")
                .with("key", key)
                .with(HINT, "--format jsonl, or --fields")
                .into());
        }
        Ok(keys.into_iter().map(|key| Path::from_segments([key])).collect::<mastra_core::Result<_>>()?)
    }

    async fn each(&self, engine: &dyn Engine, query: &RecordQuery, mut take: impl FnMut(Record) -> Outcome<()>) -> Outcome<u64> {
        let mut records = engine.stream_records(&self.entity.entity_ref(), query).await?;
        let (mut count, bar) = (0, progress::waiting("exporting"));
        while let Some(record) = records.try_next().await? {
            take(record)?;
            count += 1;
            if count % 1_000 == 0 {
                bar.set_message(text::plural(count, "record"));
            }
        }
        bar.finish_and_clear();
        Ok(count)
    }
}

/// A column's name: a top-level key as it is, a deeper path dotted.
fn column_name(path: &Path) -> String {
    match path.segments() {
        [key] => key.clone(),
        _ => path.to_string(),
    }
}

fn find<'a>(data: &'a Value, path: &Path) -> Option<&'a Value> {
    path.segments().iter().try_fold(data, |value, key| match value {
        Value::Array(members) => members.get(mastra_core::path::array_index(key)?),
        other => other.get(key),
    })
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Standard output, or a file that appears whole or not at all.
enum Target {
    Stdout(Lines),
    File(Box<BufWriter<NamedTempFile>>, PathBuf),
}

impl Target {
    fn open(export: &Export, context: &Context) -> Outcome<Self> {
        let Some(path) = &export.output else { return Ok(Self::Stdout(context.out.lines())) };
        if path.exists() && !export.force {
            return Err(Error::new(ErrorKind::AlreadyExists, "the file is there already")
                .with("file", path.display())
                .with(HINT, "another name, or --force to write over it")
                .into());
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
        let file = NamedTempFile::new_in(folder).map_err(|source| file_error("cannot write into the folder", folder, source))?;
        Ok(Self::File(Box::new(BufWriter::with_capacity(256 * 1024, file)), path.clone()))
    }

    fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        match self {
            Self::Stdout(lines) => lines.bytes(bytes),
            Self::File(file, path) => Ok(file.write_all(bytes).map_err(|source| file_error("cannot write", path, source))?),
        }
    }

    fn row<'a>(&mut self, cells: impl Iterator<Item = &'a str>) -> Outcome<()> {
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        let failed = |source: csv::Error| Error::internal("a row could not be written").with_source(source);
        writer.write_record(cells).map_err(failed)?;
        let row =
            writer.into_inner().map_err(|error| Error::internal("a row could not be written").with_source(error.into_error()))?;
        self.write(&row)
    }

    fn finish(self, force: bool) -> Outcome<()> {
        let (file, path) = match self {
            Self::Stdout(lines) => return lines.finish(),
            Self::File(file, path) => (file, path),
        };
        let file = file.into_inner().map_err(|error| file_error("cannot write", &path, error.into_error()))?;
        let kept = if force { file.persist(&path) } else { file.persist_noclobber(&path) };
        kept.map(drop).map_err(|error| file_error("cannot write", &path, error.error).into())
    }
}
