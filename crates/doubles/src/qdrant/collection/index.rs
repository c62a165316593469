//! Payload indexes: their kinds, and what a filter can ask them.

use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::FieldType;
use qdrant_client::qdrant::payload_index_params::IndexParams;

use super::Collection;
use crate::qdrant::data::Data;
use crate::qdrant::filter::{Condition, Filter, facet_values, range_keys};
use crate::qdrant::path::Path;
use crate::qdrant::status::{Result, bad_request, malformed, strict, validation};

/// What an index answers with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Index {
    Keyword {
        prefix: bool,
    },
    Integer {
        lookup: bool,
        range: bool,
    },
    Float,
    Bool,
    Uuid,
    Datetime,
    Text(TextIndex),
    /// Kept and described; conditions on places are not imitated.
    Geo,
}

/// How a text index cuts words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextIndex {
    pub(crate) whitespace: bool,
    pub(crate) prefixes: bool,
    pub(crate) lowercase: bool,
    pub(crate) min_length: usize,
    pub(crate) max_length: usize,
    pub(crate) phrases: bool,
}

/// An index as it was asked for, which is how it is described.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FieldIndex {
    kind: FieldType,
    params: Option<IndexParams>,
}

impl FieldIndex {
    fn is_tenant(&self) -> bool {
        match &self.params {
            Some(IndexParams::KeywordIndexParams(params)) => params.is_tenant == Some(true),
            Some(IndexParams::UuidIndexParams(params)) => params.is_tenant == Some(true),
            _ => false,
        }
    }
}

impl Collection {
    /// Creates the index of a key, or replaces one that was made otherwise.
    pub(crate) fn create_index(&mut self, request: wire::CreateFieldIndexCollection) -> Result<()> {
        let (key, field, index) = read(request)?;
        if let Some(most) = self.strict().and_then(|strict| strict.max_payload_index_count)
            && self.fields.len() as u64 >= most
        {
            let error = format!("Collection already has the maximum number of payload indices ({most})");
            return Err(strict(error, "Please delete an existing index before creating a new one."));
        }
        self.outlived.remove(&key);
        self.fields.insert(key.clone(), field);
        self.indexes.insert(key, index);
        Ok(())
    }

    /// Deletes the index of a key. That there is none is no error.
    pub(crate) fn delete_index(&mut self, key: &Path) {
        self.fields.remove(key);
        self.indexes.remove(key);
        self.outlived.remove(key);
    }

    /// Whether the filter asks for a key whose index was made for tenants.
    pub(super) fn asks_for_tenant(&self, filter: &Filter) -> bool {
        let key = |condition: &Condition| match condition {
            Condition::Field(field) => Some(field.key.clone()),
            Condition::IsEmpty(key) | Condition::IsNull(key) => Some(key.clone()),
            _ => None,
        };
        filter.conditions().filter_map(key).filter_map(|key| self.fields.get(&key)).any(FieldIndex::is_tenant)
    }

    /// What the description of a collection says of its indexes.
    pub(super) fn payload_schema(&self) -> std::collections::HashMap<String, wire::PayloadSchemaInfo> {
        let entry = |(key, field): (&Path, &FieldIndex)| {
            let indexed = self
                .indexes
                .get(key)
                .map(|index| self.points.values().filter(|point| holds_any(index, &key.find(&point.payload))).count());
            let info = wire::PayloadSchemaInfo {
                data_type: field.kind.described().into(),
                params: field.params.clone().map(|params| wire::PayloadIndexParams { index_params: Some(params) }),
                points: indexed.map(|count| count as u64),
            };
            (key.to_string(), info)
        };
        self.fields.iter().map(entry).collect()
    }
}

/// Whether the index holds a value of such a point.
fn holds_any(index: &Index, values: &[&Data]) -> bool {
    let found = facet_values(index, values).or_else(|| range_keys(index, values));
    found.map_or_else(
        || values.iter().flat_map(|value| value.members()).any(|value| value.as_text().is_some()),
        |found| !found.is_empty(),
    )
}

/// Reads a request for an index without looking at a collection.
pub(crate) fn check(request: &wire::CreateFieldIndexCollection) -> Result<()> {
    read(request.clone()).map(drop)
}

fn read(request: wire::CreateFieldIndexCollection) -> Result<(Path, FieldIndex, Index)> {
    if request.field_name.is_empty() {
        return Err(validation("field_name", "must not be empty"));
    }
    let key = Path::parse(&request.field_name)?;
    let number = request.field_type.ok_or_else(|| malformed("cannot convert field_type"))?;
    let params = request.field_index_params.and_then(|params| params.index_params);
    let Ok(kind) = FieldType::try_from(number) else {
        let error = "Can't auto-detect field type, please specify `field_schema` in the request";
        return Err(if params.is_some() { malformed("field type is missing") } else { bad_request(error) });
    };
    let index = match (kind, &params) {
        (FieldType::Keyword, None) => Index::Keyword { prefix: false },
        (FieldType::Keyword, Some(IndexParams::KeywordIndexParams(params))) => Index::Keyword { prefix: params.prefix.is_some() },
        (FieldType::Integer, None) => Index::Integer { lookup: true, range: true },
        (FieldType::Integer, Some(IndexParams::IntegerIndexParams(params))) => {
            let (lookup, range) = (params.lookup.unwrap_or(true), params.range.unwrap_or(true));
            if !lookup && !range {
                return Err(validation("field_index_params", "the 'lookup' and 'range' capabilities can't be both disabled"));
            }
            Index::Integer { lookup, range }
        }
        (FieldType::Float, None | Some(IndexParams::FloatIndexParams(_))) => Index::Float,
        (FieldType::Geo, None | Some(IndexParams::GeoIndexParams(_))) => Index::Geo,
        (FieldType::Bool, None | Some(IndexParams::BoolIndexParams(_))) => Index::Bool,
        (FieldType::Datetime, None | Some(IndexParams::DatetimeIndexParams(_))) => Index::Datetime,
        (FieldType::Uuid, None | Some(IndexParams::UuidIndexParams(_))) => Index::Uuid,
        (FieldType::Text, None) => Index::Text(text(&wire::TextIndexParams::default())?),
        (FieldType::Text, Some(IndexParams::TextIndexParams(params))) => Index::Text(text(params)?),
        _ => return Err(malformed(format!("field_type ({kind:?}) and field_index_params do not match"))),
    };
    Ok((key, FieldIndex { kind, params }, index))
}

fn text(params: &wire::TextIndexParams) -> Result<TextIndex> {
    use crate::qdrant::status::not_imitated;
    let tokenizer = params.tokenizer();
    if tokenizer == wire::TokenizerType::Multilingual {
        return Err(not_imitated("the multilingual tokenizer"));
    }
    if params.stopwords.is_some() || params.stemmer.is_some() || params.ascii_folding == Some(true) || params.nested.is_some() {
        return Err(not_imitated("stop words, stemmers, folding and nested texts"));
    }
    let length = |length: Option<u64>| length.and_then(|length| usize::try_from(length).ok());
    Ok(TextIndex {
        whitespace: tokenizer == wire::TokenizerType::Whitespace,
        prefixes: tokenizer == wire::TokenizerType::Prefix,
        lowercase: params.lowercase.unwrap_or(true),
        min_length: length(params.min_token_len).unwrap_or(0),
        max_length: length(params.max_token_len).unwrap_or(usize::MAX),
        phrases: params.phrase_matching.unwrap_or(false),
    })
}

/// The numbers of the two enumerations of index kinds differ by one.
trait Described {
    fn described(self) -> wire::PayloadSchemaType;
}

impl Described for FieldType {
    fn described(self) -> wire::PayloadSchemaType {
        match self {
            Self::Keyword => wire::PayloadSchemaType::Keyword,
            Self::Integer => wire::PayloadSchemaType::Integer,
            Self::Float => wire::PayloadSchemaType::Float,
            Self::Geo => wire::PayloadSchemaType::Geo,
            Self::Text => wire::PayloadSchemaType::Text,
            Self::Bool => wire::PayloadSchemaType::Bool,
            Self::Datetime => wire::PayloadSchemaType::Datetime,
            Self::Uuid => wire::PayloadSchemaType::Uuid,
        }
    }
}
