//! Identifiers, each a type of its own.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh UUIDv7: later ids sort behind earlier ones of the same process.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id as a UUID.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|source| Error::invalid_input("not a UUID").with("id", text).with_source(source))
            }
        }
    };
}

id! {
    /// Names one entity in an engine, for as long as it exists.
    ///
    /// ```
    /// let id = mastra_core::EntityId::generate();
    /// assert_eq!(id.to_string().parse::<mastra_core::EntityId>()?, id);
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    EntityId
}

id! {
    /// Names one record in an engine; a record that is deleted and revived keeps it.
    ///
    /// ```
    /// let earlier = mastra_core::RecordId::generate();
    /// let later = mastra_core::RecordId::generate();
    /// assert!(earlier < later);
    /// ```
    RecordId
}
