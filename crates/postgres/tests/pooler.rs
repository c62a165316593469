//! Behind pgbouncer in transaction mode, with more clients than server connections.
#![cfg(feature = "engine")]

mod common;

use common::{TestSchema, url};
use futures::{TryStreamExt as _, future::join_all};
use mastra_core::{
    Engine as _, EngineExt as _, EntityRef, ErrorKind, Filter, NewRecord, RecordQuery, RecordStore as _, SyncBatch, TextSearch,
    UpsertOptions, sort::SortKey,
};
use mastra_postgres::{Pooler, PostgresEngine, server::Account};
use serde_json::json;
use std::{
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

/// Server connections that all clients share.
const SERVER_CONNECTIONS: usize = 3;

/// A pgbouncer of this test's own, ended with the value.
struct Bouncer {
    process: Child,
    url: String,
    _directory: tempfile::TempDir,
}

impl Bouncer {
    async fn start() -> Self {
        let binary = std::env::var("MASTRA_TEST_PGBOUNCER")
            .expect("MASTRA_TEST_PGBOUNCER names no pgbouncer: `cargo xtask test` sets it, `cargo xtask services up` fetches one");
        let server: sqlx::postgres::PgConnectOptions = url().parse().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let (host, server_port, user) = (server.get_host(), server.get_port(), server.get_username());
        let database = server.get_database().unwrap_or(user);
        let password = url().split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(login, _)| login.to_owned());
        let password = password.as_deref().and_then(|login| login.split_once(':')).map_or("", |(_, password)| password).to_owned();
        std::fs::write(at("users"), format!("\"{user}\" \"{password}\"\n")).unwrap();
        let settings = format!(
            "[databases]\n{database} = host={host} port={server_port} dbname={database} user={user} password={password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {}\n\
             pool_mode = transaction\ndefault_pool_size = {SERVER_CONNECTIONS}\nmax_client_conn = 200\nserver_tls_sslmode = disable\n",
            at("users").display()
        );
        std::fs::write(at("settings.ini"), settings).unwrap();
        for path in [directory.path().to_owned(), at("users"), at("settings.ini")] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut command = Command::new(binary);
        command.arg(at("settings.ini")).stdout(Stdio::null()).stderr(Stdio::null());
        // It refuses to run as root.
        if let Some((uid, gid)) = Account::choose().ok().and_then(|account| ids(&account)) {
            command.uid(uid).gid(gid);
        }
        let process = command.spawn().unwrap();
        let url = format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}?sslmode=disable");
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Self { process, url, _directory: directory };
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("pgbouncer does not listen");
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

/// Each client asks for records that no other asks for, and looks at everything that comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_client_gets_its_own_answers() {
    let bouncer = Bouncer::start().await;
    let schema = TestSchema::new().await;
    const CLIENTS: usize = 24;
    const TURNS: usize = 12;
    let clients = (0..CLIENTS).map(|client| {
        let (url, name) = (bouncer.url.clone(), schema.name.clone());
        tokio::spawn(async move {
            let engine = PostgresEngine::builder(url)
                .schema(name)
                .pooler(Pooler::Transaction)
                .statement_timeout(Duration::from_secs(60))
                .max_connections(2)
                .connect()
                .await
                .unwrap();
            let mine = format!("client {client}");
            let records = (0..TURNS).map(|turn| {
                NewRecord::new(format!("{client}/{turn}"), json!({ "client": client, "turn": turn, "text": format!("word{client} {turn}") }))
            });
            let entity = engine.sync_records(&SyncBatch::new(&mine, "c", records)).await.unwrap().entity;
            engine.declare_text_index(&EntityRef::from(&entity), &["text".parse().unwrap()]).await.unwrap();
            for turn in 0..TURNS {
                let id = format!("{client}/{turn}");
                let found = engine.get_records_by_external_ids(&EntityRef::named(&mine), &[id.clone()]).await.unwrap();
                assert_eq!((found.len(), found[0].external_id.as_str(), &found[0].data["client"]), (1, &*id, &json!(client)));
                let query = RecordQuery::new()
                    .filter(Filter::and([Filter::eq("client", client as u64).unwrap(), Filter::gte("turn", turn as u64).unwrap()]))
                    .sort(SortKey::descending("turn").unwrap());
                let page = engine.get_records(&EntityRef::Id(entity.id), &query).await.unwrap().items;
                assert_eq!(page.len(), TURNS - turn);
                assert!(page.iter().all(|record| record.data["client"] == json!(client)));
                let counted = engine.count_records(&EntityRef::Id(entity.id), &Default::default()).await.unwrap();
                assert_eq!(counted.value, TURNS as u64);
                let hits = engine.search_text(&EntityRef::Id(entity.id), &TextSearch::new(format!("word{client}"))).await.unwrap();
                assert_eq!(hits.total, TURNS as u64);
                let change = NewRecord::new(id, json!({ "seen": turn }));
                let report = engine.upsert_records(&EntityRef::Id(entity.id), &[change], &UpsertOptions::default()).await.unwrap();
                assert_eq!((report.updated.len(), report.updated[0].id), (1, found[0].id));
                let streamed: Vec<_> = engine
                    .stream_records(&EntityRef::Id(entity.id), &RecordQuery::new())
                    .await
                    .unwrap()
                    .try_collect()
                    .await
                    .unwrap();
                assert!(streamed.len() == TURNS && streamed.iter().all(|record| record.data["client"] == json!(client)));
                engine.ping().await.unwrap();
                let inside = engine
                    .transaction(async |transaction| {
                        let own = NewRecord::new("in a transaction", json!({ "turn": turn }));
                        transaction.upsert_records(&EntityRef::Id(entity.id), &[own], &UpsertOptions::default()).await?;
                        transaction.get_records_by_external_ids(&EntityRef::Id(entity.id), &["in a transaction".into()]).await
                    })
                    .await
                    .unwrap();
                assert_eq!(inside[0].data, json!({ "turn": turn }));
                let gone = mastra_core::RecordSelector::ExternalIds(vec!["in a transaction".into()]);
                assert_eq!(engine.delete_records(&EntityRef::Id(entity.id), &gone).await.unwrap().deleted, 1);
            }
            engine.close().await.unwrap();
        })
    });
    for done in join_all(clients).await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn large_batches_and_the_statement_timeout_work_behind_it() {
    let bouncer = Bouncer::start().await;
    let schema = TestSchema::new().await;
    let url = format!("{}&pooler=transaction&schema={}", bouncer.url, schema.name);
    let engine = Arc::new(mastra_postgres::connect(&url).await.unwrap());
    let syncs = (0..4).map(|sync| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            let records = (0..5_000).map(|n| NewRecord::new(format!("r{n}"), json!({ "sync": sync })));
            engine.sync_records(&SyncBatch::new(format!("E{sync}"), "c", records)).await.unwrap().records.created.len()
        })
    });
    assert!(join_all(syncs).await.into_iter().all(|created| created.unwrap() == 5_000));

    let impatient = PostgresEngine::builder(bouncer.url.clone())
        .schema(schema.name.clone())
        .pooler(Pooler::Transaction)
        .statement_timeout(Duration::from_millis(200))
        .connect()
        .await
        .unwrap();
    let mut blocker = schema.connection().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE entities IN ACCESS EXCLUSIVE MODE").execute(&mut blocker).await.unwrap();
    let error = impatient.resolve_entity(&"E0".into()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
    sqlx::raw_sql("ROLLBACK").execute(&mut blocker).await.unwrap();
    impatient.resolve_entity(&"E0".into()).await.unwrap();
}
