#![doc = include_str!("../README.md")]

mod context;
mod define;
mod error;
mod event;
mod mastra;
mod options;
mod run;
mod schema;
pub mod source;
pub mod write;

pub use context::Context;
pub use define::{Defined, Failure, SyncBuilder, SyncDefinition, define};
pub use error::{SyncError, SyncErrorKind};
pub use event::{Observer, RunEvent};
pub use mastra::{Call, Mastra, MastraBuilder, Runs, SyncInfo};
pub use options::{RunOptions, WhenBusy};
pub use run::Completed;
pub use schema::Violation;

/// The guide's examples run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/syncs.md")]
struct Guide;
