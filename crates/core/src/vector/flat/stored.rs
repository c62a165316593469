//! A point as it lies in memory.

use crate::{
    text::index_string,
    vector::{
        index::{Element, IndexSpec},
        point::{Include, NewPoint, Point, PointUpdate, Vector},
        score,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A point as a store keeps it that looks at every one: its vector rounded to the index's element, and beside its text the words that text
/// search looks at.
///
/// As JSON it is `{"vector": […], "metadata": {…}, "text": "…"}`; words are found anew when it is read.
///
/// ```
/// use mastra_core::vector::{IndexSpec, NewPoint, StoredPoint};
///
/// let point = StoredPoint::new(&IndexSpec::new("docs", 2), &NewPoint::new("a", [0.5, 0.25]).text("some words"));
/// let line = serde_json::to_string(&point)?;
/// assert_eq!(line, r#"{"vector":[0.5,0.25],"metadata":{},"text":"some words"}"#);
/// assert_eq!(serde_json::from_str::<StoredPoint>(&line)?, point);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct StoredPoint {
    vector: Vector,
    metadata: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip)]
    words: String,
}

#[derive(Deserialize)]
struct Written {
    vector: Vector,
    metadata: Value,
    #[serde(default)]
    text: Option<String>,
}

impl From<Written> for StoredPoint {
    fn from(Written { vector, metadata, text }: Written) -> Self {
        let words = text.as_deref().map(index_string).unwrap_or_default();
        Self { vector, metadata, text, words }
    }
}

impl StoredPoint {
    /// A point of this index. What stands in it has been checked.
    pub fn new(spec: &IndexSpec, point: &NewPoint) -> Self {
        let vector = rounded(spec.element, &point.vector);
        Self::from(Written { vector, metadata: point.metadata.clone(), text: point.text.clone() })
    }

    /// The point that a change makes of it.
    #[must_use]
    pub fn changed(&self, spec: &IndexSpec, update: &PointUpdate) -> Self {
        let mut changed = self.clone();
        if let Some(vector) = &update.vector {
            changed.vector = rounded(spec.element, vector);
        }
        if let Some(change) = &update.metadata {
            changed.metadata = change.apply(&self.metadata);
        }
        if let Some(text) = &update.text {
            changed.words = text.as_deref().map(index_string).unwrap_or_default();
            changed.text.clone_from(text);
        }
        changed
    }

    /// Where it lies.
    pub fn vector(&self) -> &[f32] {
        self.vector.as_slice()
    }

    /// Its metadata: an object.
    pub fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// Its text, where it has one.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Its text's words, as [`TextQuery::score`](crate::text::TextQuery::score) takes them; empty where it has none.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// The parts of it that are asked for.
    pub fn point(&self, id: &str, include: Include) -> Point {
        let mut point = Point::new(id);
        point.vector = include.vector.then(|| self.vector.clone());
        point.metadata = include.metadata.then(|| self.metadata.clone());
        point.text = self.text.clone().filter(|_| include.text);
        point
    }
}

fn rounded(element: Element, vector: &Vector) -> Vector {
    Vector::dense(score::stored(element, vector.as_slice()))
}
