//! Asking before what cannot be undone.

use crate::exit::{HINT, Outcome};
use mastra_core::Error;
use std::io::{self, IsTerminal as _, Write as _};

/// Whether the user agrees to `what`; `yes` answers for them. Without a terminal nobody can be asked: that is an error.
pub(crate) async fn confirm(what: &str, yes: bool) -> Outcome<bool> {
    if yes {
        return Ok(true);
    }
    if !interactive() {
        return Err(Error::invalid_input("this asks for a confirmation, and there is no terminal to ask on")
            .with(HINT, "the same command with --yes, or with --dry-run to see what it would do")
            .into());
    }
    question(what.to_owned(), false).await
}

/// Whether the user wants `what`, which is the default; no where nobody can be asked.
pub(crate) async fn offer(what: &str, yes: bool) -> Outcome<bool> {
    if yes { Ok(true) } else { Ok(interactive() && question(what.to_owned(), true).await?) }
}

fn interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on a thread of its own: the task that waits for the answer still hears Ctrl-C.
async fn question(what: String, default: bool) -> Outcome<bool> {
    let asked = tokio::task::spawn_blocking(move || ask(&what, default)).await;
    let failed = |source| Error::internal("cannot ask on the terminal").with_source(source);
    let answer = asked.map_err(|source| Error::internal("the question ended badly").with_source(source))?.map_err(failed)?;
    Ok(match answer.trim().to_ascii_lowercase().as_str() {
        "" => default,
        answer => matches!(answer, "y" | "yes"),
    })
}

fn ask(what: &str, default: bool) -> io::Result<String> {
    // Not locked while it waits: whoever says that the command was interrupted needs it.
    write!(io::stderr(), "{what} [{}] ", if default { "Y/n" } else { "y/N" })?;
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer)
}
