//! The server of the figures of HTTP: `figures web-serve SITE HTTP-PORT GATEWAY-PORT`, a process of its own, so that its CPU time is
//! its own. Whoever asks may read: what a token or a cookie costs is not part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Extension;
use memcore::accounts::{Caller, Grants, Role, Scope, Via};
use memcore::rest::{Api, HostCaller};
use memcore::{Config, Server};

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let [site, http, gateway] = args else { return Err("expected web-serve SITE HTTP-PORT GATEWAY-PORT".to_owned()) };
    let port = |text: &String| text.parse::<u16>().map_err(|e| format!("{text}: {e}"));
    let mut config = Config::at(site);
    config.gateway.listen = ([127, 0, 0, 1], port(gateway)?).into();
    config.http.rate = 0.0;
    let http = port(http)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|e| e.to_string())?.block_on(serve(config, http)).map_err(|e| e.to_string())
}

async fn serve(config: Config, http: u16) -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::start(config.clone()).await?;
    let api = Api::open(server.handle(), config).await?;
    let router = api.router().layer(Extension(HostCaller(Arc::new(viewer()?))));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", http)).await?;
    Ok(axum::serve(listener, router).await?)
}

fn viewer() -> Result<Caller, serde_json::Error> {
    let user = serde_json::from_value("figures".into())?;
    // As a token, so that no cross-site checks of browsers apply.
    let via = Via::Token { id: "figures".to_owned(), scopes: BTreeSet::from([Scope::Read]) };
    Ok(Caller { user, via, grants: Grants { everywhere: Some(Role::Viewer), at: BTreeMap::new() } })
}
