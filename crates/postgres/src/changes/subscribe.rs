//! Beginning and ending subscriptions.

use super::{enqueue, unread};
use crate::{
    entities,
    error::driver,
    store::{PgStore, Shared},
};
use mastra_core::{EntityRef, Error, Result, changes::Subscription};
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// How long writers that began earlier are waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often they are looked for.
const PAUSE: Duration = Duration::from_millis(10);

const COLUMNS: &str = "s.name, s.entity_id, s.created_at, s.id, s.complete";

pub(super) fn unknown(name: &str) -> Error {
    Error::not_found("there is no subscription of this name").with("subscription", name)
}

fn read(row: &PgRow) -> sqlx::Result<(i64, Subscription, bool)> {
    let entity_id = row.try_get::<Uuid, _>(1)?.into();
    let subscription = Subscription { name: row.try_get(0)?, entity_id, created_at: row.try_get(2)? };
    Ok((row.try_get(3)?, subscription, row.try_get(4)?))
}

async fn find(conn: &mut PgConnection, shared: &Shared, name: &str) -> Result<Option<(i64, Subscription, bool)>> {
    let statement = format!("SELECT {COLUMNS} FROM {} s WHERE s.name = $1", shared.schema.qualified("subscriptions"));
    let row = shared.query(&statement).bind(name).fetch_optional(conn).await.map_err(driver)?;
    row.as_ref().map(read).transpose().map_err(unread)
}

/// The subscription of that name, with its id.
pub(super) async fn known(conn: &mut PgConnection, shared: &Shared, name: &str) -> Result<(i64, Subscription)> {
    let (id, subscription, _) = find(conn, shared, name).await?.ok_or_else(|| unknown(name))?;
    Ok((id, subscription))
}

pub(super) async fn list(conn: &mut PgConnection, shared: &Shared) -> Result<Vec<Subscription>> {
    let statement = format!("SELECT {COLUMNS} FROM {} s ORDER BY s.name", shared.schema.qualified("subscriptions"));
    let rows = shared.query(&statement).fetch_all(conn).await.map_err(driver)?;
    rows.iter().map(|row| Ok(read(row).map_err(unread)?.1)).collect()
}

/// Ends a subscription; rows that a writer under way still queues for it belong to nobody, and its id is not given again.
pub(super) async fn unsubscribe(conn: &mut PgConnection, shared: &Shared, name: &str) -> Result<bool> {
    let (subscriptions, changes) = (shared.schema.qualified("subscriptions"), shared.schema.qualified("record_changes"));
    let statement = format!("DELETE FROM {subscriptions} WHERE name = $1");
    let gone = shared.query(&statement).bind(name).execute(&mut *conn).await.map_err(driver)?.rows_affected();
    let statement =
        format!("DELETE FROM {changes} q WHERE NOT EXISTS (SELECT FROM {subscriptions} s WHERE s.id = q.subscription_id)");
    if gone > 0 {
        shared.query(&statement).execute(conn).await.map_err(driver)?;
    }
    Ok(gone > 0)
}

/// Begins to follow an entity.
///
/// First the subscription is committed: every statement that begins to write from then on sees it. Then those that began earlier are
/// waited for, who do not. Only then what is there is queued, so that no record falls between. Where the call breaks off, the next one
/// goes on.
pub(super) async fn subscribe(store: &PgStore, name: &str, entity: &EntityRef) -> Result<Subscription> {
    let shared = &store.shared;
    let mut session = store.write().await?;
    if session.is_callers() {
        return Err(Error::unsupported("a subscription is made outside of transactions"));
    }
    let (id, subscription, complete) = begin(session.conn()?, shared, name, entity).await?;
    session.finish().await?;
    if complete {
        return Ok(subscription);
    }
    wait_for_writers(store).await?;
    let mut session = store.write().await?;
    let conn = session.conn()?;
    enqueue::all(conn, shared, id, subscription.entity_id).await?;
    let statement =
        format!("UPDATE {} SET complete = TRUE WHERE id = $1 AND entity_id = $2", shared.schema.qualified("subscriptions"));
    let query = shared.query(&statement).bind(id).bind(subscription.entity_id.as_uuid());
    query.execute(conn).await.map_err(driver)?;
    session.finish().await?;
    Ok(subscription)
}

async fn begin(conn: &mut PgConnection, shared: &Shared, name: &str, entity: &EntityRef) -> Result<(i64, Subscription, bool)> {
    let entity = entities::resolve(conn, shared, entity).await?.id;
    let old = find(conn, shared, name).await?;
    if let Some((id, old, complete)) = &old {
        if old.entity_id == entity {
            return Ok((*id, old.clone(), *complete));
        }
        match entities::resolve(conn, shared, &EntityRef::Id(old.entity_id)).await {
            Ok(_) => return Err(Error::already_exists("the subscription follows another entity").with("subscription", name)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    // Where two begin at the same time, the second finds what the first made, if it is the same.
    let statement = format!(
        "INSERT INTO {} AS s (name, entity_id, created_at) VALUES ($1, $2, statement_timestamp()) \
         ON CONFLICT (name) DO UPDATE SET entity_id = excluded.entity_id, created_at = excluded.created_at, \
         complete = s.complete AND s.entity_id = excluded.entity_id \
         WHERE s.entity_id = excluded.entity_id OR s.entity_id = $3 RETURNING {COLUMNS}",
        shared.schema.qualified("subscriptions")
    );
    let query = shared.query(&statement).bind(name).bind(entity.as_uuid()).bind(old.map(|(_, old, _)| old.entity_id.as_uuid()));
    let row = query.fetch_optional(conn).await.map_err(driver)?;
    let row = row.ok_or_else(|| Error::conflict("another began the subscription at the same time").retryable(true))?;
    read(&row).map_err(unread)
}

/// Waits until everybody who was writing records has ended. Nobody is held up by it.
///
/// A statement locks the table before it takes its snapshot, so that whoever does not see the subscription holds the lock now.
async fn wait_for_writers(store: &PgStore) -> Result<()> {
    let shared = &store.shared;
    let statement = "SELECT DISTINCT l.virtualtransaction FROM pg_catalog.pg_locks l WHERE l.relation = $1::regclass \
                     AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) \
                     AND l.mode = 'RowExclusiveLock' AND l.granted";
    let mut waited_for: Option<Vec<String>> = None;
    let began = Instant::now();
    loop {
        let mut session = store.read().await?;
        let query = shared.query(statement).bind(&shared.schema.records);
        let rows = query.fetch_all(session.conn()?).await.map_err(driver)?;
        session.finish().await?;
        let writing = rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<Vec<String>>>().map_err(unread)?;
        let left = match waited_for {
            None => writing,
            Some(before) => before.into_iter().filter(|one| writing.contains(one)).collect(),
        };
        if left.is_empty() {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(Error::timeout(
                "a transaction that writes records goes on for too long; once it has ended, subscribe again",
            )
            .with("transactions", left.len())
            .retryable(true));
        }
        waited_for = Some(left);
        sleep(PAUSE).await;
    }
}
