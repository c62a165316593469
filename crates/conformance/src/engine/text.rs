//! Full-text search. Core tokenises, ranks and cuts snippets; what a backend has to show is that it leaves out none of the
//! candidates and forgets none of the changes.

use crate::failure::{Outcome, ensure, ensure_eq, refused};
use crate::fixture::{entity, filled, put, there};
use crate::random::Random;
use mastra_core::{
    EntityRef, ErrorKind, Filter, Path, RecordQuery, RecordSelector, RecordStore, Result, TextSearch,
    text::{Ranking, TextQuery, index_text, snippet},
};
use serde_json::{Value, json};

async fn declare(store: &dyn RecordStore, entity: &EntityRef, fields: &[&str]) -> Result<()> {
    let fields: Vec<Path> = fields.iter().map(|field| field.parse()).collect::<Result<_>>()?;
    store.declare_text_index(entity, &fields).await.map(drop)
}

/// The external ids of all hits, best first.
async fn hits(store: &dyn RecordStore, entity: &EntityRef, query: &str) -> Result<Vec<String>> {
    let found = store.search_text(entity, &TextSearch::new(query).limit(1_000)).await?;
    Ok(found.hits.into_iter().map(|hit| hit.record.external_id).collect())
}

/// The external ids of all hits, sorted.
async fn set(store: &dyn RecordStore, entity: &EntityRef, query: &str) -> Result<Vec<String>> {
    let mut ids = hits(store, entity, query).await?;
    ids.sort();
    Ok(ids)
}

/// Searching an entity that declares no fields is refused; declaring them is a change of the entity.
pub async fn search_needs_declared_fields(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "text": "some words" }))]).await?;
    refused(store.search_text(&entity, &TextSearch::new("words")).await, ErrorKind::InvalidInput)?;
    let before = store.resolve_entity(&entity).await?;
    let fields: Vec<Path> = vec!["text".parse()?, r"meta.a\.b".parse()?];
    let declared = store.declare_text_index(&entity, &fields).await?;
    ensure_eq!(declared.text_fields, fields, "the fields of the entity");
    ensure!(declared.updated_at > before.updated_at, "the entity's updated_at stood still");
    ensure_eq!(store.resolve_entity(&entity).await?, declared, "what is stored");
    ensure_eq!(store.declare_text_index(&entity, &fields).await?, declared, "the same fields declared again");
    ensure_eq!(hits(store, &entity, "words").await?, ["1"], "hits");
    refused(store.declare_text_index(&entity, &[Path::this()]).await, ErrorKind::InvalidInput)?;
    declare(store, &entity, &[]).await?;
    refused(store.search_text(&entity, &TextSearch::new("words")).await, ErrorKind::InvalidInput)?;
    Ok(())
}

/// Every word has to occur, in any field; a phrase stands together in one text; a star ends the beginning of a word.
pub async fn words_phrases_and_prefixes(store: &dyn RecordStore) -> Outcome {
    let rows = [
        ("1", json!({ "title": "Quarterly invoice", "body": "The net amount is due in March" })),
        ("2", json!({ "title": "Invoice", "body": "Amount net of taxes" })),
        ("3", json!({ "title": "Reminder", "body": "The invoices were paid" })),
        ("4", json!({ "title": "net", "body": "amount", "notes": "invoice" })),
        ("5", json!({ "body": ["first net", "amount later"], "title": 7 })),
        ("6", json!({ "title": { "text": "invoice" } })),
    ];
    let entity = filled(store, "E", rows).await?;
    declare(store, &entity, &["title", "body"]).await?;
    for (query, expected) in [
        ("invoice", vec!["1", "2"]),
        ("INVOICE net", vec!["1", "2"]),
        ("net amount", vec!["1", "2", "4", "5"]),
        ("\"net amount\"", vec!["1"]),
        ("\"amount net\"", vec!["2"]),
        ("invoice*", vec!["1", "2", "3"]),
        ("inv* paid", vec!["3"]),
        ("\"net am*\"", vec!["1"]),
        ("\"the net amount\" march", vec!["1"]),
        ("voice", vec![]),
        ("invoic", vec![]),
        ("7", vec![]),
        ("due \"in march\" quart*", vec!["1"]),
    ] {
        ensure_eq!(set(store, &entity, query).await?, expected, "hits of {query}");
    }
    Ok(())
}

/// Hits, scores, order, total and snippets are those that core gives over all records.
pub async fn hits_are_ranked_as_core_ranks_them(store: &dyn RecordStore) -> Outcome {
    let mut random = Random::seeded("hits_are_ranked_as_core_ranks_them");
    let words =
        ["alpha", "beta", "gamma", "delta", "alphabet", "Café", "東京", "naïve", "x1", "user@mail.example", "42", "don't"];
    let mut text = |most: usize| {
        let chosen: Vec<&str> = (0..random.below(most)).filter_map(|_| random.pick(&words).copied()).collect();
        chosen.join(if random.one_in(3) { ", " } else { " " })
    };
    let rows: Vec<(String, Value)> = (0..120)
        .map(|n| {
            (n.to_string(), json!({ "title": text(5), "body": [text(30), { "no": text(3) }], "lines": [{ "t": text(4) }, 5] }))
        })
        .collect();
    let entity = filled(store, "E", rows).await?;
    let fields = ["title", "body", "lines.t"];
    declare(store, &entity, &fields).await?;
    let fields: Vec<Path> = fields.iter().map(|field| field.parse()).collect::<Result<_>>()?;
    let records = store.get_records(&entity, &RecordQuery::new()).await?.items;
    let queries = [
        "alpha",
        "alph*",
        "alpha beta",
        "\"beta gamma\"",
        "cafe",
        "東",
        "\"東京\"",
        "mail",
        "user@mail.example",
        "don't",
        "x1 4*",
        "naive",
        "g* d* a*",
        "absent",
        "\"alpha alph*\"",
    ];
    for text in queries {
        let query = TextQuery::parse(text)?;
        let mut ranking = Ranking::new(1_000, 0);
        for record in &records {
            if let Some(score) = query.score(&index_text(&record.data, &fields)) {
                ranking.push(record.id, score);
            }
        }
        let total = ranking.total();
        let expected = ranking.finish();
        for (limit, offset) in [(1_000, 0), (5, 0), (5, 5), (1, 3)] {
            let found = store.search_text(&entity, &TextSearch::new(text).limit(limit).offset(offset)).await?;
            ensure_eq!(found.total, total, "the total of {text}");
            let got: Vec<_> = found.hits.iter().map(|hit| hit.record.id).collect();
            let skip = usize::try_from(offset).unwrap_or(0);
            let want = expected.iter().skip(skip).take(usize::try_from(limit).unwrap_or(0));
            ensure_eq!(got, want.clone().map(|(id, _)| *id).collect::<Vec<_>>(), "the hits of {text}, {limit} behind {offset}");
            for (hit, (_, score)) in found.hits.iter().zip(want) {
                ensure!(
                    (hit.score - score).abs() < 1e-9,
                    "the score of {} is {}, not {score}",
                    hit.record.external_id,
                    hit.score
                );
                ensure_eq!(hit.snippet, snippet(&hit.record.data, &fields, &query), "the snippet of {}", hit.record.external_id);
                ensure!(records.contains(&hit.record), "the record of the hit {} is not the stored one", hit.record.external_id);
            }
        }
    }
    Ok(())
}

/// The limit cuts the hits and not the total; equal scores go by id ascending.
pub async fn limits_and_totals(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    for n in 0..15 {
        put(store, &entity, [(n.to_string(), json!({ "text": "the same words" }))]).await?;
    }
    declare(store, &entity, &["text"]).await?;
    let search = TextSearch::new("same");
    let found = store.search_text(&entity, &search).await?;
    let ids: Vec<&str> = found.hits.iter().map(|hit| hit.record.external_id.as_str()).collect();
    ensure_eq!(ids, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "the ten hits of a default search");
    ensure_eq!(found.total, 15, "the total");
    for (limit, offset, count) in [(0, 0, 0), (3, 0, 3), (10, 12, 3), (10, 15, 0), (u64::MAX, 0, 15), (1, u64::MAX, 0)] {
        let found = store.search_text(&entity, &search.clone().limit(limit).offset(offset)).await?;
        ensure_eq!((found.hits.len(), found.total), (count, 15), "hits and total at {limit} behind {offset}");
    }
    Ok(())
}

/// A filter beside the text narrows hits and total, whoever evaluates it.
pub async fn a_filter_narrows_the_search(store: &dyn RecordStore) -> Outcome {
    let rows = (0..40).map(|n| {
        (
            n.to_string(),
            json!({ "text": if n % 2 == 0 { "even words" } else { "odd words" }, "n": n, "tag": format!("t{}", n % 5) }),
        )
    });
    let entity = filled(store, "E", rows).await?;
    declare(store, &entity, &["text"]).await?;
    for (filter, total) in [
        (Filter::all(), 20),
        (Filter::lt("n", 10)?, 5),
        (Filter::regex("tag", "[13]$", "")?, 8),
        (!Filter::eq("tag", "t0")? & Filter::contains("tag", "T")?, 16),
        (Filter::eq("absent", 1)?, 0),
        (Filter::none(), 0),
    ] {
        let found = store.search_text(&entity, &TextSearch::new("even").filter(filter.clone()).limit(7)).await?;
        ensure_eq!(found.total, total, "the total under {filter:?}");
        ensure_eq!(found.hits.len() as u64, total.min(7), "hits under {filter:?}");
        ensure!(found.hits.iter().all(|hit| filter.matches(&hit.record.data)), "a hit does not match {filter:?}");
    }
    Ok(())
}

/// Writes of every kind are searched at once, by the store that made them.
pub async fn changes_are_searched_at_once(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    declare(store, &entity, &["text"]).await?;
    put(store, &entity, [("1", json!({ "text": "first", "n": 1 })), ("2", json!({ "text": "first" }))]).await?;
    ensure_eq!(set(store, &entity, "first").await?, ["1", "2"], "created");
    put(store, &entity, [("1", json!({ "text": "second" }))]).await?;
    ensure_eq!(set(store, &entity, "first").await?, ["2"], "changed away");
    ensure_eq!(set(store, &entity, "second").await?, ["1"], "changed to");
    put(store, &entity, [("1", json!({ "n": 2 }))]).await?;
    ensure_eq!(set(store, &entity, "second").await?, ["1"], "another field changed");
    store.delete_records(&entity, &RecordSelector::ExternalIds(vec!["1".into()])).await?;
    ensure!(set(store, &entity, "second").await?.is_empty(), "a deleted record is found");
    put(store, &entity, [("1", json!({ "text": "third" }))]).await?;
    ensure_eq!(set(store, &entity, "third").await?, ["1"], "revived");
    ensure!(set(store, &entity, "second").await?.is_empty(), "a revived record is found by what it was");
    put(store, &entity, [("1", json!({ "text": null })), ("2", json!({ "text": ["listed", "words"] }))]).await?;
    ensure!(set(store, &entity, "third").await?.is_empty(), "a record is found by words that are gone");
    ensure_eq!(set(store, &entity, "listed").await?, ["2"], "a list of texts");
    let records: Vec<(String, Value)> =
        (0..3_000).map(|n| (format!("many-{n}"), json!({ "text": format!("many w{n}") }))).collect();
    put(store, &entity, records).await?;
    ensure_eq!(store.search_text(&entity, &TextSearch::new("many")).await?.total, 3_000, "hits of a large batch");
    ensure_eq!(hits(store, &entity, "w2999").await?, ["many-2999"], "one of a large batch");
    store.delete_records(&entity, &RecordSelector::All).await?;
    ensure_eq!(store.search_text(&entity, &TextSearch::new("many")).await?.total, 0, "hits after deleting all");
    Ok(())
}

/// A search sees the records of its entity, and only those.
pub async fn entities_are_searched_alone(store: &dyn RecordStore) -> Outcome {
    let one = filled(store, "One", [("1", json!({ "text": "common one" }))]).await?;
    let two = filled(store, "Two", [("2", json!({ "text": "common two", "other": "hidden" }))]).await?;
    declare(store, &one, &["text", "other"]).await?;
    declare(store, &two, &["text"]).await?;
    ensure_eq!(hits(store, &one, "common").await?, ["1"], "hits of one");
    ensure_eq!(hits(store, &two, "common").await?, ["2"], "hits of the other");
    ensure!(hits(store, &two, "hidden").await?.is_empty(), "a field that only another entity declares is searched");
    let id = store.resolve_entity(&one).await?.id;
    store.delete_entity_by_id(id).await?;
    ensure_eq!(hits(store, &two, "common").await?, ["2"], "hits after deleting the first entity");
    Ok(())
}

/// Declaring fields indexes the live records that are there already.
pub async fn declaring_indexes_what_is_there(store: &dyn RecordStore) -> Outcome {
    let rows = (0..1_200).map(|n| (n.to_string(), json!({ "text": format!("words of w{n}") })));
    let entity = filled(store, "E", rows).await?;
    store.delete_records(&entity, &RecordSelector::ExternalIds(vec!["7".into()])).await?;
    let before = there(store, &entity, "8").await?;
    declare(store, &entity, &["text"]).await?;
    ensure_eq!(store.search_text(&entity, &TextSearch::new("words")).await?.total, 1_199, "hits");
    ensure_eq!(hits(store, &entity, "w1199").await?, ["1199"], "one of them");
    ensure!(hits(store, &entity, "w7").await?.is_empty(), "a deleted record was indexed");
    ensure_eq!(there(store, &entity, "8").await?, before, "a record that was indexed");
    Ok(())
}

/// Declaring other fields searches those, of old and new records alike.
pub async fn declaring_again_changes_the_fields(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "a": "apple", "b": "banana" }))]).await?;
    declare(store, &entity, &["a"]).await?;
    ensure_eq!((hits(store, &entity, "apple").await?.len(), hits(store, &entity, "banana").await?.len()), (1, 0), "field a");
    declare(store, &entity, &["b"]).await?;
    put(store, &entity, [("2", json!({ "a": "apple", "b": "banana" }))]).await?;
    ensure_eq!((hits(store, &entity, "apple").await?.len(), hits(store, &entity, "banana").await?.len()), (0, 2), "field b");
    declare(store, &entity, &["a", "b"]).await?;
    ensure_eq!((hits(store, &entity, "apple").await?.len(), hits(store, &entity, "banana").await?.len()), (2, 2), "both fields");
    declare(store, &entity, &[]).await?;
    put(store, &entity, [("3", json!({ "a": "apple" }))]).await?;
    declare(store, &entity, &["a"]).await?;
    ensure_eq!(hits(store, &entity, "apple").await?.len(), 3, "declared again after none");
    Ok(())
}

/// Case, accents and compatibility forms are folded alike in texts and queries; scripts without spaces are searched.
pub async fn words_are_folded(store: &dyn RecordStore) -> Outcome {
    let rows = [
        ("1", json!({ "text": "Crème Brûlée für Ærø" })),
        ("2", json!({ "text": "ﬁne ＡＢＣ ①" })),
        ("3", json!({ "text": "東京都 です" })),
        ("4", json!({ "text": "ПРИВЕТ мир" })),
        ("5", json!({ "text": "user@mail.example O'Brien" })),
        ("6", json!({ "text": "cre\u{300}me" })),
        ("7", json!({ "text": "שלום עולם" })),
    ];
    let entity = filled(store, "E", rows).await?;
    declare(store, &entity, &["text"]).await?;
    for (query, expected) in [
        ("creme", vec!["1", "6"]),
        ("CRÈME", vec!["1", "6"]),
        ("brul*", vec!["1"]),
        ("fine", vec!["2"]),
        ("abc 1", vec!["2"]),
        ("京", vec!["3"]),
        ("\"東京\"", vec!["3"]),
        ("привет", vec!["4"]),
        ("mail.example", vec!["5"]),
        ("o'brien", vec!["5"]),
        ("שלום", vec!["7"]),
    ] {
        ensure_eq!(set(store, &entity, query).await?, expected, "hits of {query}");
    }
    Ok(())
}

/// A query without a word, or with an open quote, is refused.
pub async fn malformed_searches_are_refused(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "text": "words" }))]).await?;
    declare(store, &entity, &["text"]).await?;
    for query in ["", " ", "*", "\"", "\"\"", "\"open words", "—", "🦀", &"a ".repeat(65)] {
        refused(store.search_text(&entity, &TextSearch::new(query)).await, ErrorKind::InvalidInput)
            .map_err(|failure| failure.about(format!("{query:?}")))?;
    }
    Ok(())
}
