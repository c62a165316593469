//! Units of work: what one operation runs in, on an engine as in a caller's transaction.

use crate::{
    connection::{Lease, Slots},
    entities::{self, Known},
    shadow::{Cast, Shadow},
    vectors::place::{self, Place},
};
use mastra_core::{EntityRef, Error, Result, vector::Scope};
use sqlx::SqliteConnection;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

/// Where operations get their unit of work from.
pub(crate) trait Access: Send + Sync + std::fmt::Debug + 'static {
    /// For one statement that reads.
    fn read(&self) -> impl Future<Output = Result<Unit<'_>>> + Send;
    /// For several statements about an entity that have to see the same state.
    fn snapshot_of(&self, entity: &EntityRef) -> impl Future<Output = Result<(Unit<'_>, Known)>> + Send;
    /// For several statements about a namespace of points that have to see the same state.
    fn snapshot_in(&self, scope: &Scope) -> impl Future<Output = Result<(Unit<'_>, Place)>> + Send;
    /// For statements that take effect together or not at all.
    fn write(&self) -> impl Future<Output = Result<Unit<'_>>> + Send;
    /// As [`Access::write`], about an entity.
    fn write_to(&self, entity: &EntityRef) -> impl Future<Output = Result<(Unit<'_>, Known)>> + Send {
        async {
            let mut unit = self.write().await?;
            let known = entities::resolve(unit.connection()?, entity).await?;
            Ok((unit, known))
        }
    }
    /// As [`Access::write`], about a namespace of points.
    fn write_in(&self, scope: &Scope) -> impl Future<Output = Result<(Unit<'_>, Place)>> + Send {
        async {
            let mut unit = self.write().await?;
            let place = place::resolve(unit.connection()?, scope).await?;
            Ok((unit, place))
        }
    }
}

/// The connections of an engine: each operation is a transaction of its own.
#[derive(Debug, Clone)]
pub struct Pools {
    pub(crate) writer: Arc<Slots>,
    pub(crate) readers: Arc<Slots>,
    /// For a database in memory.
    pub(crate) shadow: Option<Arc<Shadow>>,
}

impl Pools {
    async fn reader(&self) -> Result<Lease> {
        match &self.shadow {
            Some(shadow) => shadow.lease(&self.readers).await,
            None => self.readers.lease().await,
        }
    }

    /// Begins a transaction for a caller.
    pub(crate) async fn open(&self) -> Result<Open> {
        let mut lease = self.writer.lease().await?;
        let cast = match &self.shadow {
            Some(shadow) => Some(shadow.cast(&mut lease).await?),
            None => None,
        };
        lease.begin("BEGIN IMMEDIATE").await?;
        Ok(Open { shared: Mutex::new(Shared { lease, undo: false }), _cast: cast })
    }
}

impl Access for Pools {
    async fn read(&self) -> Result<Unit<'_>> {
        Ok(Unit(Held::Own { lease: self.reader().await?, transaction: false }))
    }

    async fn snapshot_of(&self, entity: &EntityRef) -> Result<(Unit<'_>, Known)> {
        let mut lease = self.reader().await?;
        lease.expect_transaction();
        // One trip to the connection's thread for both.
        let known = entities::begin_and_resolve(lease.connection()?, entity).await?;
        Ok((Unit(Held::Own { lease, transaction: true }), known))
    }

    async fn snapshot_in(&self, scope: &Scope) -> Result<(Unit<'_>, Place)> {
        let mut lease = self.reader().await?;
        lease.expect_transaction();
        let place = place::begin_and_resolve(lease.connection()?, scope).await?;
        Ok((Unit(Held::Own { lease, transaction: true }), place))
    }

    async fn write(&self) -> Result<Unit<'_>> {
        let mut lease = self.writer.lease().await?;
        // Takes the write lock at once: a transaction that reads first and writes later could not wait for it.
        lease.begin("BEGIN IMMEDIATE").await?;
        Ok(Unit(Held::Own { lease, transaction: true }))
    }
}

/// A caller's transaction: operations run in it one after the other, each that writes in a savepoint.
#[derive(Debug)]
pub struct Open {
    shared: Mutex<Shared>,
    _cast: Option<Cast>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    lease: Lease,
    /// An operation was given up in its savepoint.
    undo: bool,
}

impl Open {
    pub(crate) async fn commit(self) -> Result<()> {
        let mut shared = self.shared.into_inner();
        shared.settle().await?;
        shared.lease.commit().await
    }

    pub(crate) async fn rollback(self) -> Result<()> {
        self.shared.into_inner().lease.rollback().await
    }

    async fn lock(&self) -> Result<MutexGuard<'_, Shared>> {
        let mut shared = self.shared.lock().await;
        shared.settle().await?;
        Ok(shared)
    }
}

impl Shared {
    /// Undoes what a failed or dropped operation left in its savepoint.
    async fn settle(&mut self) -> Result<()> {
        if self.undo {
            let lost = |_| Error::conflict("the transaction ended when one of its operations failed; run it again");
            self.lease.run("ROLLBACK TO operation").await.map_err(lost)?;
            // Said first: a caller who gives up while SQLite releases must not have it undone once more.
            self.undo = false;
            self.lease.run("RELEASE operation").await?;
        }
        Ok(())
    }
}

impl Access for Open {
    async fn read(&self) -> Result<Unit<'_>> {
        Ok(Unit(Held::Shared { shared: self.lock().await?, savepoint: false }))
    }

    async fn snapshot_of(&self, entity: &EntityRef) -> Result<(Unit<'_>, Known)> {
        let mut unit = self.read().await?;
        let known = entities::resolve(unit.connection()?, entity).await?;
        Ok((unit, known))
    }

    async fn snapshot_in(&self, scope: &Scope) -> Result<(Unit<'_>, Place)> {
        let mut unit = self.read().await?;
        let place = place::resolve(unit.connection()?, scope).await?;
        Ok((unit, place))
    }

    async fn write(&self) -> Result<Unit<'_>> {
        let mut shared = self.lock().await?;
        shared.lease.run("SAVEPOINT operation").await?;
        shared.undo = true;
        Ok(Unit(Held::Shared { shared, savepoint: true }))
    }
}

/// A connection for the time of one operation. Dropping it undoes what it wrote.
#[derive(Debug)]
pub(crate) struct Unit<'a>(Held<'a>);

#[derive(Debug)]
enum Held<'a> {
    Own { lease: Lease, transaction: bool },
    Shared { shared: MutexGuard<'a, Shared>, savepoint: bool },
}

impl Unit<'_> {
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection> {
        match &mut self.0 {
            Held::Own { lease, .. } => lease.connection(),
            Held::Shared { shared, .. } => shared.lease.connection(),
        }
    }

    /// The unit of an engine, which owns its connection.
    pub(crate) fn into_static(self) -> Result<Unit<'static>> {
        match self.0 {
            Held::Own { lease, transaction } => Ok(Unit(Held::Own { lease, transaction })),
            Held::Shared { .. } => Err(Error::internal("a transaction's connection cannot be taken from it")),
        }
    }

    /// What ends a snapshot, to stand behind its last statement; then [`Unit::ended`] is to be called. Nothing in a caller's
    /// transaction, which goes on.
    pub(crate) fn last(&self) -> &'static str {
        match &self.0 {
            Held::Own { transaction: true, .. } => "; COMMIT",
            _ => "",
        }
    }

    /// Says that what [`Unit::last`] gave was run to its end.
    pub(crate) fn ended(self) {
        if let Held::Own { mut lease, .. } = self.0 {
            lease.expect_no_transaction();
        }
    }

    /// Keeps what was written, or ends the snapshot.
    pub(crate) async fn commit(self) -> Result<()> {
        match self.0 {
            Held::Own { mut lease, transaction: true } => lease.commit().await,
            Held::Shared { mut shared, savepoint: true } => {
                // Said first: a caller who gives up from here on has made the call, whose savepoint may be gone already.
                shared.undo = false;
                shared.lease.run("RELEASE operation").await
            }
            _ => Ok(()),
        }
    }
}
