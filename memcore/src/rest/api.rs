//! The API: what its handlers share, and how they are mounted.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa::openapi::path::Paths;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::access::Route;
use super::peer::Peer;
use super::resources::{self, commands, imports, live, plans, readings};
use super::traffic::Traffic;
use super::{document, guard, page};
use crate::accounts::Accounts;
use crate::error::Result;
use crate::model::Timestamp;
use crate::runtime::{Config, ServerHandle};

/// REST, live data and the page, over a running server. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Api {
    pub(super) inner: Arc<Inner>,
}

/// What handlers share. Each room of `resources` has its own part.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) server: ServerHandle,
    pub(super) config: Config,
    pub(super) accounts: Accounts,
    pub(super) started: Timestamp,
    pub(super) traffic: Arc<Traffic>,
    pub(super) commands: commands::Shared,
    pub(super) imports: imports::Shared,
    pub(super) live: live::Shared,
    pub(super) plans: plans::Shared,
    pub(super) readings: readings::Shared,
}

impl Api {
    /// Opens the API of a server that was started with that configuration.
    ///
    /// # Errors
    /// As the records.
    pub async fn open(server: ServerHandle, config: Config) -> Result<Self> {
        let started = server.clock().now();
        let options = config.accounts.options(config.http.public_url.as_deref())?;
        let accounts = Accounts::open(server.records().clone(), server.clock(), options).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                server,
                config,
                accounts,
                started,
                traffic: Arc::default(),
                commands: commands::Shared::default(),
                imports: imports::Shared::default(),
                live: live::Shared::default(),
                plans: plans::Shared::default(),
                readings: readings::Shared::default(),
            }),
        })
    }

    pub(super) fn server(&self) -> &ServerHandle {
        &self.inner.server
    }

    /// Who may use it.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.inner.accounts
    }

    /// Whether a browser came over TLS, here or at a proxy before: then its cookies are sent by nothing else.
    pub(super) fn secure(&self, peer: Peer) -> bool {
        let url = self.inner.config.http.public_url.as_ref();
        peer.secure || url.is_some_and(|url| url.starts_with("https://"))
    }

    /// A path of the page, in full where the configuration says where browsers find it.
    pub(super) fn page(&self, path: &str) -> String {
        let url = self.inner.config.http.public_url.as_deref().unwrap_or_default();
        format!("{}{path}", url.trim_end_matches('/'))
    }

    /// Routes for a server of any kind: REST under `/api/v1`, the page at all else.
    pub fn router(&self) -> Router {
        let (router, _) = Routes::all(self).router.split_for_parts();
        router.with_state(self.clone()).fallback(page::serve)
    }
}

/// Routes as they are gathered from the rooms, each with its guard.
pub(super) struct Routes {
    pub(super) router: OpenApiRouter<Api>,
    api: Option<Api>,
    mounted: Vec<Route>,
}

impl Routes {
    fn all(api: &Api) -> Self {
        Self::gather(Some(api.clone()))
    }

    /// Without an API behind them: to be described only.
    pub(super) fn described() -> Self {
        Self::gather(None)
    }

    fn gather(api: Option<Api>) -> Self {
        let router = OpenApiRouter::with_openapi(document::introduction());
        let routes = resources::mount(Self { router, api, mounted: Vec::new() });
        let missing: Vec<_> = Route::ALL.iter().filter(|route| !routes.mounted.contains(route)).collect();
        debug_assert!(missing.is_empty() || cfg!(not(test)), "routes without a handler: {missing:?}");
        routes
    }

    /// Mounts what answers a route, behind the guard of its row.
    ///
    /// # Panics
    /// Where the handler documents another method or path, or the route is mounted already: a defect that any test finds.
    pub(super) fn at(mut self, route: Route, documented: UtoipaMethodRouter<Api>) -> Self {
        let (schemas, paths, methods) = documented;
        check(route, &paths);
        assert!(!self.mounted.contains(&route), "{route:?} is mounted twice");
        self.mounted.push(route);
        let methods = match &self.api {
            Some(api) => methods.route_layer(from_fn_with_state((api.clone(), route), guard::guard)),
            None => methods,
        };
        self.router = self.router.routes((schemas, paths, methods));
        self
    }
}

fn check(route: Route, paths: &Paths) {
    let documented: Vec<_> = paths.paths.keys().collect();
    assert_eq!(documented, [route.path()], "{route:?} documents another path");
}
