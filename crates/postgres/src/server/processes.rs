//! What runs in a cluster, and what a killed server leaves behind.
//!
//! Postgres itself asks only whether a process with the id in its file exists. That is not enough here: in a container whose first
//! process does not collect the dead, a killed server stays as a zombie, and after a reboot the id may be anybody's. Every process
//! of a server works in the data folder, which tells them apart where the system shows it.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mastra_core::{Error, Result};

use super::cluster::Cluster;
use super::command::io_error;

/// Whether the process is a server of this data folder; `None` where the system does not show it.
pub(super) fn is_server(pid: u32, data: &Path) -> Option<bool> {
    Path::new("/proc/self/cwd").exists().then(|| works_in(pid, data))
}

/// Waits until nothing works in the data folder any more, then removes a process file that names a dead or foreign process.
///
/// Call it only where the cluster's own server does not run.
///
/// # Errors
/// `Timeout` where processes of a killed server go on: starting beside them would corrupt the data.
pub(super) fn settle(cluster: &Cluster, timeout: Duration) -> Result<()> {
    let data = cluster.data();
    let deadline = Instant::now() + timeout;
    while any_works_in(&data) {
        if Instant::now() > deadline {
            return Err(Error::timeout("processes of a killed server still run").with("data", data.display()));
        }
        sleep(Duration::from_millis(20));
    }
    let file = data.join("postmaster.pid");
    match cluster.pid_file() {
        // A process that exists but is not the server would keep Postgres from starting.
        Some((pid, ..)) if is_server(pid, &data) == Some(false) && Path::new(&format!("/proc/{pid}")).exists() => {
            std::fs::remove_file(&file).map_err(|source| io_error("cannot remove a dead server's process file", &file, source))
        }
        _ => Ok(()),
    }
}

fn any_works_in(data: &Path) -> bool {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.any(|pid| works_in(pid, data))
}

fn works_in(pid: u32, data: &Path) -> bool {
    // A zombie has no working directory. A shell that somebody left in the folder is no server.
    let process = Path::new("/proc").join(pid.to_string());
    let same = match (std::fs::read_link(process.join("cwd")), data.canonicalize()) {
        (Ok(cwd), Ok(data)) => cwd == data,
        _ => false,
    };
    same && std::fs::read_to_string(process.join("comm")).is_ok_and(|name| name.starts_with("postgres"))
}
