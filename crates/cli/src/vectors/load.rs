//! `mastra vectors upsert`: a file of points into an index, with flat memory.

use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome, file_error},
    output::{progress, text},
    records::{
        put_aside::{Reject, Rejects, named_after},
        reading::{Content, Lines, Pieces as _, Place, Unreadable},
    },
};
use clap::Args;
use mastra_core::vector::{Include, NewPoint, PointUpsertOptions, Scope, Vector, VectorStore};
use mastra_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::time::Instant;

/// So many rejects are shown; the file holds them all.
const SHOWN: usize = 5;

const EXAMPLES: &str = "\
Examples:
  mastra vectors upsert docs points.jsonl
  mastra vectors upsert docs points.jsonl --namespace tenant-a --dry-run
  embed documents/ | mastra vectors upsert docs - --model local/all-minilm-l6-v2

A line is {\"id\": \"intro.md#0\", \"vector\": [0.1, 0.9], \"metadata\": {\"lang\": \"en\"}, \"text\": \"…\", \"namespace\": \"…\"}; \
everything but the vector can be left out. A point takes the place of the one of its id, so a file can be loaded again after it was \
stopped; points without an id would be there twice. Lines that cannot be loaded go to a rejects file with their line numbers and reasons; \
the exit code is 6 then.";

/// What to load, and where.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Upsert {
    /// The index
    index: String,
    /// The file of JSON lines; - is standard input
    file: PathBuf,
    /// The namespace of lines that name none
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    namespace: String,
    /// The model that made the vectors: refused where the index names another
    #[arg(long)]
    model: Option<String>,
    /// Points written in one call
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_size: u32,
    /// Where rejected lines go [default: INDEX.rejects.jsonl]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Stop once more lines than this were rejected
    #[arg(long, value_name = "N")]
    max_rejects: Option<u64>,
    /// Check every line and count what is there already; change nothing
    #[arg(long)]
    dry_run: bool,
}

/// A line of the file. Other keys are mistakes: silently dropped they would be lost.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: Option<String>,
    vector: Vector,
    metadata: Option<Value>,
    text: Option<String>,
    namespace: Option<String>,
}

/// A line that was read.
struct Read {
    line: u64,
    text: Vec<u8>,
    point: NewPoint,
}

/// Some lines of the file, by namespace.
#[derive(Default)]
struct Batch {
    points: BTreeMap<String, Vec<Read>>,
    rejects: Vec<Reject>,
    behind: u64,
    last: bool,
}

/// What was loaded, or would be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    index: String,
    file: String,
    dry_run: bool,
    /// Whether everything was read to its end.
    complete: bool,
    points: u64,
    /// Of these, how many take the place of another: known after a dry run alone.
    replaced: Option<u64>,
    rejected: u64,
    rejects_file: Option<String>,
    seconds: f64,
}

type Source = Lines<Box<dyn BufRead + Send>>;

impl Upsert {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let began = Instant::now();
        let (mut source, size) = self.open()?;
        let store = context.connect_existing_vectors().await?;
        let spec = store.get_index(&self.index).await?;
        // Of no points, a call says whether the index takes those of this model at all: no line would be right where it does not.
        store.upsert(&Scope::index(&self.index), &[], &self.options()).await?;
        // A dry run has each line judged by the mock, which has the same law and no points.
        let scratch = match self.dry_run {
            true => {
                let scratch = mastra_engine::connect_vectors("mock://").await?;
                scratch.create_index(&spec).await?;
                Some(scratch)
            }
            false => None,
        };
        let path = self.rejects.clone().unwrap_or_else(|| named_after(&self.index));
        let mut rejects = if self.dry_run { None } else { Some(Rejects::begin(path)?) };
        let mut report = Report {
            index: self.index.clone(),
            file: self.name(),
            dry_run: self.dry_run,
            complete: false,
            points: 0,
            replaced: self.dry_run.then_some(0),
            rejected: 0,
            rejects_file: None,
            seconds: 0.0,
        };
        let mut shown = Vec::new();
        let bar = progress::bytes(size);
        loop {
            let mut batch;
            (source, batch) = self.next(source).await?;
            for (namespace, read) in std::mem::take(&mut batch.points) {
                let scope = Scope::index(&self.index).in_namespace(namespace);
                if let Some(replaced) = &mut report.replaced {
                    let ids: Vec<String> =
                        read.iter().filter_map(|read| read.point.id.clone()).filter(|id| !id.is_empty()).collect();
                    *replaced += self.there(&*store, &scope, &ids).await?;
                }
                let target = scratch.as_deref().unwrap_or(&*store);
                report.points += self.put(target, &scope, &read, &mut batch.rejects).await?;
            }
            if let Some(scratch) = &scratch {
                scratch.truncate_index(&self.index).await?;
            }
            batch.rejects.sort_by_key(Reject::line);
            report.rejected += batch.rejects.len() as u64;
            shown.extend(batch.rejects.iter().take(SHOWN.saturating_sub(shown.len())).map(Reject::told));
            if let Some(rejects) = &mut rejects {
                rejects.write(&batch.rejects)?;
            }
            bar.set_position(batch.behind);
            let rate = report.points as f64 / began.elapsed().as_secs_f64().max(0.001);
            bar.set_message(format!("{}, {}/s", text::plural(report.points, "point"), text::count(rate as u64)));
            let enough = self.max_rejects.is_some_and(|most| report.rejected > most);
            report.complete = batch.last && !enough;
            if batch.last || enough {
                break;
            }
        }
        bar.finish_and_clear();
        report.seconds = (began.elapsed().as_secs_f64() * 1e6).round() / 1e6;
        let file = rejects.filter(|_| report.rejected > 0).map(|rejects| rejects.path().display().to_string());
        report.rejects_file = file;
        report.show(context, &shown)?;
        Ok(if report.rejected == 0 { Exit::Done } else { Exit::Partial })
    }

    fn options(&self) -> PointUpsertOptions {
        let mut options = PointUpsertOptions::new();
        options.model.clone_from(&self.model);
        options
    }

    fn name(&self) -> String {
        self.file.display().to_string()
    }

    fn open(&self) -> Result<(Source, Option<u64>)> {
        if self.file.as_os_str() == "-" {
            let reader: Box<dyn BufRead + Send> = Box::new(BufReader::new(std::io::stdin()));
            return Ok((Lines::new(reader, Place::START), None));
        }
        let failed = |source| file_error("cannot read the file", &self.file, source);
        let file = File::open(&self.file).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(Error::invalid_input("this is a folder, not a file of points").with("file", self.file.display()));
        }
        let size = metadata.is_file().then_some(metadata.len());
        let mut reader = BufReader::with_capacity(256 * 1024, file);
        let start = self.start(reader.fill_buf().map_err(failed)?)?;
        reader.consume(usize::try_from(start.offset).unwrap_or(0));
        Ok((Lines::new(Box::new(reader), start), size))
    }

    /// Where the first line begins: behind a byte order mark. Refuses files of which no line could be read.
    fn start(&self, head: &[u8]) -> Result<Place> {
        let path = self.file.display();
        let refuse = |message: &str, command: &str| {
            let hint = format!("{command} {path} | mastra vectors upsert {} - …", self.index);
            Err(Error::invalid_input(message.to_owned()).with("file", path.to_string()).with(HINT, hint))
        };
        match head {
            [0x1f, 0x8b, ..] => refuse("the file is compressed", "gunzip -c"),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => refuse("the file is UTF-16, not UTF-8", "iconv -f UTF-16 -t UTF-8"),
            [0xef, 0xbb, 0xbf, ..] => Ok(Place { offset: 3, line: 1 }),
            _ => Ok(Place::START),
        }
    }

    /// The next lines, read on a thread that may block.
    async fn next(&self, mut source: Source) -> Result<(Source, Batch)> {
        let (name, namespace, size) = (self.name(), self.namespace.clone(), self.batch_size as usize);
        let reading = tokio::task::spawn_blocking(move || {
            let batch = read(&mut source, &name, &namespace, size);
            (source, batch)
        });
        let (source, batch) = reading.await.map_err(|source| Error::internal("reading ended badly").with_source(source))?;
        let batch = batch.map_err(|source| file_error("cannot read the file", &self.file, source))?;
        Ok((source, batch))
    }

    /// Writes points. A call that is refused is halved until the points that it was refused for stand alone.
    async fn put(&self, store: &dyn VectorStore, scope: &Scope, read: &[Read], rejects: &mut Vec<Reject>) -> Result<u64> {
        let options = self.options();
        let (mut written, mut work) = (0, vec![read]);
        while let Some(part) = work.pop() {
            let points: Vec<NewPoint> = part.iter().map(|read| read.point.clone()).collect();
            match (store.upsert(scope, &points, &options).await, part) {
                (Ok(_), part) => written += part.len() as u64,
                (Err(error), [alone]) if error.kind() == ErrorKind::InvalidInput => {
                    let unreadable = Unreadable { reason: refused(&error), text: alone.text.clone() };
                    rejects.push(Reject::new(&self.name(), alone.line, unreadable));
                }
                (Err(error), part) if error.kind() == ErrorKind::InvalidInput => {
                    let (first, second) = part.split_at(part.len() / 2);
                    work.extend([second, first]);
                }
                (Err(error), _) => return Err(error.with(HINT, "the same command again: points that are there are written over")),
            }
        }
        Ok(written)
    }

    /// How many of these ids are there.
    async fn there(&self, store: &dyn VectorStore, scope: &Scope, ids: &[String]) -> Result<u64> {
        match store.get(scope, ids, Include::ID).await {
            // Ids that the store cannot take are not there.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(0),
            found => Ok(found?.len() as u64),
        }
    }
}

/// Why a point was refused, with what that depends on: both dimensions, for one.
fn refused(error: &Error) -> String {
    // Which of the call's points it is says nothing to a reader of the file.
    let told: Vec<String> = error
        .context()
        .filter(|(key, _)| !matches!(*key, "point" | "index" | HINT))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if told.is_empty() { error.message().to_owned() } else { format!("{} ({})", error.message(), told.join(", ")) }
}

/// Why JSON cannot be read. It counts lines from its own beginning, which is one line of the file.
fn unreadable(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match told.strip_suffix(&place) {
        Some(told) if error.line() == 1 && error.column() > 0 => format!("{told} at column {}", error.column()),
        Some(told) => told.to_owned(),
        None => told,
    }
}

fn read(source: &mut Source, name: &str, namespace: &str, size: usize) -> std::io::Result<Batch> {
    let mut batch = Batch::default();
    let mut count = 0;
    while count < size {
        let Some(piece) = source.next()? else {
            batch.last = true;
            break;
        };
        count += 1;
        batch.behind = piece.behind.offset;
        let text = match piece.content {
            Ok(Content::Json(text)) => text,
            Ok(Content::Row(_)) => continue,
            Err(unreadable) => {
                batch.rejects.push(Reject::new(name, piece.line, unreadable));
                continue;
            }
        };
        match serde_json::from_slice::<Row>(&text) {
            Ok(row) => {
                let mut point = NewPoint::without_id(row.vector);
                (point.id, point.text) = (row.id, row.text);
                point.metadata = row.metadata.unwrap_or(point.metadata);
                let namespace = row.namespace.unwrap_or_else(|| namespace.to_owned());
                batch.points.entry(namespace).or_default().push(Read { line: piece.line, text, point });
            }
            Err(error) => {
                let reason = format!("not a point: {}", unreadable(&error));
                batch.rejects.push(Reject::new(name, piece.line, Unreadable { reason, text }));
            }
        }
    }
    Ok(batch)
}

impl Report {
    fn show(&self, context: &Context, shown: &[String]) -> Outcome<()> {
        let out = &context.out;
        out.document(self)?;
        let index = text::clean(&self.index);
        let points = text::plural(self.points, "point");
        match self.replaced {
            Some(replaced) => out.say(format!("would write {points} to {index}, {} over others", text::count(replaced)))?,
            None => {
                let rate = text::count((self.points as f64 / self.seconds.max(1e-6)) as u64);
                out.say(format!("wrote {points} to {index} ({:.1} s, {rate}/s)", self.seconds))?;
            }
        }
        if self.rejected > 0 {
            let file = self.rejects_file.as_deref().map(|file| format!(", see {file}")).unwrap_or_default();
            out.note(out.bad(&format!("{} rejected{file}", text::plural(self.rejected, "line"))));
            shown.iter().for_each(|line| out.note(format!("  {}", text::clean(line))));
            if self.rejected as usize > shown.len() {
                out.note("  …");
            }
        }
        if !self.complete {
            out.note("stopped, since more lines were rejected than --max-rejects allows");
        }
        Ok(())
    }
}
