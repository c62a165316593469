//! Changes of points, one by one or in a batch.

use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::points_update_operation::Operation;

use super::{Service, check_name, check_timeout};
use crate::qdrant::collection::{Checked, Collection, NewVectors, Selector, UpdateMode, read_vectors};
use crate::qdrant::data::{Object, object_from_wire};
use crate::qdrant::filter::Filter;
use crate::qdrant::id::Id;
use crate::qdrant::path::Path;
use crate::qdrant::status::{Result, malformed, not_imitated};

/// A change, read.
#[derive(Debug)]
pub(super) enum Update {
    Upsert { points: Vec<(Id, NewVectors, Object)>, condition: Option<Filter>, mode: UpdateMode },
    Vectors { points: Vec<(Id, NewVectors)>, condition: Option<Filter> },
    Delete(Selector),
    SetPayload { selector: Selector, payload: Object, key: Option<Path> },
    OverwritePayload { selector: Selector, payload: Object },
    DeletePayload { selector: Selector, keys: Vec<Path> },
    ClearPayload(Selector),
}

/// Where a change goes, and whether its caller waits for it.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) collection: String,
    pub(super) wait: Option<bool>,
    pub(super) timeout: Option<u64>,
}

impl Target {
    pub(super) fn check(&self) -> Result<()> {
        check_name(&self.collection)?;
        check_timeout(self.timeout)
    }
}

impl Update {
    pub(super) fn upsert(points: Vec<wire::PointStruct>, condition: Option<wire::Filter>, mode: Option<i32>) -> Result<Self> {
        let mode = match mode.map(wire::UpdateMode::try_from) {
            Some(Ok(wire::UpdateMode::InsertOnly)) => UpdateMode::InsertOnly,
            Some(Ok(wire::UpdateMode::UpdateOnly)) => UpdateMode::UpdateOnly,
            _ => UpdateMode::Upsert,
        };
        let point = |point: wire::PointStruct| {
            let payload = object_from_wire(point.payload)?;
            let vectors = read_vectors(point.vectors.ok_or_else(|| malformed("Expected some vectors"))?)?;
            let id = Id::from_wire(point.id.ok_or_else(|| malformed("Empty ID is not allowed"))?)?;
            Ok((id, vectors, payload))
        };
        let points = points.into_iter().map(point).collect::<Result<_>>()?;
        Ok(Self::Upsert { points, condition: Filter::read_option(condition)?, mode })
    }

    pub(super) fn vectors(points: Vec<wire::PointVectors>, condition: Option<wire::Filter>) -> Result<Self> {
        let point = |point: wire::PointVectors| {
            let id = Id::from_wire(point.id.ok_or_else(|| malformed("id is expected"))?)?;
            Ok((id, read_vectors(point.vectors.ok_or_else(|| malformed("vectors is expected"))?)?))
        };
        Ok(Self::Vectors {
            points: points.into_iter().map(point).collect::<Result<_>>()?,
            condition: Filter::read_option(condition)?,
        })
    }

    pub(super) fn delete(selector: Option<wire::PointsSelector>) -> Result<Self> {
        Selector::read(selector).map(Self::Delete)
    }

    pub(super) fn set_payload(
        selector: Option<wire::PointsSelector>,
        payload: std::collections::HashMap<String, wire::Value>,
        key: Option<&str>,
    ) -> Result<Self> {
        let key = key.map(Path::parse).transpose()?;
        Ok(Self::SetPayload { selector: Selector::read(selector)?, payload: object_from_wire(payload)?, key })
    }

    pub(super) fn overwrite_payload(
        selector: Option<wire::PointsSelector>,
        payload: std::collections::HashMap<String, wire::Value>,
    ) -> Result<Self> {
        Ok(Self::OverwritePayload { selector: Selector::read(selector)?, payload: object_from_wire(payload)? })
    }

    pub(super) fn delete_payload(selector: Option<wire::PointsSelector>, keys: &[String]) -> Result<Self> {
        let keys = keys.iter().map(|key| Path::parse(key)).collect::<Result<_>>()?;
        Ok(Self::DeletePayload { selector: Selector::read(selector)?, keys })
    }

    pub(super) fn clear_payload(selector: Option<wire::PointsSelector>) -> Result<Self> {
        Selector::read(selector).map(Self::ClearPayload)
    }

    /// One operation of a batch.
    pub(super) fn of_batch(operation: wire::PointsUpdateOperation) -> Result<Self> {
        match operation.operation.ok_or_else(|| malformed("Operation is missing"))? {
            Operation::Upsert(list) => Self::upsert(list.points, list.update_filter, list.update_mode),
            Operation::DeletePoints(delete) => Self::delete(delete.points),
            Operation::SetPayload(set) => Self::set_payload(set.points_selector, set.payload, set.key.as_deref()),
            Operation::OverwritePayload(set) => Self::overwrite_payload(set.points_selector, set.payload),
            Operation::DeletePayload(delete) => Self::delete_payload(delete.points_selector, &delete.keys),
            Operation::ClearPayload(clear) => Self::clear_payload(clear.points),
            Operation::UpdateVectors(update) => Self::vectors(update.points, update.update_filter),
            #[expect(deprecated, reason = "the protocol has them still")]
            Operation::DeleteVectors(_) | Operation::DeleteDeprecated(_) | Operation::ClearPayloadDeprecated(_) => {
                Err(not_imitated("this operation of a batch"))
            }
        }
    }

    /// What strict mode looks at.
    fn checked(&self, timeout: Option<u64>) -> Checked<'_> {
        let (points, write) = match self {
            Self::Upsert { points, .. } => (Some((points.len(), "upsert limit")), None),
            Self::Vectors { points, .. } => (Some((points.len(), "update limit")), None),
            Self::Delete(selector)
            | Self::SetPayload { selector, .. }
            | Self::OverwritePayload { selector, .. }
            | Self::DeletePayload { selector, .. }
            | Self::ClearPayload(selector) => (None, selector.filter()),
        };
        Checked { timeout, points, write, ..Checked::default() }
    }

    fn run(self, collection: &mut Collection) -> Result<()> {
        match self {
            Self::Upsert { points, condition, mode } => collection.upsert(points, condition.as_ref(), mode),
            Self::Vectors { points, condition } => collection.update_vectors(points, condition.as_ref()),
            Self::Delete(selector) => collection.delete(&selector),
            Self::SetPayload { selector, payload, key } => collection.set_payload(&selector, &payload, key.as_ref()),
            Self::OverwritePayload { selector, payload } => collection.overwrite_payload(&selector, &payload),
            Self::DeletePayload { selector, keys } => collection.delete_payload(&selector, &keys),
            Self::ClearPayload(selector) => collection.clear_payload(&selector),
        }
    }
}

impl Service {
    /// Applies a change. A caller that does not wait is told what is wrong with the request, and not what the points say to it: that
    /// one is missing, that a vector has a name that the collection does not know.
    pub(super) fn update(&self, target: &Target, update: Update) -> Result<wire::UpdateResult> {
        self.with(&target.collection, |collection| {
            collection.check(update.checked(target.timeout))?;
            let waits = target.wait == Some(true);
            if !waits && !update.is_empty() {
                if let Update::Upsert { points, .. } = &update {
                    collection.check_dimensions(points)?;
                }
                let _unheard = update.run(collection);
            } else {
                update.run(collection)?;
            }
            let status = if waits { wire::UpdateStatus::Completed } else { wire::UpdateStatus::Acknowledged };
            Ok(wire::UpdateResult { operation_id: Some(collection.operation()), status: status.into() })
        })
    }
}

impl Update {
    /// An update of nothing is refused at once.
    fn is_empty(&self) -> bool {
        match self {
            Self::Upsert { points, .. } => points.is_empty(),
            Self::Vectors { points, .. } => points.is_empty(),
            Self::Delete(selector)
            | Self::SetPayload { selector, .. }
            | Self::OverwritePayload { selector, .. }
            | Self::DeletePayload { selector, .. }
            | Self::ClearPayload(selector) => selector.is_empty(),
        }
    }
}
