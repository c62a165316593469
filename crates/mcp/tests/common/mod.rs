//! A server over two streams in memory, spoken to line by line: what a client sends is what the test writes.
#![allow(dead_code, reason = "each test file uses a part of it")]

use mastra_core::{Checked, NewRecord, RecordStore as _, SyncBatch};
use mastra_mcp::{McpServer, McpServerBuilder};
use mastra_mock::MockEngine;
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf},
    task::JoinHandle,
};

/// No answer comes later than this, however busy the machine is; a test that waits for nothing fails by it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Mock = Arc<Checked<MockEngine>>;

/// An engine of its own.
pub(crate) fn engine() -> Mock {
    Arc::new(MockEngine::new().checked())
}

/// Stores records of an entity.
pub(crate) async fn store(engine: &Mock, entity: &str, records: impl IntoIterator<Item = (String, Value)>) {
    let records: Vec<NewRecord> = records.into_iter().map(|(id, data)| NewRecord::new(id, data)).collect();
    engine.sync_records(&SyncBatch::new(entity, "crm", records)).await.unwrap();
}

/// Sixty deals.
pub(crate) async fn deals() -> Mock {
    let engine = engine();
    let deal = |n: u64| {
        let stage = ["won", "open", "lost"][n as usize % 3];
        (
            format!("d-{n}"),
            json!({ "stage": stage, "amount": n * 10, "tags": ["eu"], "owner": { "name": format!("owner {}", n % 5) } }),
        )
    };
    store(&engine, "Deals", (0..60).map(deal)).await;
    engine
}

/// The server's client.
pub(crate) struct Client {
    write: WriteHalf<DuplexStream>,
    read: Lines<BufReader<ReadHalf<DuplexStream>>>,
    server: JoinHandle<mastra_core::Result<()>>,
    early: HashMap<String, Value>,
    next: u64,
}

impl Client {
    /// A client that has said what the protocol asks for at the beginning.
    pub(crate) async fn connect(server: McpServerBuilder) -> Self {
        let mut client = Self::begin(server.build().unwrap());
        let about = client
            .request(
                "initialize",
                json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } }),
            )
            .await;
        assert_eq!(about["result"]["serverInfo"]["name"], "mastra", "{about}");
        client.line(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string()).await;
        client
    }

    /// A client that has said nothing yet.
    pub(crate) fn begin(server: McpServer) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let (read, write) = tokio::io::split(theirs);
        let server = tokio::spawn(server.serve(read, write));
        let (read, write) = tokio::io::split(ours);
        Self { write, read: BufReader::new(read).lines(), server, early: HashMap::new(), next: 1 }
    }

    pub(crate) async fn line(&mut self, text: &str) {
        self.bytes(format!("{text}\n").as_bytes()).await;
    }

    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        self.write.write_all(bytes).await.unwrap();
    }

    /// Sends a request and gives its id.
    pub(crate) async fn send(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next;
        self.next += 1;
        self.line(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()).await;
        id
    }

    /// The next line of the server, whatever it answers.
    pub(crate) async fn any(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.read.next_line())
            .await
            .expect("no answer came")
            .unwrap()
            .expect("the session ended");
        serde_json::from_str(&line).unwrap()
    }

    /// The answer to a request, in whatever order answers come.
    pub(crate) async fn answer(&mut self, id: u64) -> Value {
        loop {
            if let Some(answer) = self.early.remove(&id.to_string()) {
                return answer;
            }
            let answer = self.any().await;
            self.early.insert(answer["id"].to_string(), answer);
        }
    }

    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        self.answer(id).await
    }

    /// The whole result of a tool.
    pub(crate) async fn result(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    /// What a tool gives; its text says the same.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.result(tool, arguments).await;
        assert_eq!(result["isError"], false, "{result}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
        text
    }

    /// How a tool fails; the form of a failure is held on the way.
    pub(crate) async fn failure(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.result(tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        assert!(result["structuredContent"].is_null());
        let failure: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert!(failure["kind"].is_string() && failure["message"].is_string() && failure["context"].is_object(), "{failure}");
        assert!(failure.to_string().len() < 10_000, "{} bytes of failure", failure.to_string().len());
        failure
    }

    /// Closes the client's side; how the server ended.
    pub(crate) async fn close(self) -> mastra_core::Result<()> {
        let Self { write, read, server, .. } = self;
        drop(read.into_inner().into_inner().unsplit(write));
        tokio::time::timeout(PATIENCE, server).await.expect("the server did not end").unwrap()
    }

    /// Whether the session still answers.
    pub(crate) async fn lives(&mut self) {
        let pong = self.request("ping", json!({})).await;
        assert!(pong["result"].is_object(), "{pong}");
    }
}
