//! The process that is killed.

use crate::{
    case::Case,
    moment::{Deed, Moment, Trap},
    scenario::Stage,
    store::Place,
    trapped::{Mistake, Trapped},
};
use mastra_core::Engine;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use std::{
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    sync::Arc,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout},
};

/// Set in the child: its errand.
const ERRAND: &str = "MASTRA_TEST_SYNC_CRASH";

/// What a child does, and where it dies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Errand {
    pub(crate) place: Place,
    pub(crate) case: Case,
    pub(crate) stage: Stage,
    /// The number of the run among the case's.
    pub(crate) run: usize,
    pub(crate) moment: Option<(Moment, Deed)>,
    pub(crate) mistake: Option<Mistake>,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By SIGKILL, at its moment.
    Killed,
    /// By itself: it never came to its moment.
    Itself,
}

/// A child that is under way.
pub(crate) struct Started {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Started {
    /// Waits until the child says a line; `false` where it ends without.
    pub(crate) async fn says(&mut self, line: &str) -> bool {
        while let Some(said) = self.lines.next_line().await.unwrap() {
            if said == line {
                return true;
            }
        }
        false
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // Nobody waited for it, so that its number is still its own.
        let number = i32::try_from(self.child.id().expect("nobody waited for it")).unwrap();
        kill_process(Pid::from_raw(number).unwrap(), signal).unwrap();
    }

    /// Waits for its end; whether its sync came to a result.
    pub(crate) async fn end(mut self) -> bool {
        let ended = self.says("ended").await;
        self.child.wait().await.unwrap();
        ended
    }
}

impl Errand {
    fn command(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "child::child", "--ignored", "--nocapture", "--test-threads=1"])
            .env(ERRAND, serde_json::to_string(self).unwrap());
        command
    }

    /// Starts it in a process of its own; returns once the child begins with its sync.
    pub(crate) async fn start(&self) -> Started {
        let mut command = tokio::process::Command::from(self.command());
        command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut started = Started { lines: BufReader::new(child.stdout.take().unwrap()).lines(), child };
        assert!(started.says("ready").await, "the child ended before it began");
        started
    }

    /// Runs it in a process of its own, to its end.
    pub(crate) async fn send(&self) -> End {
        let mut command = tokio::process::Command::from(self.command());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).output().await.unwrap();
        let out = String::from_utf8_lossy(&child.stdout);
        let said = |line: &str| out.lines().any(|said| said == line);
        let told = || format!("{self:?}\n{:?}\n{out}{}", child.status, String::from_utf8_lossy(&child.stderr));
        if child.status.success() {
            assert!(said("ended"), "{}", told());
            return End::Itself;
        }
        assert_eq!(child.status.signal(), Some(9), "{}", told());
        let (moment, _) = self.moment.as_ref().expect("nobody else kills it");
        assert!(said(&format!("at {moment}")), "{}", told());
        End::Killed
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "what the killed process does; the tests beside it start it"]
async fn child() {
    let Ok(errand) = std::env::var(ERRAND) else { return };
    let errand: Errand = serde_json::from_str(&errand).unwrap();
    let engine = errand.place.open().await;
    let trap = Arc::new(Trap::at(errand.moment.clone()));
    let engine: Arc<dyn Engine> = Arc::new(Trapped::new(engine, trap, errand.mistake));
    println!("\nready");
    let run_id = errand.case.run_id(errand.run);
    errand.case.run(&engine, errand.stage, run_id).await.unwrap();
    println!("\nended");
}
