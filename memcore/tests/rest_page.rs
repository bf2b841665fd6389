//! The page about REST says what the server does: each of its examples is run here, in order.
#![cfg(feature = "rest")]

use std::path::Path;
use std::process::Command;

use memcore::accounts::{Grants, Role, Scope, TokenRequest, UserName};
use memcore::{Config, Server};

/// The examples: blocks of `sh`.
fn examples() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rest.md");
    let text = std::fs::read_to_string(page).unwrap();
    text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_page_works() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::at(folder.path().join("site"));
    config.gateway.listen = "127.0.0.1:0".parse().unwrap();
    config.http.listen = Some("127.0.0.1:0".parse().unwrap());
    let server = Server::start(config.clone()).await.unwrap();
    let http = memcore::rest::serve(server.handle(), config).await.unwrap();
    let (accounts, anna) = (http.api().accounts(), UserName::new("anna").unwrap());
    let grants = Grants { everywhere: Some(Role::Admin), ..Grants::default() };
    accounts.invite(&anna, None, &grants).await.unwrap();
    let scopes = [Scope::Read, Scope::Command, Scope::Configure, Scope::Admin].into();
    let request = TokenRequest { name: "examples".into(), scopes, operators: None, lasts: None };
    let (_, token) = accounts.create_token(&anna, request).await.unwrap();
    let url = http.url().trim_end_matches('/').to_owned();
    let examples = examples();
    assert!(examples.len() >= 6, "{} examples", examples.len());
    for example in examples {
        let (url, token) = (url.clone(), token.clone());
        let run = move || {
            let mut shell = Command::new("bash");
            // Of a pipe, the last part says whether it worked.
            let ran = shell.args(["-euc", &example]).env("URL", url).env("TOKEN", token).output().unwrap();
            let (said, wrong) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
            assert!(ran.status.success(), "{example}\nsaid {said}\n{wrong}");
        };
        tokio::task::spawn_blocking(run).await.unwrap();
    }
    http.shutdown().await;
    server.shutdown().await.unwrap();
}
