//! What `tests/typescript` pins: the TypeScript compiler, which holds the generated types to `--strict`, and the official MCP client.

use crate::process::{self, Workspace};
use mastra_core::{Error, Result};
use std::process::Command;

/// What has to be there, below `node_modules`.
const WANTED: [&str; 2] = [".bin/tsc", "@modelcontextprotocol/sdk/package.json"];

/// Installs them where they are not there yet, and Node.js with npm where those are not.
pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    let folder = workspace.join("tests/typescript");
    if WANTED.iter().all(|wanted| folder.join("node_modules").join(wanted).exists()) {
        return Ok(());
    }
    if process::on_path("npm").is_none() {
        install_npm()?;
    }
    println!("installing the TypeScript compiler and the MCP client that tests/typescript pins…");
    process::capture(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(folder)).map(drop)
}

fn install_npm() -> Result<()> {
    let help = "install Node.js 18 or newer with npm, for example: sudo apt-get install --no-install-recommends nodejs npm";
    if process::on_path("apt-get").is_none() {
        return Err(Error::unavailable(help));
    }
    println!("installing Node.js and npm from the distribution's packages…");
    let rights: &[&str] = if process::on_path("sudo").is_some() { &["sudo", "-n"] } else { &[] };
    let apt = |arguments: &[&str]| {
        let whole: Vec<&str> = rights.iter().chain(&["apt-get", "-y"]).chain(arguments).copied().collect();
        let (program, arguments) = whole.split_first().ok_or_else(|| Error::internal("no command"))?;
        process::capture(Command::new(program).args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update"])
        .and_then(|_| apt(&["install", "--no-install-recommends", "nodejs", "npm"]))
        .map(drop)
        .map_err(|error| Error::unavailable(format!("Node.js could not be installed; {help}")).with_source(error))
}
