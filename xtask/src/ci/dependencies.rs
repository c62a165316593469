//! The direction of dependencies: who may use whom, who stays free of drivers, and how much the command line pulls in.

use std::collections::BTreeSet;

use mastra_core::{Error, Result};

use super::metadata::{Metadata, Package};
use crate::process::{Workspace, capture};

/// How many crates, its own and the workspace's among them, the default build of the command line may consist of.
const CLI_CRATE_LIMIT: usize = 250;

/// What the default build of the command line never contains.
const NOT_IN_CLI: [&str; 4] = ["tonic", "pinecone-sdk", "parquet", "arrow"];

/// Clients of databases and what they are made of.
const DRIVERS: [&str; 8] =
    ["sqlx", "sqlx-core", "libsqlite3-sys", "rusqlite", "tokio-postgres", "qdrant-client", "pinecone-sdk", "tonic"];

/// Only these use the facade, in whatever kind of dependency.
const USERS_OF_FACADE: [&str; 2] = ["mastra-cli", "mastra-tests"];

/// What one package may use of the workspace, apart from its tests.
struct Rule {
    package: &'static str,
    /// `None`: anything.
    uses: Option<&'static [&'static str]>,
    drivers: bool,
}

const fn rule(package: &'static str, uses: &'static [&'static str], drivers: bool) -> Rule {
    Rule { package, uses: Some(uses), drivers }
}

const fn free(package: &'static str) -> Rule {
    Rule { package, uses: None, drivers: true }
}

/// A package without a line here fails the check: its place is decided when it is added.
const RULES: [Rule; 19] = [
    rule("mastra-core", &[], false),
    rule("mastra-conformance", &["mastra-core"], false),
    // A double never uses the code that it tests.
    rule("mastra-doubles", &[], true),
    rule("mastra-mock", &["mastra-core"], false),
    rule("mastra-sqlite", &["mastra-core"], true),
    rule("mastra-postgres", &["mastra-core"], true),
    rule("mastra-pgvector", &["mastra-core", "mastra-postgres"], true),
    rule("mastra-qdrant", &["mastra-core"], true),
    rule("mastra-pinecone", &["mastra-core"], true),
    // A source can be a database: its driver stands behind a feature, and in no public signature.
    rule("mastra-sync", &["mastra-core", "mastra-rag"], true),
    rule("mastra-rag", &["mastra-core"], false),
    rule("mastra-mcp", &["mastra-core", "mastra-rag"], false),
    rule("mastra-telemetry", &["mastra-core"], false),
    free("mastra-engine"),
    free("mastra-cli"),
    free("mastra-tests"),
    // Applications, as an example.
    free("mastra-apalis-worker"),
    free("mastra-sync-loop"),
    rule("xtask", &["mastra-core", "mastra-postgres"], false),
];

/// Checks all of it and names every breach.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let metadata = Metadata::read(workspace)?;
    let mut breaches = Vec::new();
    for package in &metadata.packages {
        let Some(rule) = RULES.iter().find(|rule| rule.package == package.name) else {
            breaches.push(format!("{}: has no line in xtask/src/ci/dependencies.rs", package.name));
            continue;
        };
        breaches.extend(wrong_uses(package, rule, &metadata));
        if !rule.drivers {
            // The launcher of mastra-postgres is there without its driver, which is how xtask uses it: its own features count.
            let features: &[&str] = if package.name == "xtask" { &[] } else { &["--all-features"] };
            let tree = tree(workspace, &package.name, features)?;
            let found = DRIVERS.iter().filter(|driver| tree.iter().any(|(name, _)| name == *driver));
            breaches.extend(found.map(|driver| format!("{}: depends on the driver {driver}", package.name)));
        }
    }
    if metadata.has("mastra-cli") {
        let tree = tree(workspace, "mastra-cli", &[])?;
        println!("mastra-cli is built of {} crates; the limit is {CLI_CRATE_LIMIT}", tree.len());
        if tree.len() > CLI_CRATE_LIMIT {
            breaches.push(format!("mastra-cli: {} crates, more than {CLI_CRATE_LIMIT}", tree.len()));
        }
        let found = NOT_IN_CLI.iter().filter(|unwanted| tree.iter().any(|(name, _)| name == *unwanted));
        breaches.extend(found.map(|unwanted| format!("mastra-cli: its default features pull in {unwanted}")));
    }
    if breaches.is_empty() {
        return Ok(());
    }
    Err(Error::invalid_input(format!("the direction of dependencies is broken:\n  {}\n", breaches.join("\n  "))))
}

fn wrong_uses(package: &Package, rule: &Rule, metadata: &Metadata) -> Vec<String> {
    let mut breaches = Vec::new();
    for dependency in &package.dependencies {
        let (user, used) = (package.name.as_str(), dependency.name.as_str());
        if used == "mastra-engine" && !USERS_OF_FACADE.contains(&user) {
            breaches.push(format!("{user}: depends on the facade"));
        }
        let in_tests_only = dependency.kind.as_deref() == Some("dev");
        let allowed = rule.uses.is_none_or(|uses| uses.contains(&used));
        if metadata.has(used) && !in_tests_only && !allowed {
            breaches.push(format!("{user}: may not depend on {used}"));
        }
    }
    breaches
}

/// Names and versions of all that a package is built of, without what its tests add.
fn tree(workspace: &Workspace, package: &str, features: &[&str]) -> Result<BTreeSet<(String, String)>> {
    let mut command = workspace.cargo();
    command.args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"]).args(features);
    let printed = capture(&mut command)?;
    let entries = printed.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    });
    Ok(entries.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaches_are_named_and_tests_may_use_more() {
        let text = r#"{"packages":[
            {"name":"mastra-sync","manifest_path":"a","features":{},"dependencies":[
                {"name":"mastra-core","kind":null},{"name":"mastra-sqlite","kind":null},
                {"name":"mastra-mock","kind":"dev"},{"name":"mastra-engine","kind":"dev"},{"name":"serde","kind":null}]},
            {"name":"mastra-sqlite","manifest_path":"b","features":{},"dependencies":[]},
            {"name":"mastra-mock","manifest_path":"c","features":{},"dependencies":[]}]}"#;
        let metadata: Metadata = serde_json::from_str(text).unwrap();
        let rule = RULES.iter().find(|rule| rule.package == "mastra-sync").unwrap();
        let breaches = wrong_uses(&metadata.packages[0], rule, &metadata);
        assert_eq!(breaches, ["mastra-sync: may not depend on mastra-sqlite", "mastra-sync: depends on the facade"]);
    }
}
