//! The filter language: the built-in case files, and the differential run.

use crate::case_file::{BUILT_IN, run_case_file};
use crate::failure::{Failure, Outcome};
use mastra_core::RecordStore;

macro_rules! files {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $($(#[$doc])* pub async fn $name(store: &dyn RecordStore) -> Outcome {
            file(store, stringify!($name)).await
        })*

        #[cfg(test)]
        const RUN: &[&str] = &[$(stringify!($name)),*];
    };
}

files! {
    /// Typed equality by decimal value; lists and objects as values.
    equality,
    /// What a path leads to.
    paths,
    /// Negation is NOT of the positive form over the whole document.
    negation,
    /// Null, missing, present.
    null_and_presence,
    /// `$in`, `$all`, `$size`, `$elemMatch`.
    lists,
    /// `$gt` and kin.
    ranges,
    /// `$contains` and `$regex`.
    strings,
    /// `$and`, `$or`, `$nor`, `$not`, and what is refused.
    logic,
    /// The older condition list.
    older_conditions,
    /// The order of types and values.
    sorting,
}

async fn file(store: &dyn RecordStore, name: &str) -> Outcome {
    let (_, json) =
        BUILT_IN.iter().find(|(file, _)| *file == name).ok_or_else(|| Failure::new(format!("there is no case file {name}")))?;
    run_case_file(store, json).await?.outcome()
}

/// What the engine finds is what core's evaluator finds, over random documents and filters drawn from them.
pub async fn differential(store: &dyn RecordStore) -> Outcome {
    let soak = std::env::var("MASTRA_TEST_SOAK").is_ok_and(|soak| soak == "1");
    let pairs = crate::differential::PAIRS * if soak { 25 } else { 1 };
    crate::differential::differential(store, pairs).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_file_is_run() {
        let files: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        assert_eq!(RUN, files);
    }
}
