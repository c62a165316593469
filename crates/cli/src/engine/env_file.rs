//! `.env`: lines are added where their names are absent, nothing else is touched.

use crate::exit::file_error;
use crate::resolve::dotenv;
use mastra_core::Result;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// The file.
pub(crate) const FILE: &str = ".env";

/// Adds the lines whose names are absent and returns the names that were there and keep their values.
pub(crate) fn add(path: &Path, comment: &str, lines: &[(&str, &str)]) -> Result<Vec<String>> {
    let failed = |source| file_error("cannot write", path, source);
    let present = dotenv(path)?.map(|(_, values)| values).unwrap_or_default();
    let (kept, new): (Vec<_>, Vec<_>) = lines.iter().partition(|(name, _)| present.contains_key(*name));
    if !new.is_empty() {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let before = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(failed(source)),
        };
        let mut text = String::new();
        if before.last().is_some_and(|byte| *byte != b'\n') {
            text.push('\n');
        }
        text += &format!("# {comment}\n");
        for (name, value) in new {
            text += &format!("{name}={value}\n");
        }
        options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed)?;
    }
    Ok(kept.into_iter().map(|(name, _)| (*name).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_once_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "OTHER='x y'\nURL=mine").unwrap();
        assert_eq!(add(&path, "made", &[("URL", "new"), ("PASSWORD", "p")]).unwrap(), ["URL"]);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "OTHER='x y'\nURL=mine\n# made\nPASSWORD=p\n");
        assert_eq!(add(&path, "made", &[("URL", "new"), ("PASSWORD", "q")]).unwrap(), ["URL", "PASSWORD"]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
