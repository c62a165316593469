//! Connection poolers between the engine and the server.

/// What stands between the engine and the server.
///
/// The driver sends the parts of a prepared statement in two messages that each end with a synchronisation, and a pooler in
/// transaction mode may give the server connection to another client between them: that client's rows would come back. So
/// behind such a pooler every statement, lone reads among them, runs inside an explicit transaction and unnamed, and nothing is
/// set for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pooler {
    /// Nothing, or a pooler in session mode.
    #[default]
    None,
    /// A pooler in transaction mode: pgbouncer with `pool_mode = transaction`, PgCat, Supavisor, RDS Proxy.
    Transaction,
}
