//! `merge` of `[[sync]]`: whose value of a field wins.

use super::bad;
use mastra_core::{Result, validate};
use mastra_sync::write::{FieldPolicy, MergePolicy};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{collections::BTreeMap, fmt};

/// The name of all fields that have no line of their own.
const REST: &str = "*";

/// A line a field, and `"*"` for the rest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct MergeConfig(pub(crate) BTreeMap<String, MergeRule>);

/// `"source"`, `"keep_manual"`, `["crm", "newsletter"]`, or `{ newest_by = "updatedAt" }`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MergeRule(pub(crate) FieldPolicy);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Newest {
    newest_by: String,
}

impl MergeConfig {
    pub(super) fn check(&self) -> Result<()> {
        for (field, MergeRule(policy)) in &self.0 {
            let key = format!("merge.{field}");
            match policy {
                FieldPolicy::Priority(ids) if ids.is_empty() => {
                    return Err(bad("a priority names one sync at least, the one whose value wins first", key));
                }
                FieldPolicy::Priority(ids) => {
                    ids.iter().try_for_each(|id| validate::name("sync's id", id)).map_err(|error| error.with("key", &key))?;
                }
                FieldPolicy::NewestBy(by) if by.is_empty() => return Err(bad("the field that tells the age has no name", key)),
                _ => {}
            }
        }
        Ok(())
    }

    /// As the library is told it.
    pub(crate) fn policy(&self) -> MergePolicy {
        self.0.iter().fold(MergePolicy::new(), |policy, (field, MergeRule(rule))| match field.as_str() {
            REST => policy.otherwise(rule.clone()),
            field => policy.field(field, rule.clone()),
        })
    }
}

impl Serialize for MergeRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match &self.0 {
            FieldPolicy::Source => serializer.serialize_str("source"),
            FieldPolicy::KeepManual => serializer.serialize_str("keep_manual"),
            FieldPolicy::Priority(ids) => ids.serialize(serializer),
            FieldPolicy::NewestBy(by) => Newest { newest_by: by.clone() }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for MergeRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = MergeRule;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("source, keep_manual, a list of sync ids, or { newest_by = FIELD }")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> std::result::Result<MergeRule, E> {
                match word {
                    "source" => Ok(MergeRule(FieldPolicy::Source)),
                    "keep_manual" => Ok(MergeRule(FieldPolicy::KeepManual)),
                    _ => Err(E::invalid_value(de::Unexpected::Other("another word"), &self)),
                }
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> std::result::Result<MergeRule, A::Error> {
                let ids = Vec::<String>::deserialize(de::value::SeqAccessDeserializer::new(seq))?;
                Ok(MergeRule(FieldPolicy::Priority(ids)))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> std::result::Result<MergeRule, A::Error> {
                let newest = Newest::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(MergeRule(FieldPolicy::NewestBy(newest.newest_by)))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
