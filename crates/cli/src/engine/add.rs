//! `mastra engine add`.

use super::{
    compose::{self, Compose, PASSWORD_VARIABLE},
    env_file, migrate,
    place::migrator,
    server::{Local, Server, url_of},
    up,
};
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome, file_error},
    output::ask::offer,
    resolve::{Sources, URL_VARIABLE, dotenv, redacted, resolve},
};
use clap::Args;
use mastra_core::{Error, Result};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  mastra engine add                     write mastra.compose.yaml and .env, start the server, offer to migrate
  mastra engine add --yes               the same without a question: migrates too
  mastra engine add --no-start          only write the files
  mastra engine add --name crm -f crm.compose.yaml

Nothing that is there is written over: an existing compose file is an error, lines of .env are added where their names are \
absent. Without Docker the server is a private one of the machine's own Postgres binaries; see `mastra engine up --help`.";

/// Ports that are tried before any other.
const PORTS: std::ops::Range<u16> = 5432..5532;

/// What to set up.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Add {
    /// What to call it, in the names of its container and volume [default: the folder's name]
    #[arg(long)]
    name: Option<String>,
    /// The compose file to write
    #[arg(short, long, value_name = "FILE", default_value = compose::DEFAULT_FILE)]
    file: PathBuf,
    /// Only write the files
    #[arg(long)]
    no_start: bool,
    /// Do not ask: start and migrate
    #[arg(long)]
    yes: bool,
}

impl Add {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        if self.file.exists() {
            return Err(compose::exists(&self.file).into());
        }
        let values = dotenv(Path::new(env_file::FILE))?.map(|(_, values)| values).unwrap_or_default();
        let present = values.get(URL_VARIABLE).filter(|url| !url.trim().is_empty());
        let local = present.and_then(|url| Local::of(url));
        let password = match (values.get(PASSWORD_VARIABLE), local.as_ref().and_then(|local| local.password.clone())) {
            // The URL is what the application uses, so it decides; compose takes the variable, which then has to agree.
            (Some(variable), Some(in_url)) if *variable != in_url => {
                return Err(Error::conflict(format!(
                    ".env holds {PASSWORD_VARIABLE} and a {URL_VARIABLE} with another password"
                ))
                .with(HINT, "make them agree, or remove one of the lines")
                .into());
            }
            (_, Some(in_url)) => in_url,
            (Some(variable), None) => variable.clone(),
            (None, None) => random_hex(16)?,
        };
        let project = format!("mastra-{}-{}", compose::project_name(&self.name()), random_hex(3)?);
        let parts = match &local {
            Some(local) => Compose { project, ..local.parts.clone() },
            None => Compose { project, user: "mastra".to_owned(), database: "mastra".to_owned(), port: free_port()? },
        };
        let url = url_of(&parts, &password);
        parts.write(&self.file)?;
        let lines = [(PASSWORD_VARIABLE, password.as_str()), (URL_VARIABLE, url.as_str())];
        let kept = env_file::add(Path::new(env_file::FILE), "Mastra Engine's Postgres, by `mastra engine add`", &lines)
            .inspect_err(|_| {
                // Half a set-up would stand in the way of the next attempt.
                let _ = std::fs::remove_file(&self.file);
            })?;
        let document = |server: Value, migrated: bool| json!({ "file": self.file, "url": redacted(&url), "port": parts.port, "kept": kept, "server": server, "migrated": migrated });
        context.out.say(format!("wrote {}: Postgres with pgvector on port {}", self.file.display(), parts.port))?;
        self.say_env(context, &kept, present.map(String::as_str), local.is_some(), &parts)?;
        if self.no_start {
            context.out.document(&document(Value::Null, false))?;
            context.out.say("start it with: mastra engine up")?;
            return Ok(Exit::Done);
        }
        let server = Server::find(Some(&self.file))?;
        let tried = up::start(context, &server).await;
        let started =
            tried.inspect_err(|_| context.out.note("the files are written; `mastra engine up` tries again to start it"))?;
        let migrated = self.migrate(context, local.is_some() || present.is_none()).await?;
        context.out.document(&document(started, migrated))?;
        Ok(Exit::Done)
    }

    fn name(&self) -> String {
        let folder = || std::env::current_dir().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        self.name.clone().or_else(folder).unwrap_or_default()
    }

    fn say_env(&self, context: &Context, kept: &[String], present: Option<&str>, local: bool, parts: &Compose) -> Outcome<()> {
        let new: Vec<&str> =
            [PASSWORD_VARIABLE, URL_VARIABLE].into_iter().filter(|name| !kept.iter().any(|kept| kept == name)).collect();
        if !new.is_empty() {
            context.out.say(format!("added to {}: {}", env_file::FILE, new.join(", ")))?;
        }
        if !kept.is_empty() {
            context.out.say(format!("kept in {} as they were: {}", env_file::FILE, kept.join(", ")))?;
        }
        if let (Some(url), false) = (present, local) {
            context.out.note(format!(
                "{URL_VARIABLE} of {} names another engine, {}; to use the new one, set it to postgres://{}:${PASSWORD_VARIABLE}@127.0.0.1:{}/{}",
                env_file::FILE,
                redacted(url),
                parts.user,
                parts.port,
                parts.database,
            ));
        }
        if !ignored_by_git() {
            context.out.note(format!("{} holds a password: keep it out of version control", env_file::FILE));
        }
        Ok(())
    }

    /// Offers to bring the schema up to date; the engine that is chosen now has to be this one.
    async fn migrate(&self, context: &Context, ours: bool) -> Outcome<bool> {
        let choice = resolve(&Sources::read(None)?)?;
        let dotenv_decides = matches!(choice.origin(), crate::resolve::Origin::DotEnv(_, URL_VARIABLE));
        if !(ours && dotenv_decides) {
            context.out.note(format!(
                "this folder's engine is {} (by {}), so nothing was migrated",
                choice.shown(),
                choice.origin()
            ));
            return Ok(false);
        }
        if !offer("create the engine's schema in it now?", self.yes).await? {
            context.out.note("next: mastra engine migrate");
            return Ok(false);
        }
        let migrator = migrator(&choice, true).await?;
        migrate::apply(context, &*migrator).await?;
        context.out.note("next: mastra quickstart, or mastra records import FILE --entity NAME --id-field FIELD");
        Ok(true)
    }
}

/// The first port on which nobody listens.
fn free_port() -> Result<u16> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = PORTS.map(bind).find_map(|bound| bound.ok()).map_or_else(|| bind(0), Ok);
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|source| Error::unavailable("no free port on 127.0.0.1").with_source(source))
}

/// Random bytes as hexadecimal digits.
fn random_hex(bytes: usize) -> Result<String> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).map_err(|source| Error::internal(format!("the system gives no random bytes: {source}")))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether `.gitignore` names `.env`, as far as a glance tells; yes where there is no repository.
fn ignored_by_git() -> bool {
    if !Path::new(".git").exists() {
        return true;
    }
    let text = std::fs::read_to_string(".gitignore")
        .map_err(|source| file_error("cannot read", ".gitignore", source))
        .unwrap_or_default();
    text.lines().map(str::trim).any(|line| [".env", "/.env", ".env*", "*.env", ".env.*"].contains(&line))
}
