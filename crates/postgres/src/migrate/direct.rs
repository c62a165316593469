//! A direct connection, and telling a pooler from one.

use crate::error::{driver, is};
use crate::pooler::Pooler;
use crate::url::EngineUrl;
use mastra_core::{Error, Result};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};
use std::str::FromStr as _;

/// A setting of our own that travels in the start-up message and that a direct server gives back.
const SETTING: &str = "mastra.direct";

/// The options of a URL. Its `schema` does not matter here: the migrator is given one.
pub(super) fn parse(url: &str) -> Result<PgConnectOptions> {
    let url = EngineUrl::parse(url)?;
    match url.pooler.unwrap_or_default() {
        Pooler::None => PgConnectOptions::from_str(&url.rest).map_err(driver),
        Pooler::Transaction => Err(pooled()),
    }
}

/// Connects to the server itself.
///
/// A pooler keeps the server's connections and opened them before it knew of us, so it either refuses the `options` of our
/// start-up message, as pgbouncer does, or drops them (`ignore_startup_parameters`). Both tell it apart, in every pool mode.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection> {
    let options = options.clone().options([(SETTING, "1")]).application_name("mastra engine migrate").disable_statement_logging();
    let mut conn = match options.connect().await {
        Ok(conn) => conn,
        // protocol_violation: "unsupported startup parameter"
        Err(error) if is(&error, "08P01") => return Err(pooled()),
        Err(error) => return Err(driver(error)),
    };
    let direct: Option<String> = sqlx::query_scalar("SELECT current_setting($1, true)")
        .persistent(false)
        .bind(SETTING)
        .fetch_one(&mut conn)
        .await
        .map_err(driver)?;
    if direct.as_deref() == Some("1") { Ok(conn) } else { Err(pooled()) }
}

fn pooled() -> Error {
    Error::invalid_input("the URL leads to a connection pooler: migrate with a URL that leads to the server itself")
}
