//! From the bytes of a page to its text.

use mastra_core::{Error, Result};

/// What the bytes 0x80 to 0x9f mean in windows-1252, by the Encoding Standard.
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}',
    '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

/// A page is asked for its character set this far into it.
const SNIFFED: usize = 1_024;

/// The text of a page: by its byte order mark, the character set of its header, or that of its `<meta>`; else UTF-8 where it is that, and
/// windows-1252 where it is not. `Unsupported`, by its name, for another character set.
pub(super) fn text(bytes: &[u8], charset: Option<&str>) -> Result<String> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return Ok(String::from_utf8_lossy(rest).into_owned());
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return Ok(utf_16(rest, u16::from_le_bytes));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return Ok(utf_16(rest, u16::from_be_bytes));
    }
    let named = charset.map(str::to_owned).or_else(|| declared(bytes));
    match named.as_deref() {
        None => Ok(String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| windows_1252(bytes))),
        Some("utf-8" | "utf8" | "unicode-1-1-utf-8") => Ok(String::from_utf8_lossy(bytes).into_owned()),
        // The Encoding Standard reads all of these alike.
        Some("iso-8859-1" | "iso8859-1" | "latin1" | "l1" | "us-ascii" | "ascii" | "windows-1252" | "cp1252") => {
            Ok(windows_1252(bytes))
        }
        Some("utf-16le" | "utf-16") => Ok(utf_16(bytes, u16::from_le_bytes)),
        Some("utf-16be") => Ok(utf_16(bytes, u16::from_be_bytes)),
        Some(other) => {
            let name: String = other.chars().take(40).collect();
            Err(Error::unsupported("this character set of a page cannot be read").with("charset", name))
        }
    }
}

fn utf_16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| read(pair.try_into().unwrap_or_default()));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn windows_1252(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            0x80..=0x9f => WINDOWS_1252.get(usize::from(byte - 0x80)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
            byte => char::from(*byte),
        })
        .collect()
}

/// The character set that a `<meta>` near the beginning names, in either of its forms. One of UTF-16 cannot be true there.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(bytes.get(..SNIFFED).unwrap_or(bytes)).to_ascii_lowercase();
    let (_, rest) = head.split_once("<meta")?;
    let (_, rest) = rest.split_once("charset")?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start_matches([' ', '"', '\'']);
    let end = value.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | ':')).unwrap_or(value.len());
    let name = value.get(..end).filter(|name| !name.is_empty())?;
    Some(if name.starts_with("utf-16") { "utf-8".to_owned() } else { name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn character_sets_are_told() {
        let cafe = b"caf\xe9 \x80";
        assert_eq!(text("café €".as_bytes(), None).unwrap(), "café €");
        assert_eq!(text(cafe, None).unwrap(), "café €");
        assert_eq!(text(cafe, Some("iso-8859-1")).unwrap(), "café €");
        assert_eq!(text(cafe, Some("utf-8")).unwrap(), "caf\u{fffd} \u{fffd}");
        assert_eq!(text(b"\xef\xbb\xbfa", Some("latin1")).unwrap(), "a");
        assert_eq!(text(b"\xff\xfea\0\xac\x20", None).unwrap(), "a€");
        assert_eq!(text(b"\xfe\xff\0a", None).unwrap(), "a");
        assert_eq!(text(b"\0a", Some("utf-16be")).unwrap(), "a");
        for meta in [
            "<meta charset=latin1>",
            "<META Charset = \"ISO-8859-1\"/>",
            "<meta http-equiv=x content='text/html; charset=windows-1252'>",
        ] {
            let page = [meta.as_bytes(), "caf\u{e9}".as_bytes()].concat();
            assert!(text(&page, None).unwrap().ends_with("cafÃ©"), "{meta}");
        }
        assert_eq!(text(b"x", Some("shift_jis")).unwrap_err().get("charset"), Some("shift_jis"));
        assert_eq!(text(b"<meta charset=koi8-r>", None).unwrap_err().get("charset"), Some("koi8-r"));
    }
}
