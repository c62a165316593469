//! From the description of a source to the source. What is missing is told before anything is read.

use super::config::{
    CrawlConfig, CsvConfig, DocumentsConfig, FileConfig, FolderConfig, HttpConfig, PaginationConfig, PaginationKind,
    SourceConfig, SqlConfig, SyncConfig, WebConfig,
};
use crate::{exit::HINT, knowledge::StoreUrl, quickstart::Documents, resolve::Variables};
use mastra_core::{Error, Path, Result};
use mastra_sync::source::{
    Source,
    crawl::CrawlSource,
    files::{Csv, FileOptions, Folder, JsonLines},
    http::{HttpSource, Pagination},
    sql::SqlSource,
    web::{Secret, WebOptions},
};
use std::{sync::Arc, time::Duration};

/// The source of a sync.
pub(super) fn open(config: &SyncConfig, variables: &Variables) -> Result<Arc<dyn Source>> {
    built(config, variables).map_err(|error| config.placed(error))
}

fn built(config: &SyncConfig, variables: &Variables) -> Result<Arc<dyn Source>> {
    let id = config.id_field.as_deref();
    Ok(match &config.source {
        SourceConfig::Jsonl(file) => Arc::new(JsonLines::new(keyed(options(file), id)?)),
        #[cfg(feature = "parquet")]
        SourceConfig::Parquet(file) => Arc::new(mastra_sync::source::files::Parquet::new(keyed(options(file), id)?)),
        SourceConfig::Csv(csv) => Arc::new(rows(csv, id)),
        SourceConfig::Folder(folder) => Arc::new(texts(folder)),
        SourceConfig::Documents(DocumentsConfig { path }) => Arc::new(Documents::new(path)),
        SourceConfig::Http(http) => {
            let source = list(http, id, variables)?;
            source.check().map_err(|error| error.with("key", "source"))?;
            Arc::new(source)
        }
        SourceConfig::Crawl(crawl) => {
            let source = site(crawl, variables)?;
            source.check().map_err(|error| error.with("key", "source"))?;
            Arc::new(source)
        }
        SourceConfig::Sql(sql) => Arc::new(query(sql, id.unwrap_or_default(), variables)?),
    })
}

fn options(file: &FileConfig) -> FileOptions {
    let options = FileOptions::new(&file.path);
    match file.page_items {
        Some(items) => options.page_items(items),
        None => options,
    }
}

/// An id that stands deeper in an item is found by the mapping.
fn keyed(options: FileOptions, id: Option<&str>) -> Result<FileOptions> {
    let Some(id) = id else { return Ok(options) };
    let path: Path = id.parse()?;
    Ok(match path.segments() {
        [key] => options.id_field(key),
        _ => options,
    })
}

fn rows(csv: &CsvConfig, id: Option<&str>) -> Csv {
    let mut options = options(&FileConfig { path: csv.path.clone(), page_items: csv.page_items });
    if let Some(column) = id {
        options = options.id_field(column);
    }
    let mut source = Csv::new(options);
    if csv.infer {
        source = source.infer();
    }
    match csv.delimiter.and_then(|c| u8::try_from(c).ok()) {
        Some(delimiter) => source.delimiter(delimiter),
        None => source,
    }
}

fn texts(folder: &FolderConfig) -> Folder {
    let mut source = Folder::new(&folder.path);
    if let Some(extensions) = &folder.extensions {
        source = source.extensions(extensions);
    }
    if let Some(folders) = &folder.pass_over {
        source = source.pass_over(folders.clone());
    }
    match folder.max_file_bytes {
        Some(bytes) => source.max_file_bytes(bytes),
        None => source,
    }
}

fn list(http: &HttpConfig, id: Option<&str>, variables: &Variables) -> Result<HttpSource> {
    let mut source = HttpSource::new(&http.url).map_err(|error| error.with("key", "source.url"))?;
    if let Some(path) = &http.items {
        source = source.items(path);
    }
    if let Some(path) = id {
        source = source.id_field(path);
    }
    if let Some(path) = &http.version_field {
        source = source.version_field(path);
    }
    if let Some(path) = &http.deleted_field {
        source = source.deleted_field(path);
    }
    for (name, value) in &http.query {
        source = source.query(name, value);
    }
    for (name, variable) in &http.query_env {
        source = source.secret_query(name, secret(variable, &format!("source.query_env.{name}"), variables)?);
    }
    if let Some(since) = &http.since {
        source = source.since(&since.parameter, &since.field);
    }
    if let Some(pages) = &http.pagination {
        source = source.pagination(pagination(pages));
    }
    if let Some(size) = &http.page_size {
        source = source.page_size(&size.parameter, size.items);
    }
    if http.short_page_ends {
        source = source.short_page_ends();
    }
    if let Some(items) = http.limit {
        source = source.limit(items);
    }
    if let Some(pages) = http.max_pages {
        source = source.max_pages(pages);
    }
    Ok(source.web(web(&http.web, variables)?))
}

fn site(crawl: &CrawlConfig, variables: &Variables) -> Result<CrawlSource> {
    let keyed = |key: &'static str| move |error: Error| error.with("key", key);
    let mut source = CrawlSource::new(&crawl.url).map_err(keyed("source.url"))?;
    if let Some(pattern) = &crawl.path_regex {
        source = source.path_regex(pattern).map_err(keyed("source.path_regex"))?;
    }
    if let Some(pages) = crawl.limit {
        source = source.limit(pages);
    }
    if let Some(characters) = crawl.chunk {
        source = source.chunk(characters).map_err(keyed("source.chunk"))?;
    }
    if let Some(chunker) = &crawl.chunker {
        source = source.chunker(chunker.clone()).map_err(keyed("source.chunker"))?;
    }
    if let Some(seconds) = crawl.delay_seconds {
        source = source.delay(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    }
    if let Some(pages) = crawl.concurrency {
        source = source.concurrency(pages);
    }
    Ok(source.web(web(&crawl.web, variables)?))
}

fn pagination(pages: &PaginationConfig) -> Pagination {
    let next = pages.next.clone().unwrap_or_default();
    let parameter = pages.parameter.clone().unwrap_or_default();
    match pages.kind {
        PaginationKind::Cursor => Pagination::Cursor { next, parameter },
        PaginationKind::NextUrl => Pagination::NextUrl { next },
        PaginationKind::Page => Pagination::Page { parameter, first: pages.first.unwrap_or(1) },
        PaginationKind::Offset => Pagination::Offset { parameter },
        PaginationKind::Link => Pagination::Link,
    }
}

fn web(web: &WebConfig, variables: &Variables) -> Result<WebOptions> {
    let mut options = WebOptions::new().allow_private_addresses(web.allow_private_addresses);
    if let Some(variable) = &web.bearer_env {
        options = options.bearer(secret(variable, "source.web.bearer_env", variables)?);
    }
    if let Some(basic) = &web.basic {
        options = options.basic(&basic.user, secret(&basic.password_env, "source.web.basic.password_env", variables)?);
    }
    for (name, value) in &web.headers {
        options = options.header(name, Secret::value(value));
    }
    for (name, variable) in &web.headers_env {
        options = options.header(name, secret(variable, &format!("source.web.headers_env.{name}"), variables)?);
    }
    if let Some(name) = &web.user_agent {
        options = options.user_agent(name);
    }
    if let Some(seconds) = web.timeout_seconds {
        options = options.timeout(Duration::from_secs(seconds));
    }
    if let Some(attempts) = web.attempts {
        options = options.attempts(attempts);
    }
    if let Some(seconds) = web.max_wait_seconds {
        options = options.max_wait(Duration::from_secs(seconds));
    }
    Ok(match web.max_body_bytes {
        Some(bytes) => options.max_body(bytes),
        None => options,
    })
}

fn query(sql: &SqlConfig, id: &str, variables: &Variables) -> Result<SqlSource> {
    let url = match (&sql.url, &sql.url_env) {
        (Some(StoreUrl(url)), _) => url.clone(),
        (None, Some(variable)) => value(variable, "source.url_env", variables)?,
        (None, None) => String::new(),
    };
    let mut source = SqlSource::new(url, &sql.query, id).map_err(|error| error.with("key", "source"))?;
    if let Some(column) = &sql.high_water {
        source = source.high_water(column);
    }
    if let Some(seconds) = sql.overlap_seconds {
        source = source.overlap(Duration::from_secs(seconds));
    }
    if let Some(number) = sql.overlap {
        source = source.overlap(number);
    }
    if let Some(rows) = sql.page_rows {
        source = source.page_rows(rows);
    }
    Ok(match sql.statement_timeout_seconds {
        Some(seconds) => source.statement_timeout(Duration::from_secs(seconds)),
        None => source,
    })
}

/// What a variable holds: of the environment, else of `.env`.
fn value(variable: &str, key: &str, variables: &Variables) -> Result<String> {
    variables.get(variable).ok_or_else(|| {
        Error::invalid_input("the variable that the source needs is not set")
            .with("variable", variable)
            .with("key", key)
            .with(HINT, format!("export {variable}=…, or a line of .env"))
    })
}

fn secret(variable: &str, key: &str, variables: &Variables) -> Result<Secret> {
    value(variable, key, variables).map(Secret::value)
}
