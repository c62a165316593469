//! What is refused before any I/O.

use super::{EnumerationChange, NewHold, NewRun, PageCommit, RunId, RunQuery, RunState, RunUpdate};
use crate::{
    error::{Error, Result},
    validate,
};
use std::{collections::HashSet, time::Duration};

/// The longest lease of a run or a target.
pub const MAX_SYNC_LEASE: Duration = Duration::from_secs(60 * 60);

/// The most records, stakes or ids of one call.
pub const MAX_SYNC_PAGE: usize = 10_000;

pub(crate) fn sync_id(id: &str) -> Result<()> {
    validate::name("sync's id", id)
}

pub(crate) fn run_id(id: &RunId) -> Result<()> {
    validate::name("run id", id.as_str())
}

pub(crate) fn new_run(run: &NewRun) -> Result<()> {
    run_id(&run.id)?;
    sync_id(&run.sync_id)?;
    validate::plain("hash of the input", &run.input_hash)?;
    lease(run.lease)
}

pub(crate) fn hold(hold: &NewHold) -> Result<()> {
    sync_id(&hold.sync_id)?;
    validate::name("entity name", &hold.entity)?;
    validate::name("connection id", &hold.connection_id)?;
    run_id(&hold.run_id)?;
    lease(hold.lease)
}

pub(crate) fn lease(length: Duration) -> Result<()> {
    if length < Duration::from_millis(1) || length > MAX_SYNC_LEASE {
        return Err(Error::invalid_input("a lease lasts between a millisecond and an hour").with("lease_ms", length.as_millis()));
    }
    Ok(())
}

pub(crate) fn run_update(id: &RunId, update: &RunUpdate) -> Result<()> {
    run_id(id)?;
    update.lease.map_or(Ok(()), lease)?;
    plain("note", update.note.as_deref())?;
    match &update.finish {
        Some(finish) if matches!(finish.state, RunState::Running | RunState::Lost) => {
            Err(Error::invalid_input("a run does not end in this state").with("state", finish.state.as_str()))
        }
        _ => Ok(()),
    }
}

pub(crate) fn run_query(query: &RunQuery) -> Result<()> {
    query.sync_id.as_deref().map_or(Ok(()), sync_id)?;
    query.entity.as_deref().map_or(Ok(()), |name| validate::name("entity name", name))?;
    limit(query.limit.unwrap_or(1), 1_000)
}

pub(crate) fn limit(limit: u32, most: u32) -> Result<()> {
    if limit == 0 || limit > most {
        return Err(Error::invalid_input(format!("a page holds between 1 and {most}")).with("limit", limit));
    }
    Ok(())
}

pub(crate) fn external_ids(ids: &[String]) -> Result<()> {
    size(ids.len())?;
    ids.iter().try_for_each(|id| validate::name("external id", id))
}

fn plain(what: &'static str, text: Option<&str>) -> Result<()> {
    text.map_or(Ok(()), |text| validate::plain(what, text))
}

fn size(length: usize) -> Result<()> {
    if length > MAX_SYNC_PAGE {
        return Err(Error::invalid_input(format!("a page holds at most {MAX_SYNC_PAGE} records")).with("records", length));
    }
    Ok(())
}

pub(crate) fn page_commit(page: &PageCommit) -> Result<()> {
    lease(page.lease)?;
    validate::last_sync_id(page.cursor.as_deref())?;
    if let EnumerationChange::Advance(cursor) = &page.enumeration {
        plain("cursor of the enumeration", cursor.as_deref())?;
    }
    external_ids(&page.seen)?;
    external_ids(&page.dropped)?;
    size(page.stakes.len())?;
    size(page.quarantined.len())?;
    let mut ids = HashSet::with_capacity(page.stakes.len());
    for stake in &page.stakes {
        validate::name("external id", &stake.external_id)?;
        validate::plain("hash of a record", &stake.content)?;
        plain("version of a record", stake.version.as_deref())?;
        if !ids.insert(stake.external_id.as_str()) {
            return Err(Error::invalid_input("a page has two stakes in one record"));
        }
    }
    let mut keys = HashSet::with_capacity(page.quarantined.len());
    for item in &page.quarantined {
        validate::name("key of an item set aside", &item.key)?;
        validate::plain("error of an item set aside", &item.error)?;
        plain("external id of an item set aside", item.external_id.as_deref())?;
        if !keys.insert(item.key.as_str()) {
            return Err(Error::invalid_input("a page sets two items of one key aside"));
        }
    }
    Ok(())
}
