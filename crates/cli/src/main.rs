//! The `mastra` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    mastra_cli::run(mastra_engine::Registry::default())
}
