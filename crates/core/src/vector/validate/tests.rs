//! Every refusal, at its bound and beyond it.
#![allow(clippy::unwrap_used, reason = "in a test an error is a failure")]

use super::{super::*, *};
use crate::error::ErrorKind;
use proptest::prelude::*;
use serde_json::json;

/// A store with a limit of every kind.
fn limited() -> VectorCapabilities {
    let mut can = VectorCapabilities::all();
    can.limits = VectorLimits {
        dimension: Some(160),
        dimension_f16: Some(320),
        indexed_dimension: Some(20),
        indexed_dimension_f16: Some(40),
        top_k: Some(100),
        id_bytes: Some(8),
        metadata_bytes: Some(40),
        index_name_bytes: Some(10),
        plain_index_names: true,
    };
    can
}

#[track_caller]
fn taken(result: Result<()>) {
    assert!(result.is_ok(), "{result:?}");
}

#[track_caller]
fn refused(result: Result<()>) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error
}

#[track_caller]
fn unsupported(result: Result<()>) {
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Unsupported);
}

fn docs() -> IndexSpec {
    IndexSpec::new("docs", 2)
}

fn put(batch: &[NewPoint], can: &VectorCapabilities) -> Result<()> {
    points(batch, &PointUpsertOptions::new(), can)
}

fn near() -> VectorQuery {
    VectorQuery::vector([1.0, 0.0])
}

#[test]
fn vectors_of_another_dimension_or_without_a_measure() {
    let options = PointUpsertOptions::new();
    let at = |numbers: Vec<f32>| [NewPoint::new("a", [1.0, 0.0]), NewPoint::new("b", numbers)];
    taken(points_of(&at(vec![0.0, 1.0]), &options, &docs()));
    for bad in [vec![], vec![1.0], vec![1.0; 3], vec![f32::NAN, 0.0], vec![0.0, f32::INFINITY], vec![0.0, 0.0], vec![1e20, 0.0]] {
        let error = refused(points_of(&at(bad.clone()), &options, &docs()));
        assert_eq!(error.get("point"), Some("1"), "{error}");
        refused(query_of(&VectorQuery::vector(bad.clone()), &docs()));
        refused(query_of(&VectorQuery::hybrid(bad, "words"), &docs()));
    }
    taken(query_of(&VectorQuery::text("words"), &docs()));
    taken(query_of(&VectorQuery::vector([0.0, 0.0]), &docs().metric(Metric::Euclidean)));
}

#[test]
fn ids_that_are_blank_too_long_or_twice() {
    let can = limited();
    let at = |id: &str| NewPoint::new(id, [1.0, 0.0]);
    taken(put(&[at("12345678"), at("b"), NewPoint::without_id([1.0, 0.0]), NewPoint::without_id([1.0, 0.0])], &can));
    for bad in ["", " \t", "a\0b", "123456789"] {
        assert_eq!(refused(put(&[at("a"), at(bad)], &can)).get("point"), Some("1"));
        refused(ids(&["a".into(), bad.into()], &can));
        refused(selector(&PointSelector::ids(["a", bad]), true, &can));
    }
    taken(put(&[at(&"a".repeat(1_024))], &VectorCapabilities::all()));
    refused(put(&[at(&"a".repeat(1_025))], &VectorCapabilities::all()));
    assert_eq!(refused(put(&[at("a"), at("b"), at("a")], &can)).get("point"), Some("2"));
    // Case and form are part of an id.
    taken(put(&[at("a"), at("A"), at("é"), at("e\u{301}"), at("a ")], &can));
    taken(put(&[], &can));
    taken(ids(&[], &can));
}

#[test]
fn metadata_that_is_too_large_or_no_object() {
    let can = limited();
    let at = |metadata: Value| NewPoint::new("a", [1.0, 0.0]).metadata(metadata);
    let sized = |bytes: usize| json!({ "k": "x".repeat(bytes - 8) });
    taken(put(&[at(sized(40))], &can));
    let deep = (0..150).fold(json!(1), |inner, _| json!([inner]));
    for bad in [sized(41), json!(null), json!([1]), json!("text"), json!(1), json!({ "deep": deep })] {
        refused(put(&[at(bad.clone())], &can));
        refused(update(&PointUpdate::new().merge(bad.clone()), &can));
        refused(update(&PointUpdate::new().replace(bad), &can));
    }
    // Bytes, not characters.
    refused(put(&[at(json!({ "k": "é".repeat(17) }))], &can));
}

#[test]
fn characters_and_numbers_that_a_store_does_not_keep() {
    let mut can = VectorCapabilities::all();
    let nul = NewPoint::new("a", [1.0, 0.0]).text("a\0b");
    taken(put(std::slice::from_ref(&nul), &can));
    taken(update(&PointUpdate::new().text(Some("\0".into())), &can));
    can.data.nul_characters = false;
    refused(put(&[nul], &can));
    refused(update(&PointUpdate::new().text(Some("\0".into())), &can));
    refused(put(&[NewPoint::new("a", [1.0, 0.0]).metadata(json!({ "\0": 1 }))], &can));
    taken(update(&PointUpdate::new().text(None), &can));
}

#[test]
fn top_k_of_nothing_or_past_the_limit() {
    let can = limited();
    for good in [1, 100] {
        taken(query(&near().top_k(good), &can));
    }
    for bad in [0, 101, usize::MAX] {
        refused(query(&near().top_k(bad), &can));
    }
    refused(query(&near().top_k(0), &VectorCapabilities::all()));
    taken(query(&near().top_k(1_000_000), &VectorCapabilities::all()));
}

#[test]
fn bounds_knobs_and_weights() {
    let can = VectorCapabilities::all();
    for good in [
        near().min_score(f64::NEG_INFINITY),
        near().ef(1),
        near().probes(MAX_PROBES),
        VectorQuery::hybrid([1.0, 0.0], "words").min_score(0.5).weights(0.0, 1.0),
        VectorQuery::text("words"),
    ] {
        taken(query(&good, &can));
    }
    for bad in [
        near().min_score(f64::NAN),
        near().ef(0),
        near().ef(MAX_EF + 1),
        near().probes(0),
        near().probes(MAX_PROBES + 1),
        VectorQuery::text("words").min_score(0.5),
        VectorQuery::hybrid([1.0, 0.0], "words").weights(0.0, 0.0),
        VectorQuery::hybrid([1.0, 0.0], "words").weights(-1.0, 2.0),
        VectorQuery::hybrid([1.0, 0.0], "words").weights(f64::NAN, 1.0),
        VectorQuery::hybrid([1.0, 0.0], "words").weights(1.0, f64::INFINITY),
    ] {
        refused(query(&bad, &can));
    }
    refused(scroll(&ScrollQuery::new().limit(0), &Scope::index("docs"), &can));
    taken(scroll(&ScrollQuery::new().limit(1), &Scope::index("docs"), &can));
}

#[test]
fn names_that_a_store_cannot_take() {
    let can = limited();
    taken(spec(&IndexSpec::new("docs-2", 2), &can));
    for bad in ["", " ", "a\0b", "12345678901", "Docs", "do cs", "do_cs", "döcs"] {
        refused(spec(&IndexSpec::new(bad, 2), &can));
    }
    taken(spec(&IndexSpec::new("Döcs, \"quoted\"; --", 2), &VectorCapabilities::all()));
    refused(spec(&IndexSpec::new("n".repeat(1_025), 2), &VectorCapabilities::all()));
    for bad in ["", " ", "a\0b"] {
        refused(scope(&Scope::index(bad), &can));
    }
    taken(scope(&Scope::index("docs").in_namespace("tenant"), &can));
    taken(scope(&Scope::index("docs"), &can));
    for bad in [" ", "\0", &"n".repeat(1_025)] {
        refused(scope(&Scope::index("docs").in_namespace(bad), &can));
    }
}

#[test]
fn another_model() {
    let made = docs().provenance(Provenance::new("local/small"));
    let batch = [NewPoint::new("a", [1.0, 0.0])];
    let by = |model: &str| PointUpsertOptions::new().model(model);
    taken(points_of(&batch, &by("local/small"), &made));
    taken(points_of(&batch, &PointUpsertOptions::new(), &made));
    taken(points_of(&batch, &by("local/large"), &docs()));
    let error = refused(points_of(&batch, &by("local/large"), &made));
    assert_eq!((error.get("model"), error.get("index_model")), (Some("local/large"), Some("local/small")));
    refused(points_of(&[], &by("local/large"), &made));
    refused(query_of(&near().model("local/large"), &made));
    taken(query_of(&near().model("local/small"), &made));
    refused(model(Some("LOCAL/small"), &made));
}

#[test]
fn dimensions_by_kind_and_element() {
    let can = limited();
    for (kind, element, most) in [
        (IndexKind::Flat, Element::F32, 160),
        (IndexKind::Flat, Element::F16, 320),
        (IndexKind::hnsw(), Element::F32, 20),
        (IndexKind::hnsw(), Element::F16, 40),
        (IndexKind::IvfFlat { lists: 1 }, Element::F32, 20),
    ] {
        let of = |dimension| IndexSpec::new("docs", dimension).kind(kind).element(element);
        taken(spec(&of(1), &can));
        taken(spec(&of(most), &can));
        refused(spec(&of(most + 1), &can));
        refused(spec(&of(0), &can));
    }
    refused(spec(&IndexSpec::new("docs", MAX_DIMENSION + 1), &VectorCapabilities::all()));
}

#[test]
fn indexes_that_make_no_sense() {
    let can = VectorCapabilities::all();
    let hnsw = |m, ef_construction| docs().kind(IndexKind::Hnsw { m, ef_construction });
    taken(spec(&hnsw(16, 32), &can));
    for (m, ef_construction) in [(0, 64), (1, 64), (101, 400), (16, 31), (16, 1_001)] {
        refused(spec(&hnsw(m, ef_construction), &can));
    }
    for lists in [0, MAX_PROBES + 1] {
        refused(spec(&docs().kind(IndexKind::IvfFlat { lists }), &can));
    }
    let field = || "lang".parse::<crate::path::Path>().unwrap();
    refused(spec(&docs().field(field()).list_field(field()), &can));
    let fields = |count: usize| (0..count).fold(docs(), |spec, n| spec.field(format!("f{n}").parse().unwrap()));
    taken(spec(&fields(MAX_FIELDS), &can));
    refused(spec(&fields(MAX_FIELDS + 1), &can));
    let made = || Provenance::new("local/small");
    taken(spec(&docs().provenance(made().revision("2").chunker("lines")), &can));
    for bad in [Provenance::new(" "), made().revision("\0"), made().revision(""), made().chunker("x".repeat(1_025))] {
        refused(spec(&docs().provenance(bad), &can));
    }
}

#[test]
fn filters_that_take_every_point_unasked() {
    let can = VectorCapabilities::all();
    let some = || Filter::eq("lang", "en").unwrap();
    for all in
        [Filter::all(), !Filter::none(), Filter::and([]), some() | Filter::all(), Filter::not_in("a", Vec::<i64>::new()).unwrap()]
    {
        refused(selector(&PointSelector::Filter(all.clone()), true, &can));
        refused(points(&[], &PointUpsertOptions::new().replace_where(all), &can));
    }
    taken(selector(&PointSelector::Filter(some()), true, &can));
    taken(selector(&PointSelector::Filter(Filter::none()), true, &can));
    taken(points(&[], &PointUpsertOptions::new().replace_where(some()), &can));
}

#[test]
fn what_is_not_claimed() {
    let none = VectorCapabilities::default();
    let some = || Filter::eq("lang", "en").unwrap();
    unsupported(spec(&docs(), &none));
    unsupported(namespace("tenant", &none));
    taken(namespace("", &none));
    unsupported(selector(&PointSelector::Filter(some()), false, &none));
    unsupported(points(&[], &PointUpsertOptions::new().replace_where(some()), &none));
    unsupported(query(&VectorQuery::text("words"), &none));
    unsupported(query(&VectorQuery::hybrid([1.0, 0.0], "words"), &none));
    unsupported(query(&near().exact(true), &none));
    unsupported(query(&near().filter(some()), &none));
    unsupported(count(&PointCountQuery::new().filter(some()), &none));
    unsupported(scroll(&ScrollQuery::new(), &Scope::index("docs"), &none));
    taken(query(&near(), &none));
    let mut can = VectorCapabilities::all();
    (can.metric.dot, can.kind.ivf_flat, can.kind.f16) = (false, false, false);
    unsupported(spec(&docs().metric(Metric::Dot), &can));
    unsupported(spec(&docs().kind(IndexKind::IvfFlat { lists: 4 }), &can));
    unsupported(spec(&docs().element(Element::F16), &can));
    taken(spec(&docs(), &can));
}

proptest! {
    #[test]
    fn a_batch_passes_exactly_where_no_id_stands_twice(ids in prop::collection::vec("[abc]{1,2}", 0..6)) {
        let distinct: HashSet<&String> = ids.iter().collect();
        let batch: Vec<NewPoint> = ids.iter().map(|id| NewPoint::new(id, [1.0, 0.0])).collect();
        prop_assert_eq!(put(&batch, &VectorCapabilities::all()).is_ok(), distinct.len() == ids.len());
    }

    #[test]
    fn what_was_just_judged_is_still_taken(
        numbers in prop::collection::vec(prop::sample::select(vec![0.0, 1.0, -3.5, 1e-30, 1e20, 70_000.0, f32::NAN]), 0..4),
        metric in prop::sample::select(Metric::ALL.to_vec()),
        element in prop::sample::select(vec![Element::F32, Element::F16]),
        model in prop::sample::select(vec![None, Some("local/small"), Some("local/large")]),
    ) {
        let spec = docs().metric(metric).element(element).provenance(Provenance::new("local/small"));
        let mut asked = VectorQuery::vector(numbers.clone());
        asked.model = model.map(Into::into);
        let judged = query_of(&asked, &spec);
        let again = spec.still_takes(Some(&Vector::dense(numbers)), model);
        prop_assert_eq!(judged.map_err(|error| error.kind()), match again {
            Ok(()) => Ok(()),
            Err(error) => { prop_assert_eq!(error.kind(), ErrorKind::SchemaMismatch); Err(ErrorKind::InvalidInput) }
        });
    }
}
