//! Records: writing, reading, querying, deleting.

mod choose;
mod delete;
mod each;
mod plan;
mod query;
mod read;
mod stored;
mod stream;
mod upsert;
mod write;

pub(crate) use choose::serve_list;
pub(crate) use delete::{delete, purge};
pub(crate) use plan::{Judge, rows};
pub(crate) use query::{count, explain, page};
pub(crate) use read::{by_external_id, by_external_ids, by_id, by_ids};
pub(crate) use stored::json_list;
pub(crate) use stream::stream;
pub(crate) use upsert::{Draft, upsert};
pub(crate) use write::generations;
