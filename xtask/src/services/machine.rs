//! A private server of this machine's binaries, or of the distribution's packages, with pgvector beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use mastra_core::{Error, Result};
use mastra_postgres::server::{Binaries, Builder, PrivateServer, home_for};

use super::apt::Apt;
use super::state::State;
use super::{is_new_enough, pgvector, progress};
use crate::flags::Source;
use crate::process::{Workspace, capture, file_error};

/// Where Debian and Ubuntu put a version, apart from what `usr` stands below.
const LAYOUT: [&str; 2] = ["usr/lib/postgresql", "usr/share/postgresql"];

/// Brings the server up.
pub(super) fn up(workspace: &Workspace) -> Result<State> {
    let home = home_for(&workspace.join(".services"))?;
    let binaries = binaries(&home)?;
    let directory = home.join("postgres");
    progress(&format!("starting PostgreSQL {}", binaries.version()));
    let server = builder(&directory, binaries.clone()).start()?;
    let pgvector = server
        .extension_version("vector")?
        .filter(|version| is_new_enough(version))
        .ok_or_else(|| Error::unavailable("the server does not find pgvector").with("log", server.log().display()))?;
    if server.psql("mastra", "SELECT 'a'::text < 'B'::text")? != "t" {
        return Err(Error::unavailable(
            "the server sorts text by code point, and the tests need a language's collation: PostgreSQL 15 with ICU, or a libc locale such as en_US.UTF-8",
        ));
    }
    Ok(State {
        url: server.url(),
        port: server.port(),
        version: binaries.version().to_owned(),
        pgvector,
        source: Source::Machine,
        directory: Some(directory),
        pg_bin: Some(binaries.folder().to_owned()),
        pgbouncer: None,
        problems: Vec::new(),
    })
}

/// The server that `state` describes, where it runs and answers.
pub(super) fn server(state: &State) -> Result<Option<PrivateServer>> {
    let (Some(directory), Some(bin)) = (&state.directory, &state.pg_bin) else {
        return Ok(None);
    };
    builder(directory, Binaries::at(bin)?).running()
}

/// Stops the server.
pub(super) fn down(state: &State) -> Result<()> {
    match server(state)? {
        Some(mut server) => server.stop(),
        None => Ok(()),
    }
}

fn builder(directory: &Path, binaries: Binaries) -> Builder {
    // fsync and the rest stay as they are: durability is measured too.
    PrivateServer::builder(directory).binaries(binaries).setting("max_connections", "200").setting("shared_buffers", "128MB")
}

/// Binaries with pgvector: the machine's own where they have it, else a private copy to which it is added.
///
/// Postgres finds its folders relative to its binary, so a copy is a whole installation: nothing outside the private directory
/// changes, and no right is needed.
fn binaries(home: &Path) -> Result<Binaries> {
    let private = home.join("root");
    if let Some(binaries) = installed_below(&private).filter(has_pgvector) {
        return Ok(binaries);
    }
    let of_machine = Binaries::all();
    if let Some(binaries) = of_machine.iter().find(|binaries| has_pgvector(binaries)) {
        return Ok(binaries.clone());
    }
    let apt = Apt::open(&home.join("apt"))?;
    // Under another name until it is whole: an interrupted attempt is never taken for an installation.
    let unfinished = home.join("root.new");
    remove(&unfinished)?;
    match of_machine.iter().find(|binaries| is_packaged(binaries)) {
        Some(binaries) => {
            progress(&format!("copying PostgreSQL {} into the private directory", binaries.version()));
            copy(&binaries.major().to_string(), &unfinished)?;
        }
        None => {
            progress("fetching PostgreSQL from the distribution's packages");
            apt.unpack_with_dependencies(&["postgresql"], &unfinished)?;
        }
    }
    let binaries = installed_below(&unfinished)
        .ok_or_else(|| Error::unavailable("the distribution's packages hold no PostgreSQL server"))?;
    pgvector::add(&apt, &binaries, &unfinished, &home.join("build"))?;
    remove(&private)?;
    std::fs::rename(&unfinished, &private).map_err(|source| file_error("cannot rename", &unfinished, source))?;
    installed_below(&private).filter(has_pgvector).ok_or_else(|| {
        Error::unavailable("pgvector was built, but the installation does not show it").with("folder", private.display())
    })
}

fn has_pgvector(binaries: &Binaries) -> bool {
    binaries.extension_version("vector").is_some_and(|version| is_new_enough(&version))
}

/// Whether this is an installation in the distribution's layout, which can be copied.
fn is_packaged(binaries: &Binaries) -> bool {
    let major = binaries.major().to_string();
    binaries.folder() == Path::new("/usr/lib/postgresql").join(&major).join("bin")
        && LAYOUT.iter().all(|folder| Path::new("/").join(folder).join(&major).is_dir())
}

/// The newest installation in the distribution's layout below `root`.
fn installed_below(root: &Path) -> Option<Binaries> {
    let versions = std::fs::read_dir(root.join("usr/lib/postgresql")).ok()?.flatten();
    versions.filter_map(|entry| Binaries::at(entry.path().join("bin")).ok()).max_by_key(Binaries::major)
}

fn copy(major: &str, root: &Path) -> Result<()> {
    for folder in LAYOUT {
        let target: PathBuf = root.join(folder);
        std::fs::create_dir_all(&target).map_err(|source| file_error("cannot create", &target, source))?;
        capture(Command::new("cp").arg("-R").arg("-p").arg("--").arg(Path::new("/").join(folder).join(major)).arg(&target))?;
    }
    Ok(())
}

/// Removes a folder where there is one.
pub(super) fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(file_error("cannot remove", folder, source)),
        _ => Ok(()),
    }
}
