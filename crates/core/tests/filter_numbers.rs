//! Numbers by decimal value, with and without the feature that keeps their text.

#![allow(clippy::unwrap_used)]

use mastra_core::Filter;
use mastra_core::number::{Number, values_equal};
use serde_json::json;
use std::collections::HashSet;

fn read(text: &str) -> Number {
    serde_json::from_str(text).unwrap()
}

#[test]
fn spellings_of_one_value_are_equal() {
    for spellings in [
        vec!["1", "1.0", "1.000", "10e-1", "1e0", "0.1E1", "0.1e+1", "1000e-3"],
        vec!["0", "-0", "0.0", "-0.0", "0e5", "-0e-7", "0.000"],
        vec!["-12.5", "-125e-1", "-0.125e2", "-12.50"],
        vec!["1e21", "1000000000000000000000", "1000000000000000000000.0"],
        vec!["9007199254740992", "9007199254740992.0", "9.007199254740992e15"],
    ] {
        let set: HashSet<Number> = spellings.iter().map(|text| read(text)).collect();
        assert_eq!(set.len(), 1, "{spellings:?}");
        let canonical: HashSet<String> = spellings.iter().map(|text| read(text).canonical()).collect();
        assert_eq!(canonical.len(), 1, "{spellings:?}");
    }
}

#[test]
fn values_rise() {
    let rising = [
        "-1e300",
        "-9223372036854775809",
        "-9223372036854775808",
        "-9007199254740993",
        "-9007199254740992.0",
        "-10",
        "-9.5",
        "-1",
        "-0.5",
        "-1e-300",
        "0",
        "1e-300",
        "0.1",
        "0.5",
        "1",
        "1.5",
        "2",
        "10",
        "9007199254740991",
        "9007199254740992.0",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "1e20",
        "1e300",
    ];
    // Without the text, serde_json holds what is outside u64 as the nearest float; the two below -2^63 become one.
    let rising: Vec<Number> = rising.iter().map(|text| read(text)).collect();
    for pair in rising.windows(2) {
        let (lower, upper) = (&pair[0], &pair[1]);
        let same = lower.to_string().contains('e') && !cfg!(feature = "arbitrary-precision");
        assert!(lower < upper || (same && lower == upper), "{lower} < {upper}");
    }
}

#[test]
fn exact_integers() {
    for (text, signed, unsigned) in [
        ("1.0", Some(1), Some(1)),
        ("10e-1", Some(1), Some(1)),
        ("-3.0", Some(-3), None),
        ("-0.0", Some(0), Some(0)),
        ("1.5", None, None),
        ("1e18", Some(1_000_000_000_000_000_000), Some(1_000_000_000_000_000_000)),
        ("1e19", None, Some(10_000_000_000_000_000_000)),
        ("1e20", None, None),
        ("1e300", None, None),
        ("1e-300", None, None),
        ("-9223372036854775808", Some(i64::MIN), None),
        ("9223372036854775808", None, Some(1 << 63)),
        ("18446744073709551615", None, Some(u64::MAX)),
    ] {
        let number = read(text);
        assert_eq!((number.as_i64(), number.as_u64()), (signed, unsigned), "{text}");
    }
}

#[test]
fn plain_notation() {
    for (text, plain) in [
        ("0.0", Some("0")),
        ("-0", Some("0")),
        ("1e3", Some("1000")),
        ("1.50", Some("1.5")),
        ("-12e-1", Some("-1.2")),
        ("1e-5", Some("0.00001")),
        ("123.456", Some("123.456")),
        ("100", Some("100")),
    ] {
        assert_eq!(read(text).to_plain().as_deref(), plain, "{text}");
    }
}

#[test]
fn floats_compare_by_their_shortest_text() {
    assert!(values_equal(&json!(0.1), &serde_json::from_str("1e-1").unwrap()));
    assert!(values_equal(&json!(1e23), &serde_json::from_str("1e23").unwrap()));
    assert!(Number::try_from(f64::NAN).is_err());
    assert!(Number::try_from(f64::NEG_INFINITY).is_err());
    assert_eq!(Number::from(u64::MAX).as_f64(), Some(u64::MAX as f64));
}

#[cfg(feature = "arbitrary-precision")]
mod with_the_text_kept {
    use super::*;

    #[test]
    fn any_length_and_any_exponent() {
        let digits = "1234567890".repeat(500);
        assert!(read(&digits) < read(&format!("{digits}.0000000000001")));
        assert_eq!(read(&digits), read(&format!("{digits}.000")));
        assert_eq!(read("1e1000000000"), read("10e999999999"));
        assert!(read("1e1000000000") > read("9e999999999"));
        assert!(read("-1e1000000000") < read("-9e999999999"));
        assert!(read("1e-1000000000") > read("0"));
        assert!(read("1e99999999999999999999") > read("1e9223372036854775807"));
        for text in [
            "1e1000000000",
            "1e-1000000000",
            "1e99999999999999999999999999999999999999999999999999",
            "-1e-99999999999999999999999999999999999999999999999999",
        ] {
            let number = read(text);
            assert_eq!((number.as_i64(), number.as_u64(), number.to_plain()), (None, None, None));
            assert!(!number.canonical().is_empty());
            assert_eq!(number, number.clone());
        }
        assert_eq!(read("1e1000000000").as_f64(), None);
        assert_eq!(read("0e1000000000"), read("0"));
    }

    #[test]
    fn filters_keep_the_text() {
        let text = r#"{"a":{"$gt":0.10000000000000000000000000000000000001}}"#;
        for filter in [Filter::from_json_str(text).unwrap(), serde_json::from_str(text).unwrap()] {
            assert_eq!(serde_json::to_string(&filter).unwrap(), text);
            assert!(filter.matches(&serde_json::from_str(r#"{"a": 0.10000000000000000000000000000000000002}"#).unwrap()));
            assert!(!filter.matches(&serde_json::from_str(r#"{"a": 0.1}"#).unwrap()));
        }
        let huge = Filter::from_json_str(r#"{"a": 1e1000000000}"#).unwrap();
        assert!(huge.matches(&serde_json::from_str(r#"{"a": 10.0e999999999}"#).unwrap()));
    }
}

#[test]
fn a_filter_reads_numbers_from_text_and_value_alike() {
    for text in [r#"{"a":1.5}"#, r#"{"a":{"$in":[1,-2,18446744073709551615,1e3,0.0]}}"#, r#"{"a":{"$eq":{"n":[1.25]}}}"#] {
        let from_text: Filter = serde_json::from_str(text).unwrap();
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(from_text, Filter::from_json(&value).unwrap());
        assert_eq!(from_text, serde_json::from_value(value).unwrap());
        assert_eq!(from_text, serde_json::from_slice(text.as_bytes()).unwrap());
        assert_eq!(from_text, serde_json::from_reader(text.as_bytes()).unwrap());
    }
}
