//! What is chunked and embedded: a text with its metadata.
