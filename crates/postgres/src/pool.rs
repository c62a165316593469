//! Pools of connections.

use crate::{error::driver, pooler::Pooler};
use mastra_core::Result;
use sqlx::{
    Connection as _, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr as _, time::Duration};

/// Settings of a pool that the engine opens itself.
#[derive(Debug, Clone)]
pub(crate) struct PoolSettings {
    pub(crate) max_connections: u32,
    pub(crate) min_connections: u32,
    pub(crate) acquire_timeout: Duration,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) application_name: Option<String>,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_connections: 10,
            min_connections: 0,
            acquire_timeout: Duration::from_secs(30),
            idle_timeout: Some(Duration::from_secs(600)),
            statement_timeout: None,
            application_name: None,
        }
    }
}

/// A connection that idled longer is tried before it is used, at the cost of a round trip; one that did not has just worked.
const TRIED_AFTER: Duration = Duration::from_secs(1);

/// Opens a pool; it connects when it is used first.
pub(crate) fn open(url: &str, settings: &PoolSettings, pooler: Pooler) -> Result<PgPool> {
    let options = connect_options(url, settings, pooler)?;
    let pool = PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .min_connections(settings.min_connections.min(settings.max_connections))
        .acquire_timeout(settings.acquire_timeout)
        .idle_timeout(settings.idle_timeout)
        .test_before_acquire(false)
        .before_acquire(|conn, meta| {
            Box::pin(async move {
                if meta.idle_for > TRIED_AFTER {
                    conn.ping().await?;
                }
                Ok(true)
            })
        });
    Ok(pool.connect_lazy_with(options))
}

fn connect_options(url: &str, settings: &PoolSettings, pooler: Pooler) -> Result<PgConnectOptions> {
    let mut options = PgConnectOptions::from_str(url).map_err(driver)?;
    match &settings.application_name {
        Some(name) => options = options.application_name(name),
        None if options.get_application_name().is_none() => options = options.application_name("mastra"),
        None => {}
    }
    match pooler {
        // pgbouncer refuses start-up parameters that it does not know, `options` and `extra_float_digits` among them.
        Pooler::Transaction => options = options.statement_cache_capacity(0).extra_float_digits(None),
        Pooler::None => {
            // Compiling the expressions of a filter or a sort takes longer than they run, some hundred milliseconds.
            options = options.options([("jit", "off")]);
            if let Some(timeout) = settings.statement_timeout {
                let milliseconds = timeout.as_millis().clamp(1, 2_147_483_647);
                options = options.options([("statement_timeout", milliseconds.to_string())]);
            }
        }
    }
    Ok(options)
}
