//! Points, and how they are written.

use crate::filter::Filter;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which points: those of one namespace of one index.
///
/// ```
/// use mastra_core::vector::Scope;
///
/// let scope = Scope::index("docs").in_namespace("tenant-a");
/// assert_eq!((scope.index.as_str(), scope.namespace.as_str()), ("docs", "tenant-a"));
/// assert_eq!(Scope::from("docs").namespace, "", "the default namespace");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The index.
    pub index: String,
    /// The namespace; empty for the default one, which is one like others.
    pub namespace: String,
}

impl Scope {
    /// The default namespace of an index.
    pub fn index(index: impl Into<String>) -> Self {
        Self { index: index.into(), namespace: String::new() }
    }

    /// The same index, another namespace.
    #[must_use]
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }
}

impl From<&str> for Scope {
    fn from(index: &str) -> Self {
        Self::index(index)
    }
}

/// A vector. Dense today; a sparse part can stand beside it without a break.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Vector {
    dense: Vec<f32>,
}

impl Vector {
    /// A vector of these numbers.
    pub fn dense(numbers: impl Into<Vec<f32>>) -> Self {
        Self { dense: numbers.into() }
    }

    /// The numbers.
    pub fn as_slice(&self) -> &[f32] {
        &self.dense
    }

    /// The numbers, taken out.
    pub fn into_vec(self) -> Vec<f32> {
        self.dense
    }
}

impl From<Vec<f32>> for Vector {
    fn from(dense: Vec<f32>) -> Self {
        Self { dense }
    }
}

impl From<&[f32]> for Vector {
    fn from(dense: &[f32]) -> Self {
        Self { dense: dense.to_vec() }
    }
}

impl<const N: usize> From<[f32; N]> for Vector {
    fn from(dense: [f32; N]) -> Self {
        Self { dense: dense.to_vec() }
    }
}

/// A point to be written.
///
/// ```
/// use mastra_core::vector::NewPoint;
/// use serde_json::json;
///
/// let point = NewPoint::new("intro.md#0", [0.1, 0.9]).metadata(json!({"lang": "en"})).text("An introduction");
/// assert_eq!(point.metadata["lang"], "en");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NewPoint {
    /// Its id within the namespace; one is made where none is given.
    #[serde(default)]
    pub id: Option<String>,
    /// Where it lies.
    pub vector: Vector,
    /// What filters ask about: an object.
    #[serde(default = "nothing")]
    pub metadata: Value,
    /// What text search finds.
    #[serde(default)]
    pub text: Option<String>,
}

impl NewPoint {
    /// A point without metadata or text.
    pub fn new(id: impl Into<String>, vector: impl Into<Vector>) -> Self {
        Self { id: Some(id.into()), vector: vector.into(), metadata: nothing(), text: None }
    }

    /// A point whose id the store makes.
    pub fn without_id(vector: impl Into<Vector>) -> Self {
        Self { id: None, vector: vector.into(), metadata: nothing(), text: None }
    }

    /// Its metadata: an object, else the store refuses it.
    #[must_use]
    pub fn metadata(mut self, metadata: Value) -> Self {
        self.metadata = metadata;
        self
    }

    /// Its text.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
}

/// Metadata that says nothing.
fn nothing() -> Value {
    Value::Object(Map::new())
}

/// A point as it is read. What was not asked for is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Point {
    /// Its id.
    pub id: String,
    /// Where it lies: as it was written, where the store's capabilities say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vector>,
    /// Its metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Its text, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Point {
    /// A point of which the id alone is known.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), vector: None, metadata: None, text: None }
    }

    /// Leaves out what was not asked for.
    #[must_use]
    pub fn only(mut self, include: Include) -> Self {
        self.vector = self.vector.filter(|_| include.vector);
        self.metadata = self.metadata.filter(|_| include.metadata);
        self.text = self.text.filter(|_| include.text);
        self
    }
}

/// Which parts of a point to read; metadata and text by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Include {
    /// The vector.
    pub vector: bool,
    /// The metadata.
    pub metadata: bool,
    /// The text.
    pub text: bool,
}

impl Include {
    /// Everything.
    pub const ALL: Self = Self { vector: true, metadata: true, text: true };
    /// The id alone.
    pub const ID: Self = Self { vector: false, metadata: false, text: false };
}

impl Default for Include {
    fn default() -> Self {
        Self { vector: false, metadata: true, text: true }
    }
}

/// How points are written.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct PointUpsertOptions {
    /// Removes the points of the namespace that match and are not written by this very call, in one step with it: how all
    /// vectors of a document are swapped.
    pub replace_where: Option<Filter>,
    /// What made the vectors: refused where the index names another model.
    pub model: Option<String>,
}

impl PointUpsertOptions {
    /// Writes points beside those that are there.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes what matches and is not written by this call.
    #[must_use]
    pub fn replace_where(mut self, filter: Filter) -> Self {
        self.replace_where = Some(filter);
        self
    }

    /// What made the vectors.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }
}

/// What an upsert did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PointUpsertReport {
    /// The ids of the points, in the order in which they were given.
    pub ids: Vec<String>,
    /// How many other points `replace_where` removed; `None` where the store cannot tell.
    pub removed: Option<u64>,
}

impl PointUpsertReport {
    /// These points were written, and so many others removed.
    pub fn new(ids: Vec<String>, removed: Option<u64>) -> Self {
        Self { ids, removed }
    }
}

/// Which points to change or delete. Everything has to be asked for by name: an empty filter is refused.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PointSelector {
    /// Those of these ids; ids that are not there are passed over.
    Ids(Vec<String>),
    /// Those whose metadata matches.
    Filter(Filter),
}

impl PointSelector {
    /// One point.
    pub fn id(id: impl Into<String>) -> Self {
        Self::Ids(vec![id.into()])
    }

    /// Several points.
    pub fn ids<I: Into<String>>(ids: impl IntoIterator<Item = I>) -> Self {
        Self::Ids(ids.into_iter().map(Into::into).collect())
    }
}

/// What becomes of metadata: both hold an object.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetadataChange {
    /// Its top-level keys are written over those that are there.
    Merge(Value),
    /// It takes the place of what is there.
    Replace(Value),
}

impl MetadataChange {
    /// The metadata that a point ends with.
    ///
    /// ```
    /// use mastra_core::vector::MetadataChange;
    /// use serde_json::json;
    ///
    /// let change = MetadataChange::Merge(json!({"b": 2}));
    /// assert_eq!(change.apply(&json!({"a": 1, "b": 1})), json!({"a": 1, "b": 2}));
    /// ```
    pub fn apply(&self, stored: &Value) -> Value {
        match (self, stored) {
            (Self::Merge(Value::Object(new)), Value::Object(stored)) => {
                let mut merged = stored.clone();
                merged.extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
                Value::Object(merged)
            }
            (Self::Merge(new) | Self::Replace(new), _) => new.clone(),
        }
    }

    /// What is written.
    pub fn value(&self) -> &Value {
        match self {
            Self::Merge(value) | Self::Replace(value) => value,
        }
    }
}

/// A change of points that are there. What is `None` stays as it is.
///
/// ```
/// use mastra_core::vector::PointUpdate;
/// use serde_json::json;
///
/// let moved = PointUpdate::new().vector([0.2, 0.8]);
/// assert!(moved.metadata.is_none() && moved.text.is_none(), "metadata and text are left alone");
/// assert!(PointUpdate::new().is_empty() && !PointUpdate::new().merge(json!({"seen": true})).is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct PointUpdate {
    /// Another place.
    pub vector: Option<Vector>,
    /// Other metadata.
    pub metadata: Option<MetadataChange>,
    /// Another text; `Some(None)` takes it away.
    pub text: Option<Option<String>>,
    /// What made the vector: refused where the index names another model.
    pub model: Option<String>,
}

impl PointUpdate {
    /// A change of nothing, to be filled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the points.
    #[must_use]
    pub fn vector(mut self, vector: impl Into<Vector>) -> Self {
        self.vector = Some(vector.into());
        self
    }

    /// Writes top-level keys over those that are there.
    #[must_use]
    pub fn merge(mut self, metadata: Value) -> Self {
        self.metadata = Some(MetadataChange::Merge(metadata));
        self
    }

    /// Puts other metadata in the place of what is there.
    #[must_use]
    pub fn replace(mut self, metadata: Value) -> Self {
        self.metadata = Some(MetadataChange::Replace(metadata));
        self
    }

    /// Another text, or none.
    #[must_use]
    pub fn text(mut self, text: Option<String>) -> Self {
        self.text = Some(text);
        self
    }

    /// What made the vector.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.vector.is_none() && self.metadata.is_none() && self.text.is_none()
    }
}
