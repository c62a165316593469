//! Search by words, and both ways of searching fused.

use super::{
    fixture::{ask, close, found, index, made, metrics, point, put, remove, spec},
    model::Model,
};
use crate::{
    failure::{Outcome, ensure, ensure_eq, not_claimed, refused},
    random::Random,
};
use mastra_core::{
    ErrorKind, Filter,
    vector::{
        Exactness, Include, Metric, NewPoint, PointSelector, PointUpdate, Scope, VectorQuery, VectorSearch, VectorStore, Weights,
        fuse,
    },
};
use serde_json::json;

const TEXTS: [(&str, &str); 7] = [
    ("a", "The net amount of the invoice is due"),
    ("b", "Invoice: the amount is net of tax, invoice again"),
    ("c", "Straße nach Zürich"),
    ("d", "payment terms; paying late"),
    ("e", "net"),
    ("f", "Ελληνικά and 中文 text"),
    ("g", ""),
];

async fn library(store: &dyn VectorStore) -> Outcome<Scope> {
    let scope = index(store, "docs", 2).await?;
    let mut points: Vec<NewPoint> =
        TEXTS.iter().map(|(id, text)| point(*id, [1.0, 0.0], json!({ "id": id, "long": text.len() > 20 })).text(*text)).collect();
    points.push(point("none", [1.0, 0.0], json!({ "text": "net amount" })));
    put(store, &scope, &points).await?;
    Ok(scope)
}

/// Words all occur, phrases stand together, prefixes begin a word; ranked and scored as core ranks and scores them.
pub async fn words_find_what_core_finds(store: &dyn VectorStore) -> Outcome {
    if !store.capabilities().search.text {
        return not_claimed("search.text");
    }
    let scope = library(store).await?;
    let spec = store.get_index("docs").await?;
    let mut model = Model::new(&spec);
    let points: Vec<NewPoint> = TEXTS.iter().map(|(id, text)| point(*id, [1.0, 0.0], json!({ "id": id })).text(*text)).collect();
    model.upsert(&points, None);
    for (text, expected) in [
        ("net", &["a", "b", "e"][..]),
        ("NET amount", &["a", "b"]),
        ("\"net amount\"", &["a"]),
        ("\"amount net\"", &[]),
        ("pay*", &["d"]),
        ("invoice", &["a", "b"]),
        ("strasse", &["c"]),
        ("zürich", &["c"]),
        ("absent", &[]),
        ("net absent", &[]),
        ("中文", &["f"]),
        ("tax invoice net", &["b"]),
    ] {
        let query = VectorQuery::text(text);
        let answer = ask(store, &scope, &query).await?;
        let ranked = model.ranked(&query);
        let mut ids = super::fixture::ids(&answer);
        ensure_eq!(ids, ranked.iter().map(|placed| placed.id.clone()).collect::<Vec<_>>(), "the order of {text}");
        for (hit, placed) in answer.hits.iter().zip(&ranked) {
            ensure!(
                close(hit.score, placed.score),
                "{} scores {} for {text}, and has to score {}",
                hit.id,
                hit.score,
                placed.score
            );
            ensure_eq!(hit.distance, None, "the distance of a hit of words alone");
        }
        ids.sort();
        let mut sorted = expected.to_vec();
        sorted.sort_unstable();
        // Folding of letters beyond ASCII is core's affair: what it says goes, and was compared above.
        if text.is_ascii() && text != "strasse" {
            ensure_eq!(ids, sorted, "the hits of {text}");
        }
        ensure_eq!(answer.exactness, Exactness::Exact, "a search by words");
    }
    Ok(())
}

/// Filters, `top_k` and ties hold for words as for vectors.
pub async fn words_are_narrowed_and_cut(store: &dyn VectorStore) -> Outcome {
    if !store.capabilities().search.text {
        return not_claimed("search.text");
    }
    let scope = library(store).await?;
    let net = || VectorQuery::text("net");
    let mut ids = found(store, &scope, &net().filter(Filter::eq("long", true)?)).await?;
    ids.sort();
    ensure_eq!(ids, ["a", "b"], "long texts");
    ensure_eq!(found(store, &scope, &net().filter(Filter::regex("id", "^[x-z]", "")?)).await?.len(), 0, "none of these ids");
    let all = found(store, &scope, &net()).await?;
    for top_k in 1..=3 {
        ensure_eq!(found(store, &scope, &net().top_k(top_k)).await?, all.get(..top_k).unwrap_or_default(), "the best {top_k}");
    }
    let same: Vec<NewPoint> = ["z", "y", "x", "Y"].iter().map(|id| NewPoint::new(*id, [0.0, 1.0]).text("equal words")).collect();
    put(store, &scope, &same).await?;
    ensure_eq!(found(store, &scope, &VectorQuery::text("equal")).await?, ["Y", "x", "y", "z"], "ties");
    ensure_eq!(found(store, &scope, &VectorQuery::text("equal").top_k(2)).await?, ["Y", "x"], "ties that are cut");
    Ok(())
}

/// What is written is found at once, and what is changed or deleted is found no more.
pub async fn changes_are_searched_at_once(store: &dyn VectorStore) -> Outcome {
    if !store.capabilities().search.text {
        return not_claimed("search.text");
    }
    let scope = library(store).await?;
    let asked = async |text: &str| found(store, &scope, &VectorQuery::text(text)).await;
    store.update(&scope, &PointSelector::id("e"), &PointUpdate::new().text(Some("gross".into()))).await?;
    ensure_eq!(asked("gross").await?, ["e"], "the new text");
    ensure!(!asked("net").await?.contains(&"e".to_owned()), "the old text is found");
    store.update(&scope, &PointSelector::id("e"), &PointUpdate::new().vector([0.0, 1.0]).merge(json!({ "n": 1 }))).await?;
    ensure_eq!(asked("gross").await?, ["e"], "the text after another vector");
    store.update(&scope, &PointSelector::id("e"), &PointUpdate::new().text(None)).await?;
    ensure_eq!(asked("gross").await?.len(), 0, "a text that was taken away");
    put(store, &scope, &[NewPoint::new("d", [1.0, 0.0])]).await?;
    ensure_eq!(asked("paying").await?.len(), 0, "the text of a point that was written again without one");
    remove(store, &scope, &["c"]).await?;
    ensure_eq!(asked("nach").await?.len(), 0, "the text of a point that was deleted");
    put(store, &scope, &[NewPoint::new("c", [1.0, 0.0]).text("nach Hause")]).await?;
    ensure_eq!(asked("nach").await?, ["c"], "the text of a point that came back");
    ensure_eq!(asked("Straße").await?.len(), 0, "its old text");
    store.delete_all(&scope).await?;
    ensure_eq!(asked("net").await?.len(), 0, "texts after emptying");
    Ok(())
}

/// Refused: words that are none, a bound of scores on words alone, weights that weigh nothing.
pub async fn malformed_searches_are_refused(store: &dyn VectorStore) -> Outcome {
    let can = store.capabilities().search;
    let scope = library(store).await?;
    let invalid = ErrorKind::InvalidInput;
    if can.text {
        for bad in ["", "  ", "\"", "*", "!?"] {
            refused(store.query(&scope, &VectorQuery::text(bad)).await, invalid)
                .map_err(|error| error.about(format!("{bad:?}")))?;
        }
        refused(store.query(&scope, &VectorQuery::text("net").min_score(0.1)).await, invalid)?;
        for text in
            ["'; DROP TABLE points; --", "net' OR '1'='1", "net\\", "a NEAR b", "net AND NOT amount", "col:net", "^net", "net)("]
        {
            // Whatever it finds, it is words.
            store.query(&scope, &VectorQuery::text(text)).await?;
        }
    }
    if can.hybrid {
        let both = || VectorQuery::hybrid([1.0, 0.0], "net");
        for (vector, text) in [(0.0, 0.0), (-1.0, 1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            refused(store.query(&scope, &both().weights(vector, text)).await, invalid)?;
        }
        refused(store.query(&scope, &VectorQuery::hybrid([1.0], "net")).await, invalid)?;
        refused(store.query(&scope, &VectorQuery::hybrid([1.0, 0.0], " ")).await, invalid)?;
    }
    Ok(())
}

/// An index in which every point has a score of its own, that 32 bits keep apart: the nearer, the lower its number.
async fn line(store: &dyn VectorStore, texts: &[&str]) -> Outcome<Option<(Scope, [f32; 2], Model)>> {
    let can = store.capabilities();
    let metric = metrics(can).into_iter().find(|metric| *metric != Metric::Cosine);
    let (true, Some(metric)) = (can.search.hybrid, metric) else { return Ok(None) };
    let spec = spec(store, "line", 2).metric(metric);
    let scope = made(store, &spec).await?;
    let place = |n: usize| if metric == Metric::Dot { [1_000.0 - n as f32, 1.0] } else { [n as f32, 0.0] };
    let points: Vec<NewPoint> =
        texts.iter().enumerate().map(|(n, text)| point(format!("p{n:03}"), place(n), json!({ "n": n })).text(*text)).collect();
    put(store, &scope, &points).await?;
    let mut model = Model::new(&spec);
    model.upsert(&points, None);
    Ok(Some((scope, if metric == Metric::Dot { [1.0, 0.0] } else { [0.0, 0.0] }, model)))
}

/// `weight / (60 + rank)` of each list, by hand.
pub async fn both_are_fused_by_reciprocal_ranks(store: &dyn VectorStore) -> Outcome {
    // By nearness p000 p001 p002 p003; by words p003 alone, then with the word in all but p000.
    let Some((scope, near, _)) = line(store, &["one", "two", "three", "four"]).await? else {
        return not_claimed("search.hybrid");
    };
    let fused = async |query: VectorQuery| -> Outcome<Vec<(String, f64)>> {
        Ok(ask(store, &scope, &query).await?.hits.into_iter().map(|hit| (hit.id, hit.score)).collect())
    };
    let both = || VectorQuery::hybrid(near, "four");
    let plain = fused(both()).await?;
    let expected = [("p003", 1.0 / 64.0 + 1.0 / 61.0), ("p000", 1.0 / 61.0), ("p001", 1.0 / 62.0), ("p002", 1.0 / 63.0)];
    compare(&plain, &expected)?;
    let weighed = fused(both().weights(3.0, 0.5)).await?;
    compare(&weighed, &[("p003", 3.0 / 64.0 + 0.5 / 61.0), ("p000", 3.0 / 61.0), ("p001", 3.0 / 62.0), ("p002", 3.0 / 63.0)])?;
    compare(
        &fused(both().weights(1.0, 0.01)).await?,
        &[("p000", 1.0 / 61.0), ("p001", 1.0 / 62.0), ("p002", 1.0 / 63.0), ("p003", 1.0 / 64.0 + 0.01 / 61.0)],
    )?;
    // A leg that counts nothing finds nothing.
    compare(&fused(both().weights(0.0, 1.0)).await?, &[("p003", 1.0 / 61.0)])?;
    let dense = [("p000", 2.0 / 61.0), ("p001", 2.0 / 62.0), ("p002", 2.0 / 63.0), ("p003", 2.0 / 64.0)];
    compare(&fused(both().weights(2.0, 0.0)).await?, &dense)?;
    compare(&fused(both().top_k(2)).await?, expected.get(..2).unwrap_or_default())?;
    compare(&fused(both().filter(Filter::gte("n", 2)?)).await?, &[("p003", 1.0 / 62.0 + 1.0 / 61.0), ("p002", 1.0 / 61.0)])?;
    compare(&fused(both().filter(Filter::eq("n", 0)?)).await?, &[("p000", 1.0 / 61.0)])
}

fn compare(found: &[(String, f64)], expected: &[(&str, f64)]) -> Outcome {
    let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
    ensure_eq!(ids, expected.iter().map(|(id, _)| *id).collect::<Vec<_>>(), "the fused hits");
    for ((id, score), (_, worth)) in found.iter().zip(expected) {
        ensure!((score - worth).abs() < 1e-9, "{id} scores {score}, and has to score {worth}");
    }
    Ok(())
}

/// A bound of scores is the dense leg's; a hit of words alone has no distance.
pub async fn min_score_bounds_the_dense_leg(store: &dyn VectorStore) -> Outcome {
    let Some((scope, near, model)) = line(store, &["one", "two", "three", "four"]).await? else {
        return not_claimed("search.hybrid");
    };
    let ranked = model.ranked(&VectorQuery::vector(near));
    // Between the first and the second.
    let bound = ranked.iter().take(2).map(|placed| placed.score).sum::<f64>() / 2.0;
    let answer = ask(store, &scope, &VectorQuery::hybrid(near, "four").min_score(bound)).await?;
    ensure_eq!(super::fixture::ids(&answer), ["p000", "p003"], "the hits");
    for hit in &answer.hits {
        ensure_eq!(hit.distance.is_some(), hit.id == "p000", "whether {} has a distance", hit.id);
        ensure!((hit.score - 1.0 / 61.0).abs() < 1e-9, "{} scores {}", hit.id, hit.score);
    }
    let everything = ask(store, &scope, &VectorQuery::hybrid(near, "four").include(Include::ALL)).await?;
    ensure!(
        everything.hits.iter().all(|hit| hit.vector.is_some() && hit.metadata.is_some() && hit.text.is_some()),
        "parts of hits"
    );
    Ok(())
}

/// Over many points, whatever the weights, what is found is core's fusion of core's own lists.
pub async fn random_searches_are_fused_by_the_law(store: &dyn VectorStore) -> Outcome {
    const WORDS: [&str; 6] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];
    let mut random = Random::seeded("fusion");
    let mut texts: Vec<String> = Vec::new();
    for _ in 0..260 {
        let words: Vec<&str> = (0..random.within(1..9)).map(|_| random.one_of(WORDS)).collect();
        texts.push(words.join(" "));
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let Some((scope, near, model)) = line(store, &texts).await? else { return not_claimed("search.hybrid") };
    for round in 0..24 {
        let text = if random.one_in(3) {
            format!("{} {}", random.one_of(WORDS), random.one_of(WORDS))
        } else {
            random.one_of(WORDS).to_owned()
        };
        let mut query = VectorQuery::hybrid(near, &text).top_k(random.one_of([1, 3, 10, 40, 300]));
        let weights = Weights { vector: random.one_of([1.0, 0.5, 2.0, 0.0]), text: random.one_of([1.0, 3.0, 0.1]) };
        query = query.weights(weights.vector, weights.text);
        if random.one_in(3) {
            query = query.filter(Filter::lt("n", random.within(1..260))?);
        }
        let mut legs = [model.dense(&query, &near), model.words(&query, &text)];
        legs.iter_mut().for_each(|leg| leg.truncate(query.depth()));
        let [dense, words] = legs;
        let expected = fuse(&dense, &words, weights, query.top_k);
        ensure!(matches!(query.search, VectorSearch::Hybrid { .. }), "a search of both");
        let answer = ask(store, &scope, &query).await?;
        let expected_ids: Vec<&str> = expected.iter().map(|placed| placed.id.as_str()).collect();
        ensure_eq!(super::fixture::ids(&answer), expected_ids, "round {round}, {text:?}, {weights:?}, top_k {}", query.top_k);
        for (hit, placed) in answer.hits.iter().zip(&expected) {
            ensure!(
                (hit.score - placed.score).abs() < 1e-9,
                "round {round}: {} scores {}, not {}",
                hit.id,
                hit.score,
                placed.score
            );
            ensure_eq!(hit.distance.is_some(), placed.distance.is_some(), "round {round}: whether {} has a distance", hit.id);
        }
    }
    Ok(())
}
