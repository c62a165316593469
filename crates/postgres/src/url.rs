//! The engine's own parameters in a connection URL.

use crate::pooler::Pooler;
use mastra_core::{Error, Result};

/// A connection URL, parted into what is the engine's and what is the driver's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct EngineUrl {
    /// `schema=NAME`
    pub(crate) schema: Option<String>,
    /// `pooler=none|transaction`
    pub(crate) pooler: Option<Pooler>,
    /// The URL without them.
    pub(crate) rest: String,
}

impl EngineUrl {
    /// Takes the engine's parameters out of the URL's query. No error quotes the URL, which may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::invalid_input("a URL of this engine begins with postgres:// or postgresql://"));
        }
        let Some((base, query)) = url.split_once('?') else {
            return Ok(Self { rest: url.to_owned(), ..Self::default() });
        };
        let mut parsed = Self::default();
        let mut rest = Vec::new();
        for parameter in query.split('&') {
            match parameter.split_once('=') {
                Some(("schema", value)) => parsed.schema = Some(decode(value)?),
                Some(("pooler", value)) => parsed.pooler = Some(pooler(value)?),
                Some((key, _)) if is_drivers(key) => rest.push(parameter),
                Some((key, _)) => tracing::warn!(parameter = key, "the connection URL has a parameter that nothing reads"),
                None => {}
            }
        }
        parsed.rest = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        Ok(parsed)
    }
}

/// Whether the driver reads a parameter. It would log the others with their values, and a misspelt password is one.
fn is_drivers(key: &str) -> bool {
    const KEYS: &[&str] = &[
        "sslmode",
        "ssl-mode",
        "sslrootcert",
        "ssl-root-cert",
        "ssl-ca",
        "sslcert",
        "ssl-cert",
        "sslkey",
        "ssl-key",
        "statement-cache-capacity",
        "host",
        "hostaddr",
        "port",
        "dbname",
        "user",
        "password",
        "application_name",
        "options",
    ];
    KEYS.contains(&key) || (key.starts_with("options[") && key.ends_with(']'))
}

fn pooler(value: &str) -> Result<Pooler> {
    match value {
        "none" | "session" => Ok(Pooler::None),
        "transaction" => Ok(Pooler::Transaction),
        _ => Err(Error::invalid_input("the URL's parameter pooler is none or transaction")),
    }
}

/// Undoes percent encoding.
fn decode(text: &str) -> Result<String> {
    let malformed = || Error::invalid_input("malformed percent encoding in the URL's parameter schema");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(malformed);
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).map_err(|_| malformed())?);
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_parameters_are_taken_out_and_the_others_stay() {
        let parsed = EngineUrl::parse("postgres://u:p@h/db?sslmode=require&schema=my%20app&pooler=transaction&port=1").unwrap();
        assert_eq!(parsed.schema.as_deref(), Some("my app"));
        assert_eq!(parsed.pooler, Some(Pooler::Transaction));
        assert_eq!(parsed.rest, "postgres://u:p@h/db?sslmode=require&port=1");
        assert_eq!(EngineUrl::parse("postgres://h/db?schema=a").unwrap().rest, "postgres://h/db");
    }

    #[test]
    fn a_parameter_that_the_driver_would_log_never_reaches_it() {
        let parsed = EngineUrl::parse("postgres://h/db?pasword=secret&channel_binding=require&user=u").unwrap();
        assert_eq!(parsed.rest, "postgres://h/db?user=u");
    }

    #[test]
    fn what_is_malformed_is_refused_without_quoting_the_url() {
        for url in ["mysql://u:secret@h/db", "postgres://u:secret@h/db?pooler=maybe", "postgres://u:secret@h/db?schema=%zz"] {
            let error = EngineUrl::parse(url).unwrap_err();
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
}
