//! The shape of a document: what type generation knows of it, whatever language it is written in.

use std::collections::{BTreeMap, BTreeSet};

/// The shape of a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// Null and nothing else.
    Null,
    /// True or false.
    Bool,
    /// Whole numbers that fit 64 bits.
    Integer,
    /// Numbers that 64-bit floating point holds.
    Float,
    /// Numbers that neither holds exactly.
    Decimal,
    /// Any text.
    String,
    /// An ISO 8601 date and time, `2026-01-31T09:30:00Z`.
    DateTime,
    /// An ISO 8601 date, `2026-01-31`.
    Date,
    /// One of a few texts; `closed` where a schema says that there are no others.
    Enum { values: BTreeSet<String>, closed: bool },
    /// Values of one shape.
    Array(Box<Shape>),
    /// Named fields.
    Object(Object),
    /// Any keys, values of one shape.
    Map(Box<Shape>),
    /// One of several shapes; never nested, never one alone.
    Union(Vec<Shape>),
    /// A definition of the schema, by its key.
    Reference(String),
    /// Anything.
    Any,
}

/// The fields of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Object {
    /// By key, in order.
    pub(crate) fields: BTreeMap<String, Field>,
    /// Whether a schema says that there are no other keys.
    pub(crate) closed: bool,
}

/// One field of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Field {
    /// What it holds.
    pub(crate) shape: Shape,
    /// Whether it may be absent.
    pub(crate) optional: bool,
    /// What a schema says of it.
    pub(crate) description: Option<String>,
}

impl Shape {
    /// The union of these shapes, flattened, each once; the one alone where there is but one.
    pub(crate) fn union(shapes: impl IntoIterator<Item = Shape>) -> Shape {
        let mut parts = BTreeSet::new();
        for shape in shapes {
            match shape {
                Shape::Union(inner) => parts.extend(inner),
                other => {
                    parts.insert(other);
                }
            }
        }
        if parts.contains(&Shape::Any) {
            return Shape::Any;
        }
        // A wider number takes in the narrower: a union of both could not tell 1 from 1.0.
        if parts.contains(&Shape::Decimal) {
            parts.remove(&Shape::Float);
            parts.remove(&Shape::Integer);
        } else if parts.contains(&Shape::Float) {
            parts.remove(&Shape::Integer);
        }
        if parts.contains(&Shape::String) {
            parts.retain(|part| !matches!(part, Shape::DateTime | Shape::Date | Shape::Enum { .. }));
        }
        let mut parts: Vec<Shape> = parts.into_iter().collect();
        match parts.len() {
            0 => Shape::Any,
            1 => parts.remove(0),
            _ => Shape::Union(parts),
        }
    }

    /// This shape without null, and whether null was part of it.
    pub(crate) fn without_null(&self) -> (Shape, bool) {
        match self {
            Shape::Union(parts) if parts.contains(&Shape::Null) => {
                (Shape::union(parts.iter().filter(|part| **part != Shape::Null).cloned()), true)
            }
            other => (other.clone(), false),
        }
    }
}

/// A whole entity: its shape, and the definitions that the shape refers to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// The entity's name.
    pub(crate) name: String,
    /// Where the shape comes from, for the generated comment.
    pub(crate) origin: String,
    /// The shape of its data.
    pub(crate) shape: Shape,
    /// Definitions by key.
    pub(crate) definitions: BTreeMap<String, Shape>,
}
