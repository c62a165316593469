//! The score law, by values that were reckoned by hand, and by chance against core.

use super::fixture::{ask, close, found, made, metrics, point, put, same_vector, spec};
use crate::{
    failure::{Failure, Outcome, ensure, ensure_eq, not_claimed},
    random::Random,
};
use mastra_core::vector::{
    Element, Exactness, Include, IndexKind, Metric, NewPoint, Placed, Scope, VectorQuery, VectorRanking, VectorStore, score,
};
use serde_json::json;

/// Compares scores and distances with what they have to be; distances are told where a store has them.
async fn scored(store: &dyn VectorStore, scope: &Scope, query: VectorQuery, expected: &[(&str, f64, f64)]) -> Outcome {
    let answer = ask(store, scope, &query).await?;
    let ids: Vec<&str> = answer.hits.iter().map(|hit| hit.id.as_str()).collect();
    let wanted: Vec<&str> = expected.iter().map(|(id, ..)| *id).collect();
    ensure_eq!(ids, wanted, "the hits of {:?}", query.search);
    for (hit, (id, score, distance)) in answer.hits.iter().zip(expected) {
        ensure!(close(hit.score, *score), "{id} scores {}, and has to score {score}", hit.score);
        let Some(measured) = hit.distance else { return Err(Failure::new(format!("{id} has no distance"))) };
        ensure!(close(measured, *distance), "{id} has the distance {measured}, and it is {distance}");
    }
    Ok(())
}

/// An index of this metric over these points; `None` where the store does not offer it.
async fn under(store: &dyn VectorStore, metric: Metric, points: &[(&str, [f32; 2])]) -> Outcome<Option<Scope>> {
    if !store.capabilities().metric.offers(metric) {
        return Ok(None);
    }
    let scope = made(store, &spec(store, &format!("by-{metric}"), 2).metric(metric)).await?;
    let points: Vec<NewPoint> = points.iter().map(|(id, vector)| NewPoint::new(*id, *vector)).collect();
    put(store, &scope, &points).await?;
    Ok(Some(scope))
}

/// `1 - distance`, whatever the vectors' length.
pub async fn cosine_is_the_angle(store: &dyn VectorStore) -> Outcome {
    let points = [("back", [-2.0, 0.0]), ("long", [400.0, 300.0]), ("same", [0.25, 0.0]), ("side", [0.0, 7.0])];
    let Some(scope) = under(store, Metric::Cosine, &points).await? else { return not_claimed("metric.cosine") };
    let expected = [("same", 1.0, 0.0), ("long", 0.8, 0.2), ("side", 0.0, 1.0), ("back", -1.0, 2.0)];
    scored(store, &scope, VectorQuery::vector([1.0, 0.0]), &expected).await?;
    scored(store, &scope, VectorQuery::vector([1_000.0, 0.0]), &expected).await?;
    let turned = [("long", 0.96, 0.04), ("side", 0.8, 0.2), ("same", 0.6, 0.4), ("back", -0.6, 1.6)];
    scored(store, &scope, VectorQuery::vector([3.0, 4.0]), &turned).await
}

/// The product, of any sign and size; the distance is the negated product.
pub async fn dot_is_the_product(store: &dyn VectorStore) -> Outcome {
    let points =
        [("back", [-2.0, 0.0]), ("long", [400.0, 300.0]), ("none", [0.0, 0.0]), ("side", [0.0, 7.0]), ("small", [0.25, 0.0])];
    let Some(scope) = under(store, Metric::Dot, &points).await? else { return not_claimed("metric.dot") };
    let expected = [("long", 800.0, -800.0), ("small", 0.5, -0.5), ("none", 0.0, 0.0), ("side", 0.0, 0.0), ("back", -4.0, 4.0)];
    scored(store, &scope, VectorQuery::vector([2.0, 0.0]), &expected).await?;
    let nothing = [("back", 0.0, 0.0), ("long", 0.0, 0.0), ("none", 0.0, 0.0), ("side", 0.0, 0.0), ("small", 0.0, 0.0)];
    scored(store, &scope, VectorQuery::vector([0.0, 0.0]), &nothing).await
}

/// `1 / (1 + distance)`.
pub async fn euclidean_is_the_straight_line(store: &dyn VectorStore) -> Outcome {
    let points = [("far", [99.0, 0.0]), ("five", [3.0, 4.0]), ("here", [0.0, 0.0]), ("one", [0.0, -1.0])];
    let Some(scope) = under(store, Metric::Euclidean, &points).await? else { return not_claimed("metric.euclidean") };
    let expected = [("here", 1.0, 0.0), ("one", 0.5, 1.0), ("five", 1.0 / 6.0, 5.0), ("far", 0.01, 99.0)];
    scored(store, &scope, VectorQuery::vector([0.0, 0.0]), &expected).await?;
    let moved = [("five", 1.0, 0.0), ("here", 1.0 / 6.0, 5.0), ("one", 1.0 / (1.0 + 34.0_f64.sqrt()), 34.0_f64.sqrt())];
    scored(store, &scope, VectorQuery::vector([3.0, 4.0]).top_k(3), &moved).await
}

/// Exact answers are core's to the last place that matters, where sums of 32 bits would overflow, or cancel: distances of long vectors that
/// point apart, and small products of long ones.
pub async fn sums_that_overflow_or_cancel_are_exact(store: &dyn VectorStore) -> Outcome {
    let apart = [1.5e19_f32, -1.5e19, 1.7e19, -1.7e19, -1.6e19, 0.0].map(|first| [first, 1.0]);
    let cancelling: [[f32; 2]; 40] = std::array::from_fn(|n| [20_000.0, (n * 7 % 40) as f32 * 0.01 - 20_000.0]);
    let long: [[f32; 2]; 3] = [[-30_000.0, 30_000.0], [1.0, 1.0], [15_000.0, -14_999.0]];
    let cases = [
        (Metric::Euclidean, apart.to_vec(), [1.5e19, 0.0], 1e-20),
        (Metric::Euclidean, cancelling.to_vec(), [20_000.1, 20_000.0], 1e-20),
        (Metric::Dot, [&cancelling[..], &long[..]].concat(), [20_000.1, 20_000.0], 3_000.0),
    ];
    for (number, (metric, vectors, asked, least)) in cases.into_iter().enumerate() {
        if !store.capabilities().metric.offers(metric) {
            continue;
        }
        let spec = spec(store, &format!("long-{number}"), 2).metric(metric);
        if spec.kind != IndexKind::Flat {
            return not_claimed("kind.flat");
        }
        let scope = made(store, &spec).await?;
        let points: Vec<NewPoint> =
            vectors.iter().enumerate().map(|(n, vector)| NewPoint::new(format!("p{n:02}"), *vector)).collect();
        put(store, &scope, &points).await?;
        for (least, top_k) in [(None, 5), (None, 100), (Some(least), 5), (Some(least), 100)] {
            let mut expected = VectorRanking::new(top_k);
            for (n, vector) in vectors.iter().enumerate() {
                let distance = score::distance(metric, &asked, vector);
                let score = score::score(metric, distance);
                if least.is_none_or(|least| score >= least) {
                    expected.push(Placed::new(format!("p{n:02}"), score, Some(distance)));
                }
            }
            let expected = expected.finish();
            let expected: Vec<(&str, f64, f64)> =
                expected.iter().map(|placed| (placed.id.as_str(), placed.score, placed.distance.unwrap_or_default())).collect();
            let query = VectorQuery::vector(asked).top_k(top_k);
            let query = least.map_or(query.clone(), |least| query.min_score(least));
            scored(store, &scope, query, &expected).await?;
        }
    }
    Ok(())
}

/// Points that score the same stand in order of their ids, by code point.
pub async fn ties_go_by_id(store: &dyn VectorStore) -> Outcome {
    for metric in metrics(store.capabilities()) {
        let points = ["b", "a", "é", "Z", "10", "9", "aa", "z", "🦀", "\u{fffd}"].map(|id| (id, [1.0, 1.0]));
        let Some(scope) = under(store, metric, &points).await? else { continue };
        put(store, &scope, &[NewPoint::new("best", [2.0, 1.0]), NewPoint::new("A last", [-1.0, -1.0])]).await?;
        let ids = found(store, &scope, &VectorQuery::vector([2.0, 1.0]).top_k(20)).await?;
        ensure_eq!(ids, ["best", "10", "9", "Z", "a", "aa", "b", "z", "é", "\u{fffd}", "🦀", "A last"], "{metric}");
    }
    Ok(())
}

/// Where equals do not all fit into `top_k`, those of the lowest ids are in, whatever order they were written in.
pub async fn top_k_cuts_among_ties_by_id(store: &dyn VectorStore) -> Outcome {
    for metric in metrics(store.capabilities()) {
        let base = spec(store, &format!("by-{metric}"), 2).metric(metric);
        if base.kind != IndexKind::Flat {
            return not_claimed("kind.flat");
        }
        let scope = made(store, &base).await?;
        let mut numbers: Vec<usize> = (0..200).collect();
        Random::new(3).shuffle(&mut numbers);
        let points: Vec<NewPoint> = numbers.iter().map(|n| NewPoint::new(format!("p{n:03}"), [1.0, 1.0])).collect();
        put(store, &scope, &points).await?;
        put(store, &scope, &[NewPoint::new("z best", [4.0, 1.0])]).await?;
        for top_k in [1, 2, 7, 64] {
            let ids = found(store, &scope, &VectorQuery::vector([4.0, 1.0]).top_k(top_k)).await?;
            let expected: Vec<String> =
                ["z best".to_owned()].into_iter().chain((0..top_k - 1).map(|n| format!("p{n:03}"))).collect();
            ensure_eq!(ids, expected, "{metric}, top_k {top_k}");
        }
    }
    Ok(())
}

/// A hit that scores exactly the bound is in, one below is out; a short answer says that no more match.
pub async fn min_score_is_inclusive(store: &dyn VectorStore) -> Outcome {
    let points = [("back", [-1.0, 0.0]), ("here", [1.0, 0.0]), ("side", [0.0, 1.0]), ("twice", [2.0, 0.0])];
    let near = || VectorQuery::vector([1.0, 0.0]);
    let at = async |scope: &Scope, bound: f64| found(store, scope, &near().min_score(bound)).await;
    if let Some(scope) = under(store, Metric::Cosine, &points).await? {
        ensure_eq!(at(&scope, 1.0).await?, ["here", "twice"], "cosine, the best bound");
        ensure_eq!(at(&scope, 0.0).await?, ["here", "twice", "side"], "cosine, 0");
        ensure_eq!(at(&scope, 0.5).await?, ["here", "twice"], "cosine, 0.5");
        ensure_eq!(at(&scope, -1.0).await?, ["here", "twice", "side", "back"], "cosine, the worst bound");
        ensure_eq!(at(&scope, f64::NEG_INFINITY).await?.len(), 4, "cosine, no bound at all");
        ensure_eq!(at(&scope, 1.5).await?.len(), 0, "cosine, a bound that nothing reaches");
        ensure_eq!(found(store, &scope, &near().min_score(0.0).top_k(1)).await?, ["here"], "cosine, with top_k");
    }
    if let Some(scope) = under(store, Metric::Dot, &points).await? {
        ensure_eq!(at(&scope, 2.0).await?, ["twice"], "dot, 2");
        ensure_eq!(at(&scope, 1.0).await?, ["twice", "here"], "dot, 1");
        ensure_eq!(at(&scope, 0.0).await?, ["twice", "here", "side"], "dot, 0");
        ensure_eq!(at(&scope, -1.0).await?, ["twice", "here", "side", "back"], "dot, -1");
        ensure_eq!(at(&scope, f64::INFINITY).await?.len(), 0, "dot, a bound that nothing reaches");
    }
    if let Some(scope) = under(store, Metric::Euclidean, &points).await? {
        ensure_eq!(at(&scope, 1.0).await?, ["here"], "euclidean, 1");
        ensure_eq!(at(&scope, 0.5).await?, ["here", "twice"], "euclidean, 0.5");
        ensure_eq!(at(&scope, 0.25).await?, ["here", "twice", "side", "back"], "euclidean, 0.25");
        ensure_eq!(at(&scope, 0.0).await?.len(), 4, "euclidean, 0");
        ensure_eq!(at(&scope, -5.0).await?.len(), 4, "euclidean, below what any point scores");
        ensure_eq!(at(&scope, 1.01).await?.len(), 0, "euclidean, a bound that nothing reaches");
    }
    Ok(())
}

/// Rounding never lifts a score beyond what the law allows.
pub async fn scores_stay_within_their_bounds(store: &dyn VectorStore) -> Outcome {
    let mut random = Random::new(11);
    let numbers: Vec<Vec<f32>> = (0..40).map(|_| (0..24).map(|_| random.within(1..1_000) as f32 / 997.0).collect()).collect();
    for metric in [Metric::Cosine, Metric::Euclidean] {
        if !store.capabilities().metric.offers(metric) {
            continue;
        }
        let scope = made(store, &spec(store, &format!("by-{metric}"), 24).metric(metric)).await?;
        let turned = |vector: &[f32]| -> Vec<f32> { vector.iter().map(|number| -number).collect() };
        let points: Vec<NewPoint> = (0..)
            .zip(&numbers)
            .flat_map(|(n, vector): (usize, _)| {
                [NewPoint::new(format!("{n}"), vector.clone()), NewPoint::new(format!("-{n}"), turned(vector))]
            })
            .collect();
        put(store, &scope, &points).await?;
        let least = if metric == Metric::Cosine { -1.0 } else { 0.0 };
        for (n, vector) in numbers.iter().enumerate() {
            let answer = ask(store, &scope, &VectorQuery::vector(vector.clone()).top_k(80)).await?;
            let within = answer.hits.iter().all(|hit| (least..=1.0).contains(&hit.score));
            ensure!(within, "{metric}: {:?}", answer.hits.iter().map(|hit| hit.score).collect::<Vec<_>>());
            let Some(best) = answer.hits.first() else { return Err(Failure::new("nothing was found")) };
            ensure!(
                best.id == n.to_string() && close(best.score, 1.0),
                "{metric}: {} scores {} against itself",
                best.id,
                best.score
            );
            let same = VectorQuery::vector(vector.clone()).min_score(0.999_99).top_k(80);
            ensure!(found(store, &scope, &same).await?.contains(&n.to_string()), "{metric}: a point is far from itself");
        }
    }
    Ok(())
}

/// In an index of 16-bit numbers both sides are rounded before they are measured.
pub async fn numbers_of_sixteen_bits_are_rounded(store: &dyn VectorStore) -> Outcome {
    if !store.capabilities().kind.f16 {
        return not_claimed("kind.f16");
    }
    for metric in metrics(store.capabilities()) {
        let spec = spec(store, &format!("half-{metric}"), 2).metric(metric).element(Element::F16);
        let scope = made(store, &spec).await?;
        // 0.1 and 0.09998 round to the same 16 bits, 0.1001 does not; 2049 rounds to 2048.
        let vectors = [("a", [0.1, 1.0]), ("b", [0.099_98, 1.0]), ("c", [0.100_1, 1.0]), ("d", [2_049.0, 1.0])];
        put(store, &scope, &vectors.map(|(id, vector)| NewPoint::new(id, vector))).await?;
        let answer = ask(store, &scope, &VectorQuery::vector([0.1, 1.0]).include(Include::ALL)).await?;
        let rounded = score::stored(Element::F16, &[0.1, 1.0]);
        for hit in &answer.hits {
            let Some((_, vector)) = vectors.iter().find(|(id, _)| *id == hit.id) else { continue };
            same_vector(store.capabilities(), &spec, hit.vector.as_ref(), vector)?;
            let worth = score::score(metric, score::distance(metric, &rounded, &score::stored(Element::F16, vector)));
            // Stores may measure in 16 bits only what they were given so; sums are never of so few digits.
            ensure!(close(hit.score, worth), "{metric}: {} scores {}, and has to score {worth}", hit.id, hit.score);
        }
        let of = |id: &str| answer.hits.iter().find(|hit| hit.id == id).map(|hit| hit.score);
        ensure_eq!(of("a"), of("b"), "{metric}: two vectors that are one in 16 bits");
        let place = |id: &str| answer.hits.iter().position(|hit| hit.id == id);
        ensure!(place("a") < place("b"), "{metric}: the tie does not go by id");
    }
    Ok(())
}

/// Lengths near the edge of 32 bits are measured, not lost.
pub async fn very_long_and_very_short_vectors(store: &dyn VectorStore) -> Outcome {
    let points = [("long", [1e18, 1e18]), ("short", [1e-18, 0.0]), ("turned", [0.0, -1e18])];
    if let Some(scope) = under(store, Metric::Cosine, &points).await? {
        let half = 0.5_f64.sqrt();
        let expected = [("short", 1.0, 0.0), ("long", half, 1.0 - half), ("turned", 0.0, 1.0)];
        scored(store, &scope, VectorQuery::vector([1e-18, 0.0]), &expected).await?;
        scored(store, &scope, VectorQuery::vector([1e18, 0.0]), &expected).await?;
    }
    if let Some(scope) = under(store, Metric::Dot, &points).await? {
        let long = f64::from(1e18_f32);
        let expected = [("long", long * long, -long * long), ("short", 1.0, -1.0), ("turned", 0.0, 0.0)];
        scored(store, &scope, VectorQuery::vector([1e18, 0.0]), &expected).await?;
    }
    if let Some(scope) = under(store, Metric::Euclidean, &points).await? {
        let long = f64::from(1e18_f32);
        let expected = [
            ("turned", 1.0, 0.0),
            ("short", 1.0 / (1.0 + long), long),
            ("long", 1.0 / (1.0 + 5.0_f64.sqrt() * long), 5.0_f64.sqrt() * long),
        ];
        scored(store, &scope, VectorQuery::vector([0.0, -1e18]), &expected).await?;
    }
    Ok(())
}

/// Random points are ranked and scored as core ranks and scores them, at any `top_k` and bound.
pub async fn random_points_are_ranked_by_the_law(store: &dyn VectorStore) -> Outcome {
    let mut random = Random::seeded("scores");
    for metric in metrics(store.capabilities()) {
        let base = spec(store, &format!("random-{metric}"), 8).metric(metric);
        if base.kind != IndexKind::Flat {
            return not_claimed("kind.flat");
        }
        let scope = made(store, &base).await?;
        let draw = |random: &mut Random| -> Vec<f32> { (0..8).map(|_| random.below(2_001) as f32 / 1_000.0 - 1.0).collect() };
        let points: Vec<(String, Vec<f32>)> = (0..300).map(|n| (format!("p{n}"), draw(&mut random))).collect();
        let written: Vec<NewPoint> = points.iter().map(|(id, vector)| point(id, vector.clone(), json!({}))).collect();
        put(store, &scope, &written).await?;
        for top_k in [1, 10, 299, 300, 400] {
            let asked = draw(&mut random);
            let ranked = ranked(metric, &points, &asked);
            let answer = ask(store, &scope, &VectorQuery::vector(asked.clone()).top_k(top_k)).await?;
            ensure_eq!(answer.exactness, Exactness::Exact, "a flat index");
            agrees(&answer.hits.iter().map(|hit| (hit.id.as_str(), hit.score)).collect::<Vec<_>>(), &ranked, top_k.min(300))?;
            // A bound in the middle of a gap, so that rounding does not matter.
            let gap = ranked.windows(2).position(|pair| pair.iter().map(|placed| placed.score).reduce(|a, b| a - b) > Some(1e-3));
            if let Some((at, Some(pair))) = gap.map(|at| (at, ranked.get(at..at + 2))) {
                let bound = pair.iter().map(|placed| placed.score).sum::<f64>() / 2.0;
                let bounded = ask(store, &scope, &VectorQuery::vector(asked).top_k(top_k).min_score(bound)).await?;
                ensure_eq!(bounded.hits.len(), top_k.min(at + 1), "hits above {bound}");
            }
        }
    }
    Ok(())
}

fn ranked(metric: Metric, points: &[(String, Vec<f32>)], asked: &[f32]) -> Vec<Placed> {
    let mut ranking = VectorRanking::new(points.len());
    for (id, vector) in points {
        let distance = score::distance(metric, asked, vector);
        ranking.push(Placed::new(id, score::score(metric, distance), Some(distance)));
    }
    ranking.finish()
}

/// Fails unless hits are the best `count` of a ranking, but for near ties that 32 bits may turn round.
pub(crate) fn agrees(hits: &[(&str, f64)], ranked: &[Placed], count: usize) -> Outcome {
    ensure_eq!(hits.len(), count, "hits");
    for ((id, worth), expected) in hits.iter().zip(ranked) {
        ensure!(close(*worth, expected.score), "{id} scores {worth} where {} has to stand with {}", expected.id, expected.score);
        let own = ranked.iter().find(|placed| placed.id == *id);
        let Some(own) = own else { return Err(Failure::new(format!("{id} was found, and does not match"))) };
        ensure!(close(*worth, own.score), "{id} scores {worth}, and has to score {}", own.score);
    }
    Ok(())
}
