//! `cargo xtask new-adapter`: a crate for a store of vectors that compiles, and whose tests are the list of what has to be written.

mod name;
mod template;

use std::path::{Path, PathBuf};
use std::process::Command;

use mastra_core::{Error, Result};

use crate::flags;
use crate::process::{Workspace, file_error, output};
use name::Name;
use template::{Place, Written};

/// Writes the crate, and says what comes next.
pub(crate) fn run(workspace: &Workspace, flags: &flags::NewAdapter) -> Result<()> {
    let name = Name::parse(&flags.name)?;
    let (place, folder) = match &flags.path {
        Some(path) => (Place::Alone, path.clone()),
        None => (Place::Workspace, workspace.join(format!("crates/vector-{}", name.as_str()))),
    };
    if folder.exists() {
        let error = Error::already_exists("there is something at that place; nothing was written");
        return Err(error.with("path", folder.display()));
    }
    let files = files(workspace, &name, place)?;
    let verb = if flags.dry_run { "would write" } else { "wrote" };
    if !flags.dry_run {
        write(&folder, &files)?;
    }
    println!("{verb} {} in {}:", name.package(), folder.display());
    files.iter().for_each(|file| println!("  {}", file.path));
    if !flags.dry_run {
        println!("\n{}", next_steps(&name, place, &folder));
    }
    Ok(())
}

/// The templates, and beside the project's own crates its licences.
fn files(workspace: &Workspace, name: &Name, place: Place) -> Result<Vec<Written>> {
    let mut files = template::files(name, place);
    if place == Place::Workspace {
        for path in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let from = workspace.join(path);
            let text = std::fs::read_to_string(&from).map_err(|source| file_error("cannot read", &from, source))?;
            files.push(Written { path, text });
        }
    }
    Ok(files)
}

fn write(folder: &Path, files: &[Written]) -> Result<()> {
    for Written { path, text } in files {
        let file = folder.join(path);
        let parent = file.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|source| file_error("cannot make the folder", parent, source))?;
        std::fs::write(&file, text).map_err(|source| file_error("cannot write", &file, source))?;
    }
    // A name of another length breaks lines elsewhere. Without rustfmt they are merely not where it would have them.
    let rust: Vec<PathBuf> = files.iter().filter(|file| file.path.ends_with(".rs")).map(|file| folder.join(file.path)).collect();
    let _ = output(Command::new("rustfmt").args(["--edition", "2024"]).args(rust));
    Ok(())
}

fn next_steps(name: &Name, place: Place, folder: &Path) -> String {
    let package = name.package();
    let (run, at) = match place {
        Place::Workspace => {
            (format!("cargo nextest run --no-fail-fast -p {package}"), format!("crates/vector-{}/", name.as_str()))
        }
        Place::Alone => (format!("cd {} && cargo nextest run --no-fail-fast", folder.display()), String::new()),
    };
    let mut text = format!(
        "Next:\n  {run}\n\
         fails with a list of names: the cases of level Basic. To make them pass, in this order:\n\
         \x20 1. {at}src/capabilities.rs: claim admin.indexes, a kind and a metric, and the list says what is not written yet\n\
         \x20 2. {at}src/store.rs: create_index, get_index, describe_index\n\
         \x20 3. upsert, query, and delete by ids; the scores come from mastra_core::vector::score\n\
         \x20 4. {at}tests/conformance.rs: raise `up_to` to Level::Points, and so on to the end\n\
         docs/adding-a-backend.md walks through it; `cargo nextest run -E 'test(=basics::the_nearest_come_first)'` runs one case.\n"
    );
    if place == Place::Workspace {
        let folder = name.as_str();
        text.push_str(&format!(
            "\nThe workspace has to know the crate too:\n\
             \x20 Cargo.toml: {package} = {{ path = \"crates/vector-{folder}\", version = \"0.1.0\", default-features = false }}\n\
             \x20 xtask/src/ci/dependencies.rs: rule(\"{package}\", &[\"mastra-core\"], true)\n\
             \x20 crates/engine: a feature, and the scheme {folder} in src/registry.rs\n\
             \x20 README.md: a line in the table of crates\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(name: &str, path: &Path, dry_run: bool) -> flags::NewAdapter {
        flags::NewAdapter { name: name.to_owned(), path: Some(path.to_owned()), dry_run }
    }

    #[test]
    fn a_dry_run_writes_nothing_and_a_folder_that_is_there_is_left_alone() {
        let workspace = Workspace::find().unwrap();
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("deep/store");
        run(&workspace, &flags("store", &folder, true)).unwrap();
        assert!(!folder.exists());
        run(&workspace, &flags("store", &folder, false)).unwrap();
        let manifest = std::fs::read(folder.join("Cargo.toml")).unwrap();
        let error = run(&workspace, &flags("other", &folder, false)).unwrap_err();
        assert_eq!(error.kind(), mastra_core::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(folder.join("Cargo.toml")).unwrap(), manifest);
    }

    #[test]
    fn the_templates_are_formatted() {
        let folder = tempfile::tempdir().unwrap();
        let name = Name::parse("newstore").unwrap();
        // All of them first: the formatter follows a module to its file.
        let files: Vec<Written> = template::files(&name, Place::Alone);
        for Written { path, text } in &files {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
        }
        for Written { path, text } in files.iter().filter(|file| file.path.ends_with(".rs")) {
            let file = folder.path().join(path);
            let config = Workspace::find().unwrap().join("rustfmt.toml");
            let rustfmt =
                Command::new("rustfmt").args(["--edition", "2024", "--config-path"]).arg(config).arg(&file).output().unwrap();
            assert!(rustfmt.status.success(), "{path}: {}", String::from_utf8_lossy(&rustfmt.stderr));
            assert_eq!(&std::fs::read_to_string(&file).unwrap(), text, "{path}");
        }
    }
}
