//! What is said to a provider of OpenID Connect, and whether what it answers is its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthenticationFlow, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdToken,
    IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Bound, Claims, OidcOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Clock;
use crate::outbound;

/// How long a provider may take for one answer.
const WITHIN: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const ANSWER_BYTES: usize = 1 << 20;
/// How long a provider's description and keys are good.
const KNOWN_FOR: Duration = Duration::from_secs(3600);
/// How soon they are fetched anew where a key is not among them: providers change keys.
const ANEW_AFTER: Duration = Duration::from_secs(60);
/// How far the clocks of provider and server may be apart.
const LEEWAY_US: i64 = 30_000_000;

/// All claims that have no meaning of their own in OpenID Connect.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Others(HashMap<String, Value>);

impl AdditionalClaims for Others {}

type Fields = IdTokenFields<
    Others,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Proof = IdToken<Others, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Relying = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why there are no claims.
#[derive(Debug)]
pub(super) enum Failure {
    Unreachable(String),
    Refused(String),
    Proof(String),
}

/// A provider as it described itself.
#[derive(Debug, Clone)]
struct Described {
    metadata: CoreProviderMetadata,
    at: Duration,
}

/// A provider.
#[derive(Debug)]
pub(super) struct Provider {
    options: OidcOptions,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    described: tokio::sync::Mutex<Option<Described>>,
}

impl Provider {
    pub(super) fn new(options: &OidcOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let address = |key: &str, e: openidconnect::url::ParseError| Error::invalid(format!("{key} is no address: {e}"));
        let issuer = IssuerUrl::new(options.issuer.clone()).map_err(|e| address("accounts.oidc.issuer", e))?;
        let redirect = RedirectUrl::new(options.redirect.clone()).map_err(|e| address("http.public_url", e))?;
        let (options, described) = (options.clone(), tokio::sync::Mutex::default());
        Ok(Self { options, issuer, redirect, http: http_client()?, clock, described })
    }

    /// Where a browser goes to sign in.
    pub(super) async fn question(&self, bound: &Bound) -> Result<String> {
        let metadata = self.describe(KNOWN_FOR).await;
        let metadata = metadata.map_err(|detail| Error::new(ErrorKind::Connection, format!("OpenID Connect: {detail}")))?;
        let (state, nonce) = (bound.state.clone(), bound.nonce.clone());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(bound.verifier.clone()));
        let client = self.relying(metadata);
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let mut question = client.authorize_url(flow, || CsrfToken::new(state), || Nonce::new(nonce));
        for scope in self.options.scopes.iter().filter(|scope| *scope != "openid") {
            question = question.add_scope(Scope::new(scope.clone()));
        }
        Ok(question.set_pkce_challenge(challenge).url().0.to_string())
    }

    /// What the provider says of the user that it sent back with that code.
    pub(super) async fn answer(&self, code: &str, bound: &Bound) -> Result<Claims, Failure> {
        let metadata = self.describe(KNOWN_FOR).await.map_err(Failure::Unreachable)?;
        let proof = self.exchange(&metadata, code, bound).await?;
        match self.verified(metadata, &proof, bound) {
            // Not known by the keys that it had: perhaps it has others by now.
            Err(Failure::Proof(_)) => {
                let metadata = self.describe(ANEW_AFTER).await.map_err(Failure::Unreachable)?;
                self.verified(metadata, &proof, bound)
            }
            known => known,
        }
    }

    async fn exchange(&self, metadata: &CoreProviderMetadata, code: &str, bound: &Bound) -> Result<Proof, Failure> {
        let exchange = self.relying(metadata.clone());
        let exchange = exchange.exchange_code(AuthorizationCode::new(code.to_owned()));
        let exchange = exchange.map_err(|e| Failure::Unreachable(e.to_string()))?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(bound.verifier.clone()));
        let ask = |request| fetch(self.http.clone(), request);
        let answer = exchange.request_async(&ask).await.map_err(|e| match e {
            // Its description is left out: it may repeat what it was sent.
            RequestTokenError::ServerResponse(said) => Failure::Refused(said.error().to_string()),
            RequestTokenError::Request(e) => Failure::Unreachable(e.to_string()),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Failure::Unreachable("the answer to the code cannot be read".into())
            }
        })?;
        answer.id_token().cloned().ok_or_else(|| Failure::Proof("the answer to the code has no id_token".into()))
    }

    fn verified(&self, metadata: CoreProviderMetadata, proof: &Proof, bound: &Bound) -> Result<Claims, Failure> {
        let now = self.clock.now().as_micros().saturating_sub(LEEWAY_US);
        let now = DateTime::<Utc>::from_timestamp_micros(now).unwrap_or_default();
        let client = self.relying(metadata);
        let verifier = client.id_token_verifier().set_time_fn(move || now);
        let nonce = Nonce::new(bound.nonce.clone());
        let claims = proof.claims(&verifier, &nonce).map_err(|e| Failure::Proof(e.to_string()))?;
        let others = &claims.additional_claims().0;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let email = claims.email().map(|email| email.to_string());
        let subject = format!("{} {}", self.issuer.as_str(), claims.subject().as_str());
        let user = match self.options.user_claim.as_str() {
            "email" => email.clone(),
            "preferred_username" => claims.preferred_username().map(|name| name.to_string()),
            "sub" => Some(claims.subject().to_string()),
            other => others.get(other).and_then(text),
        };
        let memberships = match others.get(&self.options.roles_claim) {
            Some(Value::Array(members)) => members.iter().filter_map(text).collect(),
            Some(Value::String(member)) => vec![member.clone()],
            _ => Vec::new(),
        };
        let display_name = claims.name().and_then(|name| name.get(None)).map(|name| name.to_string());
        let email_verified = claims.email_verified().unwrap_or(false);
        Ok(Claims { subject, user, email, email_verified, display_name, memberships })
    }

    fn relying(&self, metadata: CoreProviderMetadata) -> Relying {
        let secret = self.options.client_secret.clone().map(ClientSecret::new);
        let client = Relying::from_provider_metadata(metadata, ClientId::new(self.options.client_id.clone()), secret);
        client.set_redirect_uri(self.redirect.clone())
    }

    /// The provider's description and keys, no older than that.
    async fn describe(&self, age: Duration) -> Result<CoreProviderMetadata, String> {
        let mut described = self.described.lock().await;
        let now = self.clock.monotonic();
        if let Some(known) = described.as_ref().filter(|known| now.saturating_sub(known.at) < age) {
            return Ok(known.metadata.clone());
        }
        let ask = |request| fetch(self.http.clone(), request);
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &ask).await;
        let metadata = metadata.map_err(|e| format!("{} does not describe itself: {e}", self.issuer.as_str()))?;
        *described = Some(Described { metadata: metadata.clone(), at: now });
        Ok(metadata)
    }
}

/// Why a request was not answered.
#[derive(Debug)]
struct Unanswered(String);

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unanswered {}

impl From<reqwest::Error> for Unanswered {
    fn from(e: reqwest::Error) -> Self {
        // The address of a request may hold what is secret.
        Self(e.without_url().to_string())
    }
}

async fn fetch(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
    let mut answer = http.execute(request.try_into()?).await?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(Unanswered(format!("the answer has more than {ANSWER_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = HttpResponse::new(body);
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    Ok(response)
}

/// It follows no redirects: a provider that was taken over must not make the server ask elsewhere.
fn http_client() -> Result<reqwest::Client> {
    let failed = |e| Error::new(ErrorKind::Internal, format!("OpenID Connect: {e}"));
    let client = reqwest::Client::builder().tls_backend_preconfigured(outbound::tls()?).timeout(WITHIN);
    client.redirect(reqwest::redirect::Policy::none()).build().map_err(failed)
}
