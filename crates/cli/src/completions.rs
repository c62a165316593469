//! `mastra completions`.

use crate::{
    cli::Cli,
    exit::{Exit, Outcome},
    output::Output,
};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  mastra completions bash > ~/.local/share/bash-completion/completions/mastra
  mastra completions zsh > ~/.zfunc/_mastra
  mastra completions fish > ~/.config/fish/completions/mastra.fish";

/// Which shell.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, out: &Output) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "mastra", &mut script);
        let mut lines = out.lines();
        lines.bytes(&script)?;
        lines.finish()?;
        Ok(Exit::Done)
    }
}
