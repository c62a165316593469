//! How a source asks, other than by default.

use super::Secret;
use super::connect::Allowed;
use std::{net::IpAddr, time::Duration};

/// How a source asks its server.
///
/// ```
/// use mastra_sync::source::web::{Secret, WebOptions};
/// use std::time::Duration;
///
/// let web = WebOptions::new().bearer(Secret::env("CRM_TOKEN")).timeout(Duration::from_secs(10));
/// assert!(format!("{web:?}").contains("Secret(env CRM_TOKEN)"));
/// ```
#[derive(Debug, Clone)]
pub struct WebOptions {
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
    pub(super) pause: Duration,
    pub(super) max_wait: Duration,
    pub(super) max_body: usize,
    pub(super) max_redirects: usize,
    pub(super) user_agent: String,
    pub(super) auth: Option<Auth>,
    pub(super) headers: Vec<(String, Secret)>,
    pub(super) allowed: Allowed,
}

/// What is sent as `Authorization`.
#[derive(Debug, Clone)]
pub(super) enum Auth {
    Bearer(Secret),
    Basic(String, Secret),
}

impl Default for WebOptions {
    /// 30 s a request, 5 attempts, a first pause of 500 ms, no pause past 60 s, bodies of 32 MiB, 5 redirects, no key, public addresses.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            attempts: 5,
            pause: Duration::from_millis(500),
            max_wait: Duration::from_secs(60),
            max_body: 32 * 1024 * 1024,
            max_redirects: 5,
            user_agent: concat!("mastra-sync/", env!("CARGO_PKG_VERSION")).to_owned(),
            auth: None,
            headers: Vec::new(),
            allowed: Allowed::default(),
        }
    }
}

impl WebOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long one request may take, its body included; 30 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a request is made at most, the first time included; 5 by default. 0 is 1.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// About how long the first pause before a repeat is, of which each is twice as long as the one before; 500 ms by default.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How long a pause may be; 60 s by default. A server that asks for a longer one is not asked again in this run: the error is
    /// `Unavailable`, retryable, and says how long (`retry_after_s`).
    #[must_use]
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// How many bytes the body of an answer may have; 32 MiB by default. `InvalidInput` past that.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// How many redirects are followed; 5 by default.
    #[must_use]
    pub fn max_redirects(mut self, redirects: usize) -> Self {
        self.max_redirects = redirects;
        self
    }

    /// What the source calls itself; `mastra-sync/VERSION` by default.
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Sends `Authorization: Bearer KEY` to the host of the source.
    #[must_use]
    pub fn bearer(mut self, key: Secret) -> Self {
        self.auth = Some(Auth::Bearer(key));
        self
    }

    /// Sends `Authorization: Basic …` to the host of the source.
    #[must_use]
    pub fn basic(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.auth = Some(Auth::Basic(user.into(), password));
        self
    }

    /// Sends this header to the host of the source, such as a key as `x-api-key`. Again under the same name: another one.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: Secret) -> Self {
        self.headers.push((name.into(), value));
        self
    }

    /// Whether addresses that are not on the public internet may be asked too; `false` by default. Refused are private, loopback,
    /// link-local, shared (carrier-grade NAT), reserved, documentation, multicast and unspecified addresses, those of IPv6 that stand for
    /// others (mapped, 6to4, Teredo, NAT64), and a cloud's metadata. To be set only where everybody who can choose a URL of the source,
    /// by a link or a redirect too, may see what these addresses answer.
    #[must_use]
    pub fn allow_private_addresses(mut self, allow: bool) -> Self {
        self.allowed.all = allow;
        self
    }

    /// Lets this one address be asked too, though it is not on the public internet.
    #[must_use]
    pub fn allow_private_address(mut self, address: IpAddr) -> Self {
        self.allowed.addresses.push(address);
        self
    }
}
