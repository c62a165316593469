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

use self::{demo::Deals, describe::Known, keep::Kept, load::Loaded, source::Source};
use crate::{
    context::Context,
    exit::Outcome,
    interrupt::unless_interrupted,
    knowledge::{Answer, Indexed, bring_up_to_date},
    output::progress,
    resolve::CONFIG_FILE,
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
The knowledge base is described in mastra.toml, so that mastra search, index, verify and mcp know it; a file that quickstart did not make \
is never touched. Running it again loads and indexes what has changed, and removes records whose file has gone. Files over 4 MiB, hidden \
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

/// What was made before anything is asked.
struct Prepared {
    engine: Arc<dyn Engine>,
    source: Source,
    /// The documents first.
    loaded: Vec<Loaded>,
    known: Known,
    kept: Kept,
}

impl Quickstart {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let prepared = unless_interrupted(self.prepare(context)).await?;
        let indexed = bring_up_to_date(context, &prepared.known.config, &prepared.known.base).await?;
        unless_interrupted(self.answer(context, &prepared, &indexed)).await
    }

    /// Loads the documents. The knowledge base is opened first: what keeps it from being made is told before anything is stored.
    async fn prepare(&self, context: &Context) -> Outcome<Prepared> {
        let mut source = match self.path.clone() {
            None => Source::built_in(),
            // On a thread of its own: a whole disk takes long, and Ctrl-C is to be heard meanwhile.
            Some(path) => tokio::task::spawn_blocking(move || Source::of(&path))
                .await
                .map_err(|source| Error::internal("looking through the folder ended badly").with_source(source))??,
        };
        let config = describe::described(context, &source, self.embedder.as_deref())?;
        let engine = context.connect().await?;
        let out = &context.out;
        out.say(context.engine_and_why())?;
        out.say("")?;
        let before = load::before(&*engine, &source, self.yes).await?;
        load::entity(&*engine, &source).await?;
        let known = describe::opened(context, config).await?;
        let kept = keep::keep(Path::new(CONFIG_FILE), &known.config, !self.no_config)?;

        let bar = progress::counted(source.folder.as_ref().map_or(0, |folder| folder.files.len() as u64));
        bar.set_message("files read,");
        let loaded = load::documents(&*engine, &mut source, before, &bar).await;
        bar.finish_and_clear();
        let loaded = loaded?;
        show::loaded(out, &loaded)?;
        let mut loaded = vec![loaded];
        if self.path.is_none() {
            let deals = load::deals(&*engine).await?;
            show::loaded(out, &deals)?;
            loaded.push(deals);
        }
        if let Some(told) = source.folder.as_ref().and_then(|folder| folder.skipped.told()) {
            out.say(format!("  {told}"))?;
        }
        Ok(Prepared { engine, source, loaded, known, kept })
    }

    async fn answer(&self, context: &Context, prepared: &Prepared, indexed: &Indexed) -> Outcome {
        let Prepared { engine, source, loaded, known, kept } = prepared;
        let out = &context.out;
        indexed.told(out)?;
        show::embedder(out, indexed)?;
        keep::told(out, *kept, &known.config)?;

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
            "leftOut": source.folder.as_ref().map(|folder| &folder.skipped),
            "index": indexed,
            "config": kept,
            "query": table.as_ref().map(Deals::document),
            "answers": answers,
        }))?;
        if interactive {
            answer::converse(context, known).await?;
        }
        if self.ask.is_empty() {
            show::next(context, known, *kept, self.path.is_none())?;
        }
        Ok(indexed.exit())
    }
}
