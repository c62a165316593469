//! Numbers by decimal value.
//!
//! JSON says nothing of the size of a number, and `1`, `1.0` and `10e-1` are one value to every backend. The value is read from
//! the number's own text as sign, digits and exponent, so nothing is rounded and nothing is expanded: `1e1000000000` costs no
//! more than `1`.

use crate::error::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

/// The longest text that [`Number::to_plain`] writes.
const PLAIN_DIGITS: usize = 1_000;

/// A JSON number compared by its decimal value, whatever its spelling and size.
///
/// Two numbers are equal, and hash alike, when they have the same decimal value; a negative zero is zero. Exponents past the
/// range of `i128` compare as the nearest one in it.
///
/// ```
/// use mastra_core::number::Number;
///
/// let parse = |text: &str| serde_json::from_str::<Number>(text);
/// assert_eq!(parse("1")?, parse("1.0")?);
/// assert_eq!(parse("1")?, parse("10e-1")?);
/// assert_eq!(parse("-0.0")?, parse("0")?);
/// assert!(parse("9007199254740993")? > parse("9007199254740992.0")?);
/// assert_eq!(parse("1.0")?.as_i64(), Some(1));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Number(pub(crate) serde_json::Number);

impl Number {
    /// The integer that this is exactly: `1.0` and `10e-1` are 1, `1.5` is none.
    ///
    /// ```
    /// use mastra_core::number::Number;
    ///
    /// assert_eq!(Number::try_from(2.0)?.as_i64(), Some(2));
    /// assert_eq!(Number::try_from(2.5)?.as_i64(), None);
    /// assert_eq!(Number::from(u64::MAX).as_i64(), None);
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn as_i64(&self) -> Option<i64> {
        self.0.as_i64().or_else(|| self.as_i128()?.try_into().ok())
    }

    /// The unsigned integer that this is exactly.
    ///
    /// ```
    /// use mastra_core::number::Number;
    ///
    /// assert_eq!(Number::from(u64::MAX).as_u64(), Some(u64::MAX));
    /// assert_eq!(Number::from(-1).as_u64(), None);
    /// ```
    pub fn as_u64(&self) -> Option<u64> {
        self.0.as_u64().or_else(|| self.as_i128()?.try_into().ok())
    }

    /// The nearest `f64`; none where that is infinite.
    ///
    /// ```
    /// assert_eq!(mastra_core::number::Number::from(3).as_f64(), Some(3.0));
    /// ```
    pub fn as_f64(&self) -> Option<f64> {
        self.0.as_f64().filter(|float| float.is_finite())
    }

    /// The number as serde_json holds it, in its own spelling.
    ///
    /// ```
    /// use mastra_core::number::Number;
    ///
    /// assert_eq!(Number::from(7).as_json_number(), &serde_json::Number::from(7));
    /// ```
    pub const fn as_json_number(&self) -> &serde_json::Number {
        &self.0
    }

    /// The number as serde_json holds it, in its own spelling.
    ///
    /// ```
    /// use mastra_core::number::Number;
    ///
    /// assert_eq!(Number::from(7).into_json_number(), serde_json::Number::from(7));
    /// ```
    pub fn into_json_number(self) -> serde_json::Number {
        self.0
    }

    /// One spelling a value: the significant digits as an integer, then the power of ten unless it is 0.
    ///
    /// Itself a JSON number. Equal numbers, and only they, have the same.
    ///
    /// ```
    /// use mastra_core::number::Number;
    ///
    /// assert_eq!(Number::from(1200).canonical(), "12e2");
    /// assert_eq!(Number::try_from(-1.5)?.canonical(), "-15e-1");
    /// assert_eq!(Number::try_from(7.0)?.canonical(), "7");
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn canonical(&self) -> String {
        canonical_number(&self.0)
    }

    /// The value in plain decimal notation, without an exponent; none where that would take more than 1,000 characters.
    ///
    /// ```
    /// use mastra_core::number::Number;
    ///
    /// assert_eq!(Number::try_from(1e21)?.to_plain().as_deref(), Some("1000000000000000000000"));
    /// assert_eq!(Number::try_from(-25e-4)?.to_plain().as_deref(), Some("-0.0025"));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn to_plain(&self) -> Option<String> {
        let text = text_of(&self.0);
        let decimal = Decimal::read(&text);
        let digits: String = decimal.digits().map(char::from).collect();
        if digits.is_empty() {
            return Some("0".to_owned());
        }
        let sign = if decimal.negative { "-" } else { "" };
        if decimal.point.unsigned_abs() > PLAIN_DIGITS as u128 || digits.len() > PLAIN_DIGITS {
            return None;
        }
        let point = isize::try_from(decimal.point).ok()?;
        let plain = match usize::try_from(point) {
            Ok(point) if point >= digits.len() => format!("{sign}{digits:0<point$}"),
            Ok(point) if point > 0 => {
                let (whole, fraction) = digits.split_at_checked(point)?;
                format!("{sign}{whole}.{fraction}")
            }
            _ => format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs())),
        };
        (plain.len() <= PLAIN_DIGITS).then_some(plain)
    }

    fn as_i128(&self) -> Option<i128> {
        let text = text_of(&self.0);
        let decimal = Decimal::read(&text);
        // 20 digits hold every i64 and u64.
        if decimal.point < decimal.len() as i128 || decimal.point > 20 {
            return None;
        }
        let mut whole: i128 = 0;
        for digit in decimal.digits() {
            whole = whole * 10 + i128::from(digit - b'0');
        }
        for _ in decimal.len() as i128..decimal.point {
            whole *= 10;
        }
        Some(if decimal.negative { -whole } else { whole })
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_numbers(&self.0, &other.0)
    }
}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let text = text_of(&self.0);
        let decimal = Decimal::read(&text);
        decimal.negative.hash(state);
        decimal.point.hash(state);
        decimal.digits().for_each(|digit| digit.hash(state));
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<serde_json::Number> for Number {
    fn from(number: serde_json::Number) -> Self {
        Self(number)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number.0)
    }
}

macro_rules! from_integers {
    ($($integer:ty)*) => {
        $(impl From<$integer> for Number {
            fn from(integer: $integer) -> Self {
                Self(integer.into())
            }
        })*
    };
}

from_integers!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

impl TryFrom<f64> for Number {
    type Error = Error;

    fn try_from(float: f64) -> Result<Self> {
        let number = serde_json::Number::from_f64(float);
        number.map(Self).ok_or_else(|| Error::invalid_input("a number must be finite"))
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Number::deserialize(deserializer).map(Self)
    }
}

/// Whether two values are the same: typed, numbers by decimal value, objects whatever the order of their keys, at any depth.
///
/// ```
/// use mastra_core::number::values_equal;
/// use serde_json::json;
///
/// assert!(values_equal(&json!({"a": 1, "b": [2.0]}), &json!({"b": [2], "a": 1.0})));
/// assert!(!values_equal(&json!(1), &json!("1")));
/// assert!(!values_equal(&json!(1), &json!(true)));
/// ```
pub fn values_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right).is_eq(),
        (Value::String(left), Value::String(right)) => left == right,
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| values_equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let same = |(key, value)| right.get(key).is_some_and(|other| values_equal(value, other));
            left.len() == right.len() && left.iter().all(same)
        }
        _ => false,
    }
}

/// The order of two JSON numbers by decimal value.
///
/// ```
/// use mastra_core::number::compare_numbers;
///
/// assert!(compare_numbers(&2.into(), &10.into()).is_lt());
/// ```
pub fn compare_numbers(left: &serde_json::Number, right: &serde_json::Number) -> Ordering {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        return left.cmp(&right);
    }
    if let (Some(left), Some(right)) = (as_float(left), as_float(right)) {
        // Neither is NaN, which is no JSON.
        return left.partial_cmp(&right).unwrap_or(Ordering::Equal);
    }
    let (left, right) = (text_of(left), text_of(right));
    Decimal::read(&left).cmp(&Decimal::read(&right))
}

/// The one spelling of [`Number::canonical`].
pub(crate) fn canonical_number(number: &serde_json::Number) -> String {
    let text = text_of(number);
    let decimal = Decimal::read(&text);
    if decimal.len() == 0 {
        return "0".to_owned();
    }
    let mut out = String::with_capacity(decimal.len() + 8);
    if decimal.negative {
        out.push('-');
    }
    out.extend(decimal.digits().map(char::from));
    match decimal.point.saturating_sub(decimal.len() as i128) {
        0 => out,
        exponent => format!("{out}e{exponent}"),
    }
}

/// Whether serde_json was built with `arbitrary_precision`. Another crate of the same build may have asked for it, so our own
/// feature does not tell.
pub(crate) fn keeps_number_text() -> bool {
    static KEEPS: LazyLock<bool> = LazyLock::new(|| {
        let number = serde_json::from_str::<serde_json::Number>("1.00");
        number.is_ok_and(|number| number.to_string() == "1.00")
    });
    *KEEPS
}

/// The number as a float that compares with other such floats as the decimal values do, where it has one.
///
/// A float's decimal value is its shortest text that reads back, which rises with the float. An integer up to 2^53 is its float.
fn as_float(number: &serde_json::Number) -> Option<f64> {
    const EXACT: u64 = 1 << 53;
    match number.as_i64() {
        Some(integer) => (integer.unsigned_abs() <= EXACT).then_some(integer as f64),
        None if number.is_f64() && !keeps_number_text() => number.as_f64(),
        None => None,
    }
}

/// How a number is written.
#[cfg(feature = "arbitrary-precision")]
pub(crate) fn text_of(number: &serde_json::Number) -> Cow<'_, str> {
    Cow::Borrowed(number.as_str())
}

/// How a number is written.
#[cfg(not(feature = "arbitrary-precision"))]
pub(crate) fn text_of(number: &serde_json::Number) -> Cow<'_, str> {
    Cow::Owned(number.to_string())
}

/// `± 0.digits × 10^point`, the digits without zeros at either end; zero has none.
#[derive(Debug)]
struct Decimal<'a> {
    negative: bool,
    /// The significant digits before the decimal point of the text, and those behind it.
    whole: &'a [u8],
    fraction: &'a [u8],
    point: i128,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Self {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, saturating_exponent(exponent)),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let (whole, fraction, point) = if whole.is_empty() {
            let significant = fraction.trim_start_matches('0');
            let zeros = fraction.len() - significant.len();
            ("", significant, exponent.saturating_sub(zeros as i128))
        } else {
            let trimmed = if fraction.is_empty() { whole.trim_end_matches('0') } else { whole };
            (trimmed, fraction, exponent.saturating_add(whole.len() as i128))
        };
        if whole.is_empty() && fraction.is_empty() {
            return Self { negative: false, whole: &[], fraction: &[], point: 0 };
        }
        Self { negative, whole: whole.as_bytes(), fraction: fraction.as_bytes(), point }
    }

    fn len(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.iter().chain(self.fraction).copied()
    }

    /// -1, 0 or 1.
    fn sign(&self) -> i8 {
        match (self.len(), self.negative) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.sign().cmp(&other.sign());
        if signs.is_ne() {
            return signs;
        }
        let magnitude = self.point.cmp(&other.point).then_with(|| self.digits().cmp(other.digits()));
        if self.negative { magnitude.reverse() } else { magnitude }
    }
}

/// The exponent behind `e`, held within a range that a digit count cannot push over.
fn saturating_exponent(text: &str) -> i128 {
    const LIMIT: i128 = i128::MAX / 4;
    let negative = text.starts_with('-');
    match text.parse::<i128>() {
        Ok(exponent) => exponent.clamp(-LIMIT, LIMIT),
        Err(_) if negative => -LIMIT,
        Err(_) => LIMIT,
    }
}
