//! Reading records: pages, counts and streams.

mod count;
mod order;
mod page;
mod scan;
mod scope;
mod select;
mod statement;
mod stream;
mod value;
mod walk;

use crate::{error::driver, store::PgStore};
use mastra_core::{EntityId, Error, Result};

pub(crate) use count::count;
pub(crate) use page::page;
pub(crate) use scope::{Scope, filter};
pub(crate) use select::{Conditions, Select, in_order, sorted};
pub use statement::Statement;
pub(crate) use stream::stream;
pub(crate) use value::constant_value;

/// `NotFound` where there is no such entity. A read that found rows need not ask.
pub(crate) async fn require_entity(store: &PgStore, entity: EntityId) -> Result<()> {
    let mut statement = Statement::new(format!("SELECT FROM {} e WHERE e.id = ", store.schema().entities));
    let id = statement.bind(entity.as_uuid());
    statement.push(&id);
    let mut session = store.read().await?;
    let found = statement.query(store.shared.persistent())?.fetch_optional(session.conn()?).await.map_err(driver)?;
    session.finish().await?;
    found.map(drop).ok_or_else(|| Error::not_found("no entity has this id").with("id", entity))
}
