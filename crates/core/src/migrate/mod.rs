//! Migrations: what a schema's versions are, and the pure decisions about them. No I/O: a backend implements [`Migrator`].
//!
//! A schema is a row of numbered SQL files. Each says in its first line whether it is additive or breaking and which is the
//! oldest client that it still serves, where a client's version is the newest migration that it was built with:
//!
//! ```sql
//! -- mastra: kind=additive oldest_client=1
//! CREATE TABLE entities (...);
//! ```
//!
//! [`Migration`] is such a file, [`Applied`] the row that a database keeps of it, [`assess`] compares the two, and
//! [`Assessment::admit`] says whether a client may work with what it found.

mod applied;
mod assess;
mod header;
mod migration;
mod migrator;
mod series;
mod statements;

pub use applied::Applied;
pub use assess::{Admission, Assessment, Pending, assess};
pub use migration::{Migration, MigrationKind};
pub use migrator::{Migrator, Progress, Step, silent};
pub use series::check_series;
pub use statements::{Statement, statements, tokens};
