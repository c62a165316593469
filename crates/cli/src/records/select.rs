//! What several commands read alike: the entity, filters, sort keys, paths and times.

use crate::{context::entity_ref, exit::HINT};
use clap::Args;
use mastra_core::{EntityRef, Error, Filter, Path, Result, SortKey, Timestamp, time};

/// The entity that a command works on.
#[derive(Debug, Args)]
pub(crate) struct EntityArgs {
    /// The entity's name or id
    #[arg(long)]
    pub(crate) entity: String,
    /// Its connection, where several have an entity of that name
    #[arg(long)]
    pub(crate) connection: Option<String>,
}

impl EntityArgs {
    pub(crate) fn entity_ref(&self) -> EntityRef {
        entity_ref(&self.entity, self.connection.as_deref())
    }
}

/// A filter in the Mongo-style form.
pub(crate) fn filter(text: Option<&str>) -> Result<Filter> {
    text.map_or_else(
        || Ok(Filter::all()),
        |text| {
            Filter::from_json_str(text)
                .map_err(|error| error.with(HINT, r#"a filter is JSON, such as '{"stage": "won", "amount": {"$gte": 1000}}'"#))
        },
    )
}

/// `a,-b`: by `a` ascending, then by `b` descending. A field whose name begins with a minus sign is spelled in `--query`.
pub(crate) fn sort(text: &str) -> Result<SortKey> {
    match text.strip_prefix('-') {
        Some(path) => SortKey::descending(path),
        None => SortKey::ascending(text),
    }
}

/// `a,b.c`: paths, split at commas.
pub(crate) fn path(text: &str) -> Result<Path> {
    text.trim().parse()
}

/// A time: RFC 3339, a date (its beginning, in UTC), or an age such as `90m`, `12h`, `7d`.
pub(crate) fn moment(text: &str) -> Result<Timestamp> {
    let bad = || {
        Error::invalid_input("not a time: give 2026-01-31T12:00:00Z, 2026-01-31, or an age such as 90m, 12h or 7d")
            .with("time", text)
    };
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    if let Ok(date) = text.parse::<chrono::NaiveDate>() {
        return date.and_hms_opt(0, 0, 0).map(|time| time.and_utc()).ok_or_else(bad);
    }
    let unit = text.chars().last().ok_or_else(bad)?;
    let number: i64 =
        text.strip_suffix(unit).and_then(|digits| digits.parse().ok()).filter(|number| *number >= 0).ok_or_else(bad)?;
    let age = match unit {
        's' => chrono::TimeDelta::try_seconds(number),
        'm' => chrono::TimeDelta::try_minutes(number),
        'h' => chrono::TimeDelta::try_hours(number),
        'd' => chrono::TimeDelta::try_days(number),
        _ => None,
    };
    age.and_then(|age| time::now().checked_sub_signed(age)).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mastra_core::Direction;

    #[test]
    fn a_minus_sign_turns_a_sort_key_round() {
        assert_eq!(sort("amount").unwrap().direction, Direction::Ascending);
        assert_eq!(sort("-company.size").unwrap(), SortKey::descending("company.size").unwrap());
        assert!(sort("").is_err() && sort("-").is_err());
    }

    #[test]
    fn times_of_three_kinds() {
        assert_eq!(moment("2026-01-31").unwrap(), moment("2026-01-31T00:00:00Z").unwrap());
        let hour = time::now() - moment("1h").unwrap();
        assert!((3_599..=3_601).contains(&hour.num_seconds()));
        for text in ["", "d", "1", "1y", "-1d", "tomorrow", "99999999999999999d", "ä"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_malformed_filter_shows_a_good_one() {
        assert!(filter(Some("stage = won")).unwrap_err().get(HINT).is_some());
        assert!(filter(None).unwrap().is_trivially_true());
    }
}
