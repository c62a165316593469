//! The file of what could not be imported: a JSON line each, with its place and the reason.

use super::piece::Unreadable;
use crate::exit::{HINT, file_error};
use mastra_core::{Error, ErrorKind, Result};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// So much of a rejected record's text is kept.
const KEPT: usize = 64 * 1024;

/// A record that was put aside.
#[derive(Debug, Serialize)]
pub(crate) struct Reject {
    file: String,
    /// The line on which it begins.
    line: u64,
    reason: String,
    text: String,
}

impl Reject {
    pub(crate) fn new(file: &str, line: u64, unreadable: Unreadable) -> Self {
        let mut text = String::from_utf8_lossy(&unreadable.text).trim_end().to_owned();
        if text.len() > KEPT {
            let cut = (0..=KEPT).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0);
            text.truncate(cut);
        }
        Self { file: file.to_owned(), line, reason: unreadable.reason, text }
    }

    /// The line on which it begins.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Where and why, for people.
    pub(crate) fn told(&self) -> String {
        format!("{}:{}: {}", self.file, self.line, self.reason)
    }
}

/// The file, made with the first reject.
#[derive(Debug)]
pub(crate) struct Rejects {
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

/// The file in this folder for what is loaded into something of this name, whose characters a file's may not have.
pub(crate) fn named_after(name: &str) -> PathBuf {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let mut plain: String = name.chars().map(plain).collect();
    // Names of files end at 255 bytes.
    let end = (0..=plain.len().min(200)).rev().find(|end| plain.is_char_boundary(*end)).unwrap_or(0);
    plain.truncate(end);
    PathBuf::from(format!("{plain}.rejects.jsonl"))
}

impl Rejects {
    /// Begins anew: a rejects file of an earlier run goes, any other file of that name stays and is an error.
    pub(crate) fn begin(path: PathBuf) -> Result<Self> {
        if path.exists() {
            if !is_ours(&path)? {
                return Err(Error::new(ErrorKind::AlreadyExists, "the rejects would go to a file that holds something else")
                    .with("file", path.display())
                    .with(HINT, "--rejects with another name"));
            }
            std::fs::remove_file(&path)
                .map_err(|source| file_error("cannot remove the rejects of an earlier run", &path, source))?;
        }
        Ok(Self { path, file: None, length: 0 })
    }

    /// Goes on behind what was there when the last batch was stored; what a killed run wrote after that is written again.
    pub(crate) fn resume(path: PathBuf, length: u64) -> Result<Self> {
        if length == 0 {
            return Self::begin(path);
        }
        let failed = |source| file_error("cannot open the rejects file", &path, source);
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len().min(length);
        file.set_len(length).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
        Ok(Self { path, file: Some(file), length })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes it holds.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Writes them, so that they are in the file before the cursor passes them.
    pub(crate) fn write(&mut self, rejects: &[Reject]) -> Result<()> {
        if rejects.is_empty() {
            return Ok(());
        }
        let failed = |source| file_error("cannot write the rejects file", &self.path, source);
        let mut text = Vec::new();
        for reject in rejects {
            serde_json::to_writer(&mut text, reject).map_err(|error| failed(error.into()))?;
            text.push(b'\n');
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().write(true).create_new(true).open(&self.path).map_err(failed)?,
        };
        file.write_all(&text).map_err(failed)?;
        self.length += text.len() as u64;
        self.file = Some(file);
        Ok(())
    }
}

/// Whether a file is empty or begins with a line of ours.
fn is_ours(path: &Path) -> Result<bool> {
    let failed = |source| file_error("cannot read", path, source);
    let mut first = Vec::new();
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Ok(false);
    }
    std::io::Read::take(BufReader::new(file), 2 * KEPT as u64 * 6).read_until(b'\n', &mut first).map_err(failed)?;
    let value: Option<serde_json::Value> = serde_json::from_slice(&first).ok();
    let ours = |value: &serde_json::Value| {
        value
            .as_object()
            .is_some_and(|map| map.len() == 4 && ["file", "line", "reason", "text"].iter().all(|key| map.contains_key(*key)))
    };
    Ok(first.is_empty() || value.as_ref().is_some_and(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_makes_a_name_of_a_file() {
        for (name, file) in [("docs", "docs"), ("a/b", "a_b"), ("../up", ".._up"), ("C:\\x", "C__x"), ("Größe 1", "Größe_1")]
        {
            assert_eq!(named_after(name), PathBuf::from(format!("{file}.rejects.jsonl")));
        }
        assert!(named_after(&"é".repeat(500)).as_os_str().len() < 255);
    }

    fn reject(line: u64) -> Reject {
        Reject::new("a.jsonl", line, Unreadable { reason: "why".into(), text: b"x\xff".to_vec() })
    }

    #[test]
    fn a_killed_run_leaves_no_line_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        let mut rejects = Rejects::begin(path.clone()).unwrap();
        rejects.write(&[reject(1)]).unwrap();
        let stored = rejects.length();
        rejects.write(&[reject(2)]).unwrap();
        let mut again = Rejects::resume(path.clone(), stored).unwrap();
        again.write(&[reject(2), reject(3)]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.iter().map(|line| line["line"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn only_a_rejects_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        std::fs::write(&path, "precious\n").unwrap();
        assert_eq!(Rejects::begin(path.clone()).unwrap_err().kind(), ErrorKind::AlreadyExists);
        std::fs::remove_file(&path).unwrap();
        Rejects::begin(path.clone()).unwrap().write(&[reject(1)]).unwrap();
        Rejects::begin(path.clone()).unwrap();
        assert!(!path.exists(), "a run without rejects leaves no old ones behind");
    }
}
