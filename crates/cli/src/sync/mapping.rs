//! From what a source says to a record, as `map` and `id_field` say.

use super::{
    config::{FieldConfig, Literal, SyncConfig},
    marked,
};
use mastra_core::{Error, Path, Result, number::Number, path::array_index, validate};
use mastra_sync::write::Draft;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// What is made of an item.
#[derive(Debug)]
pub(super) struct Mapping {
    /// Where an item has its id that its source gives none.
    id: Option<Path>,
    fields: Vec<(String, Made)>,
    /// The keys that stay under their names, where others do.
    keep: bool,
    mark: Option<String>,
    taken: HashSet<String>,
}

/// What a field is made of.
#[derive(Debug)]
enum Made {
    Value(Value),
    At { path: Path, otherwise: Otherwise },
}

/// What becomes of a field that the item does not have.
#[derive(Debug)]
enum Otherwise {
    Absent,
    Refused,
    Default(Value),
}

impl Mapping {
    pub(super) fn of(config: &SyncConfig) -> Result<Self> {
        let id = match &config.id_field {
            Some(text) if !config.source.has_columns() => Some(text.parse()?),
            _ => None,
        };
        let fields = config.map.iter().map(|(name, field)| Ok((name.clone(), Made::of(field)?)));
        let fields: Vec<(String, Made)> = fields.collect::<Result<_>>()?;
        // What stands under another name now does not stay under its own.
        let taken = fields.iter().filter_map(|(_, made)| match made {
            Made::At { path, .. } => match path.segments() {
                [key] => Some(key.clone()),
                _ => None,
            },
            Made::Value(_) => None,
        });
        Ok(Self { id, taken: taken.collect(), fields, keep: config.keep, mark: marked::of(config) })
    }

    /// Makes a record of an item. An error sets it aside, and says nothing of what it holds.
    pub(super) fn apply(&self, mut draft: Draft) -> Result<Option<Draft>> {
        if let (None, Some(path)) = (&draft.external_id, &self.id) {
            draft.external_id = Some(id(at(&draft.data, path)).map_err(|error| error.with("field", path))?);
        }
        if let Some(mark) = &self.mark {
            draft.version = draft.version.map(|version| marked::version(&version, mark));
        }
        if self.fields.is_empty() {
            return Ok(Some(draft));
        }
        let mut data = Map::new();
        if let (true, Value::Object(item)) = (self.keep, &draft.data) {
            data.extend(
                item.iter().filter(|(key, _)| !self.taken.contains(*key)).map(|(key, value)| (key.clone(), value.clone())),
            );
        }
        for (name, made) in &self.fields {
            match made.of_item(&draft.data).map_err(|error| error.with("field", name))? {
                Some(value) => data.insert(name.clone(), value),
                None => data.remove(name),
            };
        }
        draft.data = Value::Object(data);
        Ok(Some(draft))
    }
}

impl Made {
    fn of(field: &FieldConfig) -> Result<Self> {
        if let Some(Literal(value)) = &field.value {
            return Ok(Self::Value(value.clone()));
        }
        let path = field.path.as_deref().unwrap_or_default().parse()?;
        let otherwise = match &field.default {
            Some(Literal(value)) => Otherwise::Default(value.clone()),
            None if field.required => Otherwise::Refused,
            None => Otherwise::Absent,
        };
        Ok(Self::At { path, otherwise })
    }

    /// Null counts as there, except for what is required or has a default.
    fn of_item(&self, item: &Value) -> Result<Option<Value>> {
        let (path, otherwise) = match self {
            Self::Value(value) => return Ok(Some(value.clone())),
            Self::At { path, otherwise } => (path, otherwise),
        };
        let found = at(item, path);
        Ok(match (otherwise, found) {
            (_, Some(value)) if !value.is_null() => Some(value.clone()),
            (Otherwise::Default(value), _) => Some(value.clone()),
            (Otherwise::Refused, _) => {
                return Err(Error::invalid_input("the item lacks what this field is made of").with("path", path));
            }
            (Otherwise::Absent, found) => found.cloned(),
        })
    }
}

/// What stands at a path: keys of objects, positions of lists.
fn at<'v>(value: &'v Value, path: &Path) -> Option<&'v Value> {
    path.segments().iter().try_fold(value, |value, segment| match value {
        Value::Object(members) => members.get(segment),
        Value::Array(members) => members.get(array_index(segment)?),
        _ => None,
    })
}

/// The id in a value.
fn id(value: Option<&Value>) -> Result<String> {
    let id = match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => {
            Number::from(number.clone()).to_plain().ok_or_else(|| Error::invalid_input("the id is too large a number"))?
        }
        None | Some(Value::Null) => return Err(Error::invalid_input("the id is missing")),
        Some(_) => return Err(Error::invalid_input("the id is neither a text nor a number")),
    };
    validate::name("id", &id)?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapping(toml: &str) -> Mapping {
        let config: SyncConfig = toml::from_str(&format!("id = 'a'\nentity = 'A'\n{toml}")).unwrap();
        Mapping::of(&config).unwrap()
    }

    fn mapped(toml: &str, item: Value) -> Value {
        let draft = Draft { external_id: Some("1".into()), data: item, entity_type: None, version: None };
        mapping(toml).apply(draft).unwrap().unwrap().data
    }

    #[test]
    fn without_a_map_the_whole_item_is_the_record() {
        assert_eq!(mapped("", json!({ "a": { "b": [1] } })), json!({ "a": { "b": [1] } }));
    }

    #[test]
    fn fields_are_taken_from_paths_and_values() {
        let item = json!({ "profile": { "full": "Ada", "mails": ["a@x", "b@x"] }, "age": 36, "gone": null });
        let map =
            "map = { name = 'profile.full', mail = 'profile.mails.0', from = { value = 'crm' }, n = 'no.where', gone = 'gone' }";
        assert_eq!(mapped(map, item.clone()), json!({ "name": "Ada", "mail": "a@x", "from": "crm", "gone": null }));
        let kept = mapped(&format!("keep = true\n{map}"), item);
        assert_eq!(
            kept,
            json!({ "profile": { "full": "Ada", "mails": ["a@x", "b@x"] }, "age": 36, "gone": null, "name": "Ada", "mail": "a@x", "from": "crm" })
        );
    }

    #[test]
    fn what_is_renamed_does_not_stay_under_its_name() {
        assert_eq!(mapped("keep = true\nmap = { name = 'n' }", json!({ "n": 1, "m": 2 })), json!({ "name": 1, "m": 2 }));
        assert_eq!(
            mapped("keep = true\nmap = { m = 'no' }", json!({ "n": 1, "m": 2 })),
            json!({ "n": 1 }),
            "a line of the map decides"
        );
    }

    #[test]
    fn what_is_required_is_missed_and_what_has_a_default_is_not() {
        let map = "map = { a = { path = 'a', required = true }, b = { path = 'b', default = 0 } }";
        assert_eq!(mapped(map, json!({ "a": 1, "b": null })), json!({ "a": 1, "b": 0 }));
        let draft =
            Draft { external_id: Some("1".into()), data: json!({ "a": null, "x": "secret" }), entity_type: None, version: None };
        let error = mapping(map).apply(draft).unwrap_err();
        assert!(error.get("field") == Some("a") && !error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn an_id_deep_in_an_item_is_found() {
        let draft = |data| Draft { external_id: None, data, entity_type: None, version: None };
        let found = mapping("id_field = 'meta.id'").apply(draft(json!({ "meta": { "id": 7 } }))).unwrap().unwrap();
        assert_eq!(found.external_id.as_deref(), Some("7"));
        assert!(mapping("id_field = 'meta.id'").apply(draft(json!({ "id": 7 }))).is_err());
    }
}
