//! What the server was configured with, without what is secret.

use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::rest::api::Api;
use crate::rest::extract::Json;
use crate::rest::problem::Problem;

/// In place of what is secret.
const HIDDEN: &str = "***";
/// A key with one of these words in it holds a secret.
const SECRET: [&str; 5] = ["secret", "password", "token", "credential", "passphrase"];

/// What the server was configured with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Configuration {
    /// Its keys by section, as in `memcore.toml`; those with a default are there too. What is secret is `***`.
    #[schema(value_type = Object)]
    sections: Map<String, Value>,
}

/// What the server was configured with. What is secret is `***`.
#[utoipa::path(
    get, path = "/api/v1/configuration", operation_id = "configuration", tag = "server",
    responses(
        (status = 200, body = Configuration),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn configuration(State(api): State<Api>) -> Result<Json<Configuration>, Problem> {
    let value = serde_json::to_value(&api.inner.config).map_err(Problem::internal)?;
    let Value::Object(mut sections) = value else { return Err(Problem::internal("the configuration is no table")) };
    mask(&mut sections);
    Ok(Json(Configuration { sections }))
}

fn mask(table: &mut Map<String, Value>) {
    for (key, value) in table {
        if !value.is_null() && SECRET.iter().any(|word| key.contains(word)) {
            *value = HIDDEN.into();
        } else {
            mask_value(value);
        }
    }
}

fn mask_value(value: &mut Value) {
    match value {
        Value::Object(table) => mask(table),
        Value::Array(items) => items.iter_mut().for_each(mask_value),
        Value::String(text) => mask_address(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Who an address of a database or bus logs in as, and by what, stands before its host; a key may stand behind it.
fn mask_address(text: &mut String) {
    let Some((scheme, rest)) = text.split_once("://") else { return };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or_else(|| authority.to_owned(), |(_, host)| format!("{HIDDEN}@{host}"));
    let tail = tail.split_once('?').map_or_else(|| tail.to_owned(), |(path, _)| format!("{path}?{HIDDEN}"));
    *text = format!("{scheme}://{host}{tail}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown() {
        let told = serde_json::json!({
            "records": { "url": "postgres://anna:s3cret@db.example:5432/memcore?sslpassword=x" },
            "bus": { "nats": "nats://s3cret@127.0.0.1:4222" },
            "accounts": { "oidc": { "client_secret": "s3cret", "issuer": "https://id.example/realm" } },
            "alarms": { "smtp": [{ "password": "s3cret", "host": "mail" }], "no_password": null },
        });
        let Value::Object(mut told) = told else { panic!("it is an object") };
        mask(&mut told);
        let text = Value::Object(told.clone()).to_string();
        assert!(!text.contains("s3cret") && !text.contains("anna"), "{text}");
        assert_eq!(told["records"]["url"], "postgres://***@db.example:5432/memcore?***");
        assert_eq!(told["accounts"]["oidc"]["issuer"], "https://id.example/realm");
        assert!(told["alarms"]["no_password"].is_null());
    }
}
