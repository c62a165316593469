//! Points in the order of their ids, or of a payload key, page by page.

use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::{Direction, order_value, start_from};

use super::{Collection, WithPayload, WithVectors};
use crate::qdrant::data::Data;
use crate::qdrant::filter::{Filter, parse_time, range_keys};
use crate::qdrant::id::Id;
use crate::qdrant::path::Path;
use crate::qdrant::status::{Result, bad_input, malformed, validation};

/// A scroll, read.
#[derive(Debug)]
pub(crate) struct Scroll {
    pub(crate) filter: Option<Filter>,
    limit: usize,
    offset: Option<Id>,
    order: Option<OrderBy>,
    payload: WithPayload,
    vectors: WithVectors,
}

/// An order by a payload key, and where in it to start.
#[derive(Debug)]
pub(crate) struct OrderBy {
    key: Path,
    descending: bool,
    start: Option<f64>,
}

impl Scroll {
    pub(crate) fn read(request: wire::ScrollPoints) -> Result<Self> {
        if request.limit == Some(0) {
            return Err(validation("limit", "value 0 invalid, must be 1 or larger"));
        }
        Ok(Self {
            offset: request.offset.map(Id::from_wire).transpose()?,
            limit: request.limit.map_or(10, |limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            filter: Filter::read_option(request.filter)?,
            payload: WithPayload::read(request.with_payload, WithPayload::All)?,
            vectors: WithVectors::read(request.with_vectors),
            order: request.order_by.map(OrderBy::read).transpose()?,
        })
    }
}

impl OrderBy {
    #[expect(clippy::cast_precision_loss, reason = "the server compares so")]
    fn read(order: wire::OrderBy) -> Result<Self> {
        use start_from::Value;
        let start = match order.start_from.and_then(|start| start.value) {
            None => None,
            Some(Value::Integer(number)) => Some(number as f64),
            Some(Value::Float(number)) => Some(number),
            Some(Value::Timestamp(time)) => Some(time.seconds as f64 * 1e6 + f64::from(time.nanos / 1000)),
            Some(Value::Datetime(text)) => {
                let time = parse_time(&text).ok_or_else(|| malformed("Malformed datetime"))?;
                Some(time.timestamp_micros() as f64)
            }
        };
        Ok(Self { key: Path::parse(&order.key)?, descending: order.direction == Some(Direction::Desc.into()), start })
    }
}

impl Collection {
    /// A page, and the id that the next one starts with, if there is one. An order by a key has no such id.
    pub(crate) fn scroll(&self, scroll: &Scroll) -> Result<(Vec<wire::RetrievedPoint>, Option<Id>)> {
        if let Some(order) = &scroll.order {
            return self.scroll_by_key(scroll, order).map(|points| (points, None));
        }
        let from = |(id, _): &(Id, &super::Point)| scroll.offset.is_none_or(|offset| *id >= offset);
        let mut points = self.select(scroll.filter.as_ref()).filter(from);
        let page = points.by_ref().take(scroll.limit);
        let page = page.map(|(id, point)| point.retrieved(id, &scroll.payload, &scroll.vectors)).collect();
        Ok((page, points.next().map(|(id, _)| id)))
    }

    /// A point comes once for each of its values, and not without one.
    fn scroll_by_key(&self, scroll: &Scroll, order: &OrderBy) -> Result<Vec<wire::RetrievedPoint>> {
        let index = self.indexes.get(&order.key).filter(|index| range_keys(index, &[]).is_some()).ok_or_else(|| {
            bad_input(format!("No range index for `order_by` key: `{}`. Please create one to use `order_by`", order.key))
        })?;
        if scroll.offset.is_some() {
            return Err(bad_input("Cannot use an `offset` when using `order_by`"));
        }
        let mut rows = Vec::new();
        for (id, point) in self.select(scroll.filter.as_ref()) {
            for value in range_keys(index, &order.key.find(&point.payload)).unwrap_or_default() {
                let Some(number) = value.as_number() else { continue };
                let starts = order.start.is_none_or(|start| if order.descending { number <= start } else { number >= start });
                if starts {
                    rows.push((number, id, value, point));
                }
            }
        }
        rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        if order.descending {
            rows.reverse();
        }
        let shown = |(_, id, value, point): (f64, Id, Data, &super::Point)| {
            let variant = match value {
                Data::Integer(number) => Some(order_value::Variant::Int(number)),
                Data::Double(number) => Some(order_value::Variant::Float(number)),
                _ => None,
            };
            let mut shown = point.retrieved(id, &scroll.payload, &scroll.vectors);
            shown.order_value = Some(wire::OrderValue { variant });
            shown
        };
        Ok(rows.into_iter().take(scroll.limit).map(shown).collect())
    }
}
