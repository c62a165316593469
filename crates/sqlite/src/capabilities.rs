//! What the embedded engine and its vectors can do.

use mastra_core::{Capabilities, vector::VectorCapabilities};

/// What engine and vectors of one database can do.
#[derive(Debug)]
pub(crate) struct Can {
    pub(crate) engine: Capabilities,
    /// Every kind of index is taken, and answered exactly: kinds say how fast neighbours are wanted, and none has to be missed.
    pub(crate) vectors: VectorCapabilities,
}

/// The capabilities of a database in a file.
pub(crate) static FILE: Can = Can { engine: Capabilities::all(), vectors: VectorCapabilities::all() };

/// The capabilities of a database in memory, which goes with its engine.
pub(crate) static MEMORY: Can = {
    let (mut engine, mut vectors) = (Capabilities::all(), VectorCapabilities::all());
    engine.admin.persistent = false;
    engine.admin.multi_process = false;
    vectors.admin.persistent = false;
    vectors.admin.multi_process = false;
    Can { engine, vectors }
};
