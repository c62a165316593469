//! Adding pgvector to a private installation: the distribution's package where it is new enough, else its source.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use mastra_core::{Error, Result};
use mastra_postgres::server::Binaries;

use super::apt::Apt;
use super::machine::remove;
use super::{is_new_enough, progress};
use crate::process::{capture, file_error, on_path};

/// Adds pgvector to the installation below `root`; `work` is for what is only needed meanwhile.
pub(super) fn add(apt: &Apt, binaries: &Binaries, root: &Path, work: &Path) -> Result<()> {
    let major = binaries.major();
    let package = format!("postgresql-{major}-pgvector");
    if let Some(version) = apt.candidate(&package)?.filter(|version| is_new_enough(version)) {
        progress(&format!("fetching pgvector {version} from the distribution's packages"));
        return apt.unpack_alone(&package, root);
    }
    let source = apt.source("pgvector", work)?;
    if !is_new_enough(&source.version) {
        return Err(Error::unavailable(
            "the distribution's source of pgvector is too old; set MASTRA_TEST_POSTGRES_URL to a server that has 0.8 or newer",
        )
        .with("version", &source.version));
    }
    progress(&format!("building pgvector {} from the {} source", source.version, apt.distribution_name()));
    // The headers alone: the package's dependencies are compilers for Postgres' just-in-time code, which is left out below.
    apt.unpack_alone(&format!("postgresql-server-dev-{major}"), root)?;
    let tools = Tools::find_or_fetch(apt, work)?;
    for goals in [&["all"][..], &["install"][..]] {
        capture(tools.make(&source.folder, binaries).args(goals))?;
    }
    remove(work)
}

/// What it takes to build: `make` and a C compiler.
struct Tools {
    make: PathBuf,
    compiler: &'static str,
}

impl Tools {
    fn find_or_fetch(apt: &Apt, work: &Path) -> Result<Self> {
        let compiler = ["gcc", "cc", "clang"].into_iter().find(|name| on_path(name).is_some()).ok_or_else(|| {
            Error::not_found("a C compiler is needed to build pgvector; install one with: apt-get install gcc libc6-dev")
        })?;
        if let Some(make) = on_path("make") {
            return Ok(Self { make, compiler });
        }
        let root = work.join("tools");
        apt.unpack_alone("make", &root)?;
        Ok(Self { make: root.join("usr/bin/make"), compiler })
    }

    fn make(&self, source: &Path, binaries: &Binaries) -> Command {
        let mut variable = OsString::from("PG_CONFIG=");
        variable.push(binaries.folder().join("pg_config"));
        let mut command = Command::new(&self.make);
        command
            .current_dir(source)
            // No -march=native: the result may run on another machine than it was built on.
            .args(["OPTFLAGS=", "with_llvm=no"])
            .arg(format!("CC={}", self.compiler))
            .arg(format!("-j{}", std::thread::available_parallelism().map_or(1, usize::from)))
            .arg(variable);
        if let Some(libraries) = binaries.libraries() {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}

/// Unpacks a source archive into `folder` and returns the one folder that it holds.
pub(super) fn unpack_source(archive: &Path, folder: &Path) -> Result<PathBuf> {
    capture(Command::new("tar").arg("--extract").arg("--file").arg(archive).arg("--directory").arg(folder))?;
    let entries = std::fs::read_dir(folder).map_err(|source| file_error("cannot read", folder, source))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("Makefile").is_file())
        .ok_or_else(|| Error::unavailable("the source archive holds no Makefile"))
}
