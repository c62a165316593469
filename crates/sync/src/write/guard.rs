//! What keeps a source's mistake from emptying a table.

use mastra_core::sync::Unseen;
use serde::{Deserialize, Serialize};

/// When deleting what a source no longer has is refused, unless the run was told to go ahead.
///
/// A source that has nothing at all is always refused where the sync wrote anything before.
///
/// ```
/// use mastra_core::sync::Unseen;
/// use mastra_sync::write::DeleteGuard;
///
/// let guard = DeleteGuard::default();
/// assert_eq!(guard.refuses(Unseen { stakes: 1_000, unseen: 200 }), None);
/// assert!(guard.refuses(Unseen { stakes: 1_000, unseen: 201 }).is_some());
/// assert_eq!(guard.refuses(Unseen { stakes: 12, unseen: 10 }), None);
/// assert!(guard.refuses(Unseen { stakes: 1, unseen: 1 }).is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DeleteGuard {
    /// The greatest share of the sync's records that a run deletes, between 0 and 1; 0.2 by default.
    pub max_share: f64,
    /// So many are deleted whatever their share; 10 by default.
    pub min_records: u64,
}

impl Default for DeleteGuard {
    fn default() -> Self {
        Self { max_share: 0.2, min_records: 10 }
    }
}

impl DeleteGuard {
    /// Why deleting what was not seen is refused, if it is.
    pub fn refuses(&self, unseen: Unseen) -> Option<String> {
        let Unseen { stakes, unseen } = unseen;
        if unseen == 0 {
            return None;
        }
        if unseen >= stakes {
            return Some(format!("the source has none of the {stakes} records that earlier runs wrote"));
        }
        let most = self.max_share.clamp(0.0, 1.0) * stakes as f64;
        (unseen > self.min_records && unseen as f64 > most).then(|| {
            format!(
                "the source no longer has {unseen} of the {stakes} records that earlier runs wrote, more than {:.0} %",
                self.max_share * 100.0
            )
        })
    }
}
