//! Variables that a file names: of the environment, else of `.env`.

use std::collections::BTreeMap;
use std::fmt;

/// Looks variables up.
#[derive(Clone, Default)]
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(super) fn of(dotenv: BTreeMap<String, String>) -> Self {
        Self(dotenv)
    }

    /// The value of a variable; `None` where it is not set, or blank.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let set = |value: &String| !value.trim().is_empty();
        std::env::var(name).ok().filter(set).or_else(|| self.0.get(name).cloned().filter(set))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values are secrets, as often as not.
        f.debug_set().entries(self.0.keys()).finish()
    }
}
