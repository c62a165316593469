//! Lengths of time as options spell them.

use std::time::Duration;

/// `90s`, `5m`, `2h`, `30d`, or `0`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let bad = || "not a length of time: give 90s, 5m, 2h or 30d".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let unit = text.chars().last().ok_or_else(bad)?;
    let number: u64 = text.strip_suffix(unit).and_then(|digits| digits.parse().ok()).ok_or_else(bad)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(bad()),
    };
    number.checked_mul(seconds).filter(|seconds| *seconds <= MOST).map(Duration::from_secs).ok_or_else(bad)
}

/// A hundred years: behind them clocks end.
const MOST: u64 = 100 * 365 * 24 * 60 * 60;

/// The same, of more than nothing.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("this has to be longer than nothing".to_owned()),
        length => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), duration("120m"));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert!(some_time("0s").is_err());
        for text in ["", "s", "5", "-1s", "1y", "ä", "99999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
