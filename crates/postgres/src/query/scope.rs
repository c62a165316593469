//! Which records a query is about.

use super::statement::Statement;
use crate::filter::Compiled;
use mastra_core::{EntityId, Timestamp};

/// The conditions of a query, beside its order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) entity: EntityId,
    pub(crate) filter: &'a Compiled,
    pub(crate) include_deleted: bool,
    pub(crate) updated_after: Option<Timestamp>,
}

impl Scope<'_> {
    /// `WHERE …`, over the records as `r`.
    pub(crate) fn clause(&self, statement: &mut Statement) -> String {
        let mut clause = format!(" WHERE r.entity_id = {}", statement.bind(self.entity.as_uuid()));
        if !self.include_deleted {
            clause.push_str(" AND r.deleted_at IS NULL");
        }
        if let Some(time) = self.updated_after {
            let time = statement.bind(time);
            clause.push_str(&match self.include_deleted {
                true => format!(" AND (r.updated_at > {time} OR r.deleted_at > {time})"),
                false => format!(" AND r.updated_at > {time}"),
            });
        }
        if let Some(condition) = filter(self.filter, statement) {
            clause.push_str(" AND ");
            clause.push_str(&condition);
        }
        clause
    }
}

/// The filter as a condition on `r.data`; none where it asks nothing of the server.
///
/// Where it is not exact, each row has to be shown to the filter's matcher.
pub(crate) fn filter(filter: &Compiled, statement: &mut Statement) -> Option<String> {
    if filter.never {
        return Some("FALSE".to_owned());
    }
    let jsonpath = filter.jsonpath.as_ref()?;
    Some(format!("r.data @@ {}::jsonpath", statement.bind(jsonpath.clone())))
}
