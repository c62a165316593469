//! `mastra quickstart`: documents loaded, indexed and asked, with no set-up.

mod answer;
mod demo;
mod describe;
mod documents;
mod folder;
mod keep;
mod load;
mod loading;
mod read;
mod show;
mod skipped;
mod source;

pub(crate) use self::loading::Documents;

use self::{demo::Deals, describe::Known, keep::Kept, load::Loaded, skipped::Skipped, source::Source};
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    interrupt::unless_interrupted,
    knowledge::{Answer, Indexed, bring_up_to_date},
    resolve::CONFIG_FILE,
    sync::SyncConfig,
};
use clap::Args;
use mastra_core::{Engine, Error};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

const EXAMPLES: &str = "\
Examples:
  mastra quickstart docs                    a folder of Markdown, text, HTML and JSON, then your questions
  mastra quickstart docs --ask 'how are deletes planned?' --ask 'what is a cursor?'
  mastra quickstart notes.md --ask 'budget 2026' --json
  mastra quickstart docs --embedder openai/text-embedding-3-small
  mastra quickstart --engine postgres://localhost/app
  mastra quickstart                         articles and deals that are part of the program

Everything goes into .mastra/mastra.db where no other engine is named. The embedder hash/384 compares words and sends nothing anywhere. \
The knowledge base is described in mastra.toml, so that mastra search, index, verify and mcp know it, and so is the sync that loads the \
documents, for mastra sync run; a file that quickstart did not make is never touched. Running it again loads and indexes what has changed, and removes records whose file has gone. Files over 4 MiB, hidden \
ones, links and folders of dependencies are left out, and counted.";

/// The connection of what quickstart loads; with the folder behind it for the user's own.
const CONNECTION: &str = "quickstart";
/// The entity of the built-in documents.
const ARTICLES: &str = "Articles";
/// The entity of the table.
const DEALS: &str = "Deals";
/// What the built-in documents are asked.
const QUESTION: &str = "What makes a database survive a crash?";

/// What to load and ask.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Quickstart {
    /// A folder of documents, or one file [default: documents that are part of this program]
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// Answer this question, and do not ask on the terminal; may be given several times
    #[arg(long, value_name = "QUESTION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    ask: Vec<String>,
    /// What makes vectors of texts, as provider/model [default: that of mastra.toml, else hash/384]
    #[arg(long, value_name = "PROVIDER/MODEL")]
    embedder: Option<String>,
    /// Write no mastra.toml
    #[arg(long)]
    no_config: bool,
    /// Delete the records of files that have gone, however many they are
    #[arg(long)]
    yes: bool,
}

/// What is there before anything is loaded.
struct Opened {
    engine: Arc<dyn Engine>,
    source: Source,
    known: Known,
    /// What loads the user's own documents.
    sync: SyncConfig,
    kept: Kept,
    before: load::Before,
}

/// What was made before anything is asked.
struct Prepared {
    engine: Arc<dyn Engine>,
    left_out: Option<Skipped>,
    /// The documents first.
    loaded: Vec<Loaded>,
    known: Known,
    sync: SyncConfig,
    kept: Kept,
}

impl Quickstart {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let opened = unless_interrupted(self.open(context)).await?;
        // A load stops by itself, at the edge of a page.
        let prepared = self.load(context, opened).await?;
        let indexed = bring_up_to_date(context, &prepared.known.config, &prepared.known.base).await?;
        unless_interrupted(self.answer(context, &prepared, &indexed)).await
    }

    /// Opens everything. What keeps the knowledge base from being made is told before anything is stored.
    async fn open(&self, context: &Context) -> Outcome<Opened> {
        let source = match self.path.clone() {
            None => Source::built_in(),
            // On a thread of its own: a whole disk takes long, and Ctrl-C is to be heard meanwhile.
            Some(path) => tokio::task::spawn_blocking(move || Source::of(&path))
                .await
                .map_err(|source| Error::internal("looking through the folder ended badly").with_source(source))??,
        };
        let config = describe::described(context, &source, self.embedder.as_deref())?;
        let synced = describe::synced(context, &source)?;
        let engine = context.connect().await?;
        let out = &context.out;
        out.say(context.engine_and_why())?;
        out.say("")?;
        let before = load::before(&*engine, &source, self.yes).await?;
        load::entity(&*engine, &source).await?;
        let known = describe::opened(context, config).await?;
        let sync = synced.unwrap_or_else(|| describe::made(context, &source, &known.config));
        let described = source.own.as_ref().map(|_| &sync);
        let kept = keep::keep(Path::new(CONFIG_FILE), &known.config, described, !self.no_config)?;
        Ok(Opened { engine, source, known, sync, kept, before })
    }

    async fn load(&self, context: &Context, mut opened: Opened) -> Outcome<Prepared> {
        let out = &context.out;
        let before = std::mem::take(&mut opened.before);
        let (mut loaded, mut left_out) = (Vec::new(), None);
        if let Some(own) = &opened.source.own {
            // As the folder was named, whatever its name: what is described may be less exact.
            let documents = Documents::new(self.path.as_deref().unwrap_or(&own.path));
            let documents_loaded = load::own(context, &opened, &documents, before, self.yes).await?;
            show::loaded(out, &documents_loaded)?;
            loaded.push(documents_loaded);
            let skipped = documents.left_out();
            if let Some(told) = skipped.told() {
                out.say(format!("  {told}"))?;
            }
            left_out = Some(skipped);
        } else {
            let articles =
                unless_interrupted(async { Ok(load::built_in(&*opened.engine, &opened.source, before).await?) }).await?;
            show::loaded(out, &articles)?;
            let deals = unless_interrupted(async { Ok(load::deals(&*opened.engine).await?) }).await?;
            show::loaded(out, &deals)?;
            loaded.extend([articles, deals]);
        }
        let Opened { engine, known, sync, kept, .. } = opened;
        Ok(Prepared { engine, left_out, loaded, known, sync, kept })
    }

    async fn answer(&self, context: &Context, prepared: &Prepared, indexed: &Indexed) -> Outcome {
        let Prepared { engine, left_out, loaded, known, sync, kept } = prepared;
        let out = &context.out;
        indexed.told(out)?;
        show::embedder(out, indexed)?;
        let own = self.path.is_some();
        keep::told(out, *kept, &known.config, own.then_some(sync))?;

        let table = if self.path.is_none() { Some(Deals::ask(&**engine).await?) } else { None };
        if let Some(table) = &table {
            table.show(context)?;
        }
        let interactive = self.ask.is_empty() && !out.is_json() && answer::is_interactive();
        let mut questions = self.ask.clone();
        if questions.is_empty() && self.path.is_none() {
            questions.push(QUESTION.to_owned());
        }
        let mut answers: Vec<Answer> = Vec::with_capacity(questions.len());
        for question in &questions {
            let answer = answer::answer(context, known, question).await?;
            answer::show(context, question, &answer)?;
            answers.push(answer);
        }
        out.document(&json!({
            "engine": { "url": context.choice.shown(), "chosenBy": context.choice.origin().to_string() },
            "loaded": loaded,
            "leftOut": left_out,
            "index": indexed,
            "config": kept,
            "query": table.as_ref().map(Deals::document),
            "answers": answers,
        }))?;
        if interactive {
            answer::converse(context, known).await?;
        }
        if self.ask.is_empty() {
            show::next(context, known, *kept, own.then_some(sync))?;
        }
        match indexed.exit() {
            Exit::Done if loaded.iter().any(|loaded| loaded.set_aside > 0) => Ok(Exit::Partial),
            exit => Ok(exit),
        }
    }
}
