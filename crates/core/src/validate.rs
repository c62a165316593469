//! Arguments are refused here, before any I/O, alike on every backend.

use crate::{
    capabilities::{Capabilities, FilterCapabilities},
    data,
    entity::{EntityQuery, EntityRef, EntityUpdate, NewEntity},
    error::{Error, Result},
    filter::{Filter, Predicate},
    path::Path,
    query::{CountQuery, RecordQuery, RecordSelector},
    record::NewRecord,
    text::{TextQuery, TextSearch},
    upsert::{UpsertMode, UpsertOptions},
};

/// The longest name, connection id, external id, entity type or sync cursor's kin that can be a key, in bytes: what a unique
/// index of every backend holds.
pub const MAX_NAME_BYTES: usize = 1_024;

/// The most sort keys of one query.
pub const MAX_SORT_KEYS: usize = 16;

/// The most fields that full-text search covers, or that a query selects.
pub const MAX_FIELDS: usize = 256;

/// A name that can be a key: not blank, at most [`MAX_NAME_BYTES`] bytes, without U+0000.
pub fn name(what: &'static str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid_input(format!("the {what} is blank")));
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(Error::invalid_input(format!("the {what} is longer than {MAX_NAME_BYTES} bytes")).with("bytes", text.len()));
    }
    plain(what, text)
}

pub(crate) fn plain(what: &'static str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::invalid_input(format!("the {what} holds the character U+0000")));
    }
    Ok(())
}

pub(crate) fn new_entity(entity: &NewEntity) -> Result<()> {
    name("entity name", &entity.name)?;
    name("connection id", &entity.connection_id)?;
    entity.schema.as_ref().map_or(Ok(()), schema)
}

fn schema(schema: &serde_json::Value) -> Result<()> {
    // The schema is data to the backend too; what it cannot keep there is refused in the same words.
    data::check(schema, &crate::capabilities::DataCapabilities::default())
}

pub(crate) fn entity_ref(entity: &EntityRef) -> Result<()> {
    match entity {
        EntityRef::Id(_) => Ok(()),
        EntityRef::Name { name: entity_name, connection_id } => {
            name("entity name", entity_name)?;
            connection_id.as_deref().map_or(Ok(()), |id| name("connection id", id))
        }
    }
}

pub(crate) fn entity_query(query: &EntityQuery) -> Result<()> {
    query.name.as_deref().map_or(Ok(()), |text| name("entity name", text))?;
    query.connection_id.as_deref().map_or(Ok(()), |text| name("connection id", text))
}

pub(crate) fn entity_update(update: &EntityUpdate) -> Result<()> {
    update.name.as_deref().map_or(Ok(()), |text| name("entity name", text))?;
    if let Some(Some(id)) = &update.last_sync_id {
        plain("sync cursor", id)?;
    }
    if let Some(Some(new)) = &update.schema {
        schema(new)?;
    }
    Ok(())
}

pub(crate) fn last_sync_id(id: Option<&str>) -> Result<()> {
    id.map_or(Ok(()), |id| plain("sync cursor", id))
}

pub(crate) fn records(records: &[NewRecord], options: &UpsertOptions, capabilities: &Capabilities) -> Result<()> {
    let write = &capabilities.write;
    match options.mode {
        UpsertMode::Replace if !write.replace => return Err(unsupported("replacing data")),
        UpsertMode::DeepMerge if !write.deep_merge => return Err(unsupported("deep merges")),
        _ => {}
    }
    records.iter().enumerate().try_for_each(|(index, record)| {
        let checked = name("external id", &record.external_id)
            .and_then(|()| record.entity_type.as_deref().map_or(Ok(()), |text| name("entity type", text)))
            .and_then(|()| data::check(&record.data, &capabilities.data))
            .and_then(|()| {
                if !record.remove_keys.is_empty() && !write.remove_keys {
                    return Err(unsupported("removing keys"));
                }
                if record.expected_generation.is_some() && !write.expected_generation {
                    return Err(unsupported("an expected generation"));
                }
                record
                    .remove_keys
                    .iter()
                    .try_for_each(|key| if capabilities.data.nul_characters { Ok(()) } else { plain("key to remove", key) })
            });
        checked.map_err(|error| error.with("record", index))
    })
}

pub(crate) fn filter(filter: &Filter, can: &FilterCapabilities) -> Result<()> {
    match filter {
        Filter::And(all) => all.iter().try_for_each(|inner| self::filter(inner, can)),
        Filter::Or(any) => {
            offered(can.or, "$or")?;
            any.iter().try_for_each(|inner| self::filter(inner, can))
        }
        Filter::Not(inner) => {
            offered(can.not, "$not")?;
            self::filter(inner, can)
        }
        Filter::Field { predicate, .. } => match predicate {
            Predicate::Eq(_) => offered(can.eq, "$eq"),
            Predicate::In(_) => offered(can.is_in, "$in"),
            Predicate::All(_) => offered(can.all, "$all"),
            Predicate::Compare(..) => offered(can.range, "$gt $gte $lt $lte"),
            Predicate::Size(_) => offered(can.size, "$size"),
            Predicate::Exists => offered(can.exists, "$exists"),
            Predicate::Regex(_) => offered(can.regex, "$regex"),
            Predicate::Contains(_) => offered(can.contains, "$contains"),
            Predicate::ElemMatch(_, inner) => {
                offered(can.elem_match, "$elemMatch")?;
                self::filter(inner, can)
            }
        },
    }
}

fn offered(offered: bool, operator: &'static str) -> Result<()> {
    if offered { Ok(()) } else { Err(unsupported("the operator").with("operator", operator)) }
}

fn unsupported(what: &str) -> Error {
    Error::unsupported(format!("this backend does not offer {what}"))
}

fn need(offered: bool, what: &str) -> Result<()> {
    if offered { Ok(()) } else { Err(unsupported(what)) }
}

pub(crate) fn fields(fields: &[Path]) -> Result<()> {
    if fields.len() > MAX_FIELDS {
        return Err(Error::invalid_input(format!("more than {MAX_FIELDS} fields")).with("fields", fields.len()));
    }
    fields.iter().try_for_each(field)
}

pub(crate) fn field(path: &Path) -> Result<()> {
    if path.is_this() {
        return Err(Error::invalid_input("an empty path names no field"));
    }
    plain("path", &path.segments().concat())
}

pub(crate) fn record_query(query: &RecordQuery, capabilities: &Capabilities) -> Result<()> {
    let can = &capabilities.query;
    filter(&query.filter, &capabilities.filter)?;
    need(can.sort || query.sort.is_empty(), "sorting")?;
    need(can.offset || query.offset == 0, "an offset")?;
    need(can.cursor || query.cursor.is_none(), "cursors")?;
    need(can.fields || query.fields.is_none(), "selected fields")?;
    need(can.include_deleted || !query.include_deleted, "deleted records")?;
    need(can.updated_after || query.updated_after.is_none(), "changes after a time")?;
    if query.sort.len() > MAX_SORT_KEYS {
        return Err(Error::invalid_input(format!("more than {MAX_SORT_KEYS} sort keys")));
    }
    query.sort.iter().try_for_each(|key| field(&key.path))?;
    fields(query.fields.as_deref().unwrap_or_default())?;
    query.cursor.as_ref().map_or(Ok(()), |cursor| cursor.position(query).map(drop))
}

pub(crate) fn count_query(query: &CountQuery, capabilities: &Capabilities) -> Result<()> {
    let can = &capabilities.query;
    filter(&query.filter, &capabilities.filter)?;
    need(can.include_deleted || !query.include_deleted, "deleted records")?;
    need(can.updated_after || query.updated_after.is_none(), "changes after a time")
}

pub(crate) fn explain(query: &RecordQuery, capabilities: &Capabilities) -> Result<()> {
    need(capabilities.query.explain, "plans of queries")?;
    record_query(query, capabilities)
}

pub(crate) fn transactions(capabilities: &Capabilities) -> Result<()> {
    need(capabilities.write.transactions, "transactions")
}

pub(crate) fn field_index(path: &Path, capabilities: &Capabilities) -> Result<()> {
    need(capabilities.admin.field_indexes, "field indexes")?;
    field(path)
}

pub(crate) fn selector(selector: &RecordSelector, capabilities: &Capabilities) -> Result<()> {
    match selector {
        RecordSelector::Ids(_) | RecordSelector::All => Ok(()),
        RecordSelector::ExternalIds(ids) => ids.iter().try_for_each(|id| name("external id", id)),
        RecordSelector::Filter(by) if by.is_trivially_true() => {
            Err(Error::invalid_input("an empty filter would delete every record; ask for all of them by name instead"))
        }
        RecordSelector::Filter(by) => filter(by, &capabilities.filter),
    }
}

pub(crate) fn text_search(search: &TextSearch, capabilities: &Capabilities) -> Result<()> {
    let can = &capabilities.text;
    need(can.words, "full-text search")?;
    need(can.filter || search.filter.is_trivially_true(), "a filter beside the text")?;
    filter(&search.filter, &capabilities.filter)?;
    let query = TextQuery::parse(&search.query)?;
    need(can.phrases || query.clauses().iter().all(|clause| clause.tokens.len() == 1), "phrases")?;
    need(can.prefixes || query.clauses().iter().all(|clause| !clause.prefix), "prefixes")
}
