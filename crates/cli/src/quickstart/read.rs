//! Reading a file whole, within bounds, and as it stood at one moment.

use super::skipped::Reason;
use std::{fs, io::Read as _, path::Path, time::SystemTime};

/// The largest file that is read.
pub(super) const LARGEST: u64 = 4 * 1024 * 1024;
/// How often a file is read again that changes meanwhile.
const ATTEMPTS: usize = 3;

/// What a file says.
#[derive(Debug, PartialEq)]
pub(super) struct Content {
    pub(super) text: String,
    pub(super) modified: Option<SystemTime>,
}

/// The text of a file. Never more than the bound is read, whatever the file becomes meanwhile.
pub(super) fn text(path: &Path) -> Result<Content, Reason> {
    stable(path, || {})
}

/// As [`text`], with something to do between reading and looking whether the file changed.
fn stable(path: &Path, mut meanwhile: impl FnMut()) -> Result<Content, Reason> {
    for _ in 0..ATTEMPTS {
        let before = state(path)?;
        if before.0 > LARGEST {
            return Err(Reason::Large);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(before.0).unwrap_or_default());
        let file = fs::File::open(path).map_err(|_| Reason::Unreadable)?;
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|_| Reason::Unreadable)?;
        meanwhile();
        if state(path)? == before && bytes.len() as u64 == before.0 {
            return decoded(bytes).map(|text| Content { text, modified: before.1 });
        }
    }
    Err(Reason::Changing)
}

/// Size and time of the last change.
fn state(path: &Path) -> Result<(u64, Option<SystemTime>), Reason> {
    let metadata = fs::metadata(path).map_err(|_| Reason::Unreadable)?;
    Ok((metadata.len(), metadata.modified().ok()))
}

fn decoded(bytes: Vec<u8>) -> Result<String, Reason> {
    let utf16 = [[0xff, 0xfe], [0xfe, 0xff]].iter().any(|mark| bytes.starts_with(mark));
    if !utf16 && bytes.contains(&0) {
        return Err(Reason::Binary);
    }
    let text = String::from_utf8(bytes).map_err(|_| Reason::NotUtf8)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_from_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let read = |bytes: &[u8]| {
            let path = folder.path().join("file");
            fs::write(&path, bytes).unwrap();
            text(&path).map(|content| content.text)
        };
        assert_eq!(read("\u{feff}naïve".as_bytes()), Ok("naïve".to_owned()));
        assert_eq!(read(b""), Ok(String::new()));
        assert_eq!(read(b"caf\xe9"), Err(Reason::NotUtf8));
        assert_eq!(read(b"\xff\xfea\0"), Err(Reason::NotUtf8));
        assert_eq!(read(b"a\0b"), Err(Reason::Binary));
        assert_eq!(text(folder.path()), Err(Reason::Unreadable));
        assert_eq!(text(&folder.path().join("absent")), Err(Reason::Unreadable));
    }

    #[test]
    fn a_large_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.txt");
        // Its length alone takes no room on the disk.
        fs::File::create(&path).unwrap().set_len(200 << 20).unwrap();
        assert_eq!(text(&path), Err(Reason::Large));
    }

    #[test]
    fn a_file_that_changes_is_read_again_and_given_up_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        fs::write(&path, "1").unwrap();
        let grow = |until: usize| {
            let (path, mut turns) = (path.clone(), 0);
            move || {
                turns += 1;
                if turns <= until {
                    fs::write(&path, "x".repeat(turns + 1)).unwrap();
                }
            }
        };
        assert_eq!(stable(&path, grow(1)).map(|content| content.text), Ok("xx".to_owned()));
        assert_eq!(stable(&path, grow(usize::MAX)), Err(Reason::Changing));
    }
}
