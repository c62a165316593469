//! Traces on standard error.

use std::io;
use tracing_subscriber::{EnvFilter, fmt};

/// What speaks MCP, which writes whole answers to its log below this level: records are in them, and are in no log unless it is named.
const PROTOCOL: &str = "rmcp";

/// Sets tracing up once: `RUST_LOG`, else as much as `-v` asks for.
pub(crate) fn init(verbose: u8, json: bool) {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => match text.contains(PROTOCOL) {
            true => EnvFilter::new(text),
            false => EnvFilter::new(format!("{text},{PROTOCOL}=info")),
        },
        _ => EnvFilter::new(match (verbose, json) {
            // Standard error is one JSON document there.
            (0, true) => "off",
            (0, false) => "warn,sqlx=error,rmcp=error",
            (1, _) => "info",
            (2, _) => "info,mastra=debug,sqlx=info",
            _ => "trace,rmcp=info",
        }),
    };
    let layer = fmt::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(console::colors_enabled_stderr());
    // A second call in one process, as in tests, keeps the first subscriber.
    let _ = layer.try_init();
}
