//! Nothing crosses from one namespace into another, by whatever operation.

use super::{
    fixture::{found, index, named, point, point_ids, put, remove},
    walks::walked,
};
use crate::failure::{Outcome, ensure_eq, not_claimed, refused};
use mastra_core::{
    ErrorKind, Filter,
    vector::{
        Include, NamespaceHandle, NamespaceInfo, NewPoint, Point, PointCountQuery, PointSelector, PointUpdate,
        PointUpsertOptions, Scope, ScrollQuery, VectorOperationsExt as _, VectorQuery, VectorStore,
    },
};
use serde_json::json;

const TENANTS: [&str; 4] = ["", "tenant-a", "tenant-b", "tenant-ab"];
const IDS: [&str; 4] = ["1", "2", "3", "shared"];

fn near() -> VectorQuery {
    VectorQuery::vector([1.0, 0.0]).top_k(50)
}

/// An index in which every tenant has points of the same ids.
async fn shared(store: &dyn VectorStore) -> Outcome<Scope> {
    let scope = index(store, "docs", 2).await?;
    for tenant in TENANTS {
        let points: Vec<NewPoint> = IDS
            .iter()
            .map(|id| {
                point(*id, [1.0, 0.5], json!({ "of": tenant, "id": id, "namespace": "tenant-b" })).text(format!("word {tenant}"))
            })
            .collect();
        put(store, &scope.clone().in_namespace(tenant), &points).await?;
    }
    Ok(scope)
}

/// Everything that a tenant has.
async fn all(store: &dyn VectorStore, scope: &Scope) -> Outcome<Vec<Point>> {
    Ok(store.get(scope, &named(&IDS), Include::ALL).await?)
}

/// Runs a write in the namespace of tenant-a, and fails if it changes any other.
async fn apart(store: &dyn VectorStore, scope: &Scope, what: &str, write: impl AsyncFnOnce(&Scope) -> Outcome) -> Outcome {
    let others: Vec<Scope> =
        TENANTS.iter().filter(|tenant| **tenant != "tenant-a").map(|tenant| scope.clone().in_namespace(*tenant)).collect();
    let mut before = Vec::new();
    for other in &others {
        before.push(all(store, other).await?);
    }
    write(&scope.clone().in_namespace("tenant-a")).await.map_err(|error| error.about(what))?;
    for (other, before) in others.iter().zip(before) {
        ensure_eq!(all(store, other).await?, before, "the points of {:?} after {what} in tenant-a", other.namespace);
        let counted = store.count(other, &PointCountQuery::new()).await?.value;
        ensure_eq!(counted, IDS.len() as u64, "the number of points of {:?} after {what} in tenant-a", other.namespace);
    }
    Ok(())
}

/// Every way of reading shows a tenant its own points, and no others.
pub async fn reads_see_their_own(store: &dyn VectorStore) -> Outcome {
    let can = store.capabilities();
    if !can.admin.namespaces {
        return not_claimed("admin.namespaces");
    }
    let docs = shared(store).await?;
    put(
        store,
        &docs.clone().in_namespace("tenant-b"),
        &[point("only-b", [1.0, 0.0], json!({ "of": "tenant-b" })).text("word only")],
    )
    .await?;
    for tenant in TENANTS.into_iter().filter(|tenant| *tenant != "tenant-b") {
        let scope = docs.clone().in_namespace(tenant);
        let own = json!(tenant);
        let answer = super::fixture::ask(store, &scope, &near()).await?;
        ensure_eq!(super::fixture::ids(&answer), IDS, "what {tenant:?} finds");
        let metadata = answer.hits.iter().all(|hit| hit.metadata.as_ref().is_some_and(|metadata| metadata["of"] == own));
        ensure_eq!(metadata, true, "whether {tenant:?} sees its own metadata");
        ensure_eq!(found(store, &scope, &near().top_k(2)).await?, ["1", "2"], "the best of {tenant:?}");
        let ids = named(&["only-b", "shared", "1"]);
        let read = store.get(&scope, &ids, Include::default()).await?;
        ensure_eq!(point_ids(&read), ["shared", "1"], "what {tenant:?} reads");
        ensure_eq!(
            read.iter().all(|point| point.metadata.as_ref().is_some_and(|data| data["of"] == own)),
            true,
            "whose points those are"
        );
        ensure_eq!(store.count(&scope, &PointCountQuery::new()).await?.value, 4, "what {tenant:?} counts");
        let of_b = Filter::eq("of", "tenant-b")?;
        ensure_eq!(store.count(&scope, &PointCountQuery::new().filter(of_b.clone())).await?.value, 0, "points of tenant-b");
        ensure_eq!(
            found(store, &scope, &near().filter(of_b.clone())).await?.len(),
            0,
            "points of tenant-b that {tenant:?} finds"
        );
        if can.search.scroll {
            ensure_eq!(walked(store, &scope, &ScrollQuery::new().limit(3)).await?.0, IDS, "what {tenant:?} walks over");
            ensure_eq!(
                walked(store, &scope, &ScrollQuery::new().filter(of_b)).await?.0.len(),
                0,
                "a walk over points of tenant-b"
            );
        }
        if can.search.text {
            ensure_eq!(found(store, &scope, &VectorQuery::text("word").top_k(50)).await?, IDS, "words that {tenant:?} finds");
            ensure_eq!(found(store, &scope, &VectorQuery::text("only")).await?.len(), 0, "a word of tenant-b");
        }
        if can.search.hybrid {
            ensure_eq!(
                found(store, &scope, &VectorQuery::hybrid([1.0, 0.0], "word only").top_k(50)).await?,
                IDS,
                "both, for {tenant:?}"
            );
        }
        for answer in store.query_batch(&scope, &[near(), near().top_k(9)]).await? {
            ensure_eq!(super::fixture::ids(&answer), IDS, "what {tenant:?} finds by a batch of queries");
        }
    }
    Ok(())
}

/// A filter asks of metadata: none of them widens what is seen or touched.
pub async fn no_filter_reaches_another_namespace(store: &dyn VectorStore) -> Outcome {
    let can = store.capabilities();
    if !can.admin.namespaces {
        return not_claimed("admin.namespaces");
    }
    let docs = shared(store).await?;
    for wide in [
        json!({ "$or": [{}, { "of": "tenant-b" }] }),
        json!({ "$or": [{ "of": "tenant-a" }, { "of": "tenant-b" }] }),
        json!({ "namespace": "tenant-b" }),
        json!({ "namespace": { "$ne": "tenant-a" } }),
        json!({ "$nor": [{ "of": "nobody" }] }),
        json!({ "$not": { "of": { "$exists": false } } }),
        json!({ "of": { "$regex": ".*" } }),
        json!({ "id": { "$in": ["1", "2", "3", "shared", "absent"] } }),
        json!({ "missing": null }),
    ] {
        let filter = Filter::from_json(&wide)?;
        let scope = docs.clone().in_namespace("tenant-a");
        ensure_eq!(found(store, &scope, &near().filter(filter.clone())).await?, IDS, "found by {wide}");
        ensure_eq!(store.count(&scope, &PointCountQuery::new().filter(filter.clone())).await?.value, 4, "counted by {wide}");
        if can.write.update_by_filter && !filter.is_trivially_true() {
            let selector = PointSelector::Filter(filter.clone());
            apart(store, &docs, &format!("an update by {wide}"), async |scope| {
                ensure_eq!(
                    store.update(scope, &selector, &PointUpdate::new().merge(json!({ "seen": true }))).await?,
                    4,
                    "changed"
                );
                Ok(())
            })
            .await?;
        }
        if can.write.delete_by_filter && !filter.is_trivially_true() {
            let selector = PointSelector::Filter(filter.clone());
            let kept: Vec<NewPoint> = all(store, &scope).await?.iter().map(again).collect();
            apart(store, &docs, &format!("a delete by {wide}"), async |scope| {
                ensure_eq!(store.delete(scope, &selector).await?, 4, "deleted");
                Ok(())
            })
            .await?;
            put(store, &scope, &kept).await?;
        }
    }
    Ok(())
}

/// The point as it can be written again.
fn again(point: &Point) -> NewPoint {
    let mut new = NewPoint::new(&point.id, point.vector.clone().unwrap_or_default());
    new.metadata = point.metadata.clone().unwrap_or_default();
    new.text.clone_from(&point.text);
    new
}

/// Every way of writing touches the points of its own namespace, and no others.
pub async fn writes_touch_their_own(store: &dyn VectorStore) -> Outcome {
    let can = store.capabilities();
    if !can.admin.namespaces {
        return not_claimed("admin.namespaces");
    }
    let docs = shared(store).await?;
    apart(store, &docs, "an upsert", async |scope| {
        put(store, scope, &[point("shared", [-1.0, 0.0], json!({ "of": "tenant-a", "v": 2 }))]).await?;
        Ok(())
    })
    .await?;
    apart(store, &docs, "an update", async |scope| {
        let update = PointUpdate::new().vector([0.0, 1.0]).merge(json!({ "v": 3 })).text(Some("changed".into()));
        ensure_eq!(store.update(scope, &PointSelector::ids(["shared", "1"]), &update).await?, 2, "changed");
        Ok(())
    })
    .await?;
    if can.write.update_by_filter {
        apart(store, &docs, "an update by a filter", async |scope| {
            let selector = PointSelector::Filter(Filter::exists("of")?);
            ensure_eq!(store.update(scope, &selector, &PointUpdate::new().vector([0.0, 2.0])).await?, 4, "changed");
            Ok(())
        })
        .await?;
    }
    if can.write.replace_where {
        apart(store, &docs, "a swap", async |scope| {
            let options = PointUpsertOptions::new().replace_where(Filter::exists("of")?);
            let report = store.upsert(scope, &[point("2", [1.0, 0.0], json!({ "of": "tenant-a" }))], &options).await?;
            ensure_eq!(report.removed.unwrap_or(3), 3, "removed");
            ensure_eq!(found(store, scope, &near()).await?, ["2"], "what is left");
            Ok(())
        })
        .await?;
    }
    apart(store, &docs, "a delete", async |scope| {
        remove(store, scope, &["2", "shared"]).await?;
        ensure_eq!(remove(store, scope, &["2", "shared"]).await?, 0, "deleted again");
        Ok(())
    })
    .await?;
    if can.write.delete_by_filter {
        apart(store, &docs, "a delete by a filter", async |scope| {
            put(store, scope, &[point("9", [1.0, 0.0], json!({ "of": "tenant-a" }))]).await?;
            store.delete(scope, &PointSelector::Filter(Filter::exists("of")?)).await?;
            ensure_eq!(found(store, scope, &near()).await?.len(), 0, "what is left");
            Ok(())
        })
        .await?;
    }
    apart(store, &docs, "emptying", async |scope| {
        put(store, scope, &IDS.map(|id| NewPoint::new(id, [1.0, 0.0]))).await?;
        ensure_eq!(store.delete_all(scope).await?, 4, "deleted");
        Ok(())
    })
    .await?;
    apart(store, &docs, "removing", async |scope| {
        put(store, scope, &IDS.map(|id| NewPoint::new(id, [1.0, 0.0]))).await?;
        ensure_eq!(store.delete_namespace(&scope.index, &scope.namespace).await?, 4, "deleted");
        Ok(())
    })
    .await
}

/// A namespace's name is what the caller says, and is not folded, cut or read as code.
pub async fn names_of_namespaces_are_data(store: &dyn VectorStore) -> Outcome {
    let docs = index(store, "docs", 2).await?;
    if !store.capabilities().admin.namespaces {
        refused(put(store, &docs.in_namespace("t"), &[NewPoint::new("a", [1.0, 0.0])]).await, ErrorKind::Unsupported)?;
        return not_claimed("admin.namespaces");
    }
    let (long, longer) = ("n".repeat(1_024), format!("{}m", "n".repeat(1_023)));
    let mut names = vec![
        "",
        "a",
        "A",
        "a ",
        "ab",
        "default",
        "_default",
        "null",
        "0",
        "00",
        "é",
        "e\u{301}",
        "🦀",
        "%",
        "_",
        "*",
        "a' OR '1'='1",
        "a\"; --",
        "a/b",
        "a\\b",
        "docs",
        "{}",
        "line\nbreak",
        &long,
        &longer,
    ];
    for name in &names {
        let scope = docs.clone().in_namespace(*name);
        put(
            store,
            &scope,
            &[
                point("p", [1.0, 0.0], json!({ "of": name })),
                point(format!("own {name}").chars().take(200).collect::<String>(), [1.0, 1.0], json!({})),
            ],
        )
        .await?;
    }
    for name in &names {
        let scope = docs.clone().in_namespace(*name);
        let answer = super::fixture::ask(store, &scope, &near()).await?;
        ensure_eq!(answer.hits.len(), 2, "points of {name:?}");
        ensure_eq!(
            answer.hits.first().and_then(|hit| hit.metadata.clone()),
            Some(json!({ "of": name })),
            "the metadata in {name:?}"
        );
    }
    names.sort_unstable();
    let expected: Vec<NamespaceInfo> = names.iter().map(|name| NamespaceInfo { name: (*name).to_owned(), count: 2 }).collect();
    ensure_eq!(store.list_namespaces("docs").await?, expected, "the list of namespaces");
    for name in &names {
        ensure_eq!(store.delete_all(&docs.clone().in_namespace(*name)).await?, 2, "deleted in {name:?}");
    }
    let too_long = "n".repeat(1_025);
    for bad in [" ", "\t\n", "a\0b", &too_long] {
        let scope = docs.clone().in_namespace(bad);
        refused(put(store, &scope, &[NewPoint::new("a", [1.0, 0.0])]).await, ErrorKind::InvalidInput)?;
        refused(store.query(&scope, &near()).await, ErrorKind::InvalidInput)?;
        refused(store.delete_all(&scope).await, ErrorKind::InvalidInput)?;
        refused(store.delete_namespace("docs", bad).await, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

/// A namespace is there as long as it holds points, and is no error where it holds none.
pub async fn a_namespace_exists_by_its_points(store: &dyn VectorStore) -> Outcome {
    if !store.capabilities().admin.namespaces {
        return not_claimed("admin.namespaces");
    }
    let docs = index(store, "docs", 2).await?;
    ensure_eq!(store.list_namespaces("docs").await?, [], "namespaces of an empty index");
    let (a, b) = (docs.clone().in_namespace("a"), docs.clone().in_namespace("b"));
    ensure_eq!(found(store, &a, &near()).await?.len(), 0, "points of a namespace that is not there");
    ensure_eq!(store.count(&a, &PointCountQuery::new()).await?.value, 0, "their number");
    ensure_eq!(store.delete_all(&a).await?, 0, "deleted there");
    ensure_eq!(store.delete_namespace("docs", "a").await?, 0, "removed with it");
    put(store, &a, &[]).await?;
    ensure_eq!(store.list_namespaces("docs").await?, [], "namespaces after an empty batch");
    put(store, &b, &[NewPoint::new("1", [1.0, 0.0]), NewPoint::new("2", [1.0, 0.0])]).await?;
    put(store, &a, &[NewPoint::new("1", [1.0, 0.0])]).await?;
    put(store, &docs, &[NewPoint::new("1", [1.0, 0.0])]).await?;
    let info = |name: &str, count| NamespaceInfo { name: name.into(), count };
    ensure_eq!(store.list_namespaces("docs").await?, [info("", 1), info("a", 1), info("b", 2)], "namespaces");
    ensure_eq!(store.describe_index("docs").await?.count, 4, "points in all of them");
    remove(store, &a, &["1"]).await?;
    ensure_eq!(store.list_namespaces("docs").await?, [info("", 1), info("b", 2)], "namespaces after one is empty");
    ensure_eq!(store.delete_namespace("docs", "b").await?, 2, "removed");
    ensure_eq!(store.delete_namespace("docs", "").await?, 1, "removed of the default one");
    ensure_eq!(store.list_namespaces("docs").await?, [], "namespaces in the end");
    refused(store.list_namespaces("absent").await, ErrorKind::NotFound)?;
    refused(store.delete_namespace("absent", "a").await, ErrorKind::NotFound)?;
    Ok(())
}

/// A tenant's handle does what the store does, in its namespace alone.
pub async fn a_handle_reaches_its_namespace_alone(store: &dyn VectorStore) -> Outcome {
    if !store.capabilities().admin.namespaces {
        return not_claimed("admin.namespaces");
    }
    let docs = shared(store).await?;
    let handle = store.namespace("tenant-a");
    ensure_eq!(handle.name(), "tenant-a", "the handle's name");
    let own = handle.index("docs");
    apart(store, &docs, "calls on a handle", async |_| {
        ensure_eq!(super::fixture::ids(&own.query(&near()).await?), IDS, "found");
        ensure_eq!(own.query_batch(&[near()]).await?.len(), 1, "answers");
        ensure_eq!(own.count(&PointCountQuery::new()).await?.value, 4, "counted");
        ensure_eq!(own.get(&named(&["1"]), Include::ID).await?.len(), 1, "read");
        own.upsert(&[NewPoint::new("new", [1.0, 0.0])], &PointUpsertOptions::new()).await?;
        ensure_eq!(own.update(&PointSelector::id("new"), &PointUpdate::new().merge(json!({ "n": 1 }))).await?, 1, "changed");
        if store.capabilities().search.scroll {
            ensure_eq!(own.scroll(&ScrollQuery::new()).await?.items.len(), 5, "walked over");
        }
        ensure_eq!(own.delete(&PointSelector::id("new")).await?, 1, "deleted");
        ensure_eq!(own.delete_all().await?, 4, "emptied");
        Ok(())
    })
    .await?;
    let other = NamespaceHandle::new(store, "tenant-b");
    ensure_eq!(other.index("docs").count(&PointCountQuery::new()).await?.value, 4, "the points of another handle");
    // A tenant without a name is none, and not the points that belong to nobody.
    let nameless = NamespaceHandle::new(store, "");
    refused(nameless.index("docs").query(&near()).await, ErrorKind::InvalidInput)?;
    refused(nameless.index("docs").get(&named(&["1"]), Include::ID).await, ErrorKind::InvalidInput)?;
    refused(nameless.index("docs").delete_all().await, ErrorKind::InvalidInput)?;
    Ok(())
}

/// The few points of one tenant are found among the many of another that lie nearer.
pub async fn a_small_tenant_is_not_lost_beside_a_large_one(store: &dyn VectorStore) -> Outcome {
    if !store.capabilities().admin.namespaces {
        return not_claimed("admin.namespaces");
    }
    let docs = index(store, "docs", 4).await?;
    let large: Vec<NewPoint> =
        (0..1_500).map(|n| NewPoint::new(format!("p{n}"), [1.0, 0.001 * (n % 37) as f32, 0.0, 0.001])).collect();
    put(store, &docs.clone().in_namespace("large"), &large).await?;
    let small = docs.in_namespace("small");
    put(store, &small, &["a", "b", "c"].map(|id| point(id, [-1.0, 0.5, 0.0, 1.0], json!({ "n": 1 })))).await?;
    let near = VectorQuery::vector([1.0, 0.0, 0.0, 0.0]);
    ensure_eq!(found(store, &small, &near.clone()).await?, ["a", "b", "c"], "the small tenant's points");
    ensure_eq!(found(store, &small, &near.clone().top_k(2)).await?, ["a", "b"], "the best of them");
    ensure_eq!(found(store, &small, &near.filter(Filter::eq("n", 1)?)).await?, ["a", "b", "c"], "those that a filter leaves");
    Ok(())
}
