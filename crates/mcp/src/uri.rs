//! The address of a record: `mastra://records/CONNECTION/ENTITY/EXTERNAL-ID`, each part percent-encoded.

use mastra_core::{Error, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt;

/// How addresses are made, in the form of RFC 6570.
pub(crate) const TEMPLATE: &str = "mastra://records/{connection}/{entity}/{externalId}";

const PREFIX: &str = "mastra://records/";

/// The longest address that names something: three names of the most bytes, each byte encoded.
const MOST_BYTES: usize = PREFIX.len() + 3 * 3 * mastra_core::validate::MAX_NAME_BYTES + 2;

/// RFC 3986 leaves these as they are.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordUri {
    pub(crate) connection_id: String,
    pub(crate) entity: String,
    pub(crate) external_id: String,
}

impl RecordUri {
    pub(crate) fn parse(uri: &str) -> Result<Self> {
        let bad = || {
            Error::invalid_input("not the address of a record").with("form", TEMPLATE).with("uri", crate::cut::text(uri, 200).0)
        };
        if uri.len() > MOST_BYTES {
            return Err(bad());
        }
        let decode = |part: &str| percent_decode_str(part).decode_utf8().map(String::from).map_err(|_| bad());
        let mut parts = uri.strip_prefix(PREFIX).ok_or_else(bad)?.split('/').map(decode);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(connection_id), Some(entity), Some(external_id), None) => {
                Ok(Self { connection_id: connection_id?, entity: entity?, external_id: external_id? })
            }
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for RecordUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |part| utf8_percent_encode(part, ENCODED);
        write!(f, "{PREFIX}{}/{}/{}", encoded(&self.connection_id), encoded(&self.entity), encoded(&self.external_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_has_an_address() {
        for name in ["a", "a/b c", "é%2F", "?#[]@!$&'()*+,;=", "\u{0}\n", "👨‍👩‍👧‍👦"] {
            let named = RecordUri { connection_id: "c/1".into(), entity: name.into(), external_id: name.into() };
            let written = named.to_string();
            assert!(written.is_ascii() && written.matches('/').count() == 5, "{written}");
            assert_eq!(RecordUri::parse(&written).unwrap(), named);
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let long = format!("{PREFIX}a/b/{}", "x".repeat(100_000));
        for uri in [
            "",
            "mastra://records/",
            "mastra://records/a/b",
            "mastra://records/a/b/c/d",
            "file:///a/b/c",
            "mastra://records/a/b/%ff",
            &long,
        ] {
            let error = RecordUri::parse(uri).unwrap_err();
            assert_eq!(error.kind(), mastra_core::ErrorKind::InvalidInput);
            assert!(error.to_string().len() < 500);
        }
    }
}
