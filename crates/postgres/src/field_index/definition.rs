//! What a field index consists of, as SQL.

use super::columns::{Columns, has_array, leaves};
use crate::quote::{Schema, identifier, literal, path_literal};
use mastra_core::{EntityId, FieldIndexKind, Path};

/// The statements that make and drop a field index.
#[derive(Debug)]
pub(super) struct Definition {
    /// The index that the registry names.
    pub(super) name: String,
    /// Name and `CREATE INDEX` of each index that it consists of.
    pub(super) parts: Vec<(String, String)>,
    /// The registration, with its values written out, for a person to run.
    pub(super) registration: String,
}

/// The kind as the registry spells it.
pub(super) const fn kind_name(kind: FieldIndexKind) -> &'static str {
    match kind {
        FieldIndexKind::Scalar => "scalar",
        FieldIndexKind::Multi => "multi",
    }
}

/// What names are derived from: different for every entity, kind and path.
pub(super) fn identity(entity: EntityId, path: &Path, kind: FieldIndexKind) -> String {
    format!("{entity} {} {path}", kind_name(kind))
}

impl Definition {
    /// The definition; `digest` is the beginning of the hash of its identity, so that names have one length.
    pub(super) fn new(schema: &Schema, entity: EntityId, path: &Path, kind: FieldIndexKind, digest: &str) -> Self {
        let name = format!("field_{}_{digest}", kind_name(kind));
        let live = format!("entity_id = {}::uuid AND deleted_at IS NULL", literal(&entity.to_string()));
        let create = |name: &str, what: &str, only: &str| {
            format!("CREATE INDEX CONCURRENTLY {} ON {} {what} WHERE {live}{only}", identifier(name), schema.records)
        };
        let parts = match kind {
            FieldIndexKind::Scalar => {
                let Columns { rank, number, text } = Columns::new("", path);
                let values = create(&name, &format!("({rank}, {number}, {text}, id)"), "");
                // The rows that a scalar index does not speak for. There should be none.
                let arrays = format!("field_arrays_{digest}");
                let rows = create(&arrays, "(id)", &format!(" AND {}", has_array("", path)));
                vec![(name.clone(), values), (arrays, rows)]
            }
            FieldIndexKind::Multi => {
                let members = create(&name, &format!("USING gin (({}) jsonb_path_ops)", leaves("", path)), "");
                vec![(name.clone(), members)]
            }
        };
        let registration = format!(
            "INSERT INTO {} (entity_id, path, kind, index_name) VALUES ({}, {}, '{}', {}) ON CONFLICT DO NOTHING",
            schema.field_indexes,
            literal(&entity.to_string()),
            path_literal(path.segments()),
            kind_name(kind),
            literal(&name),
        );
        Self { name, parts, registration }
    }

    /// `DROP INDEX` of one part.
    pub(super) fn drop(schema: &Schema, name: &str) -> String {
        format!("DROP INDEX CONCURRENTLY IF EXISTS {}", schema.qualified(name))
    }

    /// All that a privileged role has to run to build it.
    pub(super) fn script(&self) -> String {
        let statements = self.parts.iter().map(|(_, create)| create.as_str()).chain([self.registration.as_str()]);
        statements.collect::<Vec<_>>().join("; ")
    }
}
