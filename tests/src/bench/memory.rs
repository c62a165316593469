//! How much memory syncing and streaming many records takes: each in a process of its own, whose peak the kernel tells.

use super::{
    data::{self, Document},
    measure::{Measure, to_f64},
    options::{Child, Options},
    postgres::Postgres,
    twin::{Ours, Twin as _},
};
use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{path::Path, sync::Arc, time::Instant};
use tokio::process::Command;

/// The most that DESIGN's measures allow.
const LIMIT_MB: f64 = 200.0;

/// Records a batch on the bulk path.
const BULK: usize = 10_000;

/// What a process reports.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Peak {
    /// `VmHWM`, in KiB.
    peak_kib: u64,
    /// How many records went through.
    records: usize,
    seconds: f64,
}

/// Runs the work of one process and measures the process itself.
pub(super) async fn child(options: &Options, work: Child, store: &str) -> Result<Peak> {
    let begun = Instant::now();
    let mut ours = open(&options.backend, store).await?;
    let count = options.million.unwrap_or_default();
    let records = match work {
        Child::Sync => sync(&mut ours, &options.data, count, options.batch).await?,
        Child::Bulk => sync(&mut ours, &options.data, count, BULK).await?,
        Child::Stream => {
            // The entity is found again by a batch without records.
            ours.sync(&Ours::batch(&[], None)).await?;
            let (mut records, mut letters) = (0, 0);
            let each = |record: mastra_core::Record| {
                records += 1;
                letters += record.external_id.len();
            };
            ours.all(each).await?;
            if letters < records {
                return Err(Error::internal("a record without an external id was streamed"));
            }
            records
        }
    };
    ours.close().await?;
    Ok(Peak { peak_kib: peak_kib()?, records, seconds: begun.elapsed().as_secs_f64() })
}

async fn open(backend: &str, store: &str) -> Result<Ours> {
    match backend {
        "sqlite" => Ok(Ours::new(Arc::new(mastra_sqlite::connect(store).await?))),
        _ => {
            let url = std::env::var(super::postgres::URL_VARIABLE).map_err(|_| Error::invalid_input("no server is named"))?;
            Postgres::engine(&url, store).await
        }
    }
}

/// Syncs that many records, which the file's lines are taken round and round for; never holds more than a batch.
async fn sync(ours: &mut Ours, directory: &Path, count: usize, batch: usize) -> Result<usize> {
    let (mut stored, mut round) = (0, 0);
    let mut documents: Vec<Document> = Vec::with_capacity(batch);
    while stored < count {
        for document in data::lines(directory)? {
            let mut document = document?;
            document.external_id = format!("{round}-{}", document.external_id);
            documents.push(document);
            let full = documents.len() == batch.min(count - stored);
            if full {
                stored += ours.sync(&Ours::batch(&documents, Some(format!("{stored}")))).await?.0;
                documents.clear();
                if stored >= count {
                    break;
                }
            }
        }
        round += 1;
    }
    Ok(stored)
}

/// Lets the peak begin anew, where the system can: <https://www.kernel.org/doc/html/latest/filesystems/proc.html>, `clear_refs`.
pub(super) fn forget_peak() {
    // Where it cannot, the peak is that of all there was before: too high, never too low.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The peak of this process's memory, as `/proc/self/status` has it.
pub(super) fn peak_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| Error::unsupported("this system does not tell a process's peak of memory"))
}

/// Starts the processes one after the other and takes down what they report.
pub(super) async fn measure(options: &Options, count: usize, works: &[(Child, String)]) -> Result<Vec<Measure>> {
    let mut measures = Vec::new();
    for (work, store) in works {
        let peak = start(options, count, *work, store).await?;
        if peak.records != count {
            return Err(Error::internal("not every record went through")
                .with("work", work.as_str())
                .with("records", peak.records));
        }
        let name = match work {
            Child::Sync => "peak_memory_sync",
            Child::Bulk => "peak_memory_sync_bulk",
            Child::Stream => "peak_memory_stream",
        };
        let note = format!("{count} records at {:.0}/s, VmHWM of the process", to_f64(peak.records) / peak.seconds);
        #[allow(clippy::cast_precision_loss, reason = "memory in KiB")]
        let value = peak.peak_kib as f64 / 1024.0;
        measures.push(Measure { name, value, unit: "MB", at_most: Some(LIMIT_MB), note });
    }
    Ok(measures)
}

async fn start(options: &Options, count: usize, work: Child, store: &str) -> Result<Peak> {
    let failed = |message: &str| Error::internal(message).with("work", work.as_str());
    let program = std::env::current_exe().map_err(|source| failed("the benchmark does not find itself").with_source(source))?;
    let output = Command::new(program)
        .arg("--data")
        .arg(&options.data)
        .args(["--backend", &options.backend, "--million", &count.to_string(), "--batch", &options.batch.to_string()])
        .args(["--child", work.as_str(), "--store", store])
        .output()
        .await
        .map_err(|source| failed("the process does not start").with_source(source))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed("the process failed").with("said", said.trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|source| failed("the process reported something else").with_source(source))
}
