//! `source` of `[[sync]]`: a kind, and the options of that kind.

use super::{
    CrawlConfig, CsvConfig, DocumentsConfig, FileConfig, FolderConfig, HttpConfig, SqlConfig, bad,
    files::there,
    read::{Wrong, take, wrong},
};
use crate::{
    knowledge::StoreUrl,
    resolve::{nearest, redacted},
};
use mastra_core::Result;
use serde::{Serialize, de::DeserializeOwned};
use toml::{
    Spanned,
    de::{DeValue, ValueDeserializer},
};

/// Every kind.
const KINDS: &[&str] = &["jsonl", "csv", "parquet", "folder", "documents", "http", "sql", "crawl"];

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum SourceConfig {
    /// Files of JSON objects, one a line.
    Jsonl(FileConfig),
    /// Files of rows under a header.
    Csv(CsvConfig),
    /// Parquet files.
    #[cfg(feature = "parquet")]
    Parquet(FileConfig),
    /// A folder of texts, as they stand.
    Folder(FolderConfig),
    /// A folder of documents, or one, ready to be indexed: what quickstart loads.
    Documents(DocumentsConfig),
    /// Lists of JSON that a server gives.
    Http(Box<HttpConfig>),
    /// A query on a database.
    Sql(SqlConfig),
    /// The pages of a web site.
    Crawl(Box<CrawlConfig>),
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self::Jsonl(FileConfig::default())
    }
}

impl SourceConfig {
    /// Reads the table by its kind, so that a key of another kind is one that is not known.
    pub(super) fn read(value: Spanned<DeValue<'_>>) -> std::result::Result<Self, Wrong> {
        let span = value.span();
        let fail = |message: String, at: usize| Err(Wrong { message, at });
        let known = KINDS.join(", ");
        let DeValue::Table(mut table) = value.into_inner() else {
            return fail(format!("a source is a table with its kind, one of {known}"), span.start);
        };
        let Some(kind) = take(&mut table, "kind") else {
            return fail(format!("missing field `kind` of the source: one of {known}"), span.start);
        };
        let at = kind.span().start;
        let Some(kind) = kind.get_ref().as_str().map(str::to_owned) else {
            return fail(format!("the kind of a source is a word, one of {known}"), at);
        };
        let rest = Spanned::new(span, DeValue::Table(table));
        Ok(match kind.as_str() {
            "jsonl" => Self::Jsonl(of(rest)?),
            "csv" => Self::Csv(of(rest)?),
            #[cfg(feature = "parquet")]
            "parquet" => Self::Parquet(of(rest)?),
            #[cfg(not(feature = "parquet"))]
            "parquet" => {
                return fail("this program was built without Parquet: build it with --features parquet".to_owned(), at);
            }
            "folder" => Self::Folder(of(rest)?),
            "documents" => Self::Documents(of(rest)?),
            "http" => Self::Http(of(rest)?),
            "sql" => Self::Sql(of(rest)?),
            "crawl" => Self::Crawl(of(rest)?),
            other => {
                let near = nearest(other, KINDS.iter().map(|kind| (*kind).to_owned()));
                let meant = near.map(|name| format!("did you mean {name}? ")).unwrap_or_default();
                return fail(format!("there is no such kind of source; {meant}known are {known}"), at);
            }
        })
    }

    /// The kind, as it is written.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Jsonl(_) => "jsonl",
            Self::Csv(_) => "csv",
            #[cfg(feature = "parquet")]
            Self::Parquet(_) => "parquet",
            Self::Folder(_) => "folder",
            Self::Documents(_) => "documents",
            Self::Http(_) => "http",
            Self::Sql(_) => "sql",
            Self::Crawl(_) => "crawl",
        }
    }

    /// Whether its fields are columns, whose names are no paths.
    pub(crate) fn has_columns(&self) -> bool {
        matches!(self, Self::Csv(_) | Self::Sql(_))
    }

    /// Where it reads, without what could be a key.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Jsonl(FileConfig { path, .. })
            | Self::Csv(CsvConfig { path, .. })
            | Self::Folder(FolderConfig { path, .. })
            | Self::Documents(DocumentsConfig { path }) => path.display().to_string(),
            #[cfg(feature = "parquet")]
            Self::Parquet(FileConfig { path, .. }) => path.display().to_string(),
            Self::Http(http) => redacted(&http.url),
            Self::Crawl(crawl) => redacted(&crawl.url),
            Self::Sql(sql) => match (&sql.url, &sql.url_env) {
                (Some(StoreUrl(url)), _) => redacted(url),
                (None, Some(variable)) => format!("${variable}"),
                (None, None) => String::new(),
            },
        }
    }

    pub(super) fn check(&self, id_field: Option<&str>) -> Result<()> {
        let needed = |what: &str| match id_field {
            Some(_) => Ok(()),
            None => Err(bad(format!("{what} needs id_field, where a record has its id"), "source.kind")),
        };
        match self {
            Self::Jsonl(file) => needed("jsonl").and_then(|()| file.check()),
            #[cfg(feature = "parquet")]
            Self::Parquet(file) => needed("parquet").and_then(|()| file.check()),
            Self::Csv(csv) => {
                needed("csv")?;
                csv.check()
            }
            Self::Folder(_) | Self::Documents(_) | Self::Crawl(_) if id_field.is_some() => {
                Err(bad("what this source reads has its id by its place: there is no id_field", "id_field"))
            }
            Self::Folder(FolderConfig { path, .. }) | Self::Documents(DocumentsConfig { path }) => there(path),
            Self::Crawl(crawl) => crawl.check(),
            Self::Http(http) => needed("http").and_then(|()| http.check()),
            Self::Sql(sql) => needed("sql").and_then(|()| sql.check()),
        }
    }
}

/// Reads the options of a kind.
fn of<T: DeserializeOwned>(rest: Spanned<DeValue<'_>>) -> std::result::Result<T, Wrong> {
    let at = rest.span().start;
    T::deserialize(ValueDeserializer::from(rest)).map_err(|error| wrong(&error, at))
}
