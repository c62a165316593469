//! The rules that a whole row of migrations obeys.

use super::{Migration, MigrationKind};
use crate::error::{Error, Result};

/// Checks that versions run 1, 2, 3 … in order, and that `oldest_client` rises exactly with breaking migrations.
///
/// The second rule keeps the labels honest: an additive migration that stopped serving a client would be breaking, and one
/// called breaking that serves everyone as before would be additive.
pub fn check_series(migrations: &[Migration]) -> Result<()> {
    let mut oldest_client = 1;
    for (migration, expected) in migrations.iter().zip(1_u32..) {
        let refuse = |message: &str| {
            Error::invalid_input(message).with("file", migration.file_name()).with("oldest_client", migration.oldest_client())
        };
        if migration.version() != expected {
            let message = "migrations are numbered from 1 without gaps or repeats";
            return Err(Error::invalid_input(message).with("file", migration.file_name()).with("expected", expected));
        }
        if expected == 1 && !migration.in_transaction() {
            return Err(refuse("the first migration runs in a transaction: with it the schema itself appears"));
        }
        let raised = migration.oldest_client() > oldest_client;
        match migration.kind() {
            _ if migration.oldest_client() < oldest_client => {
                return Err(
                    refuse("a migration cannot serve clients again that an earlier one gave up").with("at_least", oldest_client)
                );
            }
            MigrationKind::Additive if raised => {
                return Err(
                    refuse("an additive migration keeps oldest_client as it was").with("oldest_client_before", oldest_client)
                );
            }
            MigrationKind::Breaking if !raised => {
                return Err(refuse("a breaking migration raises oldest_client").with("oldest_client_before", oldest_client));
            }
            MigrationKind::Additive | MigrationKind::Breaking => {}
        }
        oldest_client = migration.oldest_client();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(rows: &[(u32, MigrationKind, u32)]) -> Vec<Migration> {
        rows.iter().map(|(version, kind, oldest)| Migration::embedded(*version, "m", *kind, *oldest, true, "", "")).collect()
    }

    #[test]
    fn versions_have_no_gaps() {
        use MigrationKind::Additive;
        assert!(check_series(&[]).is_ok());
        assert!(check_series(&series(&[(1, Additive, 1), (2, Additive, 1)])).is_ok());
        for wrong in [&[(2, Additive, 1)][..], &[(1, Additive, 1), (3, Additive, 1)], &[(1, Additive, 1), (1, Additive, 1)]] {
            assert!(check_series(&series(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_first_runs_in_a_transaction() {
        let off = |version| Migration::embedded(version, "m", MigrationKind::Additive, 1, false, "", "");
        let first = Migration::embedded(1, "m", MigrationKind::Additive, 1, true, "", "");
        assert!(check_series(&[off(1)]).is_err());
        assert!(check_series(&[first, off(2)]).is_ok());
    }

    #[test]
    fn the_oldest_client_rises_exactly_with_breaking_migrations() {
        use MigrationKind::{Additive, Breaking};
        assert!(check_series(&series(&[(1, Additive, 1), (2, Breaking, 2), (3, Additive, 2), (4, Breaking, 3)])).is_ok());
        assert!(check_series(&series(&[(1, Additive, 1), (2, Additive, 2)])).is_err());
        assert!(check_series(&series(&[(1, Additive, 1), (2, Breaking, 1)])).is_err());
        assert!(check_series(&series(&[(1, Additive, 1), (2, Breaking, 2), (3, Additive, 1)])).is_err());
    }
}
