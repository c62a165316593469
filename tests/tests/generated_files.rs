//! The files that `mastra engine generate` writes: deterministic, current, and accepted by the TypeScript compiler.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use mastra_cli::generate::{self, Language, Options};
use mastra_core::{Engine, NewRecord, RecordStore as _};
use mastra_tests::load_types_fixture;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn options(out: PathBuf, check: bool) -> Options {
    Options { out, languages: vec![Language::Rust, Language::Ts], check, sample: 10_000 }
}

async fn fixture() -> impl Engine {
    let engine = mastra_mock::connect("mock://").await.unwrap();
    load_types_fixture(&engine).await.unwrap();
    engine
}

/// `MASTRA_UPDATE_GENERATED=1` writes them instead.
#[tokio::test]
async fn the_committed_files_are_what_a_fresh_run_gives() {
    let update = std::env::var_os("MASTRA_UPDATE_GENERATED").is_some();
    let done = generate::run(&fixture().await, &options(folder("src/generated"), !update)).await.unwrap();
    assert!(update || done.is_current(), "run this test with MASTRA_UPDATE_GENERATED=1: {:?}", done.files);
}

#[tokio::test]
async fn a_check_finds_what_a_run_mends() {
    let engine = fixture().await;
    let out = tempfile::tempdir().unwrap();
    assert!(!generate::run(&engine, &options(out.path().into(), true)).await.unwrap().is_current());
    assert!(out.path().read_dir().unwrap().next().is_none(), "a check writes nothing");
    generate::run(&engine, &options(out.path().into(), false)).await.unwrap();
    assert!(generate::run(&engine, &options(out.path().into(), true)).await.unwrap().is_current());
    engine
        .upsert_records(&"Contacts".into(), &[NewRecord::new("new", serde_json::json!({ "unheard": 1 }))], &Default::default())
        .await
        .unwrap();
    assert!(!generate::run(&engine, &options(out.path().into(), true)).await.unwrap().is_current());
}

#[tokio::test]
async fn two_stores_of_the_same_data_give_the_same_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    generate::run(&fixture().await, &options(one.path().into(), false)).await.unwrap();
    let done = generate::run(&fixture().await, &options(two.path().into(), false)).await.unwrap();
    for (path, _) in done.files {
        let name = path.file_name().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(one.path().join(name)).unwrap(), "{name:?}");
    }
}

#[test]
fn the_typescript_passes_the_strict_compiler() {
    let tsc = folder("typescript/node_modules/.bin/tsc");
    assert!(tsc.exists(), "run `cargo xtask test`, or `npm ci` in tests/typescript, to have the TypeScript compiler");
    let checked = Command::new(tsc)
        .args(["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"])
        .arg(folder("typescript/use.ts"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}
