//! Point ids: unsigned integers or UUIDs, nothing else.

use std::fmt;

use qdrant_client::qdrant::PointId;
use qdrant_client::qdrant::point_id::PointIdOptions;
use uuid::Uuid;

use super::status::{Result, malformed};

/// One id. Numbers order before UUIDs, which is the order that a scroll goes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Id {
    Number(u64),
    Uuid(Uuid),
}

impl Id {
    /// Reads an id. A UUID may be written in any form that the `uuid` crate reads; it is given back hyphenated in lower case.
    pub(crate) fn from_wire(id: PointId) -> Result<Self> {
        match id.point_id_options {
            Some(PointIdOptions::Num(number)) => Ok(Self::Number(number)),
            Some(PointIdOptions::Uuid(text)) => {
                Uuid::parse_str(&text).map(Self::Uuid).map_err(|_| malformed(format!("Unable to parse UUID: {text}")))
            }
            None => Err(malformed("No ID options provided")),
        }
    }

    pub(crate) fn into_wire(self) -> PointId {
        let options = match self {
            Self::Number(number) => PointIdOptions::Num(number),
            Self::Uuid(uuid) => PointIdOptions::Uuid(uuid.to_string()),
        };
        PointId { point_id_options: Some(options) }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Uuid(uuid) => uuid.fmt(f),
        }
    }
}
