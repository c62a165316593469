//! The pending migrations as a script that a privileged role runs, bookkeeping included.

use super::migrator::Target;
use super::options::setting;
use super::{bookkeeping, lock};
use crate::quote::{Schema, literal};
use mastra_core::Result;
use mastra_core::migrate::{Migration, Pending};
use std::fmt::Write as _;

/// The script of what is pending.
pub(super) fn write(target: &Target, pending: &[Pending]) -> Result<String> {
    let schema = &target.schema;
    let mut script = format!("-- Mastra Engine, schema {}.\n", schema.quoted().escape_debug());
    let migrations: Vec<&Migration> =
        target.known.iter().filter(|migration| pending.iter().any(|pending| pending.version == migration.version())).collect();
    if migrations.is_empty() {
        script.push_str("-- Nothing is pending.\n");
        return Ok(script);
    }
    script.push_str(
        "-- Run this with psql as the role that shall own the schema. Each step refuses to run twice or out of turn.\n",
    );
    if migrations.iter().any(|migration| !migration.in_transaction()) {
        // Outside a transaction nothing else keeps the bookkeeping from being written behind a statement that failed.
        script.push_str("\\set ON_ERROR_STOP on\n");
    }
    for migration in migrations {
        if migration.in_transaction() {
            transaction(&mut script, target, migration)
        } else {
            alone(&mut script, target, migration)
        }
    }
    Ok(script)
}

fn transaction(script: &mut String, target: &Target, migration: &Migration) {
    let schema = &target.schema;
    let settings = lock::settings(schema, target.options.lock_timeout);
    let _ = write!(
        script,
        "\nBEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;\n{settings};\n{}",
        take_lock(lock::key(schema), "pg_try_advisory_xact_lock")
    );
    if migration.version() == 1 {
        let (create_schema, create_table) = (create_schema(schema), bookkeeping::create_table(schema));
        let _ = writeln!(script, "{create_schema}{create_table};");
    }
    let _ = write!(
        script,
        "{}\n{}\n{};\nCOMMIT;\n",
        check_turn(schema, migration),
        migration.sql().trim_end(),
        bookkeeping::insert(schema, migration)
    );
}

fn alone(script: &mut String, target: &Target, migration: &Migration) {
    let schema = &target.schema;
    let _ = write!(
        script,
        "\nSET search_path TO {};\nSET lock_timeout = {};\nSET statement_timeout = 0;\n{}{}{}\n{}\n{};\nSELECT \
         pg_advisory_unlock({}), pg_advisory_unlock({});\nRESET search_path;\nRESET lock_timeout;\nRESET statement_timeout;\n",
        schema.quoted(),
        setting(target.options.timeout),
        take_lock(lock::key(schema), "pg_try_advisory_lock"),
        take_lock(lock::session_key(schema), "pg_try_advisory_lock"),
        check_turn(schema, migration),
        migration.sql().trim_end(),
        bookkeeping::insert(schema, migration),
        lock::session_key(schema),
        lock::key(schema),
    );
}

/// Without IF NOT EXISTS where it exists: that would ask for the right to create schemas.
fn create_schema(schema: &Schema) -> String {
    block(&format!(
        "IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = {}) THEN\n        CREATE SCHEMA {};\n    END IF;",
        literal(schema.name()),
        schema.quoted()
    ))
}

/// The try form: a blocking wait holds a snapshot, and a whole script can simply be run again.
fn take_lock(key: i64, function: &str) -> String {
    block(&format!(
        "IF NOT {function}({key}) THEN\n        RAISE EXCEPTION 'another process migrates this schema: run this again later';\n    END IF;"
    ))
}

fn check_turn(schema: &Schema, migration: &Migration) -> String {
    block(&format!(
        "IF (SELECT coalesce(max(version), 0) FROM {}) <> {} THEN\n        RAISE EXCEPTION 'it is not the turn of migration \
         {}: is it applied already, or was one before it not?';\n    END IF;",
        schema.migrations,
        migration.version() - 1,
        migration.file_name(),
    ))
}

/// An anonymous block. Its text may hold a schema's name, so the quotes around it are such as the text does not hold.
fn block(body: &str) -> String {
    let mut quote = String::from("$mastra$");
    while body.contains(quote.trim_end_matches('$')) {
        quote.insert(quote.len() - 1, '_');
    }
    format!("DO {quote} BEGIN\n    {body}\nEND {quote};\n")
}
