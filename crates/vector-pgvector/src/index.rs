//! An index as the registry knows it.

use crate::{
    extension::Extension,
    wire::{ManyVectors, OneVector},
};
use mastra_core::{
    Error, FieldIndexKind, Path, Result,
    vector::{IndexSpec, Scope},
};
use mastra_postgres::foundation::{Compiled, Statement, identifier};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Which column holds what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    pub(crate) id: String,
    pub(crate) vector: String,
    pub(crate) metadata: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// The text's words, as core finds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<String>,
    /// The same for the inverted index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) terms: Option<String>,
    /// Whether ranges on the named fields have an index each.
    #[serde(default)]
    pub(crate) ranges: bool,
    /// Whether metadata may be NULL, which reads as an empty object.
    #[serde(default)]
    pub(crate) nullable_metadata: bool,
}

impl Layout {
    /// The columns of a table that an index is given.
    pub(crate) fn own() -> Self {
        Self {
            id: "id".into(),
            vector: "embedding".into(),
            metadata: "metadata".into(),
            namespace: Some("namespace".into()),
            text: Some("text".into()),
            tokens: Some("tokens".into()),
            terms: Some("terms".into()),
            ranges: true,
            nullable_metadata: false,
        }
    }
}

/// An index: how it was made, and where its points lie.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) spec: Arc<IndexSpec>,
    pub(crate) table_schema: String,
    pub(crate) table_name: String,
    pub(crate) owned: bool,
    pub(crate) built: bool,
    pub(crate) layout: Layout,
    pub(crate) extension: Arc<Extension>,
}

/// SQL names of a table `p`.
impl Index {
    /// The table, qualified and quoted.
    pub(crate) fn table(&self) -> String {
        format!("{}.{}", identifier(&self.table_schema), identifier(&self.table_name))
    }

    pub(crate) fn id(&self) -> String {
        format!("p.{}", identifier(&self.layout.id))
    }

    /// The id as it sorts: by code point, whatever the column's collation is.
    pub(crate) fn id_in_order(&self) -> String {
        format!("{} COLLATE \"C\"", self.id())
    }

    pub(crate) fn vector(&self) -> String {
        format!("p.{}", identifier(&self.layout.vector))
    }

    pub(crate) fn metadata(&self) -> String {
        let column = format!("p.{}", identifier(&self.layout.metadata));
        if self.layout.nullable_metadata { format!("coalesce({column}, '{{}}'::jsonb)") } else { column }
    }

    /// The text; NULL where there is no column for it.
    pub(crate) fn text(&self) -> String {
        self.layout.text.as_deref().map_or_else(|| "NULL::text".to_owned(), |column| format!("p.{}", identifier(column)))
    }

    /// Whether a row is a point: in a table of somebody else's one may have no vector yet, or no id.
    pub(crate) fn is_point(&self) -> String {
        match self.owned {
            true => "TRUE".to_owned(),
            false => format!("{} IS NOT NULL AND {} IS NOT NULL", self.vector(), self.id()),
        }
    }

    /// Whether a row is a point of the namespace.
    pub(crate) fn in_namespace(&self, scope: &Scope, statement: &mut Statement) -> String {
        let namespace = match &self.layout.namespace {
            Some(column) => format!("p.{} = {}", identifier(column), statement.bind(scope.namespace.clone())),
            None if scope.namespace.is_empty() => "TRUE".to_owned(),
            None => "FALSE".to_owned(),
        };
        if self.owned { namespace } else { format!("{namespace} AND {}", self.is_point()) }
    }

    /// The same, and what the server can say of a filter.
    pub(crate) fn matching(&self, scope: &Scope, filter: &Compiled, statement: &mut Statement) -> String {
        let mut matching = self.law(scope, filter, statement);
        if self.layout.ranges && !filter.never {
            for range in filter.ranges.iter().filter(|range| self.serves(&range.path)) {
                matching = format!("{matching} AND {}", range.condition(&self.metadata(), statement));
            }
        }
        matching
    }

    /// As [`Index::matching`], without what only shows the planner an index.
    pub(crate) fn law(&self, scope: &Scope, filter: &Compiled, statement: &mut Statement) -> String {
        let namespace = self.in_namespace(scope, statement);
        match self.filter(filter, statement) {
            Some(filter) => format!("{namespace} AND {filter}"),
            None => namespace,
        }
    }

    /// Whether ranges on a field have an index.
    fn serves(&self, path: &Path) -> bool {
        self.spec.fields.iter().any(|field| field.kind == FieldIndexKind::Scalar && field.path == *path)
    }

    fn filter(&self, filter: &Compiled, statement: &mut Statement) -> Option<String> {
        if filter.never {
            return Some("FALSE".to_owned());
        }
        let jsonpath = filter.jsonpath.clone()?;
        Some(format!("{} @@ {}::jsonpath", self.metadata(), statement.bind(jsonpath)))
    }

    /// As [`Index::matching`], so that the planner sees nothing in the filter that another index than the graph could serve, and
    /// one plan is right for all values.
    pub(crate) fn matching_sealed(&self, scope: &Scope, filter: &Compiled, statement: &mut Statement) -> String {
        let namespace = match &self.layout.namespace {
            Some(column) => {
                let namespace = statement.bind(scope.namespace.clone());
                format!("(CASE WHEN p.{} = {namespace} THEN TRUE ELSE FALSE END) AND {}", identifier(column), self.is_point())
            }
            None => self.in_namespace(scope, statement),
        };
        let Some(jsonpath) = filter.jsonpath.clone() else { return namespace };
        let jsonpath = statement.bind(jsonpath);
        format!("{namespace} AND (CASE WHEN {} @@ (SELECT {jsonpath}::jsonpath) THEN TRUE ELSE FALSE END)", self.metadata())
    }

    /// A vector as an argument of a statement that is kept prepared, or is not.
    ///
    /// Of a type that it does not know the driver asks the server on the way, by an unnamed statement of its own, which would take the
    /// place of ours where that is unnamed too. So there the numbers travel as an array, which costs some microseconds more.
    pub(crate) fn argument(&self, numbers: &[f32], kept: bool, statement: &mut Statement) -> String {
        if kept {
            return statement.bind(OneVector { numbers, wire: self.extension.wire(self.spec.element) });
        }
        format!("{}::{}", statement.bind(numbers.to_vec()), self.extension.cast(self.spec.element))
    }

    /// Several vectors as an argument: what stands in a row of `unnest`, and the vector of a row of `i` with its `position`.
    pub(crate) fn arguments(&self, vectors: Vec<&[f32]>, kept: bool, statement: &mut Statement) -> (String, String) {
        if kept {
            let vectors = ManyVectors { vectors, wire: self.extension.wire(self.spec.element) };
            return (statement.bind(vectors), "i.embedding".to_owned());
        }
        let dimension = self.spec.dimension;
        let all = statement.bind(vectors.concat());
        let slice = format!(
            "({all}::real[])[(i.position - 1) * {dimension} + 1 : i.position * {dimension}]::{}",
            self.extension.cast(self.spec.element)
        );
        ("NULL::int[]".to_owned(), slice)
    }

    /// Refuses a namespace where the table keeps none.
    pub(crate) fn keeps(&self, scope: &Scope) -> Result<()> {
        if self.layout.namespace.is_none() && !scope.namespace.is_empty() {
            return Err(Error::unsupported("the adopted table has no column for namespaces"));
        }
        Ok(())
    }

    /// Refuses a text where the table keeps none.
    pub(crate) fn keeps_text(&self, text: Option<&str>) -> Result<()> {
        if self.layout.text.is_none() && text.is_some() {
            return Err(Error::unsupported("the adopted table has no column for texts"));
        }
        Ok(())
    }
}
