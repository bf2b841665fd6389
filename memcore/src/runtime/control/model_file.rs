//! Site models as text: TOML, or JSON where the file says so by its name or begins like it. What is wrong is told with its place.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::control::SiteModel;
use crate::error::{Error, Result};

/// How a site model is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SiteModelFormat {
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

impl SiteModelFormat {
    /// The format of a text: JSON begins with a brace, which TOML cannot.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') { Self::Json } else { Self::Toml }
    }
}

/// Reads a site model from a file: JSON where its name ends so, or where it begins with a brace, else TOML.
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) where the file cannot be read; [`Invalid`](crate::ErrorKind::Invalid), naming the file and what
/// [`parse_site_model`] names.
pub fn read_site_model(path: impl AsRef<Path>) -> Result<SiteModel> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(format!("read {}", path.display()), e))?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let format = if is_json { SiteModelFormat::Json } else { SiteModelFormat::of_text(&text) };
    parse_site_model(&text, format).map_err(|e| e.context(path.display()))
}

/// A site model out of its text. It is not checked yet: [`SiteModel::check`] does.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid), with the line, the path to the field, its part by name, and what was expected.
pub fn parse_site_model(text: &str, format: SiteModelFormat) -> Result<SiteModel> {
    let text = text.trim_start_matches('\u{feff}');
    match format {
        SiteModelFormat::Json => of_json(text),
        SiteModelFormat::Toml => of_toml(text),
    }
}

/// A site model as text, without what nobody said.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where a number is none, which JSON cannot say.
pub fn write_site_model(model: &SiteModel, format: SiteModelFormat) -> Result<String> {
    match format {
        SiteModelFormat::Json => {
            let text = serde_json::to_string_pretty(model);
            let text = text.map_err(|e| Error::invalid(format!("site model {}: {e}", model.site)).caused_by(e))?;
            // What JSON cannot say it writes as null, which would be read as left out.
            parse_site_model(&text, format).map(|_| text)
        }
        SiteModelFormat::Toml => {
            toml::to_string(model).map_err(|e| Error::invalid(format!("site model {}: {e}", model.site)).caused_by(e))
        }
    }
}

fn of_toml(text: &str) -> Result<SiteModel> {
    let line = |e: &toml::de::Error| e.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let told = |path: String, e: toml::de::Error| {
        let names = text.parse::<toml::Table>().ok();
        let named =
            names.as_ref().and_then(|table| name_in(&path, |list, at| table.get(list)?.get(at)?.get("name")?.as_str()));
        wrong(line(&e), &path, named, e.message()).caused_by(e)
    };
    let reading = toml::Deserializer::parse(text).map_err(|e| told(String::new(), e))?;
    serde_path_to_error::deserialize(reading).map_err(|e| told(e.path().to_string(), e.into_inner()))
}

fn of_json(text: &str) -> Result<SiteModel> {
    let told = |path: String, e: serde_json::Error| {
        let names = serde_json::from_str::<serde_json::Value>(text).ok();
        let named =
            names.as_ref().and_then(|value| name_in(&path, |list, at| value.get(list)?.get(at)?.get("name")?.as_str()));
        let said = e.to_string();
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
        wrong(Some(e.line()), &path, named, said).caused_by(e)
    };
    let mut reading = serde_json::Deserializer::from_str(text);
    let model = from_path(&mut reading).map_err(|(path, e)| told(path, e))?;
    reading.end().map_err(|e| told(String::new(), e))?;
    Ok(model)
}

fn from_path<T: DeserializeOwned>(
    reading: &mut serde_json::Deserializer<serde_json::de::StrRead<'_>>,
) -> std::result::Result<T, (String, serde_json::Error)> {
    serde_path_to_error::deserialize(reading).map_err(|e| (e.path().to_string(), e.into_inner()))
}

/// The name of the part that a path such as `asset[2].storage` leads into.
fn name_in<'v>(path: &str, name: impl Fn(&str, usize) -> Option<&'v str>) -> Option<&'v str> {
    let (list, rest) = path.split_once('[')?;
    name(list, rest.split_once(']')?.0.parse().ok()?)
}

/// What is wrong, with its line and its place: `line 7: asset[2] (battery).storage: unknown field ...`.
fn wrong(line: Option<usize>, path: &str, named: Option<&str>, said: &str) -> Error {
    let line = line.map_or(String::new(), |line| format!("line {line}: "));
    let path = match (named, path.split_once(']')) {
        (Some(name), Some((list, rest))) => format!("{list}] ({name}){rest}: "),
        _ if path.is_empty() || path == "." => String::new(),
        _ => format!("{path}: "),
    };
    Error::invalid(format!("{line}{path}{said}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Asset, Circuit};

    const HOME: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/home.control.toml"));

    fn refused(text: &str) -> String {
        parse_site_model(text, SiteModelFormat::of_text(text)).unwrap_err().message().to_owned()
    }

    #[test]
    fn a_model_is_the_same_in_both_formats() {
        let home = parse_site_model(HOME, SiteModelFormat::of_text(HOME)).unwrap();
        for format in [SiteModelFormat::Toml, SiteModelFormat::Json] {
            let text = write_site_model(&home, format).unwrap();
            assert_eq!(SiteModelFormat::of_text(&text), format);
            assert_eq!(parse_site_model(&text, format).unwrap(), home, "{text}");
        }
    }

    #[test]
    fn what_nobody_said_is_not_written() {
        let model = SiteModel::new("home1").unwrap();
        let model = model.with(Asset::load("oven").unwrap()).with(Circuit::new("fuse").unwrap().limit_a(16.0));
        let text = write_site_model(&model, SiteModelFormat::Toml).unwrap();
        let asset = text.split("[[asset]]").nth(1).unwrap().split("[[").next().unwrap();
        assert_eq!(asset.trim(), "name = \"oven\"\nrole = \"load\"");
        assert!(!text.contains("null") && !text.contains("tariff"), "{text}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_its_place() {
        let but = |from: &str, to: &str| refused(&HOME.replacen(from, to, 1));
        let told = but("storage = { capacity_wh", "storage = { capacity_kwh");
        assert!(told.starts_with("line 37: asset[2] (battery).storage.capacity_kwh"), "{told}");
        assert!(told.contains("unknown field `capacity_kwh`"), "{told}");
        assert!(but("range_w = [-5000, 5000]", "range_w = \"5 kW\"").contains("asset[2] (battery).range_w"));
        assert!(but("role = \"pv\"", "role = \"solar\"").contains("unknown variant `solar`, expected one of"));
        assert!(but("limit_a = 35", "limit_a = ").starts_with("line "));
        assert!(but("tick = \"1s\"", "tick = \"fast\"").contains("tick: duration is \"fast\""));
        let told = refused("{\"site\": \"home1\",\n\"asset\": [{\"name\": \"a b\", \"role\": \"load\"}]}");
        assert!(told.starts_with("line 2: asset[0] (a b).name: name is \"a b\", expected 1 to 64"), "{told}");
        assert!(refused("{\"site\": \"home1\"} {}").contains("trailing characters"));
        assert!(refused("").contains("missing field `site`"));
    }

    #[test]
    fn files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home.json");
        std::fs::write(&path, "{}").unwrap();
        assert!(read_site_model(&path).unwrap_err().message().contains("home.json: line 1: missing field `site`"));
        assert!(read_site_model(folder.path().join("none.toml")).unwrap_err().message().contains("none.toml"));
    }
}
