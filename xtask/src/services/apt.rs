//! The distribution's packages without installing any: a private configuration of apt, so that root is not needed and the
//! machine stays as it is. Signatures are checked as ever, by apt, with the machine's own keys.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use mastra_core::{Error, Result};

use super::machine::remove;
use super::pgvector::unpack_source;
use super::progress;
use super::sources::{self, Entry};
use crate::process::{capture, file_error, on_path};

/// The release of each distribution whose source package of pgvector is new enough.
const SOURCE_RELEASE: [(&str, &str); 2] = [("debian", "trixie"), ("ubuntu", "resolute")];

/// apt with folders of its own.
pub(super) struct Apt {
    folder: PathBuf,
    options: Vec<OsString>,
    distribution: String,
}

/// An unpacked source package.
pub(super) struct Source {
    pub(super) folder: PathBuf,
    pub(super) version: String,
}

impl Apt {
    /// Reads the package lists into `folder`.
    ///
    /// # Errors
    /// `Unsupported` off Debian and Ubuntu, with what to do instead; `Unavailable` with what apt said.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let release = os_release();
        let value = |key: &str| release.get(key).cloned().unwrap_or_default();
        let (distribution, codename) = (value("ID"), value("VERSION_CODENAME"));
        let source_release = SOURCE_RELEASE.iter().find(|(name, _)| *name == distribution).map(|(_, release)| *release);
        let (Some(source_release), Some(_), Some(_)) = (source_release, on_path("apt-get"), on_path("dpkg-deb")) else {
            return Err(Error::new(
                mastra_core::ErrorKind::Unsupported,
                "packages can be fetched on Debian and Ubuntu only; start Docker, or install PostgreSQL with pgvector 0.8 and pgbouncer, or set MASTRA_TEST_POSTGRES_URL",
            )
            .with("distribution", if distribution.is_empty() { "unknown" } else { &distribution }));
        };
        for below in ["lists/partial", "archives/partial"] {
            let path = folder.join(below);
            std::fs::create_dir_all(&path).map_err(|source| file_error("cannot create", &path, source))?;
        }
        let list = folder.join("private.sources");
        let text = sources::private_list(&machine_entries()?, &codename, source_release)?;
        std::fs::write(&list, text).map_err(|source| file_error("cannot write", &list, source))?;

        let option = |name: &str, path: &Path| {
            let mut option = OsString::from(format!("{name}="));
            option.push(path);
            ["-o".into(), option]
        };
        let mut options: Vec<OsString> = ["-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3"].map(Into::into).into();
        // The lists and archives are our own, so the machine's locks, which only root may take, do not matter.
        options.extend(["-o", "Debug::NoLocking=1", "-o", "APT::Update::Error-Mode=any"].map(OsString::from));
        options.extend(option("Dir::Etc::sourcelist", &list));
        options.extend(option("Dir::Etc::sourceparts", Path::new("/dev/null")));
        options.extend(option("Dir::State::lists", &folder.join("lists")));
        options.extend(option("Dir::Cache", folder));
        options.extend(option("Dir::Cache::archives", &folder.join("archives")));
        let apt = Self { folder: folder.to_owned(), options, distribution: value("NAME") };
        progress("reading the distribution's package lists");
        capture(apt.command("apt-get").arg("update"))?;
        Ok(apt)
    }

    /// The distribution's name for people.
    pub(super) fn distribution_name(&self) -> &str {
        &self.distribution
    }

    /// The version that would be installed; `None` where the distribution has none.
    pub(super) fn candidate(&self, package: &str) -> Result<Option<String>> {
        let said = capture(self.command("apt-cache").args(["policy", package]))?;
        let line = said.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
        Ok(line.filter(|version| *version != "(none)").map(str::to_owned))
    }

    /// Unpacks the packages, and those that they need and the machine lacks, below `root`.
    pub(super) fn unpack_with_dependencies(&self, packages: &[&str], root: &Path) -> Result<()> {
        let archives = self.folder.join("archives");
        remove(&archives)?;
        let partial = archives.join("partial");
        std::fs::create_dir_all(&partial).map_err(|source| file_error("cannot create", &partial, source))?;
        capture(self.command("apt-get").args(["install", "--yes", "--no-install-recommends", "--download-only"]).args(packages))?;
        for archive in files(&archives, ".deb")? {
            unpack(&archive, root)?;
        }
        gather_libraries(root)
    }

    /// Unpacks one package below `root` without what it depends on.
    pub(super) fn unpack_alone(&self, package: &str, root: &Path) -> Result<()> {
        let folder = self.folder.join("download");
        fresh(&folder)?;
        capture(self.command("apt-get").args(["download", package]).current_dir(&folder))?;
        for archive in files(&folder, ".deb")? {
            unpack(&archive, root)?;
        }
        Ok(())
    }

    /// Fetches a source package and unpacks its upstream archive below `work`.
    pub(super) fn source(&self, package: &str, work: &Path) -> Result<Source> {
        fresh(work)?;
        capture(self.command("apt-get").args(["source", "--download-only", package]).current_dir(work))?;
        let archives = files(work, ".gz")?.into_iter().chain(files(work, ".xz")?);
        for archive in archives {
            let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let version =
                name.strip_prefix(package).and_then(|rest| rest.strip_prefix('_')).and_then(|rest| rest.split_once(".orig."));
            if let Some((version, _)) = version {
                return Ok(Source { folder: unpack_source(&archive, work)?, version: version.to_owned() });
            }
        }
        Err(Error::unavailable("the source package holds no upstream archive").with("package", package))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive").args(&self.options);
        command
    }
}

/// Unpacks the files of a package; none of its scripts runs.
fn unpack(archive: &Path, root: &Path) -> Result<()> {
    std::fs::create_dir_all(root).map_err(|source| file_error("cannot create", root, source))?;
    capture(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(root)).map(drop)
}

/// Links the shared libraries of unpacked packages into one folder, `libraries`, for the loader's search path.
fn gather_libraries(root: &Path) -> Result<()> {
    let target = root.join("libraries");
    fresh(&target)?;
    for parent in ["lib", "usr/lib"] {
        let Ok(entries) = std::fs::read_dir(root.join(parent)) else {
            continue;
        };
        for folder in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().contains("-linux-")) {
            for library in files(&folder.path(), "")?.iter().filter(|path| is_library(path)) {
                let Some(name) = library.file_name() else { continue };
                // Relative, since the root is renamed once it is whole.
                let relative = Path::new("..").join(parent).join(folder.file_name()).join(name);
                let link = target.join(name);
                if !link.exists() {
                    std::os::unix::fs::symlink(&relative, &link).map_err(|source| file_error("cannot link", &link, source))?;
                }
            }
        }
    }
    Ok(())
}

fn is_library(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so"))
}

/// The files of a folder whose names end so, sorted.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|source| file_error("cannot read", folder, source))?;
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && path.to_string_lossy().ends_with(ending))
        .collect();
    paths.sort();
    Ok(paths)
}

/// An empty folder of that name.
fn fresh(folder: &Path) -> Result<()> {
    remove(folder)?;
    std::fs::create_dir_all(folder).map_err(|source| file_error("cannot create", folder, source))
}

/// The distribution's description of itself.
fn os_release() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned())).collect()
}

/// What the machine's own configuration of apt names.
fn machine_entries() -> Result<Vec<Entry>> {
    let parts = Path::new("/etc/apt/sources.list.d");
    let mut entries = Vec::new();
    let main = PathBuf::from("/etc/apt/sources.list");
    let mut lists = vec![main];
    if parts.is_dir() {
        lists.extend(files(parts, ".list")?);
        lists.extend(files(parts, ".sources")?);
    }
    for list in lists {
        let Ok(text) = std::fs::read_to_string(&list) else { continue };
        if list.extension().is_some_and(|extension| extension == "sources") {
            entries.extend(sources::parse_stanzas(&text));
        } else {
            entries.extend(sources::parse_lines(&text));
        }
    }
    Ok(entries)
}
