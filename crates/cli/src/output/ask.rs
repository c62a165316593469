//! Asking before what cannot be undone.

use crate::exit::{HINT, Outcome};
use mastra_core::Error;
use std::io::{self, IsTerminal as _, Write as _};

/// Whether the user agrees to `what`; `yes` answers for them. Without a terminal nobody can be asked: that is an error.
pub(crate) fn confirm(what: &str, yes: bool) -> Outcome<bool> {
    if yes {
        return Ok(true);
    }
    if !interactive() {
        return Err(Error::invalid_input("this asks for a confirmation, and there is no terminal to ask on")
            .with(HINT, "the same command with --yes, or with --dry-run to see what it would do")
            .into());
    }
    question(what, false)
}

/// Whether the user wants `what`, which is the default; no where nobody can be asked.
pub(crate) fn offer(what: &str, yes: bool) -> Outcome<bool> {
    if yes { Ok(true) } else { Ok(interactive() && question(what, true)?) }
}

fn interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn question(what: &str, default: bool) -> Outcome<bool> {
    let failed = |source| Error::internal("cannot ask on the terminal").with_source(source);
    let mut terminal = io::stderr().lock();
    write!(terminal, "{what} [{}] ", if default { "Y/n" } else { "y/N" }).and_then(|()| terminal.flush()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(match answer.trim().to_ascii_lowercase().as_str() {
        "" => default,
        answer => matches!(answer, "y" | "yes"),
    })
}
