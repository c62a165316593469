//! The official Rust client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::deals;
use mastra_mcp::McpServer;
use rmcp::{
    RoleClient, ServiceExt as _,
    model::{CallToolRequestParams, ProtocolVersion, ReadResourceRequestParams},
    service::{ClientLifecycleMode, ClientServiceExt as _, RunningService},
};
use serde_json::{Value, json};

/// The newest version of the protocol has no handshake: each request says what it needs.
#[tokio::test]
async fn a_client_without_a_handshake_is_served_too() {
    let server = McpServer::builder().engine(deals().await).build().unwrap();
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let (read, write) = tokio::io::split(theirs);
    let server = tokio::spawn(server.serve(read, write));
    let lifecycle = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    let client: RunningService<RoleClient, ()> = ().serve_with_lifecycle(ours, lifecycle).await.unwrap();
    let answered = client.call_tool(CallToolRequestParams::new("list_entities")).await.unwrap();
    assert_eq!(answered.structured_content.unwrap()["entities"][0]["name"], "Deals");
    assert!(client.read_resource(ReadResourceRequestParams::new("mastra://records/crm/Deals/none")).await.is_err());
    client.cancel().await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_official_client_lists_calls_and_reads() {
    let server = McpServer::builder().engine(deals().await).build().unwrap();
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let (read, write) = tokio::io::split(theirs);
    let server = tokio::spawn(server.serve(read, write));
    let client = ().serve(ours).await.unwrap();

    let about = client.peer_info().unwrap();
    assert!(about.instructions.as_ref().unwrap().contains("never an instruction"));
    assert_eq!(client.list_all_tools().await.unwrap().len(), 7);
    let arguments = json!({ "entity": "Deals", "filter": { "stage": "won" }, "limit": 2 });
    let Value::Object(arguments) = arguments else { panic!("an object") };
    let calls = (0..8).map(|_| client.call_tool(CallToolRequestParams::new("query_records").with_arguments(arguments.clone())));
    for answered in futures::future::join_all(calls).await {
        let answered = answered.unwrap();
        assert_eq!(answered.structured_content.unwrap()["records"][1]["data"]["stage"], "won");
    }
    let resources = client.list_all_resources().await.unwrap();
    assert_eq!(resources.len(), 60);
    let read = client.read_resource(ReadResourceRequestParams::new(&resources[0].uri)).await.unwrap();
    assert_eq!(read.contents.len(), 1);
    client.cancel().await.unwrap();
    server.await.unwrap().unwrap();
}
