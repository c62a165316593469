#![doc = include_str!("../README.md")]

pub mod capabilities;
pub mod changes;
pub mod cursor;
pub mod data;
pub mod engine;
pub mod entity;
pub mod error;
pub mod filter;
mod hash;
pub mod ids;
pub mod migrate;
pub mod number;
pub mod path;
pub mod projection;
pub mod query;
pub mod record;
mod retry;
pub mod sort;
pub mod sync;
pub mod text;
pub mod time;
pub mod typed;
pub mod upsert;
pub mod validate;
pub mod vector;

pub use capabilities::Capabilities;
pub use cursor::{Cursor, Position, SortPoint};
pub use engine::{
    Checked, DeleteReport, Engine, EngineExt, EngineInfo, EntityDeletion, FieldIndex, FieldIndexKind, PurgeOptions, RecordStore,
    RecordStoreExt, RecordStream, SyncBatch, SyncReport, Transaction, TransactionBackend,
};
pub use entity::{Entity, EntityQuery, EntityRef, EntityUpdate, NewEntity};
pub use error::{Error, ErrorKind, OptionalExt, Result};
pub use filter::Filter;
pub use ids::{EntityId, RecordId};
pub use path::Path;
pub use query::{Count, CountQuery, Explanation, Page, RecordQuery, RecordSelector};
pub use record::{NewRecord, Record};
pub use sort::{Direction, SortKey};
pub use text::{TextHit, TextResults, TextSearch};
pub use time::Timestamp;
pub use typed::{Typed, TypedRecord};
pub use upsert::{UpsertMode, UpsertOptions, UpsertReport, UpsertedRecord};
