//! The workspace's packages as cargo describes them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mastra_core::{Error, Result};
use serde::Deserialize;

use crate::process::{Workspace, capture};

/// What `cargo metadata` says about the workspace's own packages.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
}

/// One package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) readme: Option<PathBuf>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    /// Where it may be published: everywhere where absent, nowhere where empty.
    publish: Option<Vec<String>>,
}

/// One line of a manifest's dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev`, `build`, or nothing for a normal one.
    pub(crate) kind: Option<String>,
}

impl Metadata {
    /// Asks cargo.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        let text = capture(workspace.cargo().args(["metadata", "--format-version", "1", "--no-deps", "--quiet"]))?;
        let mut metadata: Self = serde_json::from_str(&text)
            .map_err(|source| Error::internal("cargo metadata is not understood").with_source(source))?;
        metadata.packages.retain(|package| package.manifest_path.starts_with(workspace.root()));
        Ok(metadata)
    }

    /// The packages that are published.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.publish.as_ref().is_none_or(|registries| !registries.is_empty()))
    }

    /// Whether the workspace has a package of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }
}
