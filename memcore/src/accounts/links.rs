//! Links that are handed out: for the first user, for invited ones, to choose another password by, to sign in by. Each is good once.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::caller::{Grants, Role, UserName};
use super::change::Change;
use super::secret::{Hash, is_secret, new_secret};
use super::sessions::{NewSession, Visitor, end_sessions};
use super::users::set_grants;
use super::{Accounts, password};
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::records::failed;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// To make the first user, who is admin at all operators.
    First,
    /// To choose a password, being new.
    User,
    /// To choose another password.
    Reset,
    /// To sign in without a password.
    SignIn,
}

impl LinkKind {
    const ALL: [Self; 4] = [Self::First, Self::User, Self::Reset, Self::SignIn];

    /// Its name in JSON and in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::User => "user",
            Self::Reset => "reset",
            Self::SignIn => "sign_in",
        }
    }
}

/// A link, as who has it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it is for.
    pub kind: LinkKind,
    /// Whom it is for; nobody yet where it is for the first user.
    pub user: Option<UserName>,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// A new link. Its secret is known here only.
#[derive(Clone, PartialEq, Eq)]
pub struct Invited {
    /// What the link ends with.
    pub secret: String,
    /// Until when it is good.
    pub expires: Timestamp,
}

impl Invited {
    /// The link at a page, such as `https://energy.example/`. Its secret comes after `#`, so that a browser sends it to no server,
    /// and none has it in its log.
    #[must_use]
    pub fn at(&self, page: &str) -> String {
        format!("{}/#/invitation/{}", page.trim_end_matches('/'), self.secret)
    }
}

/// Never its secret.
impl std::fmt::Debug for Invited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invited").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// What one answers to a link.
#[derive(Clone, Default)]
pub struct Answer {
    /// The name to sign in with: of the first user only.
    pub user: Option<UserName>,
    /// The name to be shown.
    pub display_name: Option<String>,
    /// The password from now on; none with a link to sign in by.
    pub password: Option<String>,
}

/// What came of a link.
#[derive(Debug)]
pub struct Accepted {
    /// What it was for.
    pub kind: LinkKind,
    /// The session that began.
    pub session: NewSession,
}

impl Accounts {
    /// The link by which the first user is made, while there is none; earlier ones are void from now on.
    ///
    /// # Errors
    /// As the records.
    pub async fn first_link(&self) -> Result<Option<Invited>> {
        let mut adding = self.addition().await?;
        if !nobody(&mut adding).await? {
            return Ok(None);
        }
        let earlier = sqlx::query("DELETE FROM links WHERE kind = 'first'").execute(adding.on()).await;
        earlier.map_err(failed)?;
        let invited = self.make_link(adding.on(), LinkKind::First, None).await?;
        self.commit(adding).await?;
        Ok(Some(invited))
    }

    /// A link by which a user signs in without a password. One who is not known is made, with those roles; of one who is,
    /// they are the roles from now on, if they are said.
    ///
    /// # Errors
    /// As the records; [`Conflict`](crate::ErrorKind::Conflict) where it would be the end of the last admin of all operators.
    pub async fn sign_in_link(&self, user: &UserName, grants: Option<&Grants>) -> Result<Invited> {
        let mut change = self.change().await?;
        let before = change.admins().await?;
        let known = super::users::check_known(change.on(), user).await.is_ok();
        match grants {
            None if !known => return Err(Error::not_found(format!("user {user} is not known"))),
            None => {}
            Some(grants) => {
                if !known {
                    self.add_user(change.on(), user, None, None, None).await?;
                }
                set_grants(change.on(), user, grants).await?;
                change.check_admins(before).await?;
            }
        }
        let invited = self.make_link(change.on(), LinkKind::SignIn, Some(user)).await?;
        self.commit(change).await?;
        Ok(invited)
    }

    /// What a link is for.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where it is not known, was used, or its time is over.
    pub async fn link(&self, secret: &str) -> Result<Link> {
        if !is_secret(secret) {
            return Err(spent());
        }
        let hash = Hash::of(secret);
        let row = sqlx::query(
            "SELECT links.hash, links.kind, links.user_name, links.expires_us FROM links
             LEFT JOIN users ON users.name = links.user_name
             WHERE links.id = $1 AND links.expires_us > $2 AND (users.disabled IS NULL OR users.disabled = 0)",
        );
        let row = row.bind(hash.id()).bind(self.now().as_micros()).fetch_optional(self.records().pool()).await;
        let row = row.map_err(failed)?.ok_or_else(spent)?;
        let (kept, link) = read(&row).map_err(failed)?;
        let link = link.filter(|_| hash.fits(&kept)).ok_or_else(spent)?;
        if link.kind == LinkKind::First && !self.is_empty().await? {
            return Err(spent());
        }
        Ok(link)
    }

    /// Uses a link: a session begins, with the password that is chosen, where the link is for that. The sessions of the user so
    /// far, and the user's other links, end where a password is chosen.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) as [`link`](Self::link), [`Invalid`](crate::ErrorKind::Invalid) for a password that is none, or
    /// one that is not asked for.
    pub async fn accept(&self, secret: &str, answer: &Answer, from: &Visitor) -> Result<Accepted> {
        let link = self.link(secret).await?;
        let name = named(&link, answer)?;
        let hashed = match (&answer.password, link.kind) {
            (None, LinkKind::SignIn) => None,
            (Some(_), LinkKind::SignIn) => {
                return Err(Error::invalid("password is not asked for by a link that signs in, expected none"));
            }
            (None, _) => return Err(Error::invalid("password is missing, expected one to be chosen")),
            (Some(chosen), _) => {
                password::check(chosen, name.as_str())?;
                Some(self.inner.hasher.hash(chosen).await?)
            }
        };
        let mut change = self.change().await?;
        let used = sqlx::query("DELETE FROM links WHERE id = $1").bind(Hash::of(secret).id().to_owned());
        if used.execute(change.on()).await.map_err(failed)?.rows_affected() == 0 {
            return Err(spent());
        }
        self.take(&mut change, &link, &name, answer, hashed).await?;
        let session = self.begin_session(change.on(), &name, from).await?;
        self.commit(change).await?;
        Ok(Accepted { kind: link.kind, session })
    }

    /// What a link does, beside the session that it begins.
    async fn take(
        &self,
        change: &mut Change,
        link: &Link,
        name: &UserName,
        answer: &Answer,
        hashed: Option<String>,
    ) -> Result<()> {
        let shown = answer.display_name.as_deref();
        if link.kind == LinkKind::First {
            if !nobody(change).await? {
                return Err(spent());
            }
            self.add_user(change.on(), name, shown, hashed, None).await?;
            return set_grants(change.on(), name, &Grants::of_all(Role::Admin)).await;
        }
        let still = sqlx::query("SELECT name FROM users WHERE name = $1 AND disabled = 0").bind(name.as_str());
        if still.fetch_optional(change.on()).await.map_err(failed)?.is_none() {
            return Err(spent());
        }
        if let Some(shown) = shown {
            super::names::check_shown("display_name", shown)?;
            let set = sqlx::query("UPDATE users SET display_name = $1 WHERE name = $2").bind(shown).bind(name.as_str());
            set.execute(change.on()).await.map_err(failed)?;
        }
        let Some(hashed) = hashed else { return Ok(()) };
        let set = sqlx::query("UPDATE users SET password = $1 WHERE name = $2").bind(hashed).bind(name.as_str());
        set.execute(change.on()).await.map_err(failed)?;
        let others = sqlx::query("DELETE FROM links WHERE user_name = $1").bind(name.as_str());
        others.execute(change.on()).await.map_err(failed)?;
        end_sessions(change.on(), name, None).await
    }

    pub(super) async fn make_link(
        &self,
        on: &mut AnyConnection,
        kind: LinkKind,
        user: Option<&UserName>,
    ) -> Result<Invited> {
        let lasts = match kind {
            LinkKind::First | LinkKind::User => self.inner.options.invitation,
            LinkKind::Reset | LinkKind::SignIn => self.inner.options.reset,
        };
        let (secret, now) = (new_secret()?, self.now());
        let (hash, expires) = (Hash::of(&secret), now.saturating_add(lasts));
        let made = sqlx::query(
            "INSERT INTO links (id, hash, kind, user_name, created_us, expires_us) VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let made = made.bind(hash.id()).bind(&hash.0).bind(kind.as_str()).bind(user.map(UserName::as_str));
        made.bind(now.as_micros()).bind(expires.as_micros()).execute(on).await.map_err(failed)?;
        Ok(Invited { secret, expires })
    }
}

fn spent() -> Error {
    Error::not_found("the link is not known, was used already, or its time is over")
}

/// Who the answer is from: the first user says so, of others the link does.
fn named(link: &Link, answer: &Answer) -> Result<UserName> {
    match (&link.user, &answer.user) {
        (None, Some(chosen)) => Ok(chosen.clone()),
        (None, None) => Err(Error::invalid("user is missing, expected the name that the first user is to sign in with")),
        (Some(user), None) => Ok(user.clone()),
        (Some(user), Some(said)) if said == user => Ok(user.clone()),
        (Some(user), Some(said)) => Err(Error::invalid(format!("user is {said}, but the link is for {user}"))),
    }
}

async fn nobody(change: &mut Change) -> Result<bool> {
    let any = sqlx::query("SELECT name FROM users LIMIT 1").fetch_optional(change.on()).await.map_err(failed)?;
    Ok(any.is_none())
}

/// The hash that is kept, and the link; nothing where its kind is not known.
fn read(row: &AnyRow) -> sqlx::Result<(String, Option<Link>)> {
    let (kept, kind, user): (String, String, Option<String>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let expires = Timestamp::from_micros(row.try_get(3)?);
    let kind = LinkKind::ALL.into_iter().find(|known| known.as_str() == kind);
    Ok((kept, kind.map(|kind| Link { kind, user: user.map(UserName), expires })))
}
