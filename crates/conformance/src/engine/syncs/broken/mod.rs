//! Stores that are wrong in one thing of what they remember of syncs, to see that the suite notices.

mod ledger;
mod pages;
mod store;

use mastra_core::sync::{Hold, TargetId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

macro_rules! mistakes {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a hasty store does wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum SyncMistake {
            /// Nothing.
            None,
            $($(#[$doc])* $name,)*
        }

        impl SyncMistake {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

mistakes! {
    /// Writes the page of one who was overtaken.
    IgnoresTheFence,
    /// Prolongs the hold of one who was overtaken.
    ExtendsAnyHold,
    /// Lets go of whatever hold a target has.
    ReleasesAnyHold,
    /// Never lets go.
    NeverReleases,
    /// Takes a target from a run that is alive.
    StealsHolds,
    /// Forgets what stood in a target with every hold.
    ForgetsState,
    /// Takes a sign of life of an earlier attempt.
    IgnoresAttempts,
    /// Writes the page of an earlier attempt.
    PagesIgnoreAttempts,
    /// Begins a run again that has a result.
    BeginsRecordedRuns,
    /// Begins a run twice.
    BeginsBusyRuns,
    /// Never concludes that a run is lost.
    NeverLost,
    /// Shows the revision of the beginning for ever.
    RevisionStands,
    /// Lists the oldest run first.
    OldestRunFirst,
    /// Gives a page of runs from the beginning.
    IgnoresBefore,
    /// Lists runs whatever they wrote.
    IgnoresTheEntityOfRuns,
    /// Lists runs by the state that is stored.
    ListsByStoredState,
    /// Prunes though it is only asked to count.
    PrunesDryRuns,
    /// Prunes whatever was finished, whenever.
    PrunesTheYoung,
    /// Counts no prunable runs.
    PrunesNothing,
    /// Does not wait.
    NeverWaits,
    /// Forgets the ids that were seen.
    ForgetsSeen,
    /// Remembers what an earlier enumeration saw.
    KeepsSeen,
    /// Counts what was seen for what was not.
    CountsSeen,
    /// Lists all stakes for those that were not seen.
    ListsSeen,
    /// Loses the cursor of the enumeration.
    LosesTheEnumerationsCursor,
    /// Never says that a source was read to its end.
    NeverRead,
    /// Does not make the cursor the entity's.
    KeepsTheCursorToItself,
    /// Takes the generation that a record had before the transaction wrote it.
    StaleGeneration,
    /// Takes the generation of now for one that was read.
    GenerationOfNow,
    /// Keeps stakes that are given up.
    KeepsDropped,
    /// Forgets that a sync created a record.
    ForgetsCreated,
    /// Forgets the version.
    ForgetsVersions,
    /// Gives others' stakes as one's own too.
    MixesStakes,
    /// Gives a view for every time that an id is asked for.
    RepeatsViews,
    /// Shows records in order of their ids.
    SortsViews,
    /// Takes deleted records for live ones.
    RevivesTheDeleted,
    /// Lists as a language sorts.
    SortsByLanguage,
    /// Gives the last of a page once more.
    RepeatsTheLast,
    /// Gives more than was asked for.
    IgnoresLimits,
    /// Counts an item's failures anew each time.
    ForgetsAttempts,
    /// Keeps items that are settled.
    KeepsSettled,
    /// Counts no items in the target's state.
    ForgetsQuarantine,
    /// Lists items of every sync.
    IgnoresTheSyncOfItems,
    /// Lists targets of every sync.
    IgnoresTheSyncOfTargets,
    /// Lists targets in the order in which they were made.
    ListsTargetsAsMade,
    /// Takes a blank id.
    TakesBlankIds,
    /// Says that a refusal may be tried again.
    InvitesToRetry,
    /// Claims to remember, and does not.
    RemembersNothing,
}

/// What a broken store has to know to do wrong.
#[derive(Debug, Default)]
struct Memory {
    holds: HashMap<TargetId, Hold>,
    seen: HashMap<TargetId, Vec<String>>,
}

/// A store, or a transaction of one, that makes one mistake.
#[derive(Debug)]
pub struct BrokenSyncs<S> {
    inner: S,
    mistake: SyncMistake,
    memory: Arc<Mutex<Memory>>,
}

impl<S> BrokenSyncs<S> {
    /// The store, wrong in this.
    pub fn new(inner: S, mistake: SyncMistake) -> Self {
        Self { inner, mistake, memory: Arc::default() }
    }

    fn is(&self, mistake: SyncMistake) -> bool {
        self.mistake == mistake
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest_hold(&self, target: TargetId) -> Option<Hold> {
        self.memory().holds.get(&target).cloned()
    }
}
