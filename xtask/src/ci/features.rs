//! Each crate with each of its features alone: what the workspace's build of everything together would hide.

use mastra_core::{Error, Result};

use super::metadata::Metadata;
use crate::process::{Workspace, show};

/// Lints every published crate without features and with each feature alone. With its default ones it is built from its archive.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let metadata = Metadata::read(workspace)?;
    let mut failed = Vec::new();
    for package in metadata.published() {
        for choice in choices(package.features.keys().map(String::as_str)) {
            let what = format!("{} {}", package.name, choice.join(" "));
            println!("-- {what}");
            let mut command = workspace.cargo();
            command.args(["clippy", "--quiet", "--no-deps", "--package", &package.name]).args(&choice);
            if show(command.args(["--", "-D", "warnings"])).is_err() {
                failed.push(what);
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Error::invalid_input(format!("does not build without warnings:\n  {}\n", failed.join("\n  "))))
}

/// The arguments of each build.
fn choices<'a>(features: impl Iterator<Item = &'a str>) -> Vec<Vec<&'a str>> {
    let named: Vec<&str> = features.filter(|feature| *feature != "default").collect();
    if named.is_empty() {
        return vec![Vec::new()];
    }
    let alone = named.into_iter().map(|feature| vec!["--no-default-features", "--features", feature]);
    [vec!["--no-default-features"]].into_iter().chain(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::choices;

    #[test]
    fn a_crate_without_features_is_built_once() {
        assert_eq!(choices(["default"].into_iter()).len(), 1);
        assert_eq!(choices(["a", "default"].into_iter()).len(), 2);
    }
}
