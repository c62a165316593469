//! From rows to pages: in which order they are read, and what the cursor says behind each.

use super::{
    cursor::{self, Key, Mark, Stage},
    session::{self, Row, Session, Survey},
    source::SqlSource,
    statement::Range,
};
use crate::source::{Item, Page, Pages};
use futures::{StreamExt as _, stream};
use mastra_core::{Error, Result, validate};
use serde_json::Value;

/// The pages of a query behind a cursor.
pub(super) fn pages(source: &SqlSource, from: Option<String>) -> Pages<'_> {
    stream::try_unfold(Step::Open(from), move |step| async move {
        let mut reader = match step {
            Step::Open(from) => Reader::open(source, from.as_deref()).await?,
            Step::Read(reader) => reader,
        };
        Ok(reader.next_page().await?.map(|page| (page, Step::Read(reader))))
    })
    .boxed()
}

enum Step<'a> {
    Open(Option<String>),
    Read(Reader<'a>),
}

struct Reader<'a> {
    source: &'a SqlSource,
    session: Box<dyn Session>,
    /// What is read next; the first of them is under way.
    ranges: Vec<Task>,
    /// Rows without an id, which go before the others.
    nameless: Vec<Item>,
    /// Whether a page was given, whose cursor stands amid the rows.
    begun: bool,
}

/// A range to read, and what stands in cursors meanwhile.
enum Task {
    /// All rows; `mark` is where the next run begins.
    All { after: Option<Key>, mark: Option<Key> },
    /// Rows in front of the cursor, which stays where it is.
    Again { from: Mark, to: Mark },
    /// Rows behind the cursor.
    New { from: Mark },
}

impl<'a> Reader<'a> {
    async fn open(source: &'a SqlSource, from: Option<&str>) -> Result<Self> {
        if source.page_rows == 0 {
            return Err(Error::invalid_input("a page must hold at least one row"));
        }
        let stage = from.map_or(Ok(Stage::Beginning), |text| cursor::read(source, text))?;
        let mut session = session::connect(source).await?;
        let survey = session.survey().await?;
        if survey.unmarked {
            let error =
                Error::invalid_input("rows have no value in the high-water column; give them one with coalesce() in the query");
            return Err(error.with("column", source.high_water.as_deref().unwrap_or_default()));
        }
        let stage = usable(stage, &survey);
        if let (Some(overlap), Some(mark)) = (source.overlap, &survey.highest) {
            // An overlap that does not fit the mark is refused by the first run, not by the second.
            session.behind(mark, overlap).await?;
        }
        let resumed = matches!(stage, Stage::All { .. });
        let (ranges, since) = match stage {
            Stage::Beginning => (vec![Task::All { after: None, mark: survey.highest }], None),
            Stage::All { after, mark } => (vec![Task::All { after: Some(after), mark }], None),
            Stage::Since(to) => match source.overlap {
                None => (vec![Task::New { from: to.clone() }], Some(to)),
                Some(overlap) => {
                    let from = Mark { at: session.behind(&to.at, overlap).await?, id: None };
                    (vec![Task::Again { from: from.clone(), to: to.clone() }, Task::New { from: to }], Some(from))
                }
            },
        };
        let mut reader = Self { source, session, ranges, nameless: Vec::new(), begun: resumed };
        reader.find_nameless(since.as_ref()).await?;
        Ok(reader)
    }

    async fn find_nameless(&mut self, since: Option<&Mark>) -> Result<()> {
        let most = self.source.page_rows;
        let rows = self.session.without_id(since, most + 1).await?;
        if rows.len() > most {
            let error = Error::invalid_input("too many rows have no id; leave them out in the query");
            return Err(error.with("column", &self.source.id).with("more_than", most));
        }
        self.nameless = rows.into_iter().map(|row| self.failed(None, row.data, Error::invalid_input("the id is NULL"))).collect();
        Ok(())
    }

    async fn next_page(&mut self) -> Result<Option<Page>> {
        loop {
            let Some(task) = self.ranges.first() else { return Ok(None) };
            let range = match task {
                Task::All { after, .. } => Range::All { after: after.clone() },
                Task::Again { from, to } => Range::Since { from: from.clone(), to: Some(to.clone()) },
                Task::New { from } => Range::Since { from: from.clone(), to: None },
            };
            // One row more tells whether another page follows, and whether its first row has the id of this page's last.
            let most = self.source.page_rows;
            let mut rows = self.session.rows(&range, most + 1).await?;
            let more = rows.len() > most;
            let stage = self.advance(rows.get(..most).unwrap_or(&rows).last(), more)?;
            let mut page = Page::default().cursor(cursor::write(self.source, &stage)?);
            page.items = std::mem::take(&mut self.nameless);
            let beyond = if more { rows.pop() } else { None };
            let mut last = None;
            for row in rows {
                page.bytes += row.bytes;
                let key = (row.mark.clone().filter(|_| !matches!(range, Range::All { .. })), row.id.clone());
                let again = last.as_ref() == Some(&key);
                page.items.push(self.item(row, again));
                last = Some(key);
            }
            if let Some(row) = beyond {
                let key = (row.mark.clone().filter(|_| !matches!(range, Range::All { .. })), row.id.clone());
                if last == Some(key) {
                    page.items.push(self.item(row, true));
                }
            }
            // Where the rows behind a page went before they were read, the cursor has still to leave their midst.
            if !page.items.is_empty() || (self.begun && matches!(range, Range::All { .. })) {
                self.begun = true;
                return Ok(Some(page));
            }
        }
    }

    /// Goes behind the rows that were read, and says what the cursor is then.
    fn advance(&mut self, last: Option<&Row>, more: bool) -> Result<Stage> {
        let key =
            |row: &Row| row.id.clone().ok_or_else(|| Error::internal("a row has no id where only those with one were asked for"));
        let mark = |row: &Row| -> Result<Mark> {
            let at = row.mark.clone().ok_or_else(|| Error::internal("a row has no mark where one was asked for"))?;
            Ok(Mark { at, id: Some(key(row)?) })
        };
        let Some(task) = self.ranges.first_mut() else { return Ok(Stage::Beginning) };
        let stage = match (task, last) {
            (Task::All { after, mark }, Some(row)) if more => {
                let behind = key(row)?;
                *after = Some(behind.clone());
                Stage::All { after: behind, mark: mark.clone() }
            }
            (Task::All { mark, .. }, _) => match mark {
                Some(at) => Stage::Since(Mark { at: at.clone(), id: None }),
                None => Stage::Beginning,
            },
            (Task::Again { from, to }, last) => {
                if let Some(row) = last {
                    *from = mark(row)?;
                }
                Stage::Since(to.clone())
            }
            (Task::New { from }, last) => {
                if let Some(row) = last {
                    *from = mark(row)?;
                }
                Stage::Since(from.clone())
            }
        };
        if !more {
            self.ranges.remove(0);
        }
        Ok(stage)
    }

    fn item(&self, row: Row, again: bool) -> Item {
        let id = row.id.map(|Key(_, text)| text).unwrap_or_default();
        if let Err(error) = validate::name("id", &id) {
            return self.failed(None, row.data, error);
        }
        if again {
            return self.failed(Some(id), row.data, Error::invalid_input("the query gives this id more than once"));
        }
        match row.data {
            Ok(data) => Item::record(id, data),
            Err(error) => Item::failed(Some(id), Value::Null, error),
        }
    }

    fn failed(&self, id: Option<String>, data: Result<Value>, error: Error) -> Item {
        Item::failed(id, data.unwrap_or_default(), error.with("column", &self.source.id))
    }
}

/// A stage that the columns still have the types of; else the beginning.
fn usable(stage: Stage, survey: &Survey) -> Stage {
    let is = |kind: &str, key: &Key| kind.is_empty() || key.0 == kind;
    let id = |key: &Key| is(&survey.id_kind, key);
    let mark = |key: &Key| survey.mark_kind.as_ref().is_some_and(|kind| is(kind, key));
    let fits = match &stage {
        Stage::Beginning => true,
        Stage::All { after, mark: at } => id(after) && at.as_ref().is_none_or(mark),
        Stage::Since(at) => mark(&at.at) && at.id.as_ref().is_none_or(id),
    };
    if fits {
        return stage;
    }
    tracing::info!("a column's type is another than the cursor's; beginning anew");
    Stage::Beginning
}
