//! Questions and their answers.

use super::describe::Known;
use crate::{
    context::Context,
    exit::{Outcome, Stop},
    knowledge::{Answer, ask},
};
use mastra_core::{Error, ErrorKind};
use std::io::{self, IsTerminal as _, Write as _};

/// So many passages answer a question.
const PASSAGES: usize = 3;
/// The longest question that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// Answers a question.
pub(super) async fn answer(context: &Context, known: &Known, question: &str) -> Outcome<Answer> {
    let mut retrieval = known.config.retrieval(question);
    if known.config.search.top_k.is_none() {
        retrieval.top_k = PASSAGES;
    }
    ask(context, &known.config, &known.base, &retrieval).await
}

/// Shows an answer.
pub(super) fn show(context: &Context, question: &str, answer: &Answer) -> Outcome<()> {
    let out = &context.out;
    out.say(format!("\n{}\n", out.bold(&crate::output::text::clean(question))))?;
    answer.show_passages(out, true)?;
    out.say(out.dim(&answer.summary()))
}

/// Whether somebody sits there who can ask.
pub(super) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Answers questions until an empty line or the end of input.
pub(super) async fn converse(context: &Context, known: &Known) -> Outcome<()> {
    let out = &context.out;
    out.say(format!("\nAsk in your own words; {} ends.", out.bold("an empty line")))?;
    while let Some(question) = read().await? {
        match answer(context, known, &question).await {
            Ok(answer) => {
                out.say("")?;
                answer.show_passages(out, true)?;
                out.say(out.dim(&answer.summary()))?;
            }
            // Another question may do better.
            Err(Stop::Error(error))
                if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unavailable | ErrorKind::Timeout) =>
            {
                out.failure(&error);
            }
            Err(stop) => return Err(stop),
        }
    }
    Ok(())
}

/// The next question, read on a thread of its own: the task that waits for it still hears Ctrl-C.
async fn read() -> Outcome<Option<String>> {
    let read = tokio::task::spawn_blocking(|| {
        write!(io::stdout(), "\n> ")?;
        io::stdout().flush()?;
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    let failed = |source| Error::internal("cannot ask on the terminal").with_source(source);
    let line = read.await.map_err(|source| Error::internal("the question ended badly").with_source(source))?.map_err(failed)?;
    let line = line.trim();
    if line.len() > LONGEST {
        return Err(Error::invalid_input("a question is 64 KiB at most").into());
    }
    Ok(if line.is_empty() { None } else { Some(line.to_owned()) })
}
