//! What sources on the web are told of their server. Keys are named by their variables.

use super::{bad, is_default};
use crate::{knowledge::variable_name, resolve::redacted};
use mastra_core::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Headers that hold a key by what they are.
const SECRET_HEADERS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];

/// How the server is asked, and with which keys.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WebConfig {
    /// The variable of the key that is sent as `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bearer_env: Option<String>,
    /// A user and the variable of the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) basic: Option<BasicConfig>,
    /// Headers that hold no key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    /// Headers, each by the variable of its value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers_env: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<String>,
    /// How long one request may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_seconds: Option<u64>,
    /// How often a request is made, the first time included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempts: Option<u32>,
    /// How long a server may ask to be left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_wait_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_body_bytes: Option<usize>,
    /// Whether addresses outside the public internet may be asked.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) allow_private_addresses: bool,
}

/// `basic`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BasicConfig {
    pub(crate) user: String,
    pub(crate) password_env: String,
}

impl WebConfig {
    pub(super) fn check(&self) -> Result<()> {
        self.bearer_env.as_deref().map_or(Ok(()), |name| variable_name(name, "source.web.bearer_env"))?;
        if let Some(basic) = &self.basic {
            variable_name(&basic.password_env, "source.web.basic.password_env")?;
            if self.bearer_env.is_some() {
                return Err(bad("bearer_env and basic both say who asks: one of them is enough", "source.web.basic"));
            }
        }
        for (header, variable) in &self.headers_env {
            variable_name(variable, &format!("source.web.headers_env.{header}"))?;
        }
        for header in self.headers.keys() {
            if SECRET_HEADERS.iter().any(|secret| header.eq_ignore_ascii_case(secret)) || sounds_secret(header) {
                let key = format!("source.web.headers.{header}");
                return Err(bad("a key never stands in this file: headers_env names the variable that holds it", key));
            }
        }
        if self.timeout_seconds == Some(0) {
            return Err(bad("a request is given a second at least", "source.web.timeout_seconds"));
        }
        if self.attempts == Some(0) {
            return Err(bad("a request is made once at least", "source.web.attempts"));
        }
        Ok(())
    }
}

/// Whether a parameter or header of this name holds a secret, most likely.
pub(super) fn sounds_secret(name: &str) -> bool {
    redacted(&format!("x://h/?{name}=value")) != format!("x://h/?{name}=value")
}
