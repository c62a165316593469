//! The files of a new adapter. They are written for a store called `newstore`, whose name is put out of them.

use super::name::Name;

/// A file of the crate, and its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) path: &'static str,
    pub(super) text: String,
}

/// Where the crate stands, which decides what its manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Among the crates of this workspace.
    Workspace,
    /// Anywhere else: with versions of its own.
    Alone,
}

macro_rules! template {
    ($file:literal) => {
        include_str!(concat!("template/", $file))
    };
}

/// Every file of the crate.
pub(super) fn files(name: &Name, place: Place) -> Vec<Written> {
    let manifest = match place {
        Place::Workspace => template!("workspace.toml"),
        Place::Alone => template!("alone.toml"),
    };
    let files = [
        ("Cargo.toml", manifest),
        ("README.md", template!("README.md")),
        ("src/lib.rs", template!("src/lib.rs")),
        ("src/capabilities.rs", template!("src/capabilities.rs")),
        ("src/store.rs", template!("src/store.rs")),
        ("tests/conformance.rs", template!("tests/conformance.rs")),
        ("examples/mastra.rs", template!("examples/mastra.rs")),
    ];
    files.into_iter().map(|(path, text)| Written { path, text: named(text, name) }).collect()
}

/// The text with another name in it.
fn named(text: &str, name: &Name) -> String {
    text.replace("mastra_newstore", &name.krate()).replace("Newstore", &name.camel()).replace("newstore", name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_carries_the_name() {
        let name = Name::parse("my-own").unwrap();
        for place in [Place::Workspace, Place::Alone] {
            let files = files(&name, place);
            for Written { path, text } in &files {
                assert!(!text.to_lowercase().contains("newstore"), "{path}");
            }
            let of = |wanted: &str| &files.iter().find(|file| file.path == wanted).unwrap().text;
            assert!(of("Cargo.toml").contains("name = \"mastra-my-own\""));
            assert!(of("src/store.rs").contains("pub struct MyOwnVectors"));
            assert!(of("tests/conformance.rs").contains("mastra_my_own::connect(\"my-own:fresh\")"));
        }
    }
}
