//! Who of a provider's users comes in, as whom, and what they may.

use sqlx::Row;

use super::{Claims, OidcOptions, OidcRefusal, OidcSignIn};
use crate::accounts::Accounts;
use crate::accounts::caller::{Grants, UserName};
use crate::accounts::change::Change;
use crate::accounts::names::check_shown;
use crate::accounts::sessions::Visitor;
use crate::accounts::users::set_grants;
use crate::error::{ErrorKind, Result};
use crate::records::failed;

/// A user here.
struct Known {
    name: UserName,
    disabled: bool,
    password: bool,
    oidc: Option<String>,
}

impl Accounts {
    pub(super) async fn admit_from_provider(
        &self,
        options: &OidcOptions,
        claims: &Claims,
        from: &Visitor,
    ) -> Result<OidcSignIn> {
        let Some(name) = claims.name() else { return Ok(OidcSignIn::Refused(OidcRefusal::Name)) };
        if !of_domain(options, claims) {
            return Ok(OidcSignIn::Refused(OidcRefusal::Domain));
        }
        let mut change = self.change().await?;
        let user = match self.user_of(&mut change, options, claims, name).await? {
            Ok(user) => user,
            Err(refusal) => return Ok(OidcSignIn::Refused(refusal)),
        };
        if let Some(grants) = granted(options, claims) {
            self.take_over(&mut change, &user, &grants).await?;
            // What a provider takes away is taken away also where that ends the sign-in.
            if grants == Grants::default() {
                self.commit(change).await?;
                return Ok(OidcSignIn::Refused(OidcRefusal::Unknown));
            }
        }
        let session = self.begin_session(change.on(), &user, from).await?;
        self.commit(change).await?;
        Ok(OidcSignIn::Begun(session))
    }

    /// Who that is here: the one who came from the provider before, or one who was invited under that name, or one who is new.
    async fn user_of(
        &self,
        change: &mut Change,
        options: &OidcOptions,
        claims: &Claims,
        name: UserName,
    ) -> Result<Result<UserName, OidcRefusal>> {
        let known = match find(change, "oidc", &claims.subject).await? {
            Some(known) => Some(known),
            None => find(change, "name", name.as_str()).await?,
        };
        let Some(known) = known else { return self.newcomer(change, options, claims, name).await };
        if known.disabled {
            return Ok(Err(OidcRefusal::Disabled));
        }
        if known.oidc.as_ref() == Some(&claims.subject) {
            return Ok(Ok(known.name));
        }
        // The same name at the provider is not proof enough for what a password protects here.
        if known.oidc.is_some() || (known.password && !options.link_existing) {
            return Ok(Err(OidcRefusal::Password));
        }
        let linked = sqlx::query("UPDATE users SET oidc = $1 WHERE name = $2").bind(&claims.subject);
        linked.bind(known.name.as_str()).execute(change.on()).await.map_err(failed)?;
        Ok(Ok(known.name))
    }

    async fn newcomer(
        &self,
        change: &mut Change,
        options: &OidcOptions,
        claims: &Claims,
        name: UserName,
    ) -> Result<Result<UserName, OidcRefusal>> {
        let grants = granted(options, claims).unwrap_or_else(|| options.default_roles.clone());
        if grants == Grants::default() {
            return Ok(Err(OidcRefusal::Unknown));
        }
        let shown = claims.display_name.as_deref().filter(|shown| check_shown("name", shown).is_ok());
        self.add_user(change.on(), &name, shown, None, Some(&claims.subject)).await?;
        set_grants(change.on(), &name, &grants).await?;
        Ok(Ok(name))
    }

    /// The provider's word on roles holds, except that it cannot be the end of the last admin.
    async fn take_over(&self, change: &mut Change, user: &UserName, grants: &Grants) -> Result<()> {
        let before = change.admins().await?;
        let held = roles(change, user).await?;
        set_grants(change.on(), user, grants).await?;
        match change.check_admins(before).await {
            Err(e) if e.kind() == ErrorKind::Conflict => {
                tracing::warn!(%user, "stays admin of all operators against the provider's word: there is no other");
                set_grants(change.on(), user, &held).await
            }
            checked => checked,
        }
    }
}

/// What the provider's word makes of a user; nothing where it has none.
fn granted(options: &OidcOptions, claims: &Claims) -> Option<Grants> {
    if options.roles.is_empty() {
        return None;
    }
    let mut sum = Grants::default();
    for grants in claims.memberships.iter().filter_map(|member| options.roles.get(member)) {
        sum.everywhere = sum.everywhere.max(grants.everywhere);
        for (operator, role) in &grants.at {
            let held = sum.at.entry(operator.clone()).or_insert(*role);
            *held = (*held).max(*role);
        }
    }
    Some(sum)
}

fn of_domain(options: &OidcOptions, claims: &Claims) -> bool {
    if options.allowed_domains.is_empty() {
        return true;
    }
    let domain = claims.email.as_deref().filter(|_| claims.email_verified).and_then(|email| email.rsplit_once('@'));
    domain.is_some_and(|(_, domain)| options.allowed_domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain)))
}

async fn find(change: &mut Change, column: &str, value: &str) -> Result<Option<Known>> {
    let text = format!("SELECT name, disabled, password, oidc FROM users WHERE {column} = $1");
    let row = sqlx::query(&text).bind(value).fetch_optional(change.on()).await.map_err(failed)?;
    let read = |row: sqlx::any::AnyRow| {
        Ok(Known {
            name: UserName(row.try_get(0)?),
            disabled: row.try_get::<i64, _>(1)? != 0,
            password: row.try_get::<Option<String>, _>(2)?.is_some(),
            oidc: row.try_get(3)?,
        })
    };
    row.map(read).transpose().map_err(failed)
}

async fn roles(change: &mut Change, user: &UserName) -> Result<Grants> {
    let rows = sqlx::query("SELECT operator, role FROM user_roles WHERE user_name = $1").bind(user.as_str());
    let mut grants = Grants::default();
    for row in rows.fetch_all(change.on()).await.map_err(failed)? {
        let role: String = row.try_get(1).map_err(failed)?;
        grants.grant(&row.try_get::<String, _>(0).map_err(failed)?, role.parse()?)?;
    }
    Ok(grants)
}
