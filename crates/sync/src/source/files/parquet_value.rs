//! Parquet's values as JSON.

use super::value::number;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use mastra_core::{Error, Result};
use parquet::record::{Field, Row};
use serde_json::{Map, Number, Value};

/// A row as an object. `InvalidInput` where JSON has no value for a part of it, with its column.
pub(super) fn object(row: &Row) -> Result<Value> {
    let mut object = Map::with_capacity(row.len());
    for (name, field) in row.get_column_iter() {
        object.insert(name.clone(), value(field).map_err(|error| error.with("column", name))?);
    }
    Ok(Value::Object(object))
}

fn value(field: &Field) -> Result<Value> {
    Ok(match field {
        Field::Null => Value::Null,
        Field::Bool(value) => Value::from(*value),
        Field::Byte(value) => Value::from(*value),
        Field::Short(value) => Value::from(*value),
        Field::Int(value) => Value::from(*value),
        Field::Long(value) => Value::from(*value),
        Field::UByte(value) => Value::from(*value),
        Field::UShort(value) => Value::from(*value),
        Field::UInt(value) => Value::from(*value),
        Field::ULong(value) => Value::from(*value),
        // By its own digits: 0.1 as a float is 0.1, and not the double next to it.
        Field::Float16(value) => float(value.to_f32().to_string().parse().unwrap_or(f64::NAN))?,
        Field::Float(value) => float(value.to_string().parse().unwrap_or(f64::NAN))?,
        Field::Double(value) => float(*value)?,
        Field::Decimal(_) => {
            let text = field.to_string();
            number(&text).unwrap_or(Value::String(text))
        }
        Field::Str(text) => Value::from(text.as_str()),
        Field::Bytes(_) => return Err(Error::invalid_input("the value is binary, which JSON cannot hold")),
        Field::Date(days) => {
            let date = TimeDelta::try_days(i64::from(*days)).and_then(|days| DateTime::UNIX_EPOCH.checked_add_signed(days));
            Value::from(date.ok_or_else(out_of_range)?.date_naive().to_string())
        }
        Field::TimeMillis(value) => time(i64::from(*value).saturating_mul(1_000))?,
        Field::TimeMicros(value) => time(*value)?,
        Field::TimestampMillis(value) => timestamp(DateTime::from_timestamp_millis(*value))?,
        Field::TimestampMicros(value) => timestamp(DateTime::from_timestamp_micros(*value))?,
        Field::Group(row) => object(row)?,
        Field::ListInternal(list) => Value::Array(list.elements().iter().map(value).collect::<Result<_>>()?),
        Field::MapInternal(map) => {
            let mut object = Map::with_capacity(map.len());
            for (key, entry) in map.entries() {
                let Field::Str(key) = key else {
                    return Err(Error::invalid_input("the keys of a map are no texts, as those of a JSON object are"));
                };
                object.insert(key.clone(), value(entry)?);
            }
            Value::Object(object)
        }
    })
}

fn float(value: f64) -> Result<Value> {
    let number = Number::from_f64(value).map(Value::Number);
    number.ok_or_else(|| Error::invalid_input("the value is not a number or infinite, as no number in JSON"))
}

fn time(microseconds: i64) -> Result<Value> {
    let time = DateTime::from_timestamp_micros(microseconds).ok_or_else(out_of_range)?;
    Ok(Value::from(time.format("%H:%M:%S%.6f").to_string()))
}

fn timestamp(time: Option<DateTime<Utc>>) -> Result<Value> {
    Ok(Value::from(time.ok_or_else(out_of_range)?.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
}

fn out_of_range() -> Error {
    Error::invalid_input("the time is out of the range of calendars")
}
