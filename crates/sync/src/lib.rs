#![doc = include_str!("../README.md")]

mod event;
mod options;
pub mod source;
pub mod write;

pub use event::{Observer, RunEvent};
pub use options::{RunOptions, WhenBusy};
