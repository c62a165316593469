//! Cursors of scrolls.

use super::{point::Scope, query::ScrollQuery};
use crate::{
    cursor::Cursor,
    error::{Error, Result},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(rename = "q")]
    query: String,
    #[serde(rename = "p")]
    id: String,
}

impl ScrollQuery {
    /// The cursor behind a point of this walk. It is refused with another index, namespace or filter.
    pub fn cursor_after(&self, scope: &Scope, id: &str) -> Result<Cursor> {
        let wire = Wire { query: self.fingerprint(scope), id: id.to_owned() };
        let json =
            serde_json::to_vec(&wire).map_err(|source| Error::internal("a cursor could not be written").with_source(source))?;
        Ok(Cursor::from(URL_SAFE_NO_PAD.encode(json)))
    }

    /// The id that the walk goes on behind; `InvalidInput` where the cursor belongs to another.
    pub fn position(&self, scope: &Scope) -> Result<Option<String>> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let bad = || Error::invalid_input("not a cursor that this store gave");
        let json = URL_SAFE_NO_PAD.decode(cursor.as_str()).map_err(|_| bad())?;
        let wire: Wire = serde_json::from_slice(&json).map_err(|_| bad())?;
        if wire.query != self.fingerprint(scope) {
            return Err(Error::invalid_input(
                "the cursor belongs to another index, namespace or filter; start again without a cursor",
            ));
        }
        Ok(Some(wire.id))
    }

    fn fingerprint(&self, scope: &Scope) -> String {
        // Lengths keep two names from being cut elsewhere.
        let Scope { index, namespace } = scope;
        crate::hash::short(&format!(
            "points {} {index} {} {namespace} {}",
            index.len(),
            namespace.len(),
            self.filter.fingerprint()
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use crate::{error::ErrorKind, filter::Filter};

    fn scope() -> Scope {
        Scope::index("docs").in_namespace("tenant")
    }

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        for id in ["a", "é 🦀", "line\nbreak", " "] {
            let query = ScrollQuery::new().filter(Filter::eq("lang", "en").unwrap());
            let next = query.clone().cursor(Some(query.cursor_after(&scope(), id).unwrap()));
            assert_eq!(next.position(&scope()).unwrap().as_deref(), Some(id));
            // How much is read at a time, and what of it, does not change the walk.
            let other = next.limit(7).include(super::super::Include::ALL);
            assert_eq!(other.position(&scope()).unwrap().as_deref(), Some(id));
        }
        assert_eq!(ScrollQuery::new().position(&scope()).unwrap(), None);
    }

    #[test]
    fn a_cursor_of_another_walk_is_refused() {
        let query = ScrollQuery::new().filter(Filter::eq("lang", "en").unwrap());
        let next = query.clone().cursor(Some(query.cursor_after(&scope(), "a").unwrap()));
        let refused = |query: &ScrollQuery, scope: &Scope| {
            assert_eq!(query.position(scope).unwrap_err().kind(), ErrorKind::InvalidInput, "{scope:?} {query:?}");
        };
        for elsewhere in [
            Scope::index("docs"),
            Scope::index("other").in_namespace("tenant"),
            Scope::index("docs").in_namespace("tenants"),
            // The same letters, cut elsewhere.
            Scope::index("docs t").in_namespace("enant"),
        ] {
            refused(&next, &elsewhere);
        }
        refused(&next.clone().filter(Filter::all()), &scope());
        refused(&next.clone().filter(Filter::eq("lang", "de").unwrap()), &scope());
        for forged in ["", "not a cursor", "e30", &"A".repeat(10_000)] {
            refused(&query.clone().cursor(Some(Cursor::from(forged.to_owned()))), &scope());
        }
    }
}
