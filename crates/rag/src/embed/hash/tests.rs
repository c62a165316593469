#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test an error is a failure")]

use super::*;
use mastra_core::ErrorKind;
use proptest::prelude::*;

async fn embed(texts: &[&str]) -> Vec<Vec<f32>> {
    HashEmbedder::new(384).unwrap().embed(texts, EmbedKind::Document).await.unwrap()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Whoever changes a number here changes the vectors in everybody's indexes: the name `hash` would have to change with it.
#[tokio::test]
async fn vectors_are_the_same_for_ever() {
    let vectors = embed(&["Größe, naïve café №5", "東京都 tower", "🙂 – !"]).await;
    let seen: Vec<Vec<(usize, i32)>> = vectors
        .iter()
        .map(|vector| {
            let mut places: Vec<usize> = (0..vector.len()).collect();
            places.sort_by(|a, b| vector[*b].abs().total_cmp(&vector[*a].abs()).then(a.cmp(b)));
            places.into_iter().take(4).map(|place| (place, (vector[place] * 1e6).round() as i32)).collect()
        })
        .collect();
    assert_eq!(
        seen,
        [
            [(244, 399_043), (303, -399_043), (369, 399_043), (355, 319_235)],
            [(106, -458_831), (131, 458_831), (247, 458_831), (9, 229_416)],
            [(2, 577_350), (25, 577_350), (217, -577_350), (0, 0)],
        ]
    );
}

#[tokio::test]
async fn same_words_are_nearest_then_their_forms_then_other_words() {
    let texts =
        ["invoice payment", "payment of the invoice", "invoices and payments", "invioce paymnet", "a walk in the mountains"];
    let vectors = embed(&texts).await;
    let scores: Vec<f32> = vectors[1..].iter().map(|vector| dot(&vectors[0], vector)).collect();
    assert!(scores.is_sorted_by(|a, b| a > b), "{scores:?}");
    assert!(scores[0] > 0.8 && scores[2] > 0.1 && scores[3].abs() < 0.2, "{scores:?}");
}

#[tokio::test]
async fn case_accents_and_composition_do_not_count() {
    let vectors = embed(&["CAFÉ Großbrücke", "cafe\u{301} großbrucke"]).await;
    assert_eq!(vectors[0], vectors[1]);
}

#[tokio::test]
async fn pairs_of_ideographs_count_for_more_than_each_alone() {
    let vectors = embed(&["東京", "東京都", "京東"]).await;
    assert!(dot(&vectors[0], &vectors[1]) > dot(&vectors[0], &vectors[2]));
}

#[tokio::test]
async fn blank_texts_are_refused_by_position() {
    let error = HashEmbedder::new(64).unwrap().embed(&["a", "\u{a0}\n"], EmbedKind::Query).await.unwrap_err();
    assert_eq!((error.kind(), error.get("text")), (ErrorKind::InvalidInput, Some("1")));
}

#[test]
fn dimensions_have_bounds() {
    for name in ["0", "31", "16385", "x", "-1", ""] {
        let error = HashEmbedder::from_name(name, &EmbedderOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
    }
}

proptest! {
    #[test]
    fn every_text_has_a_direction(text in "\\PC{0,40}", dimension in 32_usize..500) {
        let vector = HashEmbedder::new(dimension).unwrap().vector(&text);
        prop_assert!((dot(&vector, &vector) - 1.0).abs() < 1e-4);
    }
}
