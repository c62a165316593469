//! The cluster on disk: its creation, its lock, and what can be asked of it while it runs or not.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind as IoErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mastra_core::{Error, Result};

use super::StopMode;
use super::account::Account;
use super::binaries::Binaries;
use super::command::{clean, io_error, output, run, said};
use super::processes::is_server;

/// A Unix socket's path holds 107 bytes; the file's own name takes some of them.
const LONGEST_SOCKET_DIR: usize = 85;

/// The directory of a server with what it takes to work on it.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    dir: PathBuf,
    binaries: Binaries,
    account: Account,
    role: String,
    database: String,
}

impl Cluster {
    pub(super) fn new(dir: PathBuf, binaries: Binaries, role: String, database: String) -> Result<Self> {
        check_identifier(&role)?;
        check_identifier(&database)?;
        let dir = std::path::absolute(&dir).map_err(|source| io_error("cannot resolve the path", &dir, source))?;
        let account = Account::choose()?;
        if let Some(barrier) = account.barrier(&dir) {
            return Err(Error::permission_denied(
                "root runs the server under another account, which cannot reach its directory; choose another directory",
            )
            .with("closed", barrier.display())
            .with("account", account.name().unwrap_or_default()));
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&dir)
            .map_err(|source| io_error("cannot create the server's directory", &dir, source))?;
        Ok(Self { dir, binaries, account, role, database })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn role(&self) -> &str {
        &self.role
    }

    pub(super) fn database(&self) -> &str {
        &self.database
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The folder of the Unix socket, made when missing; `None` where its path would be too long.
    pub(super) fn socket_dir(&self) -> Result<Option<PathBuf>> {
        let socket = self.dir.join("socket");
        if socket.as_os_str().len() > LONGEST_SOCKET_DIR {
            return Ok(None);
        }
        self.private_dir(&socket)?;
        Ok(Some(socket))
    }

    /// One of the tools, under the server's account and from a folder that this account can read.
    pub(super) fn tool(&self, name: &str) -> Command {
        let mut command = self.binaries.tool(name);
        self.account.apply(&mut command);
        command.current_dir(&self.dir);
        command
    }

    /// Holds everybody else off this directory until the file is dropped.
    pub(super) fn lock(&self, timeout: Duration) -> Result<File> {
        let path = self.dir.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| io_error("cannot open the lock file", &path, source))?;
        let deadline = Instant::now() + timeout;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(Duration::from_millis(50)),
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::timeout("another process holds the server's lock").with("path", path.display()));
                }
                Err(TryLockError::Error(source)) => return Err(io_error("cannot lock", &path, source)),
            }
        }
    }

    /// The password, written at creation.
    pub(super) fn password(&self) -> Result<String> {
        let path = self.dir.join("password");
        std::fs::read_to_string(&path).map_err(|source| io_error("cannot read the server's password", &path, source))
    }

    /// The port that the server had last.
    pub(super) fn last_port(&self) -> Option<u16> {
        std::fs::read_to_string(self.dir.join("port")).ok()?.trim().parse().ok()
    }

    pub(super) fn remember_port(&self, port: u16) -> Result<()> {
        let path = self.dir.join("port");
        std::fs::write(&path, port.to_string()).map_err(|source| io_error("cannot write the server's port", &path, source))
    }

    /// Creates the cluster where there is none yet.
    ///
    /// `initdb` works in a folder of another name, so that one that was killed halfway is never taken for a cluster.
    pub(super) fn initialise(&self, password: Option<&str>) -> Result<()> {
        let data = self.data();
        if data.join("PG_VERSION").is_file() {
            return self.check_major(&data);
        }
        let unfinished = self.dir.join("data.new");
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished)
                .map_err(|source| io_error("cannot remove an unfinished cluster", &unfinished, source))?;
        }
        self.private_dir(&unfinished)?;
        let password = password.map_or_else(random_password, |password| Ok(password.to_owned()))?;
        let handed = self.dir.join("password.new");
        write_secret(&handed, &password)?;
        self.account.own(&handed)?;
        let made = self.initdb(&unfinished, &handed);
        std::fs::remove_file(&handed).map_err(|source| io_error("cannot remove a file", &handed, source))?;
        made?;
        write_secret(&self.dir.join("password"), &password)?;
        std::fs::rename(&unfinished, &data).map_err(|source| io_error("cannot put the cluster into place", &data, source))
    }

    fn initdb(&self, data: &Path, password_file: &Path) -> Result<()> {
        let mut command = self.tool("initdb");
        command.arg("--pgdata").arg(data).arg("--pwfile").arg(password_file).args([
            "--username",
            &self.role,
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--locale",
        ]);
        let locales = installed_locales();
        if self.binaries.major() >= 15 {
            // Most machines sort text by a language's rules, not by code point: so does this server, from ICU's own tables.
            // The C locale of libc beside it only classifies characters.
            let ctype = locales.iter().find(|name| is_code_point_locale(name) && is_utf8(name));
            command.arg(ctype.map_or("C", String::as_str)).args(["--locale-provider=icu", "--icu-locale=en-US"]);
        } else {
            let by_language = |prefix: &str| {
                locales.iter().find(|name| name.starts_with(prefix) && is_utf8(name) && !is_code_point_locale(name))
            };
            command.arg(by_language("en_US").or_else(|| by_language("")).map_or("C", String::as_str));
        }
        run(&mut command, "initdb").map(drop)
    }

    fn check_major(&self, data: &Path) -> Result<()> {
        let path = data.join("PG_VERSION");
        let text = std::fs::read_to_string(&path).map_err(|source| io_error("cannot read the version", &path, source))?;
        if text.trim() == self.binaries.major().to_string() {
            return Ok(());
        }
        Err(Error::invalid_input(
            "the data was written by another major version of Postgres; move the directory away or use that version",
        )
        .with("data", text.trim())
        .with("binaries", self.binaries.version())
        .with("directory", self.dir.display()))
    }

    /// The port of the running server; `None` where none runs.
    pub(super) fn running_port(&self) -> Option<u16> {
        let (pid, port, _) = self.pid_file()?;
        let runs = is_server(pid, &self.data()).unwrap_or_else(|| {
            let status = output(self.tool("pg_ctl").arg("status").arg("--pgdata").arg(self.data()), "pg_ctl");
            status.is_ok_and(|status| status.status.success())
        });
        runs.then_some(port)
    }

    /// Whether the server says that it takes connections.
    pub(super) fn is_ready(&self) -> bool {
        self.pid_file().is_some_and(|(_, _, ready)| ready)
    }

    /// Process, port and whether connections are taken, of the server's own file.
    pub(super) fn pid_file(&self) -> Option<(u32, u16, bool)> {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let port = lines.nth(2)?.trim().parse().ok()?;
        let ready = lines.nth(3).is_some_and(|status| status.trim() == "ready");
        Some((pid, port, ready))
    }

    pub(super) fn psql(&self, port: u16, password: &str, database: &str, statement: &str) -> Result<String> {
        // As the caller, over TCP: psql needs no right on the data. The password is not an argument, which anybody could read.
        let mut command = self.binaries.tool("psql");
        command
            .env("PGPASSWORD", password)
            .env("PGCONNECT_TIMEOUT", "10")
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p"])
            .arg(port.to_string())
            .args(["-U", &self.role, "-d", database, "-c", statement]);
        run(&mut command, "psql")
    }

    pub(super) fn stop(&self, mode: StopMode, timeout: Duration) -> Result<()> {
        if self.running_port().is_none() {
            return Ok(());
        }
        let mode = match mode {
            StopMode::Fast => "fast",
            StopMode::Immediate => "immediate",
        };
        let seconds = timeout.as_secs().max(1).to_string();
        let mut command = self.tool("pg_ctl");
        command.arg("stop").arg("--pgdata").arg(self.data()).args(["--mode", mode, "--wait", "--timeout", &seconds]);
        let stopped = output(&mut command, "pg_ctl")?;
        if stopped.status.success() || self.running_port().is_none() {
            return Ok(());
        }
        Err(Error::timeout(format!("the server does not stop: {}", said(&stopped))).with("log", self.log().display()))
    }

    /// Makes a folder that only the server's account may enter.
    fn private_dir(&self, dir: &Path) -> Result<()> {
        match DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => self.account.own(dir),
            Err(source) if source.kind() == IoErrorKind::AlreadyExists => Ok(()),
            Err(source) => Err(io_error("cannot create a folder of the server", dir, source)),
        }
    }
}

/// Refuses a name that would need quoting: these names are chosen by us, not by data.
pub(super) fn check_identifier(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.is_empty() && name.len() <= 63 && name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(());
    }
    Err(Error::invalid_input("a name of lower-case letters, digits and underscores is needed").with("name", name))
}

/// The machine's libc locales; the platform's own name for "none" where `locale` does not exist.
fn installed_locales() -> Vec<String> {
    let listed = run(clean(Path::new("locale"), None).arg("-a"), "locale").unwrap_or_default();
    listed.lines().map(str::to_owned).collect()
}

fn is_utf8(locale: &str) -> bool {
    let lower = locale.to_ascii_lowercase();
    lower.ends_with(".utf8") || lower.ends_with(".utf-8")
}

fn is_code_point_locale(locale: &str) -> bool {
    locale == "POSIX" || locale == "C" || locale.starts_with("C.")
}

/// 32 hexadecimal digits from the system's source of randomness.
fn random_password() -> Result<String> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0u8; 16];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|source| io_error("cannot read random bytes", path, source))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only its owner can read, from the first byte on.
fn write_secret(path: &Path, secret: &str) -> Result<()> {
    let attempt = || {
        // A file of an earlier attempt may belong to the other account: it is replaced, not written into.
        match std::fs::remove_file(path) {
            Err(source) if source.kind() != IoErrorKind::NotFound => return Err(source),
            _ => {}
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(secret.as_bytes())
    };
    attempt().map_err(|source| io_error("cannot write a secret", path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_that_need_no_quotes() {
        assert!(check_identifier("mastra_2").is_ok());
        for bad in ["", "2x", "Mastra", "a b", "a'b", "ä"] {
            assert!(check_identifier(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_differ() {
        let (a, b) = (random_password().unwrap(), random_password().unwrap());
        assert_eq!(a.len(), 32);
        assert_ne!(a, b);
    }
}
