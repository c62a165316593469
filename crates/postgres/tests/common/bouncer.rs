//! A pgbouncer of a test's own.

use super::url;
use mastra_postgres::server::Account;
use std::{
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Server connections that all clients share.
const SERVER_CONNECTIONS: usize = 3;

/// A pgbouncer in transaction mode, with few server connections; ended with the value.
pub(crate) struct Bouncer {
    process: Child,
    pub(crate) url: String,
    _directory: tempfile::TempDir,
}

impl Bouncer {
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// With more lines of its settings.
    pub(crate) async fn start_with(more: &str) -> Self {
        let mut said = String::new();
        for _ in 0..10 {
            // A port that is free now may be taken a moment later, by any connection to another server.
            match Self::try_start(more).await {
                Ok(bouncer) => return bouncer,
                Err(log) => said = log,
            }
        }
        panic!("pgbouncer does not listen: {said}");
    }

    async fn try_start(more: &str) -> Result<Self, String> {
        let binary = std::env::var("MASTRA_TEST_PGBOUNCER").expect(
            "MASTRA_TEST_PGBOUNCER names no pgbouncer: `cargo xtask test` sets it, `cargo xtask services up` fetches one",
        );
        let server: sqlx::postgres::PgConnectOptions = url().parse().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let (host, server_port, user) = (server.get_host(), server.get_port(), server.get_username());
        let database = server.get_database().unwrap_or(user);
        let password = url().split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(login, _)| login.to_owned());
        let password =
            password.as_deref().and_then(|login| login.split_once(':')).map_or("", |(_, password)| password).to_owned();
        std::fs::write(at("users"), format!("\"{user}\" \"{password}\"\n")).unwrap();
        // Without one, as where the server trusts its own machine, the word itself would be an error.
        let secret = if password.is_empty() { String::new() } else { format!(" password={password}") };
        let settings = format!(
            "[databases]\n{database} = host={host} port={server_port} dbname={database} user={user}{secret}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {}\n\
             pool_mode = transaction\ndefault_pool_size = {SERVER_CONNECTIONS}\nmax_client_conn = 200\nserver_tls_sslmode = disable\n{more}\n",
            at("users").display()
        );
        std::fs::write(at("settings.ini"), settings).unwrap();
        for path in [directory.path().to_owned(), at("users"), at("settings.ini")] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let log = at("log");
        let mut command = Command::new(binary);
        command.arg(at("settings.ini")).stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
        // It refuses to run as root.
        if let Some((uid, gid)) = Account::choose().ok().and_then(|account| ids(&account)) {
            command.uid(uid).gid(gid);
        }
        let process = command.spawn().unwrap();
        let url = format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}?sslmode=disable");
        let mut bouncer = Self { process, url, _directory: directory };
        while bouncer.process.try_wait().unwrap().is_none() {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(bouncer);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Err(std::fs::read_to_string(log).unwrap())
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The numbers of the account that servers run under, where that is another one than ours.
fn ids(account: &Account) -> Option<(u32, u32)> {
    let name = account.name()?;
    let number = |flag: &str| {
        let output = Command::new("id").args([flag, name]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    Some((number("-u")?, number("-g")?))
}
