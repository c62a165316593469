//! Filters in SQL, as far as SQL judges them exactly.

use crate::{args::Args, entities::Known};
use mastra_core::Filter;

/// A filter as SQL.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Conditions that every matching row meets; further rows may meet them too.
    pub(crate) conditions: Vec<String>,
    /// Which of the rows that meet them have to be judged in core.
    pub(crate) doubt: Doubt,
}

/// Which rows core has to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// None: SQL has judged.
    Never,
    /// Those for which this expression is 1.
    Rows(String),
    /// All.
    Always,
}

pub(crate) fn compile(filter: &Filter, _known: &Known, _args: &mut Args) -> Compiled {
    let doubt = if filter.is_trivially_true() { Doubt::Never } else { Doubt::Always };
    Compiled { conditions: Vec::new(), doubt }
}
