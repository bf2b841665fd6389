//! A site's text as a tree of values, and the tree as a site; what is wrong is named by its path.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::SiteRequest;
use crate::error::{Error, Result};
use crate::optimize::{Battery, Deferrable, Ev, Genset, Grid, HeatPump, Horizon, Load, Site, Source};

pub(super) fn of_toml(text: &str) -> Result<Value> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        Error::invalid(format!("line {line}: {}", e.message())).caused_by(e)
    })?;
    value_of(toml::Value::Table(table), &mut Vec::new())
}

pub(super) fn of_json(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|e| Error::invalid(format!("line {}: {e}", e.line())).caused_by(e))
}

fn value_of(value: toml::Value, path: &mut Vec<String>) -> Result<Value> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => serde_json::Number::from_f64(number).map(Value::Number).ok_or_else(|| {
            Error::invalid(format!("{} is {number}, expected a finite number, or the field left out", shown(path)))
        })?,
        toml::Value::Boolean(flag) => Value::Bool(flag),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(values) => Value::Array(
            values
                .into_iter()
                .enumerate()
                .map(|(place, value)| within(path, format!("[{place}]"), value))
                .collect::<Result<_>>()?,
        ),
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, value)| Ok((key.clone(), within(path, key, value)?)))
                .collect::<Result<Map<_, _>>>()?,
        ),
    })
}

fn within(path: &mut Vec<String>, key: String, value: toml::Value) -> Result<Value> {
    path.push(key);
    let value = value_of(value, path);
    path.pop();
    value
}

/// `asset[2].power_w`.
pub(super) fn shown(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        if !text.is_empty() && !part.starts_with('[') {
            text.push('.');
        }
        text.push_str(part);
    }
    text
}

/// Puts the horizon that is asked for in place of the file's.
pub(super) fn set_horizon(tree: &mut Value, request: &SiteRequest) -> Result<()> {
    let SiteRequest { from, to, steps, step, .. } = request;
    if from.is_none() && to.is_none() && steps.is_none() && step.is_none() {
        return Ok(());
    }
    let site = tree.as_object_mut().ok_or_else(|| Error::invalid("the file holds no table, expected a site"))?;
    let horizon = site.entry("horizon").or_insert_with(|| serde_json::json!({ "step": "15m", "steps": 96 }));
    let Some(horizon) = horizon.as_object_mut().filter(|horizon| !horizon.contains_key("borders")) else {
        return Err(Error::invalid(
            "horizon says its borders, so that no other start, end, step or steps can be asked for",
        ));
    };
    if let Some(from) = from {
        horizon.insert("start".to_owned(), from.to_string().into());
    }
    if let Some(step) = step {
        horizon.insert("step".to_owned(), step.to_string().into());
    }
    if let Some(steps) = steps {
        horizon.insert("steps".to_owned(), (*steps).into());
        horizon.remove("end");
        horizon.remove("zone");
    }
    if let Some(to) = to {
        horizon.insert("end".to_owned(), to.to_string().into());
        horizon.remove("steps");
    }
    Ok(())
}

pub(super) fn horizon(tree: &Value) -> Result<Horizon> {
    let Some(horizon) = tree.get("horizon") else {
        return Err(Error::invalid(
            "horizon is missing: expected { start, step, steps } in the file, or a start, a step and steps to be asked for",
        ));
    };
    at_path("horizon", horizon.clone())
}

pub(super) fn site(tree: Value) -> Result<Site> {
    // As one of many kinds an asset forgets the path to what is wrong in it; alone it says it.
    if let Some(assets) = tree.get("asset").and_then(Value::as_array) {
        for (place, asset) in assets.iter().enumerate() {
            check_asset(place, asset)?;
        }
    }
    serde_path_to_error::deserialize(tree).map_err(|e| named("", &e))
}

fn check_asset(place: usize, asset: &Value) -> Result<()> {
    let Some(object) = asset.as_object() else { return Ok(()) };
    let mut fields = object.clone();
    let kind = fields.remove("type");
    let fields = Value::Object(fields);
    let name = object.get("name").and_then(Value::as_str).map_or_else(String::new, |name| format!(" ({name})"));
    let path = format!("asset[{place}]{name}");
    let check = match kind.as_ref().and_then(Value::as_str) {
        Some("grid") => checks::<Grid>,
        Some("pv" | "source" | "wind") => checks::<Source>,
        Some("battery") => checks::<Battery>,
        Some("ev") => checks::<Ev>,
        Some("deferrable") => checks::<Deferrable>,
        Some("heat_pump") => checks::<HeatPump>,
        Some("genset") => checks::<Genset>,
        Some("load") => checks::<Load>,
        _ => {
            let kind = kind.map_or_else(|| "missing".to_owned(), |kind| kind.to_string());
            return Err(Error::invalid(format!(
                "{path}.type is {kind}, expected grid, pv, battery, ev, deferrable, heat_pump, genset or load"
            )));
        }
    };
    check(&path, fields)
}

fn checks<T: DeserializeOwned>(path: &str, fields: Value) -> Result<()> {
    at_path::<T>(path, fields).map(drop)
}

/// A value as what stands at a path.
pub(super) fn at_path<T: DeserializeOwned>(path: &str, value: Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|e| named(path, &e))
}

fn named(path: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let inner = error.path().to_string();
    let path = match (path, inner.as_str()) {
        ("", inner) => inner.to_owned(),
        (path, ".") => path.to_owned(),
        (path, inner) => format!("{path}.{inner}"),
    };
    let message = error.inner().to_string();
    Error::invalid(if path == "." { message } else { format!("{path}: {message}") })
}
