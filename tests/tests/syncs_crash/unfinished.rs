//! Readings that came to no end: what a later run knows of them, and what it must not conclude.

use crate::{case::Case, scenario::Scenario, store::Store};
use futures::{StreamExt as _, stream};
use mastra_core::{Engine, Error, RecordQuery, Result, sync::SyncMode};
use mastra_sync::{
    RunOptions, SyncError, SyncErrorKind,
    source::{Item, Page, Pages, Position, Source},
    write::RecordsBuilder,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};

type Answer = Arc<dyn Fn(Option<&str>, Option<&str>) -> Vec<Result<Page>> + Send + Sync>;

/// A source that answers by the cursor that it is asked behind, and by that of the last reading.
#[derive(Clone)]
struct Answering(Answer);

impl std::fmt::Debug for Answering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answering").finish_non_exhaustive()
    }
}

impl Source for Answering {
    fn kind(&self) -> &'static str {
        "answering"
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        stream::iter((self.0)(from.cursor.as_deref(), from.last.as_deref())).boxed()
    }
}

fn answers(answer: impl Fn(Option<&str>, Option<&str>) -> Vec<Result<Page>> + Send + Sync + 'static) -> Answering {
    Answering(Arc::new(answer))
}

fn rows(range: Range<usize>, name: &str) -> Page {
    Page::new(range.map(|at| Item::record(format!("c{at:02}"), json!({ "name": name }))))
}

fn breaks() -> Result<Page> {
    Err(Error::unavailable("the source went away"))
}

/// Where a test works.
struct Desk {
    store: Store,
    case: Case,
}

impl Desk {
    async fn all() -> [Self; 3] {
        let case = Case { scenario: Scenario::Full, connection: "crm".into(), lease: Duration::from_secs(30) };
        [Store::mock().0, Store::sqlite().await, Store::postgres().await].map(|store| Self { store, case: case.clone() })
    }

    async fn sync(&self, source: &Answering, options: RunOptions) -> Result<(), SyncError> {
        self.sync_as(source, options, |records| records.mode(SyncMode::Full)).await
    }

    async fn sync_as(
        &self,
        source: &Answering,
        options: RunOptions,
        how: impl Fn(RecordsBuilder) -> RecordsBuilder + Send + Sync + 'static,
    ) -> Result<(), SyncError> {
        self.case.load(&self.store.engine, "crm", source.clone(), options, how).await.map(drop)
    }

    async fn fails(&self, source: &Answering, options: RunOptions) {
        let error = self.sync(source, options).await.unwrap_err();
        assert_eq!(error.kind(), SyncErrorKind::Failed, "{error}");
    }

    async fn live(&self) -> BTreeMap<String, Value> {
        let engine: &dyn Engine = self.store.engine.as_ref();
        let page = engine.get_records(&self.case.entity(), &RecordQuery::new()).await.unwrap();
        page.items.into_iter().map(|record| (record.external_id, record.data["name"].clone())).collect()
    }
}

fn confirmed() -> RunOptions {
    RunOptions { confirm_deletes: true, ..RunOptions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_something_is_left_out_is_not_forgotten() {
    for desk in Desk::all().await {
        desk.sync(&answers(|_, _| vec![Ok(rows(0..20, "a").cursor("all"))]), RunOptions::default()).await.unwrap();
        // The first page says that the reading is not whole; the run dies behind the second.
        let source = |breaks_off: bool| {
            answers(move |cursor, _| {
                let behind: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
                let mut pages = vec![
                    Ok(rows(0..5, "b").cursor("1").incomplete("a part could not be read")),
                    Ok(rows(5..10, "b").cursor("2")),
                    if breaks_off { breaks() } else { Ok(rows(10..15, "b").cursor("3")) },
                ];
                pages.drain(..behind);
                pages
            })
        };
        desk.fails(&source(true), RunOptions::default()).await;
        desk.sync(&source(false), confirmed()).await.unwrap();
        assert_eq!(desk.live().await.len(), 20, "{}: what was left out is not missing", desk.store.name);
        desk.store.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_nothing_changed_is_not_forgotten() {
    for desk in Desk::all().await {
        desk.sync(&answers(|_, _| vec![Ok(rows(0..20, "a").cursor("end"))]), RunOptions::default()).await.unwrap();
        let unchanged = |breaks_off: bool| {
            answers(move |cursor, last| match (cursor, last) {
                (Some(_), _) => Vec::new(),
                (None, Some("end")) => {
                    let page = Ok(Page::unchanged().cursor("end"));
                    if breaks_off { vec![page, breaks()] } else { vec![page] }
                }
                _ => vec![Ok(rows(0..20, "a").cursor("end"))],
            })
        };
        desk.fails(&unchanged(true), RunOptions::default()).await;
        desk.sync(&unchanged(false), confirmed()).await.unwrap();
        assert_eq!(desk.live().await.len(), 20, "{}: nothing changed", desk.store.name);
        desk.store.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_deleted_where_the_end_alone_was_not_reached() {
    for desk in Desk::all().await {
        desk.sync(&answers(|_, _| vec![Ok(rows(0..20, "a").cursor("first"))]), RunOptions::default()).await.unwrap();
        // All of it is read, and the run dies; then the source says that nothing changed since.
        let source = answers(|cursor, _| match cursor {
            None => vec![Ok(rows(0..18, "b").cursor("second")), breaks()],
            Some(cursor) => vec![Ok(Page::unchanged().cursor(cursor))],
        });
        desk.fails(&source, RunOptions::default()).await;
        desk.sync(&source, RunOptions::default()).await.unwrap();
        assert_eq!(desk.live().await.len(), 18, "{}: two are missing", desk.store.name);
        desk.store.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_beside_a_reading_that_died_is_not_missing_from_it() {
    for desk in Desk::all().await {
        desk.sync(&answers(|_, _| vec![Ok(rows(0..20, "a").cursor("end"))]), RunOptions::default()).await.unwrap();
        let source = |breaks_off: bool| {
            answers(move |cursor, _| {
                let first = Page::new([Item::Raw(json!({ "name": "new" }))]).cursor("1");
                let second = if breaks_off { breaks() } else { Ok(rows(0..20, "a").cursor("2")) };
                if cursor.is_none() { vec![Ok(first), second] } else { vec![second] }
            })
        };
        desk.fails(&source(true), RunOptions::default()).await;
        // Somebody mends the mapping, and tries again what was set aside; another run adds to it.
        let names = |records: RecordsBuilder| {
            records.mode(SyncMode::Full).map(|mut draft| {
                draft.external_id.get_or_insert_with(|| "named".into());
                Ok(Some(draft))
            })
        };
        let retry = RunOptions { retry_failed: true, ..RunOptions::default() };
        desk.sync_as(&source(false), retry, names).await.unwrap();
        let more = answers(|_, _| vec![Ok(rows(50..51, "more"))]);
        desk.sync_as(&more, RunOptions::default(), |records| records.mode(SyncMode::Incremental)).await.unwrap();
        desk.sync_as(&source(false), RunOptions::default(), names).await.unwrap();
        let live = desk.live().await;
        assert!(live.contains_key("named") && live.contains_key("c50") && live.len() == 22, "{}: {live:?}", desk.store.name);
        desk.store.end().await;
    }
}

/// A source that is as it was when it was last read to its end says so, and leaves out what was written meanwhile.
fn flips() -> impl Fn(&'static str, Range<usize>) -> Answering {
    |name, range| {
        answers(move |cursor, last| {
            if cursor.is_none() && last == Some(name) {
                return vec![Ok(Page::unchanged().cursor(name))];
            }
            vec![Ok(rows(range.clone(), name).cursor(name))]
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_again_as_it_was_is_read_where_another_reading_began() {
    for desk in Desk::all().await {
        let first = flips()("a", 0..20);
        desk.sync(&first, RunOptions::default()).await.unwrap();
        desk.fails(&answers(|_, _| vec![Ok(rows(0..21, "b")), breaks()]), RunOptions::default()).await;
        desk.sync(&first, RunOptions::default()).await.unwrap();
        let live = desk.live().await;
        assert!(live.len() == 20 && live.values().all(|name| name == "a"), "{}: {live:?}", desk.store.name);
        desk.store.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_again_as_it_was_is_read_where_deletions_were_refused() {
    for desk in Desk::all().await {
        let first = flips()("a", 0..30);
        desk.sync(&first, RunOptions::default()).await.unwrap();
        let second = flips()("b", 15..35);
        for _ in 0..2 {
            let refused = desk.sync(&second, RunOptions::default()).await.unwrap_err();
            assert_eq!(refused.kind(), SyncErrorKind::Refused, "{refused}");
        }
        assert_eq!(desk.live().await.len(), 35);
        desk.sync(&first, RunOptions::default()).await.unwrap();
        let live = desk.live().await;
        assert!(live.len() == 30 && live.values().all(|name| name == "a"), "{}: {live:?}", desk.store.name);
        desk.store.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_again_as_it_was_is_read_where_a_reading_left_something_out() {
    for desk in Desk::all().await {
        let first = flips()("a", 0..20);
        desk.sync(&first, RunOptions::default()).await.unwrap();
        let part = answers(|_, _| vec![Ok(rows(0..5, "b").incomplete("there is a limit"))]);
        desk.sync(&part, RunOptions::default()).await.unwrap();
        desk.sync(&first, RunOptions::default()).await.unwrap();
        let live = desk.live().await;
        assert!(live.len() == 20 && live.values().all(|name| name == "a"), "{}: {live:?}", desk.store.name);
        desk.store.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_read_once_refuses_one_reading() {
    for desk in Desk::all().await {
        desk.sync(&answers(|_, _| vec![Ok(rows(0..20, "a").cursor("1"))]), RunOptions::default()).await.unwrap();
        let unread = || Item::failed(None, json!("?"), Error::invalid_input("it cannot be read"));
        let refused = answers(move |_, _| {
            let mut page = rows(0..18, "a").cursor("1");
            page.items.push(unread());
            vec![Ok(page)]
        });
        let error = desk.sync(&refused, RunOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), SyncErrorKind::Refused, "{error}");
        // Another reading has no such item, and has to be asked nothing.
        desk.sync(&answers(|_, _| vec![Ok(rows(0..18, "a").cursor("1"))]), RunOptions::default()).await.unwrap();
        assert_eq!(desk.live().await.len(), 18, "{}", desk.store.name);
        desk.store.end().await;
    }
}
