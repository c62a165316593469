//! Reading points by their ids, and counting them.

use super::fixture::{get, index, named, point, point_ids, put, same_json, same_vector, there};
use crate::failure::{Outcome, ensure_eq, refused};
use mastra_core::{
    Count, ErrorKind, Filter,
    vector::{Include, NewPoint, PointCountQuery, Scope, VectorStore},
};
use serde_json::json;

/// Points come in the order of their ids as asked, each once, without those that are not there.
pub async fn points_come_in_the_order_of_the_ids(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    put(store, &scope, &["a", "b", "c", "d"].map(|id| NewPoint::new(id, [1.0, 2.0]))).await?;
    let ids = named(&["d", "absent", "a", "d", "c", "a"]);
    let found = store.get(&scope, &ids, Include::default()).await?;
    ensure_eq!(point_ids(&found), ["d", "a", "c"], "the points");
    ensure_eq!(store.get(&scope, &[], Include::ALL).await?.len(), 0, "points of no id");
    ensure_eq!(store.get(&scope, &named(&["absent"]), Include::ALL).await?.len(), 0, "points that are not there");
    refused(store.get(&scope, &named(&["a", ""]), Include::ALL).await, ErrorKind::InvalidInput)?;
    refused(store.get(&Scope::index("absent"), &ids, Include::ALL).await, ErrorKind::NotFound)?;
    let many: Vec<NewPoint> = (0..1_500).map(|n| NewPoint::new(format!("p{n}"), [1.0, 2.0])).collect();
    put(store, &scope, &many).await?;
    let ids: Vec<String> = (0..1_500).rev().map(|n| format!("p{n}")).collect();
    ensure_eq!(point_ids(&store.get(&scope, &ids, Include::ID).await?), ids, "many points");
    Ok(())
}

/// A point is read in the parts that are asked for, and what was not written is not there.
pub async fn parts_of_points_are_read_on_request(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    put(store, &scope, &[point("a", [3.0, 4.0], json!({ "n": 1 })).text("words"), NewPoint::new("bare", [1.0, 0.0])]).await?;
    for number in 0..8 {
        let include = Include { vector: number & 1 > 0, metadata: number & 2 > 0, text: number & 4 > 0 };
        let found = store.get(&scope, &named(&["a", "bare"]), include).await?;
        for point in &found {
            ensure_eq!(point.vector.is_some(), include.vector, "whether a vector is read for {include:?}");
            let (metadata, text) = if point.id == "a" { (json!({ "n": 1 }), Some("words")) } else { (json!({}), None) };
            ensure_eq!(point.metadata, include.metadata.then_some(metadata), "the metadata of {} for {include:?}", point.id);
            ensure_eq!(point.text.as_deref(), text.filter(|_| include.text), "the text of {} for {include:?}", point.id);
        }
    }
    Ok(())
}

/// Metadata and texts come back as they were written, whatever stands in them.
pub async fn metadata_and_text_round_trip(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    let can = store.capabilities().data;
    let mut values = vec![
        json!({}),
        json!({ "a": null, "b": [], "c": {}, "d": [[], [null], {}] }),
        json!({ "": 1, " ": 2, "a.b": 3, "$k": 4, "it's \"é\"\\": 5, "🦀": 6 }),
        json!({ "s": ["", " ", "1", "true", "null", "line\nbreak\r\t", "'\"\\%_", "\u{fffd}", "\u{1}", "é", "e\u{301}", "🦀"] }),
        json!({ "n": [0, -1, 1.5, 1e300, 1e-300, i64::MAX, i64::MIN, u64::MAX, 9_007_199_254_740_993_i64, 0.1] }),
        json!({ "long": "x".repeat(20_000) }),
        (0..60).fold(json!({ "leaf": 1 }), |inner, n| if n % 2 == 0 { json!({ "k": inner }) } else { json!({ "l": [inner] }) }),
    ];
    if can.nul_characters {
        values.push(json!({ "a\0b": "c\0", "\0": ["\0"] }));
    }
    if can.exact_numbers {
        let exact = ["123456789012345678901234567890", "0.10000000000000000001", "-1e-400", "18446744073709551616"];
        let spelled = exact.iter().filter_map(|text| serde_json::from_str::<serde_json::Value>(text).ok().zip(Some(*text)));
        // Without exact numbers in serde_json itself they never reach a store.
        let spelling = |value: &serde_json::Value| value.to_string();
        let kept: Vec<_> = spelled.filter(|(value, text)| spelling(value) == **text).map(|(value, _)| value).collect();
        values.push(json!({ "exact": kept }));
    }
    let texts = ["", " ", "one", "line\nbreak", "'; --", "🦀 é e\u{301}", "\u{1}", "1"];
    for (number, value) in values.iter().enumerate() {
        let id = format!("p{number}");
        let text = texts.get(number % texts.len()).copied().unwrap_or_default();
        put(store, &scope, &[point(&id, [1.0, 0.0], value.clone()).text(text)]).await?;
        let back = there(store, &scope, &id).await?;
        ensure_eq!(back.text.as_deref(), Some(text), "the text");
        // A change of spelling is none.
        let same = same_json(back.metadata.as_ref(), value);
        if !same {
            return Err(crate::Failure::new(format!("metadata came back as {:?}, and was {value}", back.metadata)));
        }
    }
    Ok(())
}

/// Vectors come back as they were written, or as the capabilities say.
pub async fn vectors_round_trip(store: &dyn VectorStore) -> Outcome {
    let can = store.capabilities();
    for metric in super::fixture::metrics(can) {
        let spec = super::fixture::spec(store, &format!("by-{metric}"), 4).metric(metric);
        let scope = super::fixture::made(store, &spec).await?;
        let vectors: [[f32; 4]; 5] = [
            [0.1, 0.2, 0.3, 0.4],
            [-1.0, 1e-7, 3.402_823e18, 0.0],
            [1.0, 1.0, 1.0, 1.0],
            [f32::MIN_POSITIVE, -0.5, 16_777_216.0, 1.0 / 3.0],
            [1e-15, -1e-16, 0.0, 2e-15],
        ];
        for (number, vector) in vectors.iter().enumerate() {
            let id = format!("p{number}");
            put(store, &scope, &[NewPoint::new(&id, *vector)]).await?;
            same_vector(can, &spec, there(store, &scope, &id).await?.vector.as_ref(), vector)?;
        }
    }
    Ok(())
}

/// Counting tells how many match, up to a cap.
pub async fn counting_and_its_cap(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    let empty = store.count(&scope, &PointCountQuery::new()).await?;
    ensure_eq!(empty, Count { value: 0, capped: false }, "an empty index");
    let points: Vec<NewPoint> = (0..50).map(|n| point(format!("p{n}"), [1.0, 0.0], json!({ "n": n }))).collect();
    put(store, &scope, &points).await?;
    let even = Filter::lt("n", 20)?;
    let count = async |query: PointCountQuery| store.count(&scope, &query).await;
    ensure_eq!(count(PointCountQuery::new()).await?, Count { value: 50, capped: false }, "all");
    ensure_eq!(count(PointCountQuery::new().filter(even.clone())).await?, Count { value: 20, capped: false }, "some");
    ensure_eq!(count(PointCountQuery::new().filter(even.clone()).cap(5)).await?, Count { value: 5, capped: true }, "capped");
    ensure_eq!(
        count(PointCountQuery::new().filter(even.clone()).cap(20)).await?,
        Count { value: 20, capped: false },
        "as many as the cap"
    );
    ensure_eq!(count(PointCountQuery::new().filter(even).cap(0)).await?, Count { value: 0, capped: true }, "capped at none");
    ensure_eq!(count(PointCountQuery::new().cap(100)).await?, Count { value: 50, capped: false }, "fewer than the cap");
    refused(store.count(&Scope::index("absent"), &PointCountQuery::new()).await, ErrorKind::NotFound)?;
    ensure_eq!(get(store, &scope, "p50").await?, None, "a point beyond them");
    Ok(())
}
