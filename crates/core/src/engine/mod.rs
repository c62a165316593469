//! The engine: what a backend implements, and what callers get.
//!
//! A backend implements [`RecordStore`] once, over whatever stands for a connection, so that the same code serves an engine and
//! a transaction; then [`Engine`] for the whole and [`TransactionBackend`] for the transaction. [`Checked`] validates, traces
//! and retries around both; [`RecordStoreExt`] and [`EngineExt`] add the conveniences that nobody implements.

mod checked;
mod checked_changes;
mod checked_syncs;
mod ext;
mod pointers;
mod reentry;
mod store;
mod transaction;

pub use checked::Checked;
pub use ext::{EngineExt, RecordStoreExt, one_entity};
pub use store::{
    DeleteReport, Engine, EngineInfo, EntityDeletion, FieldIndex, FieldIndexKind, PurgeOptions, RecordStore, RecordStream,
    SyncBatch, SyncReport, TransactionBackend,
};
pub use transaction::Transaction;
