//! Moments at which a run is killed, and the trap that does it.

use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    io::Write as _,
    sync::{Mutex, PoisonError},
};

/// Beside a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Phase {
    Before,
    After,
}

/// The nth time, from 1 on, that a run comes to a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) step: String,
    pub(crate) phase: Phase,
    pub(crate) nth: u32,
}

impl Moment {
    /// Without the count.
    pub(crate) fn place(&self) -> String {
        match self.phase {
            Phase::Before => format!("before {}", self.step),
            Phase::After => format!("after {}", self.step),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place(), self.nth)
    }
}

/// What happens to a process at its moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Deed {
    /// It is no more: nothing is unwound, nothing is told to the database.
    Kill,
    /// It stands still until it is told to go on.
    Stop,
}

/// Counts the steps of a run, and kills or stops the process at one of them, where one was given.
#[derive(Debug, Default)]
pub(crate) struct Trap {
    moment: Option<(Moment, Deed)>,
    came: Mutex<Came>,
}

#[derive(Debug, Default)]
struct Came {
    times: BTreeMap<(&'static str, Phase), u32>,
    trace: Vec<Moment>,
}

impl Trap {
    pub(crate) fn at(moment: Option<(Moment, Deed)>) -> Self {
        Self { moment, came: Mutex::default() }
    }

    /// The run came to a step.
    pub(crate) fn come(&self, step: &'static str, phase: Phase) {
        let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = came.times.entry((step, phase)).or_default();
        *nth += 1;
        let here = Moment { step: step.to_owned(), phase, nth: *nth };
        if let Some((moment, deed)) = &self.moment
            && *moment == here
        {
            deed.meet(&here);
        }
        came.trace.push(here);
    }

    /// Every step that the run came to, in order.
    pub(crate) fn trace(&self) -> Vec<Moment> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner).trace.clone()
    }
}

impl Deed {
    fn meet(self, here: &Moment) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "\nat {here}");
        let _ = out.flush();
        drop(out);
        match self {
            Self::Stop => kill_process(getpid(), Signal::STOP).unwrap(),
            Self::Kill => {
                let _ = kill_process(getpid(), Signal::KILL);
                loop {
                    std::thread::park();
                }
            }
        }
    }
}
