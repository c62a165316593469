//! From a record's text to a record, or the reason why it is none.

use super::piece::{Content, Unreadable};
use mastra_core::{NewRecord, Path, capabilities::DataCapabilities, data, validate};
use serde_json::{Map, Value};

/// How the records of a file are read.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Where the external id stands; `None` where every record says it as `externalId` beside its `data`.
    pub(crate) id_field: Option<IdField>,
    /// The columns of a CSV file.
    pub(crate) columns: Vec<String>,
    /// Whether CSV values are numbers, booleans and nulls where they look like it.
    pub(crate) infer: bool,
    /// What the engine can store.
    pub(crate) data: DataCapabilities,
}

/// The field of the external id: a key of that very name, else a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IdField {
    name: String,
    path: Option<Path>,
}

impl From<&str> for IdField {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), path: name.parse().ok() }
    }
}

impl IdField {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn find<'a>(&self, data: &'a Value) -> Option<&'a Value> {
        data.get(&self.name).or_else(|| {
            let path = self.path.as_ref()?;
            path.segments().iter().try_fold(data, |value, key| value.get(key))
        })
    }
}

/// The column that holds the external id in a CSV that `mastra records export` wrote.
pub(crate) const EXTERNAL_ID: &str = "externalId";
const ENTITY_TYPE: &str = "entityType";
const DATA: &str = "data";

impl Rules {
    /// The record, or why there is none.
    pub(crate) fn record(&self, content: Content) -> Result<NewRecord, Unreadable> {
        let (record, text) = match content {
            Content::Json(text) => (self.json(&text).and_then(|record| self.check(record)), text),
            Content::Row(fields) => {
                let record = self.row(&fields).and_then(|record| self.check(record));
                let text = if record.is_err() { fields.join(&b',') } else { Vec::new() };
                (record, text)
            }
        };
        record.map_err(|reason| Unreadable { reason, text })
    }

    fn json(&self, text: &[u8]) -> Result<NewRecord, String> {
        let text = std::str::from_utf8(text).map_err(|error| format!("no UTF-8 behind byte {}", error.valid_up_to()))?;
        let value: Value = serde_json::from_str(text).map_err(|error| malformed(&error))?;
        if is_wrapped(&value) {
            return wrapped(value);
        }
        if !value.is_object() {
            return Err("not a JSON object".to_owned());
        }
        let Some(field) = &self.id_field else {
            return Err("not of the form {\"externalId\": …, \"data\": {…}}, and no --id-field says where the id is".to_owned());
        };
        let external_id = match field.find(&value) {
            Some(id) => external_id(&field.name, id)?,
            None => return Err(format!("no id: the field {} is missing", field.name)),
        };
        Ok(NewRecord::new(external_id, value))
    }

    fn row(&self, fields: &[Vec<u8>]) -> Result<NewRecord, String> {
        if fields.len() != self.columns.len() {
            return Err(format!("{} fields under {} columns", fields.len(), self.columns.len()));
        }
        let mut data = Map::new();
        for (column, field) in self.columns.iter().zip(fields) {
            let text = std::str::from_utf8(field).map_err(|_| format!("no UTF-8 in the column {column}"))?;
            data.insert(column.clone(), if self.infer { inferred(text) } else { Value::from(text) });
        }
        // The id is the column's text as it stands, whatever it looks like.
        let text_of = |name: &str| {
            let column = self.columns.iter().position(|column| column == name)?;
            Some(String::from_utf8_lossy(fields.get(column)?).into_owned())
        };
        match &self.id_field {
            Some(field) => {
                let id = text_of(&field.name).ok_or_else(|| format!("no id: the column {} is missing", field.name))?;
                Ok(NewRecord::new(id, Value::Object(data)))
            }
            None => {
                let id = text_of(EXTERNAL_ID).ok_or_else(|| format!("no id: the column {EXTERNAL_ID} is missing"))?;
                let entity_type = text_of(ENTITY_TYPE).filter(|text| !text.is_empty());
                data.retain(|key, _| key != EXTERNAL_ID && key != ENTITY_TYPE);
                let record = NewRecord::new(id, Value::Object(data));
                Ok(entity_type.into_iter().fold(record, NewRecord::entity_type))
            }
        }
    }

    /// Refuses here what the engine would refuse the whole batch for.
    fn check(&self, record: NewRecord) -> Result<NewRecord, String> {
        validate::name("external id", &record.external_id)
            .and_then(|()| record.entity_type.as_deref().map_or(Ok(()), |text| validate::name("entity type", text)))
            .and_then(|()| data::check(&record.data, &self.data))
            .map(|()| record)
            .map_err(|error| error.to_string())
    }
}

/// Whether a value is a record as `mastra records export` writes it: `externalId`, `data`, perhaps `entityType`, nothing else.
pub(crate) fn is_wrapped(value: &Value) -> bool {
    value.as_object().is_some_and(|map| {
        map.contains_key(EXTERNAL_ID)
            && map.contains_key(DATA)
            && map.keys().all(|key| [EXTERNAL_ID, DATA, ENTITY_TYPE].contains(&key.as_str()))
    })
}

fn wrapped(mut value: Value) -> Result<NewRecord, String> {
    let id = external_id(EXTERNAL_ID, value.get(EXTERNAL_ID).unwrap_or(&Value::Null))?;
    let record = NewRecord::new(id, value.get_mut(DATA).map(Value::take).unwrap_or_default());
    match value.get(ENTITY_TYPE) {
        None | Some(Value::Null) => Ok(record),
        Some(Value::String(text)) => Ok(record.entity_type(text)),
        Some(_) => Err("entityType is no string".to_owned()),
    }
}

/// An id is text; a number stands for its own spelling.
fn external_id(field: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Err(format!("no id: the field {field} is null")),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("no id: the field {field} is neither a string nor a number"))
        }
    }
}

/// The parser's words without its line, which is always 1 here.
fn malformed(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    format!("malformed JSON: {what} at column {}", error.column())
}

/// A CSV value as what it looks like: nothing is null, `true` and `false` booleans, a number in JSON's spelling that number.
fn inferred(text: &str) -> Value {
    match text {
        "" => Value::Null,
        "true" | "TRUE" | "True" => Value::Bool(true),
        "false" | "FALSE" | "False" => Value::Bool(false),
        // JSON allows no leading zero and no plus sign: codes such as 007 and +49 stay text.
        _ if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => match serde_json::from_str(text) {
            Ok(Value::Number(number)) => Value::Number(number),
            _ => Value::from(text),
        },
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(id_field: Option<&str>) -> Rules {
        Rules { id_field: id_field.map(IdField::from), columns: Vec::new(), infer: false, data: DataCapabilities::default() }
    }

    fn json_record(id_field: Option<&str>, text: &str) -> Result<NewRecord, String> {
        rules(id_field).record(Content::Json(text.as_bytes().to_vec())).map_err(|unreadable| unreadable.reason)
    }

    fn csv_record(rules: &Rules, fields: &[&str]) -> Result<NewRecord, String> {
        let fields = fields.iter().map(|field| field.as_bytes().to_vec()).collect();
        rules.record(Content::Row(fields)).map_err(|unreadable| unreadable.reason)
    }

    #[test]
    fn the_id_is_a_field_a_path_or_said_outright() {
        assert_eq!(json_record(Some("id"), r#"{"id":"a","x":1}"#), Ok(NewRecord::new("a", json!({ "id": "a", "x": 1 }))));
        assert_eq!(json_record(Some("id"), r#"{"id":42}"#).unwrap().external_id, "42");
        assert_eq!(json_record(Some("meta.id"), r#"{"meta":{"id":"deep"}}"#).unwrap().external_id, "deep");
        assert_eq!(json_record(Some("meta.id"), r#"{"meta.id":"flat","meta":{"id":"deep"}}"#).unwrap().external_id, "flat");
        let said = r#"{"externalId":"x","data":{"id":"y"},"entityType":"Lead"}"#;
        assert_eq!(json_record(Some("id"), said), Ok(NewRecord::new("x", json!({ "id": "y" })).entity_type("Lead")));
        assert_eq!(json_record(None, said).unwrap().external_id, "x");
    }

    #[test]
    fn a_record_with_more_than_the_form_is_no_form() {
        let text = r#"{"externalId":"x","data":{},"other":1}"#;
        assert!(json_record(None, text).unwrap_err().contains("--id-field"));
        assert_eq!(json_record(Some("externalId"), text).unwrap().data, json!({ "externalId": "x", "data": {}, "other": 1 }));
    }

    #[test]
    fn what_is_no_record_says_why() {
        for (text, reason) in [
            (r#"{"id":}"#, "malformed JSON: expected value at column 7"),
            (r#"[1]"#, "not a JSON object"),
            (r#"{"x":1}"#, "no id: the field id is missing"),
            (r#"{"id":null}"#, "no id: the field id is null"),
            (r#"{"id":{}}"#, "no id: the field id is neither a string nor a number"),
            (r#"{"id":"  "}"#, "the external id is blank"),
            (r#"{"externalId":"x","data":"text"}"#, "data has to be a JSON object"),
            (r#"{"externalId":"x","data":{},"entityType":3}"#, "entityType is no string"),
            (r#"{"id":"1","x":"\u0000"}"#, "this backend cannot store the character U+0000 (path=x)"),
        ] {
            assert_eq!(json_record(Some("id"), text), Err(reason.to_owned()), "{text}");
        }
        let broken = rules(Some("id")).record(Content::Json(b"{\"id\":\"\xff\"}".to_vec())).unwrap_err();
        assert_eq!(broken.reason, "no UTF-8 behind byte 7");
    }

    #[test]
    fn numbers_keep_their_spelling() {
        let record = json_record(Some("id"), r#"{"id":1,"n":12345678901234567890.100}"#).unwrap();
        assert_eq!(record.data["n"].to_string(), "12345678901234567890.100");
    }

    #[test]
    fn csv_values_are_text_unless_asked() {
        let mut rules = rules(Some("id"));
        rules.columns = ["id", "n", "b", "z", "e"].map(str::to_owned).to_vec();
        let row = ["007", "1.50", "true", "0049", ""];
        let plain = csv_record(&rules, &row).unwrap();
        assert_eq!(
            (plain.external_id.as_str(), plain.data),
            ("007", json!({ "id": "007", "n": "1.50", "b": "true", "z": "0049", "e": "" }))
        );
        rules.infer = true;
        let typed = csv_record(&rules, &row).unwrap();
        assert_eq!(typed.external_id, "007");
        assert_eq!(typed.data.to_string(), r#"{"b":true,"e":null,"id":"007","n":1.50,"z":"0049"}"#);
        assert_eq!(csv_record(&rules, &["1", "2"]), Err("2 fields under 5 columns".into()));
    }

    #[test]
    fn an_exported_csv_says_its_ids() {
        let mut rules = rules(None);
        rules.columns = ["externalId", "entityType", "name"].map(str::to_owned).to_vec();
        let record = csv_record(&rules, &["c-1", "Lead", "Ada"]).unwrap();
        assert_eq!(record, NewRecord::new("c-1", json!({ "name": "Ada" })).entity_type("Lead"));
    }
}
