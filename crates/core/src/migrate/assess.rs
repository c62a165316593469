//! Comparing what a client knows with what a database remembers: pure decisions.

use super::{Applied, Migration, MigrationKind};
use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// A migration that a client knows and a database lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// Its version.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// Additive or breaking.
    pub kind: MigrationKind,
    /// The oldest client that the schema serves once it is applied.
    pub oldest_client: u32,
}

/// How a database's schema stands to a client. `client` is the newest version that the client knows, `schema` the newest that
/// was applied, 0 for none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Assessment {
    /// Both know the same migrations.
    UpToDate {
        /// The version of both.
        version: u32,
    },
    /// The database lacks migrations, all at the end of the row.
    Behind {
        /// The database's version; 0 where nothing was applied.
        schema: u32,
        /// The client's version.
        client: u32,
        /// What is missing, in order.
        pending: Vec<Pending>,
    },
    /// The database has migrations that the client does not know.
    Ahead {
        /// The database's version.
        schema: u32,
        /// The client's version.
        client: u32,
        /// What the client does not know, in order.
        newer: Vec<Applied>,
        /// The oldest client that all of them serve.
        oldest_client: u32,
        /// Whether that includes this one.
        serves_this_client: bool,
    },
    /// A migration was applied with another text than the client has.
    Edited {
        /// Its version.
        version: u32,
        /// Its name in the client.
        name: String,
        /// The name under which it was applied.
        applied_name: String,
    },
    /// A migration was not applied though a later one was.
    Missing {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
        /// The later version.
        applied: u32,
    },
}

/// Whether a client may work with the schema it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The schema is the client's own.
    Current,
    /// The schema is newer and still serves the client.
    Newer {
        /// The database's version.
        schema: u32,
        /// The client's version.
        client: u32,
    },
}

/// Compares the migrations that a client knows with those that a database has applied; the order of either does not matter.
///
/// An edited or missing migration outweighs the rest: nothing can be said of a schema whose history is another one.
///
/// ```
/// use mastra_core::migrate::{Assessment, Migration, assess};
///
/// let known = [Migration::parse("0001_engine.sql", "-- mastra: kind=additive oldest_client=1\nCREATE TABLE a (b int);\n")?];
/// assert!(matches!(assess(&known, &[]), Assessment::Behind { schema: 0, client: 1, .. }));
/// # Ok::<(), mastra_core::Error>(())
/// ```
pub fn assess(known: &[Migration], applied: &[Applied]) -> Assessment {
    let client = known.iter().map(Migration::version).max().unwrap_or(0);
    let schema = applied.iter().map(|row| row.version).max().unwrap_or(0);
    let mut known: Vec<&Migration> = known.iter().collect();
    known.sort_by_key(|migration| migration.version());

    let mut pending = Vec::new();
    for migration in known {
        match applied.iter().find(|row| row.version == migration.version()) {
            Some(row) if row.checksum == migration.checksum() => {}
            Some(row) => {
                let (name, applied_name) = (migration.name().to_owned(), row.name.clone());
                return Assessment::Edited { version: row.version, name, applied_name };
            }
            None if migration.version() < schema => {
                let name = migration.name().to_owned();
                return Assessment::Missing { version: migration.version(), name, applied: schema };
            }
            None => pending.push(Pending {
                version: migration.version(),
                name: migration.name().to_owned(),
                kind: migration.kind(),
                oldest_client: migration.oldest_client(),
            }),
        }
    }
    if !pending.is_empty() {
        return Assessment::Behind { schema, client, pending };
    }
    let mut newer: Vec<Applied> = applied.iter().filter(|row| row.version > client).cloned().collect();
    newer.sort_by_key(|row| row.version);
    match newer.iter().map(|row| row.oldest_client).max() {
        None => Assessment::UpToDate { version: client },
        Some(oldest_client) => {
            Assessment::Ahead { schema, client, newer, oldest_client, serves_this_client: oldest_client <= client }
        }
    }
}

impl Assessment {
    /// Whether the schema is exactly the client's.
    pub fn is_up_to_date(&self) -> bool {
        matches!(self, Self::UpToDate { .. })
    }

    /// What the database lacks; empty in every other state.
    pub fn pending(&self) -> &[Pending] {
        match self {
            Self::Behind { pending, .. } => pending,
            _ => &[],
        }
    }

    /// Whether a client may work with this schema; else `SchemaMismatch` with what to do.
    pub fn admit(&self) -> Result<Admission> {
        self.admit_or_tell(ENGINE)
    }

    fn admit_or_tell(&self, command: &str) -> Result<Admission> {
        match self {
            Self::UpToDate { .. } => Ok(Admission::Current),
            Self::Ahead { schema, client, serves_this_client: true, .. } => {
                Ok(Admission::Newer { schema: *schema, client: *client })
            }
            _ => Err(self.mismatch(command)),
        }
    }

    /// As [`Assessment::admit`], warning once a process where `namespace`, which names the database without a secret, has a
    /// newer schema.
    pub fn admit_with_warning(&self, namespace: &str) -> Result<Admission> {
        self.admit_naming(namespace, ENGINE)
    }

    /// The same for another series of migrations than the engine's: `command` is what a person runs to apply them.
    pub fn admit_naming(&self, namespace: &str, command: &str) -> Result<Admission> {
        /// What was warned of. It stays small: one row a database that this process connected to.
        static WARNED: Mutex<BTreeSet<(String, u32)>> = Mutex::new(BTreeSet::new());

        let admission = self.admit_or_tell(command)?;
        if let Admission::Newer { schema, client } = admission
            && WARNED.lock().unwrap_or_else(PoisonError::into_inner).insert((namespace.to_owned(), schema))
        {
            tracing::warn!(
                db.namespace = namespace,
                schema_version = schema,
                client_version = client,
                "the schema is newer than this client and still serves it: upgrade this client when you can"
            );
        }
        Ok(admission)
    }

    /// `Ok` where the schema is exactly the client's, else `SchemaMismatch`: for `mastra engine migrate --check`.
    pub fn check(&self) -> Result<()> {
        if self.is_up_to_date() { Ok(()) } else { Err(self.mismatch(ENGINE)) }
    }

    /// `Ok` with what to apply, nothing where the schema is current or newer and serves the client; else `SchemaMismatch`.
    pub fn to_apply(&self) -> Result<&[Pending]> {
        match self {
            Self::Behind { pending, .. } => Ok(pending),
            _ => self.admit().map(|_| &[][..]),
        }
    }

    fn mismatch(&self, command: &str) -> Error {
        let error = Error::schema_mismatch(Told { assessment: self, command }.to_string());
        match self {
            Self::UpToDate { version } => error.with("schema", version).with("client", version),
            Self::Behind { schema, client, .. } | Self::Ahead { schema, client, .. } => {
                error.with("schema", schema).with("client", client)
            }
            Self::Edited { version, .. } | Self::Missing { version, .. } => error.with("version", version),
        }
    }
}

impl std::fmt::Display for Assessment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Told { assessment: self, command: ENGINE }.fmt(f)
    }
}

/// What applies the engine's migrations.
const ENGINE: &str = "mastra engine migrate";

/// An assessment in words, with the command that helps.
struct Told<'a> {
    assessment: &'a Assessment,
    command: &'a str,
}

impl std::fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let command = self.command;
        match self.assessment {
            Assessment::UpToDate { version } => write!(f, "the schema is up to date, at version {version}"),
            Assessment::Behind { schema: 0, .. } => write!(f, "there is no schema yet: run `{command}`"),
            Assessment::Behind { schema, client, .. } => {
                write!(f, "the schema is at version {schema} and this client needs {client}: run `{command}`")
            }
            Assessment::Ahead { schema, client, serves_this_client: true, .. } => {
                write!(f, "the schema is at version {schema}, newer than this client's {client}, which it still serves")
            }
            Assessment::Ahead { schema, client, oldest_client, .. } => write!(
                f,
                "the schema is at version {schema} and serves clients from {oldest_client} on, this one is at {client}: \
                 upgrade this client"
            ),
            Assessment::Edited { version, name, applied_name } => {
                write!(f, "migration {version:04}_{name} is not the one that was applied")?;
                if name != applied_name {
                    write!(f, " ({version:04}_{applied_name})")?;
                }
                write!(f, ": use a release whose migrations were not edited, then run `{command}`")
            }
            Assessment::Missing { version, name, applied } => write!(
                f,
                "migration {version:04}_{name} was never applied though {applied:04} was: restore the schema from a backup, \
                 or migrate an empty one with `{command}`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use MigrationKind::{Additive, Breaking};

    fn known(rows: &[(u32, MigrationKind, u32)]) -> Vec<Migration> {
        let sums = ["0", "1", "2", "3", "4", "5"];
        rows.iter()
            .map(|(version, kind, oldest)| Migration::embedded(*version, "m", *kind, *oldest, true, sums[*version as usize], ""))
            .collect()
    }

    fn applied(rows: &[(u32, MigrationKind, u32)]) -> Vec<Applied> {
        known(rows).iter().map(|migration| Applied::new(migration, crate::time::now())).collect()
    }

    const ONE: (u32, MigrationKind, u32) = (1, Additive, 1);
    const TWO: (u32, MigrationKind, u32) = (2, Additive, 1);

    #[test]
    fn the_same_is_up_to_date() {
        for rows in [&[][..], &[ONE], &[ONE, TWO]] {
            let assessment = assess(&known(rows), &applied(rows));
            assert_eq!(assessment, Assessment::UpToDate { version: rows.len() as u32 });
            assert_eq!(assessment.admit().unwrap(), Admission::Current);
            assert!(assessment.check().is_ok());
            assert!(assessment.to_apply().unwrap().is_empty());
        }
    }

    #[test]
    fn a_database_behind_names_the_command() {
        let assessment = assess(&known(&[ONE, TWO, (3, Breaking, 3)]), &applied(&[ONE]));
        assert_eq!(assessment.pending().iter().map(|pending| pending.version).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(assessment.to_apply().unwrap().len(), 2);
        let error = assessment.admit().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
        assert!(error.to_string().contains("mastra engine migrate"), "{error}");
        assert!(!error.is_retryable());
        assert!(assessment.check().is_err());
    }

    #[test]
    fn a_newer_schema_serves_or_refuses() {
        let served = assess(&known(&[ONE]), &applied(&[ONE, TWO]));
        assert_eq!(served.admit().unwrap(), Admission::Newer { schema: 2, client: 1 });
        assert_eq!(served.check().unwrap_err().kind(), ErrorKind::SchemaMismatch, "--check reports it all the same");
        assert!(served.to_apply().unwrap().is_empty());

        // A later additive migration does not make up for a breaking one before it.
        let refused = assess(&known(&[ONE]), &applied(&[ONE, (2, Breaking, 2), (3, Additive, 2)]));
        let error = refused.admit().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
        assert!(error.to_string().contains("upgrade this client"), "{error}");
        assert!(refused.to_apply().is_err());

        // Breaking for clients before 2 only: this one is at 2.
        let contract = assess(&known(&[ONE, TWO]), &applied(&[ONE, TWO, (3, Breaking, 2)]));
        assert!(contract.admit().is_ok());
    }

    #[test]
    fn history_that_differs_is_refused_before_anything_else() {
        let mut rows = applied(&[ONE]);
        rows[0].checksum = "edited".into();
        let edited = assess(&known(&[ONE, TWO]), &rows);
        assert!(matches!(edited, Assessment::Edited { version: 1, .. }), "{edited:?}");
        assert!(edited.admit().is_err() && edited.check().is_err() && edited.to_apply().is_err());

        let missing = assess(&known(&[ONE, TWO]), &applied(&[TWO]));
        assert!(matches!(missing, Assessment::Missing { version: 1, applied: 2, .. }), "{missing:?}");
        assert!(missing.to_apply().is_err());

        // Also where the later one is unknown to the client.
        let missing = assess(&known(&[ONE, TWO]), &applied(&[ONE, (3, Additive, 1)]));
        assert!(matches!(missing, Assessment::Missing { version: 2, applied: 3, .. }), "{missing:?}");
    }

    #[test]
    fn order_does_not_matter() {
        let (mut migrations, mut rows) = (known(&[ONE, TWO]), applied(&[ONE, TWO, (3, Additive, 1), (4, Additive, 1)]));
        migrations.reverse();
        rows.reverse();
        let Assessment::Ahead { newer, .. } = assess(&migrations, &rows) else { panic!("ahead") };
        assert_eq!(newer.iter().map(|row| row.version).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn the_json_names_the_state() {
        let json = serde_json::to_value(assess(&known(&[ONE]), &applied(&[ONE, TWO]))).unwrap();
        assert_eq!(json["state"], "ahead");
        assert_eq!(json["servesThisClient"], true);
        assert_eq!(json["newer"][0]["kind"], "additive");
    }
}
