//! Migrations as Rust, so that a crate builds from its archive, without the rest of the repository.

use std::fmt::Write as _;

use mastra_core::migrate::{Migration, MigrationKind};

use super::{Backend, Generated};

/// `src/migrate/embedded.rs` of the backend's crate.
pub(super) fn module(backend: Backend, migrations: &[Migration]) -> Generated {
    let mut text = format!(
        "//! The schema's migrations, embedded.\n\
         //!\n\
         //! Generated from migrations/{backend} by `cargo xtask codegen`: do not edit.\n\
         \n\
         use mastra_core::migrate::{{Migration, MigrationKind}};\n\
         \n\
         /// Every migration, in order.\n\
         #[rustfmt::skip]\n\
         pub(super) static MIGRATIONS: &[Migration] = &["
    );
    for migration in migrations {
        let kind = match migration.kind() {
            MigrationKind::Additive => "Additive",
            MigrationKind::Breaking => "Breaking",
        };
        let (fence, sql) = (fence(migration.sql()), migration.sql());
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n    Migration::embedded(\n        {},\n        \"{}\",\n        MigrationKind::{kind},\n        {},\n        {},\n        \
             \"{}\",\n        r{fence}\"{sql}\"{fence},\n    ),",
            migration.version(),
            migration.name(),
            migration.oldest_client(),
            migration.in_transaction(),
            migration.checksum(),
        );
    }
    text.push_str("\n];\n");
    Generated { path: backend.crate_folder().join("src/migrate/embedded.rs"), text }
}

/// Enough `#` that the text cannot end the raw string.
fn fence(text: &str) -> String {
    let mut fence = String::new();
    while text.contains(&format!("\"{fence}")) {
        fence.push('#');
    }
    fence
}
