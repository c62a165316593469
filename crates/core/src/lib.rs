#![doc = include_str!("../README.md")]

pub mod error;
pub mod filter;
pub mod number;
pub mod path;

pub use error::{Error, ErrorKind, OptionalExt, Result};
pub use filter::Filter;
pub use path::Path;
