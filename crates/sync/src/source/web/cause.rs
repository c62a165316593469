//! What a failure of the network is to the caller.

use super::connect::Refused;
use super::retry::Failure;
use hyper_util::client::legacy::Error as PoolError;
use mastra_core::Error;
use std::{error::Error as StdError, fmt, io};

/// A body that ended in the middle.
pub(super) fn lost(source: impl StdError + Send + Sync + 'static) -> Failure {
    Failure::again(Error::unavailable("the answer ended in the middle").with_source(source))
}

/// An address that may not be connected to.
pub(super) fn refused(source: Refused) -> Failure {
    Failure::last(
        Error::permission_denied(
            "the host is not on the public internet; WebOptions::allow_private_addresses lets a source ask such hosts",
        )
        .with_source(source),
    )
}

/// A request that got no answer.
pub(super) fn unreachable(source: PoolError) -> Failure {
    if within(&source, &|error| error.is::<Refused>()) {
        return refused(Refused);
    }
    let untrusted = |error: &(dyn StdError + 'static)| {
        error.downcast_ref().is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
    };
    if within(&source, &untrusted) {
        let message = "this system does not trust the server's certificate; is it expired, for another host, or of an authority of your own?";
        return Failure::last(Error::unavailable(message).with_source(source));
    }
    let message = match source.is_connect() {
        true => "the server cannot be reached; is the URL right?",
        false => "the connection to the server was lost",
    };
    Failure::again(Error::unavailable(message).with_source(source))
}

/// Whether this is true of an error or of one behind it.
fn within(error: &(dyn StdError + 'static), is: &dyn Fn(&(dyn StdError + 'static)) -> bool) -> bool {
    // An error of I/O names what is behind the one that it holds as its source.
    let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    is(error) || held.is_some_and(|held| within(held, is)) || error.source().is_some_and(|source| within(source, is))
}

/// An error that comes in a box, which is none itself.
#[derive(Debug)]
pub(super) struct Boxed(pub(super) Box<dyn StdError + Send + Sync>);

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Boxed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_errors_of_input_and_output_is_found() {
        let refused = |error: &(dyn StdError + 'static)| error.is::<Refused>();
        let inner = io::Error::new(io::ErrorKind::InvalidData, Boxed(Box::new(Refused)));
        assert!(!within(&inner, &refused), "what is in a box is hidden");
        let inner = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, Refused));
        assert!(within(&inner, &refused));
        assert!(within(&Failure::again(Error::unavailable("x").with_source(inner)).error, &refused));
        assert!(!within(&io::Error::other("x"), &refused));
    }
}
