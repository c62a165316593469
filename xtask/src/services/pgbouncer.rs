//! The pooler's binary: the machine's own, else the distribution's package, unpacked privately so that no service starts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use mastra_core::{Error, Result};
use mastra_postgres::server::home_for;

use super::apt::Apt;
use super::machine::remove;
use super::progress;
use crate::process::{Workspace, capture, file_error, on_path};

/// Names a binary to use.
pub(crate) const VARIABLE: &str = "MASTRA_TEST_PGBOUNCER";

/// A binary that runs.
pub(super) fn find_or_fetch(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        let given = PathBuf::from(given);
        return check(&given).map(|()| given);
    }
    // Debian installs it where only root's PATH leads.
    let installed = on_path("pgbouncer").or_else(|| Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|path| path.is_file()));
    let home = home_for(&workspace.join(".services"))?;
    let root = home.join("pgbouncer");
    let private = root.join("pgbouncer");
    for candidate in installed.iter().chain([&private]) {
        if check(candidate).is_ok() {
            return Ok(candidate.clone());
        }
    }
    progress("fetching pgbouncer from the distribution's packages");
    let apt = Apt::open(&home.join("apt"))?;
    remove(&root)?;
    apt.unpack_with_dependencies(&["pgbouncer"], &root)?;
    write_wrapper(&private, &root)?;
    check(&private)?;
    Ok(private)
}

fn check(binary: &Path) -> Result<()> {
    capture(Command::new(binary).arg("--version")).map(drop)
}

/// A script that adds the unpacked libraries and becomes the pooler: same process, so a test can stop it by its id.
fn write_wrapper(path: &Path, root: &Path) -> Result<()> {
    let root = root.to_str().filter(|root| !root.contains(['\'', '"', '$', '`', '\\'])).ok_or_else(|| {
        Error::invalid_input("the private directory's path holds a character that a script cannot").with("path", root.display())
    })?;
    let script = format!("#!/bin/sh\nLD_LIBRARY_PATH='{root}/libraries' exec '{root}/usr/sbin/pgbouncer' \"$@\"\n");
    std::fs::write(path, script)
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)))
        .map_err(|source| file_error("cannot write", path, source))
}
