//! `mastra records query`.

use super::select::{self, EntityArgs};
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome},
    output::{grid::Grid, text},
};
use clap::Args;
use mastra_core::{CountQuery, Engine, Error, Path, RecordQuery, Result, SortKey, Timestamp};
use std::time::Instant;

/// So many records make a page where `--limit` is not given.
const DEFAULT_LIMIT: u64 = 50;

const EXAMPLES: &str = "\
Examples:
  mastra records query --entity Deals --filter '{\"stage\": \"won\", \"amount\": {\"$gte\": 10000}}' --sort -amount
  mastra records query --entity Deals --sort stage,-amount --fields name,amount --limit 20
  mastra records query --entity Deals --filter '{\"tags\": {\"$all\": [\"eu\", \"vip\"]}}' --count
  mastra records query --entity Deals --updated-after 7d --json
  mastra records query --entity Deals --limit 20 --cursor CURSOR        the page behind the one that gave CURSOR
  mastra records query --entity Deals --query '{\"filters\": [{\"field\": \"data.stage\", \"operator\": \"eq\", \"value\": \"won\"}]}'

Operators: $eq $ne $gt $gte $lt $lte $in $nin $all $size $exists $regex $contains $elemMatch $and $or $nor $not";

/// Which records.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Query {
    #[command(flatten)]
    entity: EntityArgs,
    /// Only records whose data matches
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// Sort keys; a minus sign in front sorts descending
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', value_parser = select::sort, allow_hyphen_values = true)]
    sort: Vec<SortKey>,
    /// At most so many records [default: 50]
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Skip so many records
    #[arg(long, value_name = "N")]
    offset: Option<u64>,
    /// Continue behind the page that gave this cursor
    #[arg(long)]
    cursor: Option<String>,
    /// Show only these fields
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', value_parser = select::path)]
    fields: Vec<Path>,
    /// Deleted records too
    #[arg(long)]
    include_deleted: bool,
    /// Only records changed since then: a time, a date, or an age such as 7d
    #[arg(long, value_name = "TIME", value_parser = select::moment)]
    updated_after: Option<Timestamp>,
    /// The whole query as JSON, in its own form or the older one with "filters"
    #[arg(long, value_name = "JSON", conflicts_with_all = ["filter", "sort", "limit", "offset", "cursor", "fields", "include_deleted", "updated_after"])]
    query: Option<String>,
    /// Only say how many records match
    #[arg(long, conflicts_with_all = ["limit", "offset", "cursor", "explain"])]
    count: bool,
    /// Show how the engine would answer, instead of the answer
    #[arg(long)]
    explain: bool,
}

impl Query {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let query = self.query()?;
        let engine = context.connect_existing().await?;
        if self.count {
            return self.counted(context, &*engine, query).await;
        }
        if self.explain {
            return self.explained(context, &*engine, &query).await;
        }
        let began = Instant::now();
        let page = engine.get_records(&self.entity.entity_ref(), &query).await?;
        let took = began.elapsed();
        context.out.document(&page)?;
        if page.items.is_empty() {
            context.out.say(format!("no records match ({})", text::took(took)))?;
            return Ok(Exit::Done);
        }
        let mut lead = vec!["external id"];
        if query.include_deleted {
            lead.push("deleted");
        }
        let rows = page.items.iter().map(|record| {
            let mut first = vec![text::clean(&record.external_id)];
            if query.include_deleted {
                first.push(record.deleted_at.map(|time| time.format("%F %T").to_string()).unwrap_or_default());
            }
            (first, &record.data)
        });
        let rows: Vec<_> = rows.collect();
        context.out.grid(&Grid::of_documents(&lead, rows))?;
        context.out.say(context.out.dim(&format!(
            "{} in {}",
            text::plural(page.items.len() as u64, "record"),
            text::took(took)
        )))?;
        if let Some(cursor) = &page.next_cursor {
            context.out.note(format!("there are more: the same query with --cursor {cursor}"));
        }
        Ok(Exit::Done)
    }

    async fn counted(&self, context: &Context, engine: &dyn Engine, query: RecordQuery) -> Outcome {
        let query = CountQuery {
            filter: query.filter,
            include_deleted: query.include_deleted,
            updated_after: query.updated_after,
            cap: None,
        };
        let count = engine.count_records(&self.entity.entity_ref(), &query).await?;
        context.out.document(&serde_json::json!({ "count": count.value, "capped": count.capped }))?;
        context.out.say(text::count(count.value))?;
        Ok(Exit::Done)
    }

    async fn explained(&self, context: &Context, engine: &dyn Engine, query: &RecordQuery) -> Outcome {
        let explanation = engine.explain(&self.entity.entity_ref(), query).await?;
        context.out.document(&explanation)?;
        for line in &explanation.plan {
            context.out.say(text::clean_line(line))?;
        }
        let or_none = |list: &[String]| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
        context.out.say(format!("indexes: {}", or_none(&explanation.indexes)))?;
        context.out.say(format!("finished outside the database: {}", or_none(&explanation.finished_in_core)))?;
        Ok(Exit::Done)
    }

    fn query(&self) -> Result<RecordQuery> {
        if let Some(text) = &self.query {
            let mut query: RecordQuery = serde_json::from_str(text).map_err(|error| {
                Error::invalid_input(format!("the query is malformed: {error}")).with(
                    HINT,
                    r#"--query '{"filter": {"stage": "won"}, "sort": [{"field": "amount", "direction": "DESC"}], "limit": 20}'"#,
                )
            })?;
            query.limit.get_or_insert(DEFAULT_LIMIT);
            return Ok(query);
        }
        Ok(RecordQuery {
            filter: select::filter(self.filter.as_deref())?,
            sort: self.sort.clone(),
            limit: Some(self.limit.unwrap_or(DEFAULT_LIMIT)),
            offset: self.offset.unwrap_or_default(),
            cursor: self.cursor.as_deref().map(Into::into),
            fields: (!self.fields.is_empty()).then(|| self.fields.clone()),
            include_deleted: self.include_deleted,
            updated_after: self.updated_after,
        })
    }
}
