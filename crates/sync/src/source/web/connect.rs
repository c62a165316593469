//! Connections, to addresses that may be connected to.

use super::address::is_public;
use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::{fmt, io, sync::Arc, vec};
use tower_service::Service;
use url::{Host, Url};

/// Which addresses may be asked beside those on the public internet.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    pub(super) all: bool,
    pub(super) addresses: Vec<IpAddr>,
}

impl Allowed {
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        self.all || is_public(address) || self.addresses.contains(&address)
    }

    /// A URL whose host is an address is never looked up, and so checked here.
    pub(super) fn check(&self, url: &Url) -> Result<(), Refused> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        if self.permits(address) { Ok(()) } else { Err(Refused) }
    }
}

/// A host has no address that may be connected to.
#[derive(Debug)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host is not on the public internet")
    }
}

impl std::error::Error for Refused {}

/// Looks names up in the system's manner, and keeps of their addresses those that may be connected to. What it returns is what is
/// connected to: a name that answers otherwise the next time gains nothing.
#[derive(Clone)]
pub(super) struct Resolver<R = GaiResolver> {
    inner: R,
    allowed: Arc<Allowed>,
}

impl Resolver {
    pub(super) fn connector(allowed: Arc<Allowed>) -> HttpConnector<Self> {
        HttpConnector::new_with_resolver(Self { inner: GaiResolver::new(), allowed })
    }
}

/// Why a name led to no address.
#[derive(Debug)]
pub(super) enum Unresolved {
    Refused(Refused),
    Failed(io::Error),
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Unresolved {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Failed(error) => Some(error),
        }
    }
}

impl<R> Service<Name> for Resolver<R>
where
    R: Service<Name, Error = io::Error>,
    R::Response: Iterator<Item = SocketAddr>,
    R::Future: Send + 'static,
{
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = BoxFuture<'static, Result<Self::Response, Unresolved>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        self.inner.poll_ready(context).map_err(Unresolved::Failed)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = self.inner.call(name);
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let (kept, refused): (Vec<_>, Vec<_>) =
                found.await.map_err(Unresolved::Failed)?.partition(|address| allowed.permits(address.ip()));
            match kept.is_empty() && !refused.is_empty() {
                true => Err(Unresolved::Refused(Refused)),
                false => Ok(kept.into_iter()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{Ready, ready};

    /// A name server that answers otherwise each time.
    #[derive(Clone)]
    struct Rebinding(Vec<Vec<&'static str>>);

    impl Service<Name> for Rebinding {
        type Response = vec::IntoIter<SocketAddr>;
        type Error = io::Error;
        type Future = Ready<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            let addresses: Vec<SocketAddr> =
                self.0.remove(0).into_iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
            ready(Ok(addresses.into_iter()))
        }
    }

    #[tokio::test]
    async fn a_name_leads_to_public_addresses_alone_each_time() {
        let answers = vec![vec!["8.8.8.8"], vec!["10.0.0.1", "1.1.1.1", "::1"], vec!["127.0.0.1", "fd00:ec2::254"], vec![]];
        let mut resolver = Resolver { inner: Rebinding(answers), allowed: Arc::default() };
        let mut look = async || {
            let found = resolver.call("example.org".parse().unwrap()).await;
            found.map(|addresses| addresses.map(|address| address.ip().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(look().await.unwrap(), ["8.8.8.8"]);
        assert_eq!(look().await.unwrap(), ["1.1.1.1"]);
        assert!(matches!(look().await, Err(Unresolved::Refused(_))));
        // A name without an address is not a refused one.
        assert!(look().await.unwrap().is_empty());
    }

    #[test]
    fn addresses_in_urls_are_checked_however_they_are_spelled() {
        let check = |url: &str, allowed: &Allowed| allowed.check(&Url::parse(url).unwrap()).is_ok();
        let none = Allowed::default();
        for url in [
            "http://127.0.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://017700000001/",
            "http://[::1]/",
            "http://127.1/",
        ] {
            assert!(!check(url, &none), "{url}");
        }
        assert!(check("http://8.8.8.8/", &none) && check("http://example.org/", &none));
        let one = Allowed { all: false, addresses: vec!["127.0.0.1".parse().unwrap()] };
        assert!(check("http://127.0.0.1/", &one) && !check("http://127.0.0.2/", &one));
    }
}
