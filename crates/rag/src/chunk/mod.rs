//! Cutting a document into chunks of a bounded size.
