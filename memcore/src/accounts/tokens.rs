//! API tokens: for programs. What one may is what its owner may, within its scopes and operators, while it lasts.

use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::Accounts;
use super::caller::{Scope, UserName};
use super::names::check_shown;
use super::secret::{Hash, new_secret};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Name, Span, Timestamp};
use crate::records::failed;

/// How a token begins, so that one that was published by mistake is found.
pub(super) const PREFIX: &str = "mc_";

/// Tokens of one user. Full-policy: the next one is refused.
const TOKENS_MAX: i64 = 100;
/// Operators that a token may name.
const OPERATORS_MAX: usize = 256;

/// A token that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// What to call it: 1 to 128 characters.
    pub name: String,
    /// What it may at most; [`Scope::Read`] is always among it, since without it no operator is shown.
    pub scopes: BTreeSet<Scope>,
    /// At which operators; at all where its owner has a role, if none is said.
    pub operators: Option<BTreeSet<Name>>,
    /// After how long it ends; never, if it is not said.
    pub lasts: Option<Span>,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub user: UserName,
    /// What it was called.
    pub name: String,
    /// What it may at most.
    pub scopes: BTreeSet<Scope>,
    /// At which operators; all where its owner has a role, if there are none.
    pub operators: Option<BTreeSet<Name>>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was last used, to about a minute.
    pub last_used: Option<Timestamp>,
}

impl Accounts {
    /// Makes a token for a user: the token, and its secret, which is known here only.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is no such user, [`Invalid`](ErrorKind::Invalid) for a name, scopes or a time
    /// that are none, [`LimitReached`](ErrorKind::LimitReached) where the user has 100 tokens.
    pub async fn create_token(&self, user: &UserName, request: TokenRequest) -> Result<(Token, String)> {
        let now = self.now();
        let token = self.checked(user, request, now)?;
        let secret = format!("{PREFIX}{}", new_secret()?);
        let hash = Hash::of(&secret);
        let token = Token { id: hash.id().to_owned(), ..token };
        let mut adding = self.addition().await?;
        super::users::check_known(adding.on(), user).await?;
        // Those whose time is over give way.
        let over = sqlx::query("DELETE FROM tokens WHERE user_name = $1 AND expires_us <= $2").bind(user.as_str());
        over.bind(now.as_micros()).execute(adding.on()).await.map_err(failed)?;
        let count = sqlx::query("SELECT COUNT(*) FROM tokens WHERE user_name = $1").bind(user.as_str());
        let count: i64 = count.fetch_one(adding.on()).await.and_then(|row| row.try_get(0)).map_err(failed)?;
        if count >= TOKENS_MAX {
            return Err(Error::new(
                ErrorKind::LimitReached,
                format!("{user} has {count} tokens, expected one to be revoked first"),
            ));
        }
        let operators = token.operators.as_ref().map(|operators| joined(operators.iter().map(Name::as_str)));
        let made = sqlx::query(
            "INSERT INTO tokens (id, hash, user_name, name, scopes, operators, created_us, expires_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        );
        let made = made.bind(&token.id).bind(&hash.0).bind(user.as_str()).bind(&token.name);
        let made = made.bind(joined(token.scopes.iter().map(|scope| scope.as_str()))).bind(operators);
        let made = made.bind(now.as_micros()).bind(token.expires.map(Timestamp::as_micros));
        made.execute(adding.on()).await.map_err(failed)?;
        self.commit(adding).await?;
        Ok((token, secret))
    }

    fn checked(&self, user: &UserName, request: TokenRequest, now: Timestamp) -> Result<Token> {
        let TokenRequest { name, mut scopes, operators, lasts } = request;
        check_shown("name", &name)?;
        if scopes.is_empty() {
            return Err(Error::invalid("scopes are empty, expected some of read, command, configure, admin"));
        }
        scopes.insert(Scope::Read);
        let named = operators.as_ref().map_or(1, BTreeSet::len);
        if !(1..=OPERATORS_MAX).contains(&named) {
            return Err(Error::invalid(format!(
                "operators are {named}, expected 1 to {OPERATORS_MAX}, or none said for all"
            )));
        }
        if let Some(lasts) = lasts.filter(|lasts| lasts.as_micros() <= 0) {
            return Err(Error::invalid(format!("expires is {lasts}, expected some time to come such as 90d")));
        }
        let expires = lasts.map(|lasts| now.saturating_add(lasts));
        Ok(Token { id: String::new(), user: user.clone(), name, scopes, operators, created: now, expires, last_used: None })
    }

    /// The tokens of a user, or of all of them, the latest first.
    ///
    /// # Errors
    /// As the records.
    pub async fn tokens(&self, user: Option<&UserName>) -> Result<Vec<Token>> {
        let rows = sqlx::query(
            "SELECT id, name, scopes, operators, created_us, expires_us, last_used_us, user_name FROM tokens
             WHERE user_name = $1 OR $2 = 1 ORDER BY created_us DESC, id",
        );
        let rows = rows.bind(user.map_or("", UserName::as_str)).bind(i64::from(user.is_none()));
        let rows = rows.fetch_all(self.records().pool()).await.map_err(failed)?;
        rows.iter().map(read).collect()
    }

    /// Ends a token: of that user, or whosever it is. Returns whose it was.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is no such token.
    pub async fn revoke_token(&self, user: Option<&UserName>, id: &str) -> Result<UserName> {
        let mut change = self.change().await?;
        let ended = sqlx::query("DELETE FROM tokens WHERE id = $1 AND (user_name = $2 OR $3 = 1) RETURNING user_name");
        let ended = ended.bind(id).bind(user.map_or("", UserName::as_str)).bind(i64::from(user.is_none()));
        let Some(row) = ended.fetch_optional(change.on()).await.map_err(failed)? else {
            return Err(Error::not_found("token is not known, or was revoked"));
        };
        let owner = row.try_get(0).map(UserName).map_err(failed)?;
        self.commit(change).await?;
        Ok(owner)
    }
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

/// A row of id, name, scopes, operators, created, expires, last used, user.
pub(super) fn read(row: &AnyRow) -> Result<Token> {
    let text = |at: usize| row.try_get::<String, _>(at).map_err(failed);
    let time = |at: usize| Ok(row.try_get::<Option<i64>, _>(at).map_err(failed)?.map(Timestamp::from_micros));
    let operators: Option<String> = row.try_get(3).map_err(failed)?;
    let names = |text: String| text.split_whitespace().map(Name::new).collect::<Result<_>>();
    Ok(Token {
        id: text(0)?,
        name: text(1)?,
        scopes: text(2)?.split_whitespace().map(str::parse).collect::<Result<_>>()?,
        operators: operators.map(names).transpose()?,
        created: Timestamp::from_micros(row.try_get(4).map_err(failed)?),
        expires: time(5)?,
        last_used: time(6)?,
        user: UserName(text(7)?),
    })
}
