//! Files: JSON lines, CSV, Parquet, and folders of documents.
//!
//! [`JsonLines`] and [`Csv`] stream files of any size, and go on behind what they have read once more is appended. `Parquet` (feature
//! `parquet`) does so by row. [`Folder`] takes each file for a document of its own, and knows it by its content's hash.

mod blocking;
mod csv;
mod cursor;
mod document;
mod folder;
mod identify;
mod jsonl;
mod listing;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "parquet")]
mod parquet_value;
mod read;
mod rows;
mod state;
mod value;
mod walk;
mod window;

pub use csv::Csv;
pub use folder::Folder;
pub use jsonl::JsonLines;
pub use options::FileOptions;
#[cfg(feature = "parquet")]
pub use parquet::Parquet;
