//! Finding a Postgres installation and what it offers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use mastra_core::{Error, Result};

use super::command::{clean, run};

/// What a private server needs of an installation.
const TOOLS: [&str; 4] = ["postgres", "initdb", "pg_ctl", "psql"];

/// Folders that hold one installation each, by the habits of the distributions.
const INSTALLATIONS: [(&str, &str); 5] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr/local", "pgsql/bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/usr", "bin"),
];

/// The binaries of one Postgres installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    bin: PathBuf,
    libraries: Option<PathBuf>,
    version: String,
    major: u32,
}

impl Binaries {
    /// The installation whose binaries lie in `bin`.
    ///
    /// Packages that were unpacked below a folder of their own may bring shared libraries that the machine does not have: they
    /// are taken from `libraries` beside the folder's `usr`, where that exists.
    ///
    /// # Errors
    /// `NotFound` where one of the tools is missing, `Unavailable` where the server's binary does not run.
    pub fn at(bin: impl Into<PathBuf>) -> Result<Self> {
        let bin = bin.into();
        if let Some(missing) = TOOLS.iter().find(|tool| !bin.join(tool).is_file()) {
            return Err(Error::not_found("this is no folder of Postgres server binaries")
                .with("folder", bin.display())
                .with("missing", missing));
        }
        let libraries = bin
            .ancestors()
            .find(|folder| folder.ends_with("usr"))
            .map(|usr| usr.with_file_name("libraries"))
            .filter(|it| it.is_dir());
        let printed = run(clean(&bin.join("postgres"), libraries.as_deref()).arg("--version"), "postgres --version")?;
        let (version, major) = parse_version(&printed).ok_or_else(|| {
            Error::unavailable("the server's version is not understood").retryable(false).with("printed", &printed)
        })?;
        Ok(Self { bin, libraries, version, major })
    }

    /// Every installation of this machine, newest first: on `PATH`, by `pg_config`, and where distributions put them.
    pub fn all() -> Vec<Self> {
        let mut folders: BTreeSet<PathBuf> =
            std::env::var_os("PATH").iter().flat_map(std::env::split_paths).filter(|folder| folder.is_absolute()).collect();
        if let Ok(folder) = run(clean(Path::new("pg_config"), None).arg("--bindir"), "pg_config") {
            folders.insert(folder.into());
        }
        for (parent, below) in INSTALLATIONS {
            let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
            folders.extend(entries.map(|entry| entry.path().join(below)));
            folders.insert(Path::new(parent).join(below));
        }
        let mut found: Vec<Self> = folders.into_iter().filter_map(|folder| Self::at(folder).ok()).collect();
        found.sort_by(|a, b| b.major.cmp(&a.major).then_with(|| a.bin.cmp(&b.bin)));
        found
    }

    /// The newest installation that has the extension `vector`, else the newest.
    ///
    /// # Errors
    /// `NotFound` where the machine has none.
    pub fn find() -> Result<Self> {
        let all = Self::all();
        let with_vectors = all.iter().find(|binaries| binaries.extension_version("vector").is_some());
        with_vectors.or_else(|| all.first()).cloned().ok_or_else(|| {
            Error::not_found(
                "no Postgres server binaries on this machine; install them, on Debian or Ubuntu with: apt-get install postgresql",
            )
        })
    }

    /// The folder of the binaries.
    pub fn folder(&self) -> &Path {
        &self.bin
    }

    /// The folder of the shared libraries that come with them, where there is one.
    pub fn libraries(&self) -> Option<&Path> {
        self.libraries.as_deref()
    }

    /// The version as the server prints it: `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The major version: 15.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The version of an extension that this installation can create, `None` where it is not installed.
    pub fn extension_version(&self, name: &str) -> Option<String> {
        let control = self.share()?.join("extension").join(format!("{name}.control"));
        default_version(&std::fs::read_to_string(control).ok()?)
    }

    /// A command for one of the tools, in a clean environment.
    pub(super) fn tool(&self, name: &str) -> Command {
        clean(&self.bin.join(name), self.libraries.as_deref())
    }

    /// The installation's share folder: `pg_config` knows it, but some distributions ship that with the headers only.
    fn share(&self) -> Option<PathBuf> {
        if let Ok(folder) = run(self.tool("pg_config").arg("--sharedir"), "pg_config") {
            return Some(folder.into());
        }
        let major = self.major;
        [format!("../../../../share/postgresql/{major}"), "../share/postgresql".into(), "../share".into()]
            .iter()
            .map(|relative| self.bin.join(relative))
            .find(|folder| folder.join("postgres.bki").is_file())
    }
}

/// The version and its first number of what `postgres --version` prints.
fn parse_version(printed: &str) -> Option<(String, u32)> {
    let version = printed.strip_prefix("postgres (PostgreSQL) ")?.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((version.to_owned(), digits.parse().ok()?))
}

/// `default_version` of an extension's control file.
fn default_version(control: &str) -> Option<String> {
    control.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "default_version").then(|| value.trim().trim_matches('\'').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_releases_and_previews() {
        let parse = |text| parse_version(text);
        assert_eq!(parse("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(("15.18".into(), 15)));
        assert_eq!(parse("postgres (PostgreSQL) 19beta1"), Some(("19beta1".into(), 19)));
        assert_eq!(parse("psql (PostgreSQL) 15.18"), None);
    }

    #[test]
    fn the_version_in_a_control_file() {
        assert_eq!(default_version("comment = 'a'\ndefault_version = '0.8.0'\n"), Some("0.8.0".into()));
        assert_eq!(default_version("comment = 'default_version'"), None);
    }
}
