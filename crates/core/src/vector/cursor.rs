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
