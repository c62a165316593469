//! What is refused before any I/O.

use super::{ClaimOptions, Requeue, Settlement};
use crate::{
    error::{Error, Result},
    validate,
};
use std::{collections::HashSet, time::Duration};

/// The most changes of one claim, and of one settlement.
pub const MAX_CLAIM: u32 = 10_000;

/// The longest lease.
pub const MAX_LEASE: Duration = Duration::from_secs(24 * 60 * 60);

/// The most bytes of an error that are kept.
pub const MAX_ERROR_BYTES: usize = 2_000;

pub(crate) fn subscription_name(name: &str) -> Result<()> {
    validate::name("subscription's name", name)
}

pub(crate) fn claim(options: &ClaimOptions) -> Result<()> {
    if options.limit == 0 || options.limit > MAX_CLAIM {
        return Err(Error::invalid_input(format!("a claim takes between 1 and {MAX_CLAIM} changes")).with("limit", options.limit));
    }
    if options.lease < Duration::from_millis(1) || options.lease > MAX_LEASE {
        return Err(
            Error::invalid_input("a lease lasts between a millisecond and a day").with("lease_ms", options.lease.as_millis())
        );
    }
    Ok(())
}

pub(crate) fn settlements(settlements: &[Settlement]) -> Result<()> {
    if settlements.len() > MAX_CLAIM as usize {
        return Err(Error::invalid_input(format!("at most {MAX_CLAIM} changes are settled at a time")));
    }
    let mut seen = HashSet::with_capacity(settlements.len());
    match settlements.iter().find(|settlement| !seen.insert(settlement.record_id)) {
        Some(twice) => Err(Error::invalid_input("a change is settled twice in one call").with("record", twice.record_id)),
        None => Ok(()),
    }
}

pub(crate) fn requeue(which: &Requeue) -> Result<()> {
    let Requeue::Records(records) = which else { return Ok(()) };
    records.iter().try_for_each(|(_, external_id)| validate::name("external id", external_id))
}
