//! The spellings of a time that Qdrant reads out of a payload.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// With a zone, also one without a colon; without one it is UTC; without seconds; or a date alone.
pub(crate) fn parse(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text)
        .or_else(|_| text.parse())
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z"))
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z"));
    if let Ok(time) = zoned {
        return Some(time.to_utc());
    }
    const WITHOUT_ZONE: [&str; 4] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    WITHOUT_ZONE
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
        .map(|time| time.and_utc())
}
