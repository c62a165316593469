//! From shapes to declarations: every object, enum and union gets a name, and names are given once.

use super::{
    names::{Names, pascal_case},
    shape::{Document, Shape},
};
use std::collections::BTreeMap;

/// A declaration of a module.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Declaration {
    /// Its name, in Pascal case.
    pub(crate) name: String,
    /// What the comment says.
    pub(crate) comment: String,
    /// What it declares.
    pub(crate) body: Body,
}

/// What a declaration declares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// Named fields; other keys too, unless `closed`.
    Object { fields: Vec<Member>, closed: bool },
    /// One of a few texts; any other text too, unless `closed`.
    Enum { values: Vec<String>, closed: bool },
    /// One of several types.
    Union(Vec<Type>),
    /// Another name for a type.
    Alias(Type),
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    /// The key in the document.
    pub(crate) key: String,
    /// What it holds.
    pub(crate) holds: Type,
    /// Whether it may be absent.
    pub(crate) optional: bool,
    /// What a schema says of it.
    pub(crate) description: Option<String>,
}

/// A type as it is used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    /// True or false.
    Bool,
    /// A 64-bit whole number.
    Integer,
    /// A 64-bit floating point number.
    Float,
    /// A number as it is written.
    Decimal,
    /// Text.
    String,
    /// An ISO 8601 date and time.
    DateTime,
    /// An ISO 8601 date.
    Date,
    /// Anything.
    Any,
    /// The type, or null.
    Nullable(Box<Type>),
    /// A list.
    Array(Box<Type>),
    /// Any keys, values of one type.
    Map(Box<Type>),
    /// A declaration of the module.
    Named(String),
    /// A declaration of the module that may lead back here.
    Reference(String),
}

/// An entity's place in a module: its name, and the declaration of its data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Root {
    /// The entity's name.
    pub(crate) entity: String,
    /// The declaration's name.
    pub(crate) declaration: String,
}

/// The declarations of a module, and which entity each root belongs to.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// In the order in which they are written.
    pub(crate) declarations: Vec<Declaration>,
    /// One for each document.
    pub(crate) roots: Vec<Root>,
}

/// Names that the generated files use themselves, or that the languages give a meaning.
const TAKEN: &[&str] = &[
    "Array",
    "Box",
    "Clone",
    "Debug",
    "Deserialize",
    "Entities",
    "Eq",
    "Err",
    "Hash",
    "IsoDate",
    "IsoDateTime",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Record",
    "Serialize",
    "Some",
    "String",
    "Vec",
];

impl Module {
    /// Names everything in these documents. `singular` turns `Contacts` into `Contact`, as one record is.
    pub(crate) fn new(documents: &[Document], singular: bool) -> Self {
        let mut builder = Builder { module: Self::default(), names: Names::reserved(TAKEN) };
        for document in documents {
            builder.document(document, singular);
        }
        builder.module
    }
}

struct Builder {
    module: Module,
    names: Names,
}

/// The names that a document's definitions got.
type Definitions = BTreeMap<String, String>;

impl Builder {
    fn document(&mut self, document: &Document, singular: bool) {
        let name = pascal_case(&document.name);
        let name = self.names.unique(if singular { one_of(&name) } else { name });
        let definitions: Definitions = document
            .definitions
            .keys()
            .map(|key| (key.clone(), self.names.unique(format!("{name}{}", pascal_case(key)))))
            .collect();
        self.declare(&name, document.origin.clone(), &document.shape, &definitions);
        for (key, shape) in &document.definitions {
            if let Some(defined) = definitions.get(key) {
                self.declare(defined, format!("`{key}` of {}.", document.name), shape, &definitions);
            }
        }
        self.module.roots.push(Root { entity: document.name.clone(), declaration: name });
    }

    /// Declares a shape under a name that is already taken for it; what it needs follows behind it.
    fn declare(&mut self, name: &str, comment: String, shape: &Shape, definitions: &Definitions) {
        let place = self.module.declarations.len();
        self.module.declarations.push(Declaration { name: name.to_owned(), comment, body: Body::Alias(Type::Any) });
        let body = match shape {
            Shape::Object(object) => Body::Object {
                fields: object
                    .fields
                    .iter()
                    .map(|(key, field)| Member {
                        key: key.clone(),
                        holds: self.named(&format!("{name}{}", pascal_case(key)), key, &field.shape, definitions),
                        optional: field.optional,
                        description: field.description.clone(),
                    })
                    .collect(),
                closed: object.closed,
            },
            Shape::Enum { values, closed } => Body::Enum { values: values.iter().cloned().collect(), closed: *closed },
            Shape::Union(parts) if !parts.contains(&Shape::Null) => Body::Union(
                parts.iter().map(|part| self.named(&format!("{name}{}", variant(part)), name, part, definitions)).collect(),
            ),
            other => Body::Alias(self.named(&format!("{name}Value"), name, other, definitions)),
        };
        if let Some(declaration) = self.module.declarations.get_mut(place) {
            declaration.body = body;
        }
    }

    /// The type of a shape; what needs a name of its own is declared under `wanted`, or that name with a number.
    fn named(&mut self, wanted: &str, of: &str, shape: &Shape, definitions: &Definitions) -> Type {
        let (shape, nullable) = shape.without_null();
        let plain = match &shape {
            Shape::Null => return Type::Nullable(Box::new(Type::Any)),
            Shape::Bool => Type::Bool,
            Shape::Integer => Type::Integer,
            Shape::Float => Type::Float,
            Shape::Decimal => Type::Decimal,
            Shape::String => Type::String,
            Shape::DateTime => Type::DateTime,
            Shape::Date => Type::Date,
            Shape::Any => Type::Any,
            Shape::Array(members) => Type::Array(Box::new(self.named(&format!("{wanted}Item"), of, members, definitions))),
            Shape::Map(values) => Type::Map(Box::new(self.named(&format!("{wanted}Item"), of, values, definitions))),
            Shape::Reference(key) => definitions.get(key).map_or(Type::Any, |name| Type::Reference(name.clone())),
            Shape::Object(_) | Shape::Enum { .. } | Shape::Union(_) => {
                let name = self.names.unique(wanted.to_owned());
                self.declare(&name, format!("What `{}` holds.", of.escape_debug()), &shape, definitions);
                Type::Named(name)
            }
        };
        if nullable { Type::Nullable(Box::new(plain)) } else { plain }
    }
}

/// What a part of a union is called.
pub(super) fn variant(part: &Shape) -> &'static str {
    match part {
        Shape::Enum { .. } => "Text",
        Shape::Object(_) => "Object",
        _ => "Value",
    }
}

/// One of many, by the plain rules of English: `Contacts` → `Contact`, `Companies` → `Company`, `Status` stays.
fn one_of(name: &str) -> String {
    let strip = |tail: &str, put: &str| name.strip_suffix(tail).filter(|stem| stem.len() > 1).map(|stem| format!("{stem}{put}"));
    if ["ss", "us", "is", "News", "news", "Series", "series"].iter().any(|tail| name.ends_with(tail)) {
        return name.to_owned();
    }
    strip("ies", "y")
        .or_else(|| {
            ["sses", "xes", "ches", "shes", "zzes"]
                .iter()
                .find_map(|tail| strip(tail, tail.strip_suffix("es").unwrap_or_default()))
        })
        .or_else(|| strip("s", ""))
        .unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_many_and_a_record_is_one() {
        for (many, one) in [
            ("Contacts", "Contact"),
            ("Companies", "Company"),
            ("Boxes", "Box"),
            ("Classes", "Class"),
            ("Status", "Status"),
            ("News", "News"),
            ("Deal", "Deal"),
            ("S", "S"),
        ] {
            assert_eq!(one_of(many), one);
        }
    }
}
