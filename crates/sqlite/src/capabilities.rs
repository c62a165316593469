//! What the embedded engine can do.

use mastra_core::Capabilities;

/// The capabilities of a database in a file.
pub(crate) const FILE: Capabilities = Capabilities::all();

/// The capabilities of a database in memory, which goes with its engine.
pub(crate) const MEMORY: Capabilities = {
    let mut all = Capabilities::all();
    all.admin.persistent = false;
    all.admin.multi_process = false;
    all
};
