//! The cookies of a session, and of a browser that is on its way to a provider of OpenID Connect.

use axum::http::HeaderValue;

use crate::error::{Error, ErrorKind, Result};
use crate::model::Span;
use crate::rest::guard::session_cookie;

/// How long a browser may take at the provider.
const OIDC_WITHIN: Span = Span::from_seconds(600);

/// The cookie that ties a provider's answer to the browser that asked.
pub(super) fn oidc_cookie(secure: bool) -> &'static str {
    if secure { "__Host-memcore_oidc" } else { "memcore_oidc" }
}

/// The cookie of a session: no script reads it, and no other site's page makes a browser send it.
pub(super) fn of_session(secret: &str, lasts: Span, secure: bool) -> Result<HeaderValue> {
    written(session_cookie(secure), secret, "Strict", lasts, secure)
}

/// The end of it.
pub(super) fn no_session(secure: bool) -> Result<HeaderValue> {
    written(session_cookie(secure), "", "Strict", Span::from_seconds(0), secure)
}

/// It comes back from the provider's site, so that it cannot be as strict.
pub(super) fn of_oidc(secret: &str, secure: bool) -> Result<HeaderValue> {
    written(oidc_cookie(secure), secret, "Lax", OIDC_WITHIN, secure)
}

/// The end of it.
pub(super) fn no_oidc(secure: bool) -> Result<HeaderValue> {
    written(oidc_cookie(secure), "", "Lax", Span::from_seconds(0), secure)
}

fn written(name: &str, value: &str, same_site: &str, lasts: Span, secure: bool) -> Result<HeaderValue> {
    let seconds = lasts.as_micros() / 1_000_000;
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={seconds}{secure}");
    let mut header = HeaderValue::try_from(text).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_over_tls_is_of_this_host_alone() {
        let shown = |header: Result<HeaderValue>| header.unwrap().to_str().unwrap().to_owned();
        let day = Span::from_seconds(86_400);
        assert_eq!(
            shown(of_session("abc", day, true)),
            "__Host-memcore_session=abc; Path=/; HttpOnly; SameSite=Strict; Max-Age=86400; Secure"
        );
        assert_eq!(
            shown(of_session("abc", day, false)),
            "memcore_session=abc; Path=/; HttpOnly; SameSite=Strict; Max-Age=86400"
        );
        assert_eq!(shown(no_session(false)), "memcore_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
        assert!(shown(of_oidc("abc", true)).contains("SameSite=Lax; Max-Age=600; Secure"));
        assert!(shown(no_oidc(true)).starts_with("__Host-memcore_oidc=; "));
    }
}
