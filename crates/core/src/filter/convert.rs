//! What the builders take.

use super::ast::Bound;
use crate::{error::Result, number::Number, path::Path};

/// What a builder takes as a path: the written form, or a [`Path`].
///
/// ```
/// use mastra_core::{Filter, Path};
///
/// let path = Path::from_segments(["web.site"])?;
/// assert_eq!(Filter::exists(path)?, Filter::exists(r"web\.site")?);
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is no path", note = "give a dotted string or a `mastra_core::Path`")]
pub trait IntoPath {
    /// The path, or why it is malformed.
    fn into_path(self) -> Result<Path>;
}

impl IntoPath for Path {
    fn into_path(self) -> Result<Path> {
        Ok(self)
    }
}

impl IntoPath for &Path {
    fn into_path(self) -> Result<Path> {
        Ok(self.clone())
    }
}

impl IntoPath for &str {
    fn into_path(self) -> Result<Path> {
        self.parse()
    }
}

impl IntoPath for &String {
    fn into_path(self) -> Result<Path> {
        self.parse()
    }
}

impl IntoPath for String {
    fn into_path(self) -> Result<Path> {
        self.parse()
    }
}

/// What a builder takes as the bound of a range: a number or a string.
///
/// ```
/// use mastra_core::Filter;
///
/// assert!(Filter::gte("amount", 10)?.matches(&serde_json::json!({"amount": 10.0})));
/// assert!(Filter::lt("signed", "2026-02-01")?.matches(&serde_json::json!({"signed": "2026-01-31"})));
/// assert!(Filter::gt("amount", f64::NAN).is_err());
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is no bound of a range", note = "a range takes a number or a string")]
pub trait IntoBound {
    /// The bound; an error for a float that is not finite.
    fn into_bound(self) -> Result<Bound>;
}

impl<T: Into<Bound>> IntoBound for T {
    fn into_bound(self) -> Result<Bound> {
        Ok(self.into())
    }
}

impl IntoBound for f64 {
    fn into_bound(self) -> Result<Bound> {
        Number::try_from(self).map(Bound::Number)
    }
}

impl From<Number> for Bound {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Bound {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<&str> for Bound {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

macro_rules! bounds_from_integers {
    ($($integer:ty)*) => {
        $(impl From<$integer> for Bound {
            fn from(integer: $integer) -> Self {
                Self::Number(integer.into())
            }
        })*
    };
}

bounds_from_integers!(i32 i64 u32 u64 usize);
