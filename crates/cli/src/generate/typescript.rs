//! Writing declarations as TypeScript.

use super::model::{Body, Declaration, Module, Type};
use std::fmt::Write as _;

/// A whole file; with an `Entities` interface where there are roots to name.
pub(crate) fn render(header: &str, module: &Module, entities: bool) -> String {
    let mut file = String::new();
    for line in header.lines() {
        let _ = writeln!(file, "// {line}");
    }
    file.push_str(
        "\n/** An ISO 8601 date and time, such as 2026-01-31T09:30:00Z. */\nexport type IsoDateTime = string;\n\n\
         /** An ISO 8601 date, such as 2026-01-31. */\nexport type IsoDate = string;\n",
    );
    for declaration in &module.declarations {
        file.push('\n');
        declare(&mut file, declaration);
    }
    if entities {
        file.push_str("\n/** The data of each entity's records, by the entity's name. */\nexport interface Entities {\n");
        for root in &module.roots {
            // Entities of one name in several connections cannot share a key: the first keeps it.
            if module.roots.iter().find(|other| other.entity == root.entity) == Some(root) {
                let _ = writeln!(file, "  {}: {};", quoted(&root.entity), root.declaration);
            }
        }
        file.push_str("}\n");
    }
    file
}

fn declare(file: &mut String, declaration: &Declaration) {
    comment(file, "", &declaration.comment);
    let name = &declaration.name;
    match &declaration.body {
        Body::Object { fields, .. } => {
            let _ = writeln!(file, "export interface {name} {{");
            for member in fields {
                if let Some(description) = &member.description {
                    comment(file, "  ", description);
                }
                let mark = if member.optional { "?" } else { "" };
                let _ = writeln!(file, "  {}{mark}: {};", key(&member.key), written(&member.holds));
            }
            file.push_str("}\n");
        }
        Body::Enum { values, closed } => {
            let mut parts: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            if !closed {
                // Keeps the editor's suggestions while any other text is allowed.
                parts.push("(string & {})".to_owned());
            }
            let _ = writeln!(file, "export type {name} = {};", parts.join(" | "));
        }
        Body::Union(parts) => {
            let parts: Vec<String> = parts.iter().map(written).collect();
            let _ = writeln!(file, "export type {name} = {};", parts.join(" | "));
        }
        Body::Alias(of) => {
            let _ = writeln!(file, "export type {name} = {};", written(of));
        }
    }
}

fn written(holds: &Type) -> String {
    match holds {
        Type::Bool => "boolean".to_owned(),
        Type::Integer | Type::Float | Type::Decimal => "number".to_owned(),
        Type::String => "string".to_owned(),
        Type::DateTime => "IsoDateTime".to_owned(),
        Type::Date => "IsoDate".to_owned(),
        Type::Any => "unknown".to_owned(),
        Type::Nullable(inner) => format!("{} | null", written(inner)),
        Type::Array(inner) if matches!(**inner, Type::Nullable(_)) => format!("({})[]", written(inner)),
        Type::Array(inner) => format!("{}[]", written(inner)),
        Type::Map(inner) => format!("Record<string, {}>", written(inner)),
        Type::Named(name) | Type::Reference(name) => name.clone(),
    }
}

/// A property's name: bare where it is an identifier.
fn key(key: &str) -> String {
    let mut chars = key.chars();
    let bare = chars.next().is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, '_' | '$'))
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'));
    if bare { key.to_owned() } else { quoted(key) }
}

/// A string literal. JSON's are TypeScript's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn comment(file: &mut String, indent: &str, text: &str) {
    let text = text.replace("*/", "*\\/");
    let mut lines = text.lines().map(str::trim);
    match (lines.next(), lines.next()) {
        (None, _) => {}
        (Some(only), None) => {
            let _ = writeln!(file, "{indent}/** {only} */");
        }
        (Some(first), Some(second)) => {
            let _ = write!(file, "{indent}/**\n{indent} * {first}\n{indent} * {second}\n");
            lines.for_each(|line| {
                let _ = writeln!(file, "{indent} * {line}");
            });
            let _ = writeln!(file, "{indent} */");
        }
    }
}
