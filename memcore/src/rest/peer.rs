//! Where a request comes from: put into its extensions by the listener, which knows the socket and whom of the way it trusts.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// Where a request comes from. A program that embeds the API puts it into the extensions of its requests, where it knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peer {
    /// The client's address; none where a program that embeds the API has not said it.
    pub address: Option<IpAddr>,
    /// Whether the client speaks TLS, to this server or to a proxy that it trusts: a cookie may then be `Secure`.
    pub secure: bool,
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}
