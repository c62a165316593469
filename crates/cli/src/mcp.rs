//! `mastra mcp`.

use crate::{
    context::{Context, entity_ref},
    exit::{Exit, HINT, Outcome, Stop, file_error},
    knowledge::{self, Described, KnowledgeConfig},
};
use async_trait::async_trait;
use clap::Args;
use mastra_core::{EntityRef, Error, Result};
use mastra_mcp::{KnowledgeSource, Limits, McpServer};
use mastra_rag::knowledge::{KnowledgeBase, Retrieval};
use std::{io::IsTerminal as _, path::PathBuf, sync::Arc, time::Duration};

const HELP: &str = "\
An assistant starts this command itself and speaks with it over standard input and output. Tell it so in its configuration, which \
for most of them is:

  {\"mcpServers\": {\"mastra\": {
    \"command\": \"mastra\", \"args\": [\"mcp\", \"--project\", \"/the/folder/of/mastra.toml\"]}}}

Where the assistant does not find the command, give its whole path.

Examples:
  mastra mcp                                     all entities and knowledge bases
  mastra mcp --project ~/shop                    those of another folder
  mastra mcp --entities Articles,crm/Deals       these entities only, one of them by its connection
  mastra mcp --knowledge articles                this knowledge base only
  mastra mcp -v 2>mcp.log                        with a log, which is on standard error

What the assistant gets: list_entities, describe_entity, query_records, get_record, search_text, search_knowledge and list_knowledge, \
and every record as a resource. Nothing of it writes. docs/mcp.md has the configuration of the common assistants.";

/// What is served.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Mcp {
    /// The folder of mastra.toml, .env and .mastra, where the command is not started there
    #[arg(long, value_name = "FOLDER")]
    project: Option<PathBuf>,
    /// Show these entities only, and the knowledge bases of their records: names, CONNECTION/NAME or ids
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    entities: Option<Vec<String>>,
    /// Serve these knowledge bases of mastra.toml only
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    knowledge: Option<Vec<String>>,
    /// The most bytes of an answer, 20000 at least
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_bytes)]
    max_bytes: usize,
    /// The most seconds that a call may take
    #[arg(long, value_name = "N", default_value_t = Limits::default().time.as_secs(), value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

impl Mcp {
    /// Goes to the project's folder, before anything is read there.
    pub(crate) fn enter(&self) -> Result<()> {
        let Some(folder) = &self.project else { return Ok(()) };
        std::env::set_current_dir(folder).map_err(|source| file_error("cannot work in the folder", folder, source))
    }

    pub(crate) async fn run(self, context: Context) -> Outcome {
        // What is wrong with one is told when it is asked, and keeps nothing else from being served.
        let configs = self.served(context.settings.knowledge.clone())?;
        let limits = Limits { max_bytes: self.max_bytes, time: Duration::from_secs(self.timeout), ..Limits::default() };
        let mut server = McpServer::builder().engine(context.connect_existing().await?).limits(limits);
        if let Some(entities) = self.entities {
            server = server.entities(entities);
        }
        if std::io::stdin().is_terminal() {
            context.out.note("an MCP client is awaited on standard input; mastra mcp --help says how to set one up; Ctrl-C ends");
        }
        let context = Arc::new(context);
        for config in configs {
            server = server.knowledge(Configured { context: Arc::clone(&context), config });
        }
        server.build()?.serve_stdio().await?;
        Ok(Exit::Done)
    }

    /// The knowledge bases that were asked for; all of them by default.
    fn served(&self, all: Vec<KnowledgeConfig>) -> Outcome<Vec<KnowledgeConfig>> {
        let Some(names) = &self.knowledge else { return Ok(all) };
        names.iter().map(|name| knowledge::pick(all.clone(), Some(name))).collect()
    }
}

/// A knowledge base of `mastra.toml`, which is opened when it is first asked.
#[derive(Debug)]
struct Configured {
    context: Arc<Context>,
    config: KnowledgeConfig,
}

#[async_trait]
impl KnowledgeSource for Configured {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn entity(&self) -> Option<EntityRef> {
        Some(entity_ref(&self.config.entity, self.config.connection.as_deref()))
    }

    async fn open(&self) -> Result<KnowledgeBase> {
        let described = knowledge::describe(&self.context, &self.config).await;
        let Described { builder, engine, vectors } = described.map_err(|stop| match stop {
            Stop::Error(error) => error,
            Stop::ClosedPipe | Stop::Interrupted => Error::internal("opening was stopped"),
        })?;
        builder.open_existing(engine, vectors).await.map_err(|error| {
            if error.is_not_found() && error.get("knowledge").is_some() {
                return error.with(HINT, format!("run mastra index {} in the project, then ask again", self.config.name));
            }
            knowledge::explained(&self.context, &self.config, error)
        })
    }

    fn retrieval(&self, query: &str) -> Retrieval {
        self.config.retrieval(query)
    }
}
