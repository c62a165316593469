//! `cargo xtask tidy`: the repository's own rules, checked on the text of its files.

use std::path::{Path, PathBuf};
use std::process::Command;

use mastra_core::{Error, Result};

use crate::ci::Metadata;
use crate::process::{Workspace, capture, file_error};

/// A file of this many lines should have been two; it is pointed out.
const LONG: usize = 450;

/// A file of more lines fails.
const TOO_LONG: usize = 900;

/// Folders at the root of somebody's machine: a path below one of them works there only.
const MACHINE_FOLDERS: [&str; 4] = ["home", "root", "Users", "work"];

/// Checks every rule and names every breach.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut breaches = Vec::new();
    let mut long = Vec::new();
    for file in tracked_files(workspace)? {
        let path = workspace.join(&file);
        // Deleted but not committed, or not text: nothing to check.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let name = file.display();
        let lines = text.lines().count();
        if is_rust(&file) && lines > TOO_LONG {
            breaches.push(format!("{name}: {lines} lines, more than {TOO_LONG}"));
        } else if is_rust(&file) && lines > LONG {
            long.push(format!("{name}: {lines} lines"));
        }
        for (index, line) in text.lines().enumerate() {
            let problems =
                [machine_path(line), is_rust(&file).then(|| ignored_test(line)).flatten(), ignored_example(&file, line)];
            breaches.extend(problems.into_iter().flatten().map(|problem| format!("{name}:{}: {problem}", index + 1)));
        }
    }
    breaches.extend(manifests(workspace)?);
    if !long.is_empty() {
        println!("past {LONG} lines, consider two files:\n  {}", long.join("\n  "));
    }
    if breaches.is_empty() {
        return Ok(());
    }
    Err(Error::invalid_input(format!("the repository's rules are broken:\n  {}\n", breaches.join("\n  "))))
}

/// The files of the repository, relative to its root: committed ones, and new ones that are not ignored.
pub(crate) fn tracked_files(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut command = Command::new("git");
    command.arg("-C").arg(workspace.root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = capture(&mut command)?;
    Ok(listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

/// A path that exists on one machine only.
fn machine_path(line: &str) -> Option<String> {
    MACHINE_FOLDERS.iter().find_map(|folder| {
        let path = format!("/{folder}/");
        // After a letter or a dot it is a part of a longer path or of an address.
        let starts_there = |at: usize| {
            line.get(..at)
                .and_then(|before| before.chars().next_back())
                .is_none_or(|c| !c.is_alphanumeric() && !"._-}~".contains(c))
        };
        line.match_indices(&path).any(|(at, _)| starts_there(at)).then(|| format!("names a path below {path}"))
    })
}

/// A test that is left out has to say why.
fn ignored_test(line: &str) -> Option<String> {
    (line.trim() == "#[ignore]").then(|| "an ignored test without a reason: write #[ignore = \"…\"]".to_owned())
}

/// An example of a crate that is never compiled drifts.
fn ignored_example(file: &Path, line: &str) -> Option<String> {
    let documents = is_rust(file) || (file.starts_with("crates") && file.extension().is_some_and(|extension| extension == "md"));
    let fence = line.trim_start_matches(['/', '!', ' ', '*']).strip_prefix("```")?;
    let ignored = fence.split([',', ' ']).any(|word| word == "ignore");
    (documents && ignored).then(|| "an example that is not compiled: use `no_run`, or `text` for what is no Rust".to_owned())
}

/// What a registry shows of a crate has to be there, and license texts where the root has them.
fn manifests(workspace: &Workspace) -> Result<Vec<String>> {
    let texts = license_texts(workspace.root())?;
    let metadata = Metadata::read(workspace)?;
    let mut breaches = Vec::new();
    for package in metadata.published() {
        let fields = [
            ("description", package.description.is_some()),
            ("license", package.license.is_some()),
            ("repository", package.repository.is_some()),
            ("readme", package.readme.is_some()),
        ];
        let missing = fields.into_iter().filter(|(_, present)| !present);
        breaches.extend(missing.map(|(field, _)| format!("{}: its manifest has no `{field}`", package.name)));
        let folder = package.manifest_path.parent().unwrap_or(workspace.root());
        let missing = texts.iter().filter(|text| !folder.join(text).is_file());
        breaches.extend(missing.map(|text| format!("{}: {text} of the root is missing in its folder", package.name)));
    }
    Ok(breaches)
}

fn license_texts(root: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(root).map_err(|source| file_error("cannot read", root, source))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name.starts_with("LICENSE")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths_and_what_only_looks_like_one() {
        let below = |folder: &str, before: &str| machine_path(&format!("{before}/{folder}/x")).is_some();
        assert!(below("home", ""));
        assert!(below("root", "\""));
        assert!(!below("home", "https://a.example"));
        assert!(!below("work", "{base}"));
    }

    #[test]
    fn ignored_things_need_a_reason() {
        assert!(ignored_test("    #[ignore]").is_some());
        assert!(ignored_test("#[ignore = \"long\"]").is_none());
        let fence = |words: &str| ignored_example(Path::new("crates/core/README.md"), &format!("/// ```{words}"));
        assert!(fence("rust,ignore").is_some());
        assert!(fence("no_run").is_none());
    }
}
