//! The tools, each with what it takes and gives.

mod describe_entity;
mod get_record;
mod list_entities;
mod list_knowledge;
mod query_records;
pub(crate) mod record;
mod search_knowledge;
mod search_text;

use crate::{cut, failure::HINT, parts::Parts, schema};
use futures::future::BoxFuture;
use mastra_core::{Count, Error, Filter, Path, Result};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Resource, Tool as Description, ToolAnnotations};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{future::Future, sync::Arc};

/// One tool: a question with typed arguments and a typed answer.
trait Tool {
    const NAME: &'static str;
    const TITLE: &'static str;
    type Input: DeserializeOwned + JsonSchema + Send;
    type Output: Serialize + JsonSchema + Send;

    /// What a model is told of it.
    fn description(parts: &Parts) -> String;

    fn run(parts: &Parts, input: Self::Input) -> impl Future<Output = Result<Self::Output>> + Send;

    /// The records that the answer cites.
    fn links(_output: &Self::Output) -> Vec<Resource> {
        Vec::new()
    }
}

type Call = for<'a> fn(&'a Parts, JsonObject) -> BoxFuture<'a, Result<CallToolResult>>;

/// A tool without its types.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    title: &'static str,
    description: fn(&Parts) -> String,
    input: fn() -> Arc<JsonObject>,
    output: fn() -> Arc<JsonObject>,
    pub(crate) call: Call,
}

const TOOLS: [Entry; 7] = [
    entry::<list_entities::ListEntities>(),
    entry::<describe_entity::DescribeEntity>(),
    entry::<query_records::QueryRecords>(),
    entry::<get_record::GetRecord>(),
    entry::<search_text::SearchText>(),
    entry::<search_knowledge::SearchKnowledge>(),
    entry::<list_knowledge::ListKnowledge>(),
];

/// All of them.
pub(crate) fn all() -> &'static [Entry] {
    &TOOLS
}

/// The one of that name.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    TOOLS.iter().find(|tool| tool.name == name)
}

const fn entry<T: Tool + 'static>() -> Entry {
    Entry {
        name: T::NAME,
        title: T::TITLE,
        description: T::description,
        input: schema::input::<T::Input>,
        output: schema::output::<T::Output>,
        call: |parts, arguments| Box::pin(call::<T>(parts, arguments)),
    }
}

impl Entry {
    /// As it is listed.
    pub(crate) fn described(&self, parts: &Parts) -> Description {
        let hints = ToolAnnotations::with_title(self.title).read_only(true).destructive(false).idempotent(true).open_world(false);
        Description::new(self.name, (self.description)(parts), (self.input)())
            .with_title(self.title)
            .with_raw_output_schema((self.output)())
            .with_annotations(hints)
    }
}

async fn call<T: Tool>(parts: &Parts, arguments: JsonObject) -> Result<CallToolResult> {
    let input = serde_json::from_value(Value::Object(arguments)).map_err(|error| {
        // What serde says names fields and types, and may quote the value.
        let told = cut::text(&error.to_string(), 300).0;
        Error::invalid_input(format!("the arguments are malformed: {told}"))
            .with("tool", T::NAME)
            .with(HINT, "the tool's inputSchema says which arguments there are")
    })?;
    let output = T::run(parts, input).await?;
    let links = T::links(&output);
    let value =
        serde_json::to_value(output).map_err(|source| Error::internal("an answer could not be written").with_source(source))?;
    let mut result = CallToolResult::structured(value);
    result.content.extend(links.into_iter().map(ContentBlock::resource_link));
    Ok(result)
}

/// A filter as it was given: the JSON, or its text, which some clients send instead.
fn filter(given: Option<Value>) -> Result<Filter> {
    match given {
        None => Ok(Filter::all()),
        Some(Value::String(text)) => Filter::from_json_str(&text),
        Some(json) => Filter::from_json(&json),
    }
    .map_err(|error| {
        error.with(HINT, r#"such as {"stage": "won", "amount": {"$gte": 1000}}; query_records describes the language"#)
    })
}

/// A list of texts, or one of them alone, which some clients send instead.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a list of strings")]
    enum Given {
        Many(Vec<String>),
        One(String),
    }
    Ok(Option::<Given>::deserialize(deserializer)?.map(|given| match given {
        Given::Many(texts) => texts,
        Given::One(text) => vec![text],
    }))
}

/// The schema of a filter.
fn filter_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "additionalProperties": true })
}

/// Paths of fields as they were given.
fn paths(given: Option<Vec<String>>) -> Result<Option<Vec<Path>>> {
    given.map(|given| given.iter().map(|path| path.parse()).collect()).transpose()
}

/// A number of records.
#[derive(Serialize, JsonSchema)]
struct Counted {
    /// How many were counted
    value: u64,
    /// Whether there may be more, since counting stopped there
    capped: bool,
}

impl From<Count> for Counted {
    fn from(Count { value, capped }: Count) -> Self {
        Self { value, capped }
    }
}

/// So many paths of a list are shown.
const MOST_PATHS: usize = 50;
/// Bytes of a path that is shown.
const PATH_BYTES: usize = 200;

/// Paths as they are shown.
fn bounded(paths: &[Path]) -> Vec<String> {
    paths.iter().take(MOST_PATHS).map(|path| cut::text(&path.to_string(), PATH_BYTES).0).collect()
}

/// Bytes that what stands around the items of an answer takes, cursor and note among it.
const AROUND: usize = 4_000;
/// The longest cursor that is given: one of a sort by long texts would fill the answer.
const CURSOR_BYTES: usize = 2_000;

/// What is left of an answer's bytes.
struct Room(usize);

impl Room {
    fn of(parts: &Parts) -> Self {
        Self(parts.limits.max_bytes.saturating_sub(AROUND))
    }

    /// Whether the item fits; then it has its place.
    fn has(&mut self, item: &impl Serialize) -> bool {
        let size = cut::size(item) + 1;
        let fits = size <= self.0;
        if fits {
            self.0 -= size;
        }
        fits
    }
}
