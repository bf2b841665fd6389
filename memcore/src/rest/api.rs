//! The API: what its handlers share, and how they are mounted.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use tokio::sync::watch;
use utoipa::openapi::path::Paths;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::access::Route;
use super::limits::Limits;
use super::passage::{self, Post};
use super::peer::Peer;
use super::repeats::Repeats;
use super::resources::{self, commands, doctor, imports, live, plans, readings};
use super::traffic::Traffic;
use super::{document, frame, page};
use crate::accounts::Accounts;
use crate::error::Result;
use crate::model::{Clock, Timestamp};
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
    pub(super) clock: Arc<dyn Clock>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) limits: Limits,
    pub(super) repeats: Arc<Repeats>,
    /// Held by a change that is only made to what the caller has seen.
    pub(super) changing: tokio::sync::Mutex<()>,
    /// Whether live views are to end.
    pub(super) ending: watch::Sender<bool>,
    pub(super) commands: commands::Shared,
    pub(super) doctor: doctor::Shared,
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
        let clock = server.clock();
        let started = clock.now();
        let limits = Limits::new(config.http.rate);
        let options = config.accounts.options(config.http.public_url.as_deref())?;
        let accounts = Accounts::open(server.records().clone(), server.clock(), options).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                server,
                config,
                accounts,
                started,
                clock,
                traffic: Arc::default(),
                limits,
                repeats: Arc::default(),
                changing: tokio::sync::Mutex::new(()),
                ending: watch::Sender::new(false),
                commands: commands::Shared::default(),
                doctor: doctor::Shared::default(),
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
        frame::around(router.with_state(self.clone()).fallback(page::serve), &self.inner.config.http)
    }

    /// Ends live views, in order: they are told, and closed.
    pub fn end_live_views(&self) {
        self.inner.ending.send_replace(true);
    }

    /// Turns true when live views are to end.
    pub(super) fn ending(&self) -> watch::Receiver<bool> {
        self.inner.ending.subscribe()
    }
}

/// Routes as they are gathered from the rooms, each with its guard.
pub(super) struct Routes {
    pub(super) router: OpenApiRouter<Api>,
    api: Option<Api>,
    mounted: Vec<Route>,
    /// What shows the resource at a path.
    shows: HashMap<&'static str, MethodRouter<Api>>,
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
        let routes = resources::mount(Self { router, api, mounted: Vec::new(), shows: HashMap::new() });
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
        if route.method() == Method::GET {
            self.shows.insert(route.path(), methods.clone());
        }
        let methods = match &self.api {
            Some(api) => {
                let shows = self.shows.get(route.path()).filter(|_| route.method() != Method::GET).cloned();
                let post = Arc::new(Post { api: api.clone(), route, shows });
                methods.route_layer(from_fn_with_state(post, passage::pass))
            }
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
