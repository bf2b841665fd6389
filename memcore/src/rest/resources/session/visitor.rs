//! From where a request comes.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::accounts::Visitor;
use crate::rest::api::Api;
use crate::rest::peer::Peer;

/// Who asks, before it is known who that is.
pub(super) struct From {
    /// From which address, by which browser.
    pub(super) visitor: Visitor,
    /// Whether over TLS, so that cookies are for that alone.
    pub(super) secure: bool,
}

impl FromRequestParts<Api> for From {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>().copied().unwrap_or_default();
        let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned);
        Ok(Self { visitor: Visitor { address: peer.address, agent }, secure: api.secure(peer) })
    }
}
