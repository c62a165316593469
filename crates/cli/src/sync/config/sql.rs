//! `sql`: a query on a database.

use super::bad;
use crate::{
    knowledge::{StoreUrl, variable_name},
    resolve::redacted,
};
use mastra_core::Result;
use serde::{Deserialize, Serialize};

/// `sql`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlConfig {
    /// Without a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<StoreUrl>,
    /// The variable that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url_env: Option<String>,
    pub(crate) query: String,
    /// The column that says when a row changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) high_water: Option<String>,
    /// How far behind the mark a run begins, for marks that are times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) overlap_seconds: Option<u64>,
    /// The same for marks that are numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) overlap: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page_rows: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) statement_timeout_seconds: Option<u64>,
}

impl SqlConfig {
    pub(super) fn check(&self) -> Result<()> {
        match (&self.url, &self.url_env) {
            (Some(_), Some(_)) => return Err(bad("url and url_env both name the database: one of them is enough", "source.url")),
            (None, None) => return Err(bad("sql needs url, or url_env for one with a password", "source.kind")),
            (Some(StoreUrl(url)), None) => {
                if redacted(url) != *url {
                    let message = "a password never stands in this file: url_env names the variable that holds the URL";
                    return Err(bad(message, "source.url"));
                }
                let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
                if !matches!(scheme.as_deref(), Some("postgres" | "postgresql" | "sqlite")) {
                    return Err(bad("the URL of a database begins with postgres:// or sqlite:", "source.url"));
                }
            }
            (None, Some(name)) => variable_name(name, "source.url_env")?,
        }
        if self.query.trim().is_empty() {
            return Err(bad("the query is blank", "source.query"));
        }
        if self.overlap.is_some() && self.overlap_seconds.is_some() {
            return Err(bad("overlap is for marks that are numbers, overlap_seconds for times: one of them", "source.overlap"));
        }
        if self.high_water.is_none() && (self.overlap.is_some() || self.overlap_seconds.is_some()) {
            return Err(bad("an overlap needs high_water, the column that says when a row changed", "source.kind"));
        }
        if self.page_rows == Some(0) {
            return Err(bad("a page holds one row at least", "source.page_rows"));
        }
        Ok(())
    }
}
