//! `mastra quickstart`: real documents and records, loaded and asked, with no set-up.

mod documents;
mod html;
mod load;
mod show;

use crate::{
    context::Context,
    exit::{Exit, Outcome},
};
use clap::Args;
use mastra_core::{Engine, EntityQuery, EntityRef, Filter, RecordQuery, SortKey, TextSearch};
use std::path::PathBuf;
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  mastra quickstart                         the built-in articles and deals, in .mastra/mastra.db
  mastra quickstart docs README.md          your own documents: Markdown, text, HTML, JSON
  mastra quickstart ~/notes --search 'budget 2026'
  mastra quickstart --engine postgres://localhost/app

Running it again loads what has changed, and says so.";

/// The connection of what quickstart loads.
const CONNECTION: &str = "quickstart";
/// The entity of the built-in documents.
const ARTICLES: &str = "Articles";
/// The entity of the user's documents.
const DOCUMENTS: &str = "Documents";
/// The entity of the table.
const DEALS: &str = "Deals";
/// What the built-in documents are asked.
const QUESTION: &str = "crash*";

/// What to load.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Quickstart {
    /// Files and folders of documents [default: documents that are part of this program]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What to search the documents for [default: a word of their titles]
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

impl Quickstart {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let found = if self.paths.is_empty() { None } else { Some(documents::find(&self.paths)?) };
        let engine = context.connect().await?;
        let out = &context.out;
        out.say(context.engine_and_why())?;
        out.say("")?;

        let mut titles = load::Titles::default();
        let (entity, documents) = match &found {
            None => (ARTICLES, load::documents(&*engine, ARTICLES, vec![Ok(documents::built_in())], &mut titles).await?),
            Some(found) => {
                let read = found.files.iter().map(|file| documents::read(file));
                (DOCUMENTS, load::documents(&*engine, DOCUMENTS, read, &mut titles).await?)
            }
        };
        let deals = load::deals(&*engine).await?;
        for loaded in [&documents, &deals] {
            show::loaded(out, loaded)?;
        }
        for skipped in found.iter().flat_map(|found| &found.skipped) {
            out.note(format!("skipped {}", crate::output::text::clean(skipped)));
        }

        let query = RecordQuery::new()
            .filter(Filter::and([Filter::eq("stage", "won")?, Filter::gte("amount", 20_000)?]))
            .sort(SortKey::descending("amount")?)
            .limit(5)
            .fields(
                ["company", "product", "amount", "closed"]
                    .iter()
                    .map(|path| path.parse())
                    .collect::<mastra_core::Result<Vec<_>>>()?,
            );
        let began = Instant::now();
        let page = engine.get_records(&EntityRef::named(DEALS).in_connection(CONNECTION), &query).await?;
        let page = show::Answer { result: page, took: began.elapsed() };

        let question = match (&self.search, found.is_some()) {
            (Some(text), _) => Some(text.clone()),
            (None, false) => Some(QUESTION.to_owned()),
            (None, true) => titles.word(),
        };
        let hits = match &question {
            Some(text) => {
                let began = Instant::now();
                let hits = engine
                    .search_text(&EntityRef::named(entity).in_connection(CONNECTION), &TextSearch::new(text).limit(3))
                    .await?;
                Some((text.as_str(), show::Answer { result: hits, took: began.elapsed() }))
            }
            None => None,
        };
        let names = show::Names { documents: named(&*engine, entity).await?, deals: named(&*engine, DEALS).await? };
        show::answers(context, &names, [&documents, &deals], &page, hits.as_ref())?;
        Ok(Exit::Done)
    }
}

/// An entity as a command names it: with its connection where the name alone would not do.
async fn named(engine: &dyn Engine, name: &str) -> mastra_core::Result<String> {
    let query = EntityQuery { name: Some(name.to_owned()), limit: Some(2), ..EntityQuery::default() };
    let unique = engine.list_entities(&query).await?.items.len() == 1;
    Ok(if unique { name.to_owned() } else { format!("{name} --connection {CONNECTION}") })
}
