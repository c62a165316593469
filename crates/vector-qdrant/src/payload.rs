//! What stands in a point's payload, and how metadata gets there and back.
//!
//! Metadata stands under one key, as Qdrant's own values, for filters. What those cannot hold (a number beyond 64 bits or of more digits
//! than a float keeps, deep nesting) is replaced there by an empty object, which no condition matches, and the whole stands beside as
//! JSON. A point of which a number was replaced is marked, so that conditions on numbers find it as a candidate.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mastra_core::{
    Error, Result,
    number::Number,
    text::{index_string, terms},
    vector::{Element, Include, IndexSpec, Metric, Point, Vector, score},
};
use qdrant_client::qdrant::{
    DenseVector, ListValue, NamedVectors, Struct, Value as Wire, Vector as WireVector, Vectors, VectorsOutput,
    WithPayloadSelector, WithVectorsSelector, value::Kind, vector, vector_output,
};
use serde_json::{Map, Value};
use std::collections::HashMap;
use uuid::Uuid;

pub(crate) const ID: &str = "_id";
pub(crate) const NAMESPACE: &str = "_ns";
pub(crate) const META: &str = "meta";
pub(crate) const TERMS: &str = "_terms";
/// The keys of an id's ranks, as many of them as it has.
pub(crate) const RANKED: [&str; crate::name::RANKS] = ["_rank", "_rank2", "_rank3", "_rank4"];
/// Another whenever metadata are written: what a merge was made of is told from what came since.
pub(crate) const REVISION: &str = "_rev";
/// Whether a number was replaced.
pub(crate) const ODD: &str = "_odd";
const TEXT: &str = "_text";
/// Metadata as JSON, where something was replaced.
const JSON: &str = "_json";
/// The vector as it was written, where Qdrant keeps another.
const VECTOR: &str = "_vector";

/// Containers below this many are left out of what filters see: they reach less deep, and messages nest no deeper.
const DEPTH: usize = 16;

pub(crate) type Payload = HashMap<String, Wire>;

/// A null removes the key where a payload is merged.
fn null() -> Wire {
    Wire { kind: Some(Kind::NullValue(0)) }
}

/// The keys of metadata. All are there, so that merged into a payload they leave nothing of what was.
pub(crate) fn metadata(metadata: &Value, revision: i64) -> Result<Payload> {
    let mut changed = Changed::default();
    let native = changed.wire(metadata, 0);
    let json = match changed.any {
        true => Wire::from(
            serde_json::to_string(metadata)
                .map_err(|source| Error::internal("metadata could not be written").with_source(source))?,
        ),
        false => null(),
    };
    let odd = if changed.numbers { Wire::from(true) } else { null() };
    let revision = Wire::from(revision);
    Ok(Payload::from([
        (META.to_owned(), native),
        (JSON.to_owned(), json),
        (ODD.to_owned(), odd),
        (REVISION.to_owned(), revision),
    ]))
}

/// A revision that no other write has.
pub(crate) fn fresh_revision() -> i64 {
    Uuid::now_v7().as_u64_pair().1.cast_signed()
}

/// The keys of a text.
pub(crate) fn text(text: Option<&str>) -> Payload {
    let words = text.map(index_string);
    let words = words.as_deref().map_or_else(null, |words| {
        let values = terms(words).into_iter().map(Wire::from).collect();
        Wire { kind: Some(Kind::ListValue(ListValue { values })) }
    });
    Payload::from([(TEXT.to_owned(), text.map_or_else(null, Wire::from)), (TERMS.to_owned(), words)])
}

/// The key of a vector that Qdrant does not keep as it is: under cosine it keeps the direction alone.
pub(crate) fn original(spec: &IndexSpec, numbers: &[f32]) -> Payload {
    let kept = if spec.metric == Metric::Cosine && !is_unit(numbers) {
        let stored = score::stored(spec.element, numbers);
        let bytes: Vec<u8> = stored.iter().flat_map(|number| number.to_le_bytes()).collect();
        Wire::from(STANDARD.encode(bytes))
    } else {
        null()
    };
    Payload::from([(VECTOR.to_owned(), kept)])
}

/// Qdrant leaves alone what is within a millionth of length 1, by its own sum in 32 bits; this is the narrower.
fn is_unit(numbers: &[f32]) -> bool {
    let squared: f64 = numbers.iter().map(|number| f64::from(*number) * f64::from(*number)).sum();
    (squared - 1.0).abs() < 2.0e-7
}

/// What identifies a point, and sorts it.
pub(crate) fn identity(namespace: &str, id: &str) -> Payload {
    let mut payload = Payload::from([(ID.to_owned(), Wire::from(id)), (NAMESPACE.to_owned(), Wire::from(namespace))]);
    payload.extend(RANKED.into_iter().zip(crate::name::ranks(id)).map(|(key, rank)| (key.to_owned(), Wire::from(rank))));
    payload
}

/// A new point has no keys to remove.
pub(crate) fn without_nulls(mut payload: Payload) -> Payload {
    payload.retain(|_, value| !matches!(value.kind, Some(Kind::NullValue(_)) | None));
    payload
}

pub(crate) fn vectors(name: &str, numbers: &[f32]) -> Vectors {
    let vector =
        WireVector { vector: Some(vector::Vector::Dense(DenseVector { data: numbers.to_vec() })), ..WireVector::default() };
    NamedVectors { vectors: HashMap::from([(name.to_owned(), vector)]) }.into()
}

/// The size of a value on the wire, about.
pub(crate) fn size(value: &Wire) -> usize {
    8 + match &value.kind {
        Some(Kind::StringValue(text)) => text.len(),
        Some(Kind::ListValue(list)) => list.values.iter().map(size).sum(),
        Some(Kind::StructValue(object)) => object.fields.iter().map(|(key, value)| key.len() + 8 + size(value)).sum(),
        _ => 8,
    }
}

#[derive(Default)]
struct Changed {
    any: bool,
    numbers: bool,
}

impl Changed {
    fn wire(&mut self, value: &Value, depth: usize) -> Wire {
        let kind = match value {
            Value::Null => Kind::NullValue(0),
            Value::Bool(flag) => Kind::BoolValue(*flag),
            Value::String(text) => Kind::StringValue(text.clone()),
            Value::Number(number) => match native(number) {
                Some(kind) => kind,
                None => {
                    self.numbers = true;
                    self.hidden()
                }
            },
            Value::Array(_) | Value::Object(_) if depth >= DEPTH => self.hidden(),
            Value::Array(members) => {
                Kind::ListValue(ListValue { values: members.iter().map(|member| self.wire(member, depth + 1)).collect() })
            }
            Value::Object(map) => {
                let fields = map.iter().map(|(key, value)| (key.clone(), self.wire(value, depth + 1))).collect();
                Kind::StructValue(Struct { fields })
            }
        };
        Wire { kind: Some(kind) }
    }

    fn hidden(&mut self) -> Kind {
        self.any = true;
        Kind::StructValue(Struct::default())
    }
}

/// The number as Qdrant keeps it without changing its decimal value: whole ones as integers, however they are spelt, and a float is never
/// whole.
pub(crate) fn native(number: &serde_json::Number) -> Option<Kind> {
    if let Some(whole) = number.as_i64() {
        return Some(Kind::IntegerValue(whole));
    }
    let number = Number::from(number.clone());
    if let Some(whole) = number.as_i64() {
        return Some(Kind::IntegerValue(whole));
    }
    let float = number.as_f64().filter(|float| float.fract() != 0.0)?;
    (Number::try_from(float).ok()? == number).then_some(Kind::DoubleValue(float))
}

/// Which keys a call reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reads {
    pub(crate) metadata: bool,
    pub(crate) text: bool,
    pub(crate) vector: bool,
    pub(crate) namespace: bool,
    pub(crate) revision: bool,
}

impl Reads {
    pub(crate) fn new(include: Include) -> Self {
        Self { metadata: include.metadata, text: include.text, vector: include.vector, namespace: false, revision: false }
    }

    /// Metadata too, to be judged.
    pub(crate) fn with_metadata(mut self, reads: bool) -> Self {
        self.metadata |= reads;
        self
    }

    pub(crate) fn with_namespace(mut self) -> Self {
        self.namespace = true;
        self
    }

    /// Metadata, and which write they are of.
    pub(crate) fn with_revision(mut self) -> Self {
        self.revision = true;
        self.with_metadata(true)
    }

    pub(crate) fn with_text(mut self) -> Self {
        self.text = true;
        self
    }

    pub(crate) fn with_vector(mut self, reads: bool) -> Self {
        self.vector |= reads;
        self
    }

    pub(crate) fn payload(self) -> WithPayloadSelector {
        let mut keys = vec![ID, ODD];
        if self.metadata {
            keys.extend([META, JSON]);
        }
        if self.namespace {
            keys.push(NAMESPACE);
        }
        if self.revision {
            keys.push(REVISION);
        }
        if self.text {
            keys.push(TEXT);
        }
        if self.vector {
            keys.push(VECTOR);
        }
        keys.into()
    }

    pub(crate) fn vectors(self, name: &str) -> WithVectorsSelector {
        if self.vector { vec![name].into() } else { false.into() }
    }
}

/// A point that was read.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) point: Point,
    /// Whether one of its numbers was replaced.
    pub(crate) odd: bool,
    /// Where that was asked for.
    pub(crate) namespace: Option<String>,
    /// Where that was asked for.
    pub(crate) revision: Option<i64>,
}

/// Reads a point of the wire. What is not as it was written is `Corrupt`.
pub(crate) fn read(
    mut payload: Payload,
    vectors: Option<VectorsOutput>,
    spec: &IndexSpec,
    name: &str,
    reads: Reads,
) -> Result<Read> {
    let corrupt = |what: &str| Error::corrupt(format!("a point of the collection has no {what} that this store wrote"));
    let Some(Kind::StringValue(id)) = payload.remove(ID).and_then(|value| value.kind) else { return Err(corrupt("id")) };
    let mut point = Point::new(id);
    if reads.metadata {
        point.metadata = Some(match payload.remove(JSON).and_then(|value| value.kind) {
            Some(Kind::StringValue(json)) => serde_json::from_str(&json).map_err(|_| corrupt("metadata"))?,
            _ => payload.remove(META).map_or_else(|| Value::Object(Map::new()), json),
        });
    }
    if let Some(Kind::StringValue(text)) = payload.remove(TEXT).and_then(|value| value.kind) {
        point.text = Some(text);
    }
    if reads.vector {
        let numbers = match payload.remove(VECTOR).and_then(|value| value.kind) {
            Some(Kind::StringValue(kept)) => kept_numbers(&kept),
            _ => dense(vectors, name),
        };
        let numbers = numbers.filter(|numbers| numbers.len() == spec.dimension).ok_or_else(|| corrupt("vector"))?;
        point.vector = Some(Vector::dense(numbers));
    }
    let namespace = match payload.remove(NAMESPACE).and_then(|value| value.kind) {
        Some(Kind::StringValue(name)) => Some(name),
        _ => None,
    };
    let revision = match payload.remove(REVISION).and_then(|value| value.kind) {
        Some(Kind::IntegerValue(revision)) => Some(revision),
        _ => None,
    };
    Ok(Read { point, odd: payload.contains_key(ODD), namespace, revision })
}

fn kept_numbers(kept: &str) -> Option<Vec<f32>> {
    let bytes = STANDARD.decode(kept).ok()?;
    let numbers = bytes.chunks_exact(4).filter_map(|chunk| Some(f32::from_le_bytes(chunk.try_into().ok()?)));
    Some(numbers.collect())
}

fn dense(vectors: Option<VectorsOutput>, name: &str) -> Option<Vec<f32>> {
    match vectors?.get_vector_by_name(name)? {
        vector_output::Vector::Dense(dense) => Some(dense.data),
        _ => None,
    }
}

fn json(value: Wire) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::IntegerValue(number)) => Value::from(number),
        Some(Kind::DoubleValue(number)) => Value::from(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(json).collect()),
        Some(Kind::StructValue(object)) => {
            Value::Object(object.fields.into_iter().map(|(key, value)| (key, json(value))).collect())
        }
    }
}

/// Numbers of 16 bits come back as they were rounded.
pub(crate) fn asked(spec: &IndexSpec, numbers: &[f32]) -> Vec<f32> {
    match spec.element {
        Element::F16 => score::stored(spec.element, numbers),
        _ => numbers.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn there_and_back(value: &Value) -> (Value, bool, bool) {
        let mut payload = without_nulls(metadata(value, 7).unwrap());
        let kept = payload.contains_key(JSON);
        payload.insert(ID.to_owned(), Wire::from("a"));
        let reads = Reads::new(Include { vector: false, metadata: true, text: false });
        let read = read(payload, None, &IndexSpec::new("docs", 1), "cosine", reads).unwrap();
        (read.point.metadata.unwrap(), kept, read.odd)
    }

    #[test]
    fn metadata_comes_back_as_it_was_written() {
        let plain = json!({"a": [1, -1.5, null, true, "x", {}, [], {"b": {"c": i64::MAX}}], "": {"x": 0.1}});
        assert_eq!(there_and_back(&plain), (plain.clone(), false, false));
        let deep = (0..60).fold(json!("bottom"), |inner, _| json!({"d": [inner]}));
        assert_eq!(there_and_back(&deep), (deep.clone(), true, false));
        let big: Value = serde_json::from_str(r#"{"big": 18446744073709551615}"#).unwrap();
        assert_eq!(there_and_back(&big), (big.clone(), true, true));
    }

    #[test]
    fn equal_numbers_are_kept_alike() {
        let kind = |text: &str| native(&serde_json::from_str(text).unwrap());
        assert_eq!(kind("1"), Some(Kind::IntegerValue(1)));
        assert_eq!(kind("1.0"), Some(Kind::IntegerValue(1)));
        assert_eq!(kind("-0.0"), Some(Kind::IntegerValue(0)));
        assert_eq!(kind("9007199254740993"), Some(Kind::IntegerValue(9_007_199_254_740_993)));
        assert_eq!(kind("0.1"), Some(Kind::DoubleValue(0.1)));
        assert_eq!(kind("1e300"), None);
    }

    #[test]
    fn only_vectors_that_qdrant_changes_are_kept_beside() {
        let spec = IndexSpec::new("docs", 2);
        assert!(without_nulls(original(&spec, &[0.6, 0.8])).is_empty());
        let kept = original(&spec, &[3.0, 4.0]);
        let Some(Kind::StringValue(text)) = &kept[VECTOR].kind else { panic!("{kept:?}") };
        assert_eq!(kept_numbers(text), Some(vec![3.0, 4.0]));
        assert!(without_nulls(original(&spec.metric(Metric::Dot), &[3.0, 4.0])).is_empty());
    }
}
