//! The files of an import: their format, their identity, and where their records begin. All of it is found out before
//! anything is stored.

use super::{
    array::Members,
    interpret::{EXTERNAL_ID, IdField, Rules, is_wrapped},
    lines::Lines,
    piece::{Content, Piece, Pieces, Place},
    rows::Rows,
};
use crate::exit::{HINT, file_error};
use clap::ValueEnum;
use mastra_core::{Error, Result, capabilities::DataCapabilities};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// So much of a file is looked at before the import begins.
const HEAD: usize = 1024 * 1024;
/// So many records are looked at for one that says its id.
const LOOKED_AT: usize = 100;

/// How the records of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line
    Jsonl,
    /// One JSON list of objects
    Json,
    /// Comma-separated values under a header
    Csv,
}

/// One file of an import, ready to be read.
pub(crate) struct Source {
    /// What messages call it.
    pub(crate) name: String,
    path: Option<PathBuf>,
    format: Format,
    columns: Vec<String>,
    start: Place,
    /// Its length in bytes; `None` for standard input.
    pub(crate) size: Option<u64>,
    identity: Option<String>,
    stdin: Option<BufReader<io::Stdin>>,
}

/// What decides how files are read.
pub(crate) struct Reading<'a> {
    pub(crate) format: Option<Format>,
    pub(crate) id_field: Option<&'a IdField>,
    pub(crate) infer: bool,
}

impl Source {
    /// Looks at a file (`-` is standard input), and refuses what cannot become records.
    pub(crate) fn open(path: &Path, reading: &Reading<'_>) -> Result<Self> {
        if path.as_os_str() == "-" {
            let mut stdin = BufReader::with_capacity(HEAD, io::stdin());
            let head = stdin.fill_buf().map_err(|source| file_error("cannot read", "standard input", source))?.to_vec();
            let beginning = Beginning::of(path, &head, false, reading)?;
            return Ok(Self {
                name: "standard input".to_owned(),
                path: None,
                format: beginning.format,
                columns: beginning.columns,
                start: beginning.start,
                size: None,
                identity: None,
                stdin: Some(stdin),
            });
        }
        let failed = |source| file_error("cannot read", path, source);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(Error::invalid_input("a folder, not a file")
                .with("file", path.display())
                .with(HINT, "name its files, such as folder/*.jsonl"));
        }
        let mut head = Vec::new();
        file.take(HEAD as u64).read_to_end(&mut head).map_err(failed)?;
        // A pipe given as a path (/dev/stdin, process substitution) can be read once only.
        if !metadata.is_file() {
            return Err(Error::invalid_input("not a regular file")
                .with("file", path.display())
                .with(HINT, "pipe it in: … | mastra records import - …"));
        }
        let beginning = Beginning::of(path, &head, head.len() < HEAD, reading)?;
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let digest = Sha256::new()
            .chain_update(metadata.len().to_le_bytes())
            .chain_update(changed.map_or(0, |time| time.as_nanos()).to_le_bytes())
            .chain_update(head.get(..head.len().min(64 * 1024)).unwrap_or_default())
            .finalize();
        Ok(Self {
            name: path.display().to_string(),
            path: Some(path.to_owned()),
            format: beginning.format,
            columns: beginning.columns,
            start: beginning.start,
            size: Some(metadata.len()),
            identity: Some(hex(&digest)),
            stdin: None,
        })
    }

    /// What tells this very file from others and from itself once changed; `None` where it cannot be read twice.
    pub(crate) fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// How its records are to be read.
    pub(crate) fn rules(&self, reading: &Reading<'_>, data: DataCapabilities) -> Rules {
        Rules { id_field: reading.id_field.cloned(), columns: self.columns.clone(), infer: reading.infer, data }
    }

    /// Its records from a place on, or from the first one.
    pub(crate) fn pieces(&mut self, from: Option<Place>) -> io::Result<Box<dyn Pieces>> {
        let place = from.filter(|place| place.offset > self.start.offset).unwrap_or(self.start);
        let at_start = place == self.start;
        match (self.stdin.take(), &self.path) {
            (Some(mut stdin), _) => {
                // What was looked at is still in the buffer.
                stdin.consume(usize::try_from(place.offset).unwrap_or(0));
                Ok(self.cut(stdin, place, at_start))
            }
            (None, Some(path)) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(place.offset))?;
                Ok(self.cut(BufReader::with_capacity(256 * 1024, file), place, at_start))
            }
            (None, None) => Err(io::Error::other("standard input can be read once only")),
        }
    }

    fn cut<R: BufRead + Send + 'static>(&self, reader: R, place: Place, at_start: bool) -> Box<dyn Pieces> {
        match self.format {
            Format::Jsonl => Box::new(Lines::new(reader, place)),
            Format::Json => Box::new(Members::new(reader, place, at_start)),
            Format::Csv => Box::new(Rows::new(reader, place)),
        }
    }
}

/// What the first bytes of a file tell.
#[derive(Debug, PartialEq)]
struct Beginning {
    format: Format,
    columns: Vec<String>,
    start: Place,
}

impl Beginning {
    /// `whole` says that the head is the whole file.
    fn of(path: &Path, head: &[u8], whole: bool, reading: &Reading<'_>) -> Result<Self> {
        let refuse = |message: &str, hint: String| {
            Err(Error::invalid_input(message.to_owned()).with("file", path.display()).with(HINT, hint))
        };
        if head.starts_with(&[0x1f, 0x8b]) {
            return refuse("the file is compressed", format!("gunzip -c {} | mastra records import - …", path.display()));
        }
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return refuse(
                "the file is UTF-16, not UTF-8",
                format!("iconv -f UTF-16 -t UTF-8 {} | mastra records import - …", path.display()),
            );
        }
        let mark: &[u8] = b"\xef\xbb\xbf";
        let skipped = if head.starts_with(mark) { mark.len() } else { 0 };
        let text = head.get(skipped..).unwrap_or_default();
        let start = Place { offset: skipped as u64, line: 1 };
        let Some(format) = reading.format.or_else(|| format_of(path, text)) else {
            return refuse("cannot tell what kind of file this is", "--format jsonl, json or csv".to_owned());
        };
        let mut beginning = Self { format, columns: Vec::new(), start };
        if format == Format::Jsonl && is_spread_object(text, whole) {
            return refuse(
                "the file holds one JSON object over several lines; a list of objects, or one object a line, can be imported",
                format!("jq -c '.records[]' {} | mastra records import - …", path.display()),
            );
        }
        if format == Format::Csv {
            beginning.header(path, text, whole)?;
            beginning.check_columns(path, reading)?;
        } else if reading.id_field.is_none() {
            check_form(path, format, text, whole)?;
        }
        Ok(beginning)
    }

    fn header(&mut self, path: &Path, text: &[u8], whole: bool) -> Result<()> {
        let refuse = |message: String| Err(Error::invalid_input(message).with("file", path.display()));
        let mut rows = Rows::new(text, Place::START);
        let header = rows.next().map_err(|source| file_error("cannot read", path, source))?;
        let Some(Piece { behind, content, .. }) = header else { return Ok(()) };
        let fields = match content {
            Ok(Content::Row(fields)) => fields,
            Ok(Content::Json(_)) => return Ok(()),
            Err(unreadable) => return refuse(format!("the header cannot be read: {}", unreadable.reason)),
        };
        if !whole && behind.offset >= text.len() as u64 {
            return refuse("the header is too long".to_owned());
        }
        for (index, field) in fields.into_iter().enumerate() {
            let name = match String::from_utf8(field) {
                Ok(name) => name.trim().to_owned(),
                Err(_) => return refuse(format!("the name of column {} is no UTF-8", index + 1)),
            };
            if name.is_empty() {
                return refuse(format!("column {} has no name; the first line has to name every column", index + 1));
            }
            if self.columns.contains(&name) {
                return refuse(format!("two columns are named {name}"));
            }
            self.columns.push(name);
        }
        self.start = Place { offset: self.start.offset + behind.offset, line: behind.line };
        Ok(())
    }

    fn check_columns(&self, path: &Path, reading: &Reading<'_>) -> Result<()> {
        let wanted = reading.id_field.map_or(EXTERNAL_ID, IdField::name);
        if self.columns.is_empty() || self.columns.iter().any(|column| column == wanted) {
            return Ok(());
        }
        if let [only] = self.columns.as_slice()
            && let Some((separator, written)) =
                [(';', "';'"), ('\t', "'\\t'"), ('|', "'|'")].iter().find(|(c, _)| only.contains(*c))
        {
            let name = if path.as_os_str() == "-" { String::new() } else { format!(" < {}", path.display()) };
            let convert = format!(
                "python3 -c \"import csv, sys; csv.writer(sys.stdout).writerows(csv.reader(sys.stdin, delimiter={written}))\"{name}"
            );
            return Err(Error::invalid_input(format!("the fields are separated by {separator:?}, not by commas"))
                .with("file", path.display())
                .with(HINT, format!("{convert} | mastra records import - --format csv …")));
        }
        let message = match reading.id_field {
            Some(_) => "the file has no column of the name that --id-field gives",
            None => "which column holds each row's id? --id-field says it",
        };
        let error = Error::invalid_input(message).with("file", path.display()).with("columns", self.columns.join(", "));
        Err(error.with(HINT, format!("--id-field {}", likely_id(&self.columns))))
    }
}

/// By the file's name, else by its first byte.
fn format_of(path: &Path, text: &[u8]) -> Option<Format> {
    let extension = path.extension().and_then(|text| text.to_str()).unwrap_or_default().to_ascii_lowercase();
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    match (extension.as_str(), first) {
        ("jsonl" | "ndjson", _) => Some(Format::Jsonl),
        ("csv", _) => Some(Format::Csv),
        (_, Some(b'[')) => Some(Format::Json),
        ("json", _) | (_, Some(b'{') | None) => Some(Format::Jsonl),
        _ => None,
    }
}

/// Without `--id-field` the records have to say their ids: looks for the first that can be read.
fn check_form(path: &Path, format: Format, text: &[u8], whole: bool) -> Result<()> {
    let mut pieces: Box<dyn Pieces + '_> = match format {
        Format::Json => Box::new(Members::new(text, Place::START, true)),
        _ => Box::new(Lines::new(text, Place::START)),
    };
    let mut seen = 0;
    let failed = |source| file_error("cannot read", path, source);
    while let Some(piece) = pieces.next().map_err(failed)? {
        // The last one may be cut by the end of the head.
        if (!whole && piece.behind.offset >= text.len() as u64) || seen >= LOOKED_AT {
            break;
        }
        seen += 1;
        let Ok(Content::Json(record)) = piece.content else { continue };
        let Ok(value) = serde_json::from_slice::<Value>(&record) else { continue };
        if is_wrapped(&value) {
            return Ok(());
        }
        let keys: Vec<String> = value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
        let shown: Vec<&str> = keys.iter().take(12).map(String::as_str).collect();
        return Err(Error::invalid_input("which field holds each record's id? --id-field says it; only records of the form {\"externalId\": …, \"data\": {…}} need none")
            .with("file", path.display())
            .with("line", piece.line)
            .with("fields", shown.join(", "))
            .with(HINT, format!("--id-field {}", likely_id(&keys))));
    }
    Ok(())
}

/// The name that most looks like an id.
fn likely_id(names: &[String]) -> &str {
    let rank = |name: &&String| {
        let lower = name.to_ascii_lowercase();
        let known = ["id", "_id", "externalid", "external_id", "uuid", "key"];
        known.iter().position(|known| *known == lower).unwrap_or(if lower.ends_with("id") {
            known.len()
        } else {
            known.len() + 1
        })
    };
    names.iter().min_by_key(rank).map_or("FIELD", String::as_str)
}

/// Whether the file is one object over several lines.
fn is_spread_object(text: &[u8], whole: bool) -> bool {
    let is_json = |text: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok();
    let text = text.trim_ascii();
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    text.starts_with(b"{") && first.len() < text.len() && !is_json(first) && (first == b"{" || (whole && is_json(text)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beginning(name: &str, text: &[u8], id_field: Option<&str>) -> Result<Beginning> {
        let id_field = id_field.map(IdField::from);
        Beginning::of(Path::new(name), text, true, &Reading { format: None, id_field: id_field.as_ref(), infer: false })
    }

    #[test]
    fn the_format_by_name_and_by_content() {
        let format = |name: &str, text: &str| beginning(name, text.as_bytes(), Some("id")).map(|found| found.format).ok();
        assert_eq!(format("a.jsonl", "{}"), Some(Format::Jsonl));
        assert_eq!(format("a.NDJSON", "{}"), Some(Format::Jsonl));
        assert_eq!(format("a.json", " \n[{}]"), Some(Format::Json));
        assert_eq!(format("a.json", "{\"id\":1}"), Some(Format::Jsonl));
        assert_eq!(format("a.csv", "id\n1"), Some(Format::Csv));
        assert_eq!(format("-", "{\"id\":1}"), Some(Format::Jsonl));
        assert_eq!(format("-", "[1]"), Some(Format::Json));
        assert_eq!(format("-", "id,name\n"), None);
        assert_eq!(format("empty.json", ""), Some(Format::Jsonl));
    }

    #[test]
    fn a_mark_in_front_is_skipped() {
        let found = beginning("a.csv", b"\xef\xbb\xbfid,n\r\n1,2\r\n", Some("id")).unwrap();
        assert_eq!(found.columns, ["id", "n"]);
        // The row's own line feed may stand on either side of the place: blank lines are skipped.
        assert!((8..=9).contains(&found.start.offset));
    }

    #[test]
    fn without_an_id_field_the_records_have_to_say_their_ids() {
        assert!(beginning("a.jsonl", b"{\"externalId\":\"1\",\"data\":{}}", None).is_ok());
        assert!(beginning("a.json", b"[{\"externalId\":\"1\",\"data\":{}}]", None).is_ok());
        assert!(beginning("a.csv", b"externalId,name\n", None).is_ok());
        assert!(beginning("a.jsonl", b"", None).is_ok());
        let error = beginning("a.jsonl", b"broken\n{\"userId\":\"1\",\"name\":\"x\"}", None).unwrap_err();
        assert_eq!((error.get("line"), error.get("hint")), (Some("2"), Some("--id-field userId")));
        let error = beginning("a.csv", b"name,ID\n", None).unwrap_err();
        assert_eq!(error.get("hint"), Some("--id-field ID"));
        assert!(beginning("a.csv", b"name,ID\n", Some("id")).is_err());
    }

    #[test]
    fn files_that_cannot_become_records_are_refused_with_a_way_out() {
        for (name, text) in
            [("a.jsonl.gz", &b"\x1f\x8b\x08"[..]), ("a.csv", b"\xff\xfei\0d\0"), ("a.json", b"{\n  \"records\": []\n}")]
        {
            assert!(beginning(name, text, Some("id")).unwrap_err().get("hint").is_some(), "{name}");
        }
        assert!(beginning("a.csv", b"id,id\n", Some("id")).unwrap_err().message().contains("two columns"));
        assert!(beginning("a.csv", b"id,\n", Some("id")).unwrap_err().message().contains("no name"));
        assert!(beginning("a.csv", b"id,\"name\n1,x\n", Some("id")).unwrap_err().message().contains("quote"));
        for text in [&b"id;name\n1;x\n"[..], b"id\tname\n", b"id|name"] {
            let error = beginning("a.csv", text, Some("id")).unwrap_err();
            assert!(error.message().contains("separated by") && error.get("hint").unwrap().contains("csv.reader"), "{error}");
        }
    }
}
