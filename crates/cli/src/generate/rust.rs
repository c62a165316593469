//! Writing declarations as Rust.

use super::{
    model::{Body, Declaration, Member, Module, Type},
    names::{Names, pascal_case, snake_case},
};
use std::fmt::Write as _;

/// Reads a field that is there, null or not; serde's default stands for one that is absent.
const PRESENT: &str = "
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
";

/// A whole file.
pub(crate) fn render(header: &str, module: &Module) -> String {
    let mut file = String::new();
    for line in header.lines() {
        let _ = writeln!(file, "// {line}");
    }
    file.push_str("\nuse serde::{Deserialize, Serialize};\n");
    for (name, comment) in
        [("IsoDateTime", "date and time, such as `2026-01-31T09:30:00Z`"), ("IsoDate", "date, such as `2026-01-31`")]
    {
        if module.declarations.iter().any(|declaration| uses(declaration, name)) {
            let _ = write!(
                file,
                "\n/// An ISO 8601 {comment}, kept as it is written.\n\
                 #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]\n\
                 #[serde(transparent)]\npub struct {name}(pub String);\n"
            );
        }
    }
    for declaration in &module.declarations {
        file.push('\n');
        declare(&mut file, declaration);
    }
    let members = module.declarations.iter().filter_map(|declaration| match &declaration.body {
        Body::Object { fields, .. } => Some(fields),
        _ => None,
    });
    if members.flatten().any(tells_null) {
        file.push_str(PRESENT);
    }
    file
}

fn declare(file: &mut String, declaration: &Declaration) {
    comment(file, "", &declaration.comment);
    let name = &declaration.name;
    match &declaration.body {
        Body::Object { fields, closed } => {
            file.push_str("#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]\n");
            let _ = writeln!(file, "pub struct {name} {{");
            let mut names = Names::default();
            fields.iter().for_each(|member| field(file, &mut names, member));
            if !closed {
                let extra = names.unique("extra".to_owned());
                let _ = write!(
                    file,
                    "    /// Every other key, so that writing the value back loses none.\n    #[serde(flatten)]\n    \
                     pub {extra}: serde_json::Map<String, serde_json::Value>,\n"
                );
            }
            file.push_str("}\n");
        }
        Body::Enum { values, closed } => {
            file.push_str("#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]\n");
            let _ = writeln!(file, "pub enum {name} {{");
            let mut names = Names::reserved(&["Other"]);
            for value in values {
                let variant = names.unique(pascal_case(value));
                if variant != *value {
                    let _ = writeln!(file, "    #[serde(rename = {value:?})]");
                }
                let _ = writeln!(file, "    {variant},");
            }
            if !closed {
                file.push_str("    /// A text that was not seen when this type was generated.\n    #[serde(untagged)]\n    Other(String),\n");
            }
            file.push_str("}\n");
        }
        Body::Union(parts) => {
            file.push_str("#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]\n#[serde(untagged)]\n");
            let _ = writeln!(file, "pub enum {name} {{");
            let mut names = Names::default();
            for part in parts {
                let variant = names.unique(variant(part).to_owned());
                let _ = writeln!(file, "    {variant}({}),", written(part));
            }
            file.push_str("}\n");
        }
        Body::Alias(of) => {
            let _ = writeln!(file, "pub type {name} = {};", written(of));
        }
    }
}

fn field(file: &mut String, names: &mut Names, member: &Member) {
    if let Some(description) = &member.description {
        comment(file, "    ", description);
    }
    let name = names.unique(snake_case(&member.key));
    if name != member.key {
        let _ = writeln!(file, "    #[serde(rename = {:?})]", member.key);
    }
    let written = match (&member.holds, member.optional) {
        (Type::Nullable(_), true) => {
            file.push_str("    /// `None` where it is absent, `Some(None)` where it is null.\n");
            optional(&member.holds)
        }
        (holds, true) => optional(holds),
        (holds, false) => written(holds),
    };
    if member.optional {
        let present = if tells_null(member) { "deserialize_with = \"present\", " } else { "" };
        let _ = writeln!(file, "    #[serde(default, {present}skip_serializing_if = \"Option::is_none\")]");
    }
    let _ = writeln!(file, "    pub {name}: {written},");
}

/// Whether null and absence both occur, so that reading has to tell them apart for writing to lose neither.
fn tells_null(member: &Member) -> bool {
    member.optional && matches!(member.holds, Type::Nullable(_) | Type::Any)
}

fn optional(holds: &Type) -> String {
    format!("Option<{}>", written(holds))
}

fn written(holds: &Type) -> String {
    match holds {
        Type::Bool => "bool".to_owned(),
        Type::Integer => "i64".to_owned(),
        Type::Float => "f64".to_owned(),
        Type::Decimal => "serde_json::Number".to_owned(),
        Type::String => "String".to_owned(),
        Type::DateTime => "IsoDateTime".to_owned(),
        Type::Date => "IsoDate".to_owned(),
        Type::Any => "serde_json::Value".to_owned(),
        Type::Nullable(inner) => optional(inner),
        Type::Array(inner) => format!("Vec<{}>", written(inner)),
        Type::Map(inner) => format!("std::collections::BTreeMap<String, {}>", written(inner)),
        Type::Named(name) => name.clone(),
        // A type that may hold itself needs a size.
        Type::Reference(name) => format!("Box<{name}>"),
    }
}

fn variant(part: &Type) -> &'static str {
    match part {
        Type::Bool => "Bool",
        Type::Integer => "Integer",
        Type::Float => "Float",
        Type::Decimal => "Decimal",
        Type::String => "String",
        Type::DateTime => "DateTime",
        Type::Date => "Date",
        Type::Any | Type::Nullable(_) => "Any",
        Type::Array(_) => "Array",
        Type::Map(_) => "Map",
        Type::Named(_) | Type::Reference(_) => "Value",
    }
}

fn comment(file: &mut String, indent: &str, text: &str) {
    for line in text.lines() {
        let _ = writeln!(file, "{indent}/// {}", line.trim());
    }
}

/// Whether a declaration uses one of the two date types.
fn uses(declaration: &Declaration, name: &str) -> bool {
    fn within(holds: &Type, name: &str) -> bool {
        match holds {
            Type::DateTime => name == "IsoDateTime",
            Type::Date => name == "IsoDate",
            Type::Nullable(inner) | Type::Array(inner) | Type::Map(inner) => within(inner, name),
            _ => false,
        }
    }
    match &declaration.body {
        Body::Object { fields, .. } => fields.iter().any(|member| within(&member.holds, name)),
        Body::Union(parts) => parts.iter().any(|part| within(part, name)),
        Body::Alias(of) => within(of, name),
        Body::Enum { .. } => false,
    }
}
