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
        let entity = statement.bind(self.entity.as_uuid());
        let mut all = rows(&entity, self.include_deleted, self.updated_after, statement);
        all.extend(filter(self.filter, statement));
        format!(" WHERE {}", all.join(" AND "))
    }
}

/// The conditions beside the filter; `entity` is the entity's id as it is to be written.
pub(super) fn rows(
    entity: &str,
    include_deleted: bool,
    updated_after: Option<Timestamp>,
    statement: &mut Statement,
) -> Vec<String> {
    let mut all = vec![format!("r.entity_id = {entity}")];
    if !include_deleted {
        all.push("r.deleted_at IS NULL".to_owned());
    }
    if let Some(time) = updated_after {
        let time = statement.bind(time);
        all.push(match include_deleted {
            true => format!("(r.updated_at > {time} OR r.deleted_at > {time})"),
            false => format!("r.updated_at > {time}"),
        });
    }
    all
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

/// As [`filter`], so that the planner does not see what is asked: one plan is then right for all values.
pub(super) fn sealed_filter(filter: &Compiled, statement: &mut Statement) -> Option<String> {
    if filter.never {
        return Some("FALSE".to_owned());
    }
    let jsonpath = filter.jsonpath.as_ref()?;
    // In a plan that is kept a cast stands for each row anew; a sub-select is evaluated once. Of a CASE the planner assumes
    // that every other row satisfies it, where it would guess one in a hundred of the operator, and look for an index for that.
    Some(format!("(CASE WHEN r.data @@ (SELECT {}::jsonpath) THEN TRUE ELSE FALSE END)", statement.bind(jsonpath.clone())))
}
