//! The rule of the queue: what becomes of a row, whatever it is stored in.

use super::{LeaseId, MAX_ERROR_BYTES, QueueStatus, QueuedChange, SetAsideChange, SettleReport, Settlement, SettlementOutcome};
use crate::{ids::RecordId, time::Timestamp};
use chrono::TimeDelta;
use std::time::Duration;

/// A row of the queue, for backends that decide in the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// The record.
    pub record_id: RecordId,
    /// Its id in its entity.
    pub external_id: String,
    /// The newest generation.
    pub generation: i64,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// Since when something waits.
    pub queued_at: Timestamp,
    /// When it may be claimed; under a lease, when that ends.
    pub due_at: Timestamp,
    /// Who holds it, or held it last without settling.
    pub lease: Option<LeaseId>,
    /// Whether a lease ended without a word.
    pub lapsed: bool,
    /// Whether it stands here only to be repeated.
    pub repeat: bool,
    /// Failures since the record changed.
    pub failures: u32,
    /// Why it was set aside, or failed last.
    pub error: Option<String>,
    /// Whether it was set aside.
    pub set_aside: bool,
}

impl QueueRow {
    /// The row of a record that changed, beside the one that is there.
    #[must_use]
    pub fn changed(
        old: Option<&Self>,
        record_id: RecordId,
        external_id: &str,
        generation: i64,
        deleted: bool,
        now: Timestamp,
    ) -> Self {
        let fresh = Self {
            record_id,
            external_id: external_id.to_owned(),
            generation,
            deleted,
            queued_at: now,
            due_at: now,
            lease: None,
            lapsed: false,
            repeat: false,
            failures: 0,
            error: None,
            set_aside: false,
        };
        let Some(old) = old else { return fresh };
        Self {
            generation: generation.max(old.generation),
            deleted: if generation >= old.generation { deleted } else { old.deleted },
            queued_at: if old.repeat { now } else { old.queued_at },
            // Whoever holds it finishes first, so that two do not work on one record.
            due_at: if old.lease.is_some() { old.due_at } else { now },
            lease: old.lease,
            lapsed: old.lapsed || old.repeat,
            ..fresh
        }
    }

    /// Whether it may be claimed.
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.set_aside && self.due_at <= now
    }

    /// Claims it.
    pub fn claim(&mut self, lease: LeaseId, length: Duration, now: Timestamp) -> QueuedChange {
        self.lapsed |= self.lease.is_some();
        self.lease = Some(lease);
        self.due_at = later(now, length);
        QueuedChange {
            record_id: self.record_id,
            external_id: self.external_id.clone(),
            generation: self.generation,
            deleted: self.deleted,
            repeat: self.repeat,
            failures: self.failures,
            queued_at: self.queued_at,
            lease,
        }
    }

    /// What is left of it once a claim was settled; counted in `report`. The caller finds a row that is gone `lost`.
    #[must_use]
    pub fn settle(self, settlement: &Settlement, now: Timestamp, report: &mut SettleReport) -> Option<Self> {
        if self.lease != Some(settlement.lease) {
            report.lost += 1;
            return Some(self);
        }
        let free = Self { lease: None, due_at: now, ..self };
        if free.generation > settlement.generation {
            report.superseded += 1;
            return Some(Self { failures: 0, error: None, ..free });
        }
        let failures = free.failures.saturating_add(1);
        match &settlement.outcome {
            SettlementOutcome::Done { repeat_after } => {
                report.done += 1;
                let due_at = later(now, *repeat_after);
                free.lapsed.then_some(Self { lapsed: false, repeat: true, failures: 0, error: None, due_at, ..free })
            }
            SettlementOutcome::Retry { after, error } => {
                report.returned += 1;
                Some(Self { failures, error: Some(cut(error)), due_at: later(now, *after), ..free })
            }
            SettlementOutcome::SetAside { error } => {
                report.set_aside += 1;
                Some(Self { failures, error: Some(cut(error)), set_aside: true, ..free })
            }
            SettlementOutcome::Release => {
                report.returned += 1;
                Some(free)
            }
        }
    }

    /// The row as one that was set aside.
    pub fn as_set_aside(&self) -> Option<SetAsideChange> {
        self.set_aside.then(|| SetAsideChange {
            record_id: self.record_id,
            external_id: self.external_id.clone(),
            generation: self.generation,
            error: self.error.clone().unwrap_or_default(),
            failures: self.failures,
            failed_at: self.due_at,
        })
    }
}

impl QueueStatus {
    /// Counts a row.
    pub fn count(&mut self, row: &QueueRow, now: Timestamp) {
        if row.set_aside {
            self.set_aside += 1;
            return;
        }
        if row.lease.is_some() && row.due_at > now {
            self.claimed += 1;
        } else if row.repeat {
            self.repeats += 1;
        } else {
            self.waiting += 1;
        }
        if !row.repeat {
            self.oldest = Some(self.oldest.map_or(row.queued_at, |oldest| oldest.min(row.queued_at)));
        }
    }
}

/// An error's text as it is kept.
pub fn cut(error: &str) -> String {
    let end =
        error.char_indices().map(|(at, character)| at + character.len_utf8()).take_while(|end| *end <= MAX_ERROR_BYTES).last();
    error.get(..end.unwrap_or_default()).unwrap_or_default().replace('\0', "\u{fffd}")
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    TimeDelta::from_std(by).ok().and_then(|by| now.checked_add_signed(by)).unwrap_or(Timestamp::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;

    fn row() -> QueueRow {
        QueueRow::changed(None, RecordId::generate(), "a", 1, false, time::now())
    }

    #[test]
    fn what_is_done_is_gone_and_what_changed_meanwhile_is_not() {
        let (now, lease) = (time::now(), LeaseId::generate());
        let mut held = row();
        let claimed = held.claim(lease, Duration::from_secs(9), now);
        let mut report = SettleReport::default();
        assert_eq!(held.clone().settle(&claimed.settle(SettlementOutcome::done()), now, &mut report), None);
        let newer = QueueRow::changed(Some(&held), held.record_id, "a", 2, true, now);
        assert!(!newer.is_due(now), "whoever holds it finishes first");
        let left = newer.settle(&claimed.settle(SettlementOutcome::done()), now, &mut report).unwrap();
        assert!(left.is_due(now) && left.deleted && left.generation == 2 && left.lease.is_none());
        assert_eq!(report, SettleReport { done: 1, superseded: 1, ..SettleReport::default() });
    }

    #[test]
    fn a_lapsed_lease_is_lost_and_brings_a_repeat() {
        let now = time::now();
        let late = now + TimeDelta::seconds(10);
        let mut held = row();
        let first = held.claim(LeaseId::generate(), Duration::from_secs(9), now);
        let second = held.claim(LeaseId::generate(), Duration::from_secs(9), late);
        let mut report = SettleReport::default();
        let held = held.settle(&first.settle(SettlementOutcome::done()), late, &mut report).unwrap();
        let mut repeat = held.settle(&second.settle(SettlementOutcome::done()), late, &mut report).unwrap();
        assert_eq!((report.lost, report.done), (1, 1));
        assert!(repeat.repeat && !repeat.is_due(late));
        let third = repeat.claim(LeaseId::generate(), Duration::from_secs(9), late + TimeDelta::seconds(120));
        assert!(third.repeat);
        assert_eq!(repeat.settle(&third.settle(SettlementOutcome::done()), late, &mut report), None);
    }

    #[test]
    fn errors_are_cut_between_characters() {
        let long = "ü".repeat(MAX_ERROR_BYTES);
        assert_eq!(cut(&long).len(), MAX_ERROR_BYTES);
        assert_eq!(cut(&format!("x{long}")).len(), MAX_ERROR_BYTES - 1);
        assert_eq!(cut("a\0b"), "a\u{fffd}b");
    }
}
