//! What becomes of the files: after a crash, beside another process, and when they have grown.

use mastra_core::{
    ErrorKind, Result,
    vector::{
        CheckedVectors, Include, IndexSpec, NewPoint, PointCountQuery, PointSelector, PointUpdate, Scope, VectorOperations as _,
        VectorStore as _,
    },
};
use mastra_jsonl::JsonlVectors;
use serde_json::json;
use std::{fs, path::Path};

async fn open(folder: &Path) -> Result<CheckedVectors<JsonlVectors>> {
    mastra_jsonl::connect(&format!("jsonl:{}", folder.display())).await
}

fn docs() -> Scope {
    Scope::index("docs")
}

async fn put(store: &CheckedVectors<JsonlVectors>, ids: &[&str]) {
    let points: Vec<NewPoint> = ids.iter().map(|id| NewPoint::new(*id, [0.1, 1.0]).metadata(json!({ "n": 1 }))).collect();
    store.upsert(&docs(), &points, &Default::default()).await.unwrap();
}

async fn count(store: &CheckedVectors<JsonlVectors>) -> u64 {
    store.count(&docs(), &PointCountQuery::new()).await.unwrap().value
}

/// A folder with an index of two calls: one of two points, then one of three.
async fn two_calls() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.create_index(&IndexSpec::new("docs", 2)).await.unwrap();
    put(&store, &["a", "b"]).await;
    put(&store, &["c", "d", "e"]).await;
    store.close().await.unwrap();
    folder
}

#[tokio::test]
async fn a_call_that_a_crash_cut_off_is_dropped_wherever_it_was_cut() {
    let folder = two_calls().await;
    let file = folder.path().join("docs.jsonl");
    let whole = fs::read(&file).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in [last, last + 1, (last + whole.len()) / 2, whole.len() - 1] {
        fs::write(&file, &whole[..cut]).unwrap();
        let store = open(folder.path()).await.unwrap();
        assert_eq!(count(&store).await, 2, "cut at {cut} of {}", whole.len());
        put(&store, &["later"]).await;
        store.close().await.unwrap();
        let store = open(folder.path()).await.unwrap();
        assert_eq!(count(&store).await, 3, "after writing behind a cut at {cut}");
        store.close().await.unwrap();
    }
    // The last page arrived, and one before it did not.
    let mut holed = whole.clone();
    holed[last + 5..last + 9].fill(0);
    fs::write(&file, holed).unwrap();
    assert_eq!(count(&open(folder.path()).await.unwrap()).await, 2);
}

#[tokio::test]
async fn what_is_no_torn_end_is_corrupt_and_not_touched() {
    let folder = two_calls().await;
    let file = folder.path().join("docs.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let with = |at: usize, line: &str| {
        let mut lines = lines.clone();
        lines[at] = line;
        lines.join("\n") + "\n"
    };
    for (text, line) in [(with(0, "{}"), "1"), (with(1, "{\"secret\":1"), "2"), (with(2, "\"secret\""), "3")] {
        fs::write(&file, &text).unwrap();
        let error = open(folder.path()).await.unwrap_err();
        assert_eq!((error.kind(), error.get("line")), (ErrorKind::Corrupt, Some(line)));
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[tokio::test]
async fn a_folder_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    assert_eq!(open(folder.path()).await.unwrap_err().kind(), ErrorKind::Conflict);
    drop(store);
    open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_file_of_the_past_is_made_small_when_it_is_opened() {
    let folder = two_calls().await;
    let file = folder.path().join("docs.jsonl");
    let store = open(folder.path()).await.unwrap();
    for n in 0..200 {
        let update = PointUpdate::new().replace(json!({ "n": n }));
        store.update(&docs(), &PointSelector::id("a"), &update).await.unwrap();
    }
    let ids = ["a", "b", "c"].map(str::to_owned);
    let before = store.get(&docs(), &ids, Include::ALL).await.unwrap();
    store.close().await.unwrap();
    // As a crash leaves it that comes before the small file takes the place of the large one.
    fs::write(folder.path().join("docs.new"), "{}").unwrap();
    let grown = fs::metadata(&file).unwrap().len();
    let store = open(folder.path()).await.unwrap();
    assert!(fs::metadata(&file).unwrap().len() * 10 < grown);
    assert!(!folder.path().join("docs.new").exists());
    assert_eq!(store.get(&docs(), &ids, Include::ALL).await.unwrap(), before);
    put(&store, &["f"]).await;
    store.close().await.unwrap();
    assert_eq!(count(&open(folder.path()).await.unwrap()).await, 6);
}

#[tokio::test]
async fn vectors_come_back_to_the_last_bit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    store.create_index(&IndexSpec::new("docs", 4)).await.unwrap();
    let mut bits = 0x9e37_79b9_u32;
    let points: Vec<NewPoint> = (0..500)
        .map(|n| {
            let numbers: Vec<f32> = (0..4)
                .map(|_| {
                    bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    f32::from_bits(bits & 0xbfff_ffff | 0x2000_0000)
                })
                .collect();
            NewPoint::new(format!("{n:03}"), numbers)
        })
        .collect();
    store.upsert(&docs(), &points, &Default::default()).await.unwrap();
    store.close().await.unwrap();
    let store = open(folder.path()).await.unwrap();
    let ids: Vec<String> = points.iter().filter_map(|point| point.id.clone()).collect();
    for (found, written) in store.get(&docs(), &ids, Include::ALL).await.unwrap().iter().zip(&points) {
        assert_eq!(found.vector.as_ref(), Some(&written.vector));
    }
}

#[tokio::test]
async fn a_url_names_a_folder() {
    for url in ["jsonl:", "jsonl://", "sqlite:x", ""] {
        assert_eq!(mastra_jsonl::connect(url).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{url}");
    }
}
