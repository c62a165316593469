//! The extension: where it lies, and which version it is.

use crate::wire::WireType;
use mastra_core::{
    Error, Result,
    vector::{Element, Metric},
};
use mastra_postgres::foundation::{driver_error, identifier};
use sqlx::{PgConnection, Row as _, postgres::types::Oid};

/// The extension as this database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    /// The schema of its types and operators, quoted.
    schema: String,
    version: (u32, u32, u32),
    vector: WireType,
    half: WireType,
}

const FIND: &str = "SELECT n.nspname::text, e.extversion, v.oid, v.typarray, h.oid, h.typarray FROM pg_extension e \
     JOIN pg_namespace n ON n.oid = e.extnamespace \
     JOIN pg_type v ON v.typnamespace = n.oid AND v.typname = 'vector' \
     JOIN pg_type h ON h.typnamespace = n.oid AND h.typname = 'halfvec' WHERE e.extname = 'vector'";

impl Extension {
    /// The extension; `None` where the database does not have it, or one before 0.7, which knows no 16 bits.
    pub(crate) async fn find(conn: &mut PgConnection) -> Result<Option<Self>> {
        let row = sqlx::query(FIND).persistent(false).fetch_optional(conn).await.map_err(driver_error)?;
        let Some(row) = row else { return Ok(None) };
        let number = |at: usize| row.try_get::<Oid, _>(at).map(|oid| oid.0).map_err(driver_error);
        let schema: String = row.try_get(0).map_err(driver_error)?;
        let version: String = row.try_get(1).map_err(driver_error)?;
        Ok(Some(Self {
            schema: identifier(&schema),
            version: parse_version(&version),
            vector: WireType { element: Element::F32, one: number(2)?, array: number(3)? },
            half: WireType { element: Element::F16, one: number(4)?, array: number(5)? },
        }))
    }

    /// The error where it is missing.
    pub(crate) fn missing() -> Error {
        Error::schema_mismatch("the database does not have the extension pgvector, 0.7 or later; a privileged role can make it")
            .with("sql", "CREATE EXTENSION vector")
    }

    /// How vectors of these numbers travel.
    pub(crate) const fn wire(&self, element: Element) -> WireType {
        match element {
            Element::F16 => self.half,
            _ => self.vector,
        }
    }

    /// The type of a column.
    pub(crate) fn column_type(&self, element: Element, dimension: usize) -> String {
        format!("{}.{}({dimension})", self.schema, type_name(element))
    }

    /// The type without a dimension.
    pub(crate) fn cast(&self, element: Element) -> String {
        format!("{}.{}", self.schema, type_name(element))
    }

    /// The operator that measures, between its operands.
    pub(crate) fn operator(&self, metric: Metric) -> Result<String> {
        let operator = match metric {
            Metric::Cosine => "<=>",
            Metric::Dot => "<#>",
            Metric::Euclidean => "<->",
            _ => return Err(Error::unsupported("this store does not offer such a metric")),
        };
        Ok(format!("OPERATOR({}.{operator})", self.schema))
    }

    /// The function that says how long a vector is.
    pub(crate) fn length(&self, element: Element) -> String {
        let name = if element == Element::F16 { "l2_norm" } else { "vector_norm" };
        format!("{}.{name}", self.schema)
    }

    /// The operator of equality.
    pub(crate) fn equals(&self) -> String {
        format!("OPERATOR({}.=)", self.schema)
    }

    /// The operator class that an index is built with.
    pub(crate) fn operator_class(&self, element: Element, metric: Metric) -> Result<String> {
        Ok(format!("{}.{}", self.schema, operator_class_name(element, metric)?))
    }

    /// Whether an index may be built by several workers: before 0.8.2 that is not safe.
    pub(crate) fn builds_in_parallel(&self) -> bool {
        self.version >= (0, 8, 2)
    }

    /// Whether a search goes on until it has enough.
    pub(crate) fn iterates(&self) -> bool {
        self.version >= (0, 8, 0)
    }
}

/// The name of a type.
pub(crate) const fn type_name(element: Element) -> &'static str {
    match element {
        Element::F16 => "halfvec",
        _ => "vector",
    }
}

/// The name of an operator class.
pub(crate) fn operator_class_name(element: Element, metric: Metric) -> Result<String> {
    let metric = match metric {
        Metric::Cosine => "cosine",
        Metric::Dot => "ip",
        Metric::Euclidean => "l2",
        _ => return Err(Error::unsupported("this store does not offer such a metric")),
    };
    Ok(format!("{}_{metric}_ops", type_name(element)))
}

fn parse_version(version: &str) -> (u32, u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(parse_version("0.10.0") > parse_version("0.8.2"));
        assert!(parse_version("0.8") < parse_version("0.8.1"));
    }
}
