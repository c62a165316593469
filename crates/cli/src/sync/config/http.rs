//! `http`: lists of JSON that a server gives.

use super::{
    bad, is_default,
    web::{WebConfig, sounds_secret},
};
use crate::{knowledge::variable_name, resolve::redacted};
use mastra_core::{Path, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `http`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpConfig {
    pub(crate) url: String,
    /// Where the list stands in the answer; the answer itself where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<String>,
    /// What tells one state of an item from another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version_field: Option<String>,
    /// What says that an item is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deleted_field: Option<String>,
    /// Query parameters that hold no key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) query: BTreeMap<String, String>,
    /// Query parameters, each by the variable of its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) query_env: BTreeMap<String, String>,
    /// Asks for what changed since the run before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<SinceConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pagination: Option<PaginationConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page_size: Option<PageSizeConfig>,
    /// Whether a page that is not full is the last.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) short_page_ends: bool,
    /// The most items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_pages: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) web: WebConfig,
}

/// `since`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SinceConfig {
    pub(crate) parameter: String,
    pub(crate) field: String,
}

/// `page_size`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageSizeConfig {
    pub(crate) parameter: String,
    pub(crate) items: u64,
}

/// `pagination`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PaginationConfig {
    pub(crate) kind: PaginationKind,
    /// Where the answer names the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// The query parameter that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parameter: Option<String>,
    /// The number of the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<u64>,
}

/// How a list is parted into pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PaginationKind {
    Cursor,
    NextUrl,
    Page,
    Offset,
    Link,
}

impl HttpConfig {
    pub(super) fn check(&self) -> Result<()> {
        if redacted(&self.url) != self.url {
            let message =
                "a key never stands in this file: query_env, web.bearer_env or web.basic name the variable that holds it";
            return Err(bad(message, "source.url"));
        }
        let paths = [
            ("source.items", self.items.as_deref()),
            ("source.version_field", self.version_field.as_deref()),
            ("source.deleted_field", self.deleted_field.as_deref()),
            ("source.since.field", self.since.as_ref().map(|since| since.field.as_str())),
            ("source.pagination.next", self.pagination.as_ref().and_then(|pages| pages.next.as_deref())),
        ];
        for (key, path) in paths {
            path.map_or(Ok(()), |path| path.parse::<Path>().map(drop)).map_err(|error| error.with("key", key))?;
        }
        if let Some(name) = self.query.keys().find(|name| sounds_secret(name)) {
            let message = "a key never stands in this file: query_env names the variable that holds it";
            return Err(bad(message, format!("source.query.{name}")));
        }
        for (name, variable) in &self.query_env {
            variable_name(variable, &format!("source.query_env.{name}"))?;
        }
        self.pagination.as_ref().map_or(Ok(()), PaginationConfig::check)?;
        self.web.check()
    }
}

impl PaginationConfig {
    fn check(&self) -> Result<()> {
        use PaginationKind::{Cursor, NextUrl, Offset, Page};
        let needs = |key: &str, given: bool, wanted: bool| match (given, wanted) {
            (false, true) => Err(bad(format!("this pagination needs {key}"), "source.pagination.kind")),
            (true, false) => Err(bad(format!("this pagination has no {key}"), format!("source.pagination.{key}"))),
            _ => Ok(()),
        };
        needs("next", self.next.is_some(), matches!(self.kind, Cursor | NextUrl))?;
        needs("parameter", self.parameter.is_some(), matches!(self.kind, Cursor | Page | Offset))?;
        needs("first", self.first.is_some(), self.kind == Page && self.first.is_some())?;
        Ok(())
    }
}
