//! A page of a source, and what stands on it.

use mastra_core::Error;
use serde_json::Value;

/// Items that are stored together, with the cursor that is true then.
#[derive(Debug, Default)]
pub struct Page {
    /// What it holds, in the order of the source. An id that stands on it twice ends like one after the other.
    pub items: Vec<Item>,
    /// Where to go on once the page is stored. `None`: a run that dies behind it begins anew.
    pub cursor: Option<String>,
    /// The items are all that there is of a parent, and replace what was there of it.
    pub scope: Option<Scope>,
    /// How many bytes were read for it, as they came from the source.
    pub bytes: u64,
    /// Why the enumeration that this page belongs to leaves something out: a limit that was asked for, a part that could not be read. One
    /// line, without record data. Where any page of a run says so, absence from the run tells nothing, and full mode deletes nothing.
    pub incomplete: Option<String>,
    /// The source says that everything in it is as the cursor before left it, without listing it: what was stored of it stays, in full mode
    /// too. Such a page is the only one of its run, and has no items.
    pub unchanged: bool,
}

/// A parent, by a field of its records and the value that stands there: the chunks of one web page by its `url`.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// A top-level field of the records' data.
    pub field: String,
    /// A string, number or boolean.
    pub value: Value,
}

impl Scope {
    /// The records whose `field` is `value`.
    pub fn new(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { field: field.into(), value: value.into() }
    }
}

/// One thing that a source says.
#[derive(Debug)]
#[non_exhaustive]
pub enum Item {
    /// A document, as it is now.
    Record {
        /// The id that the source gives it.
        external_id: String,
        /// The document: a JSON object.
        data: Value,
        /// What kind of thing it is; the entity's name where it is `None`.
        entity_type: Option<String>,
        /// What tells this state from another without reading it: a content hash, an ETag, a time of change.
        version: Option<String>,
    },
    /// A document that has no id yet, as the source spells it; the sync's mapping gives it one.
    Raw(Value),
    /// A document of which the source knows, without reading it, that it is as [`Known`](super::Known) said.
    Unchanged {
        /// Its id.
        external_id: String,
    },
    /// A document of which the source says that it is gone.
    Deleted {
        /// Its id.
        external_id: String,
    },
    /// Something that could not be read. It is set aside, and the rest goes on.
    Failed {
        /// Its id, where that much could be read.
        external_id: Option<String>,
        /// What stood there: a line, an element.
        raw: Value,
        /// What is wrong with it.
        error: Error,
    },
}

impl Page {
    /// A page of these items.
    pub fn new(items: impl IntoIterator<Item = Item>) -> Self {
        Self { items: items.into_iter().collect(), ..Self::default() }
    }

    /// Says where to go on once it is stored.
    #[must_use]
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// Says that its items are all there is of a parent.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Says how many bytes were read for it.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Says why the enumeration leaves something out.
    #[must_use]
    pub fn incomplete(mut self, reason: impl Into<String>) -> Self {
        self.incomplete = Some(reason.into());
        self
    }

    /// A page that says that everything is as the cursor before left it.
    pub fn unchanged() -> Self {
        Self { unchanged: true, ..Self::default() }
    }
}

impl Item {
    /// A document under the id that the source gives it.
    pub fn record(external_id: impl Into<String>, data: Value) -> Self {
        Self::Record { external_id: external_id.into(), data, entity_type: None, version: None }
    }

    /// Says what tells this state of a document from another; of no effect on what is not a record.
    #[must_use]
    pub fn version(mut self, tag: impl Into<String>) -> Self {
        if let Self::Record { version, .. } = &mut self {
            *version = Some(tag.into());
        }
        self
    }

    /// Something that could not be read.
    pub fn failed(external_id: Option<String>, raw: Value, error: Error) -> Self {
        Self::Failed { external_id, raw, error }
    }
}
