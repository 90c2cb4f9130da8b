//! `lazaret schema`: the manifest's JSON Schema, and the reference page made from it.

use crate::cli::SchemaShape;
use crate::manifest::Manifest;
use crate::output;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::process::ExitCode;

pub fn schema(shape: SchemaShape) -> anyhow::Result<ExitCode> {
    let schema = serde_json::to_value(schemars::schema_for!(Manifest))?;
    output::say(&match shape {
        SchemaShape::Json => serde_json::to_string_pretty(&schema)?,
        SchemaShape::Markdown => markdown(&schema),
    });
    Ok(ExitCode::SUCCESS)
}

/// One table for each object of the schema, the manifest first.
fn markdown(schema: &Value) -> String {
    let mut page = String::from(
        "# Settings of lazaret.toml\n\nGenerated from the code by `cargo xtask schema`. Paths are relative to the manifest. Unknown keys are errors.\n",
    );
    section(&mut page, "lazaret.toml", schema);
    for (name, definition) in schema["$defs"].as_object().unwrap_or(&Map::new()) {
        match definition["properties"].is_object() {
            true => section(&mut page, name, definition),
            false => values(&mut page, name, definition),
        }
    }
    page.trim_end().to_owned()
}

fn section(page: &mut String, name: &str, object: &Value) {
    let _never_fails = write!(
        page,
        "\n## {name}\n\n{}\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n",
        about(object)
    );
    let required: Vec<&str> = object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, property) in object["properties"].as_object().unwrap_or(&Map::new()) {
        let default = match property.get("default") {
            Some(default) => format!("`{default}`"),
            None if required.contains(&key.as_str()) => "required".to_owned(),
            None => "none".to_owned(),
        };
        let _never_fails =
            writeln!(page, "| `{key}` | {} | {} | {} |", kind(property), default.replace('|', "\\|"), about(property));
    }
}

fn values(page: &mut String, name: &str, definition: &Value) {
    let of = |value: &Value| value.as_str().or_else(|| value["const"].as_str()).map(str::to_owned);
    let lists = [&definition["enum"], &definition["oneOf"]];
    let words = lists.iter().flat_map(|list| list.as_array().into_iter().flatten()).flat_map(|value| {
        // One value with a description of its own, or a list of those without.
        let inner = value["enum"].as_array().into_iter().flatten().filter_map(of);
        of(value).into_iter().chain(inner).map(|word| (word, about(value))).collect::<Vec<_>>()
    });
    let _never_fails = write!(page, "\n## {name}\n\n{}\n\n", about(definition));
    for (word, about) in words {
        let _never_fails = writeln!(page, "* `{word}` {about}");
    }
}

fn about(value: &Value) -> String {
    value["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

/// The type in a reader's words, with a link to the table of what it refers to.
fn kind(property: &Value) -> String {
    let reference = |value: &Value| value["$ref"].as_str().and_then(|path| path.rsplit('/').next()).map(str::to_owned);
    let link = |name: String| format!("[{name}](#{})", name.to_lowercase());
    if let Some(name) = reference(property) {
        return link(name);
    }
    for list in [&property["anyOf"], &property["allOf"]] {
        if let Some(first) = list.as_array().and_then(|list| list.first()) {
            return kind(first);
        }
    }
    if property["items"].is_object() {
        return format!("list of {}", kind(&property["items"]));
    }
    if property["additionalProperties"].is_object() {
        return format!("table of {}", kind(&property["additionalProperties"]));
    }
    match &property["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("any").to_owned()
        }
        _ => "any".to_owned(),
    }
}
