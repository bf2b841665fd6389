//! `memcore users` and `memcore tokens`: on the records of a site, also beside a running server, which sees it within a second.

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Common, format};
use crate::accounts::{
    Accounts, EVERYWHERE, Grants, Invited, Records, Role, Scope, Token, TokenRequest, User, UserChange, UserName,
};
use crate::error::{Error, Result};
use crate::model::{Clock, Name, Span, SystemClock, Timestamp};
use crate::runtime::{Act, Config, say_once};

#[derive(Debug, Subcommand)]
pub(super) enum Users {
    /// List the users, their roles, and when they were last seen
    List {
        /// JSON lines instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Make a user and print a link, good once, to choose a password by
    Invite {
        /// The name to sign in with, an address of e-mail as a rule
        name: UserName,
        /// The name to be shown
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// What the user is: viewer, operator, engineer or admin
        #[arg(long, value_name = "ROLE")]
        role: Option<Role>,
        #[command(flatten)]
        place: Place,
    },
    /// Give a user a role, at all operators unless one is said; `none` takes it away
    Grant {
        /// The user
        name: UserName,
        /// viewer, operator, engineer, admin or none
        #[arg(value_parser = role_or_none)]
        role: Wanted,
        #[command(flatten)]
        place: Place,
    },
    /// End a user's password and sessions, and print a link, good once, to choose another by
    Reset {
        /// The user
        name: UserName,
    },
    /// Print a link, good once, by which a user signs in without a password
    Link {
        /// The user
        name: UserName,
    },
    /// Shut a user out: sessions end, tokens are good for nothing
    Disable {
        /// The user
        name: UserName,
    },
    /// Let a user in again
    Enable {
        /// The user
        name: UserName,
    },
    /// Remove a user, with all sessions and tokens
    Remove {
        /// The user
        name: UserName,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Tokens {
    /// List the API tokens
    List {
        /// Of that user only
        #[arg(long, value_name = "USER")]
        user: Option<UserName>,
        /// JSON lines instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Make an API token and print its secret, once
    Create {
        /// Whose it is
        user: UserName,
        /// What to call it
        name: String,
        /// What it may at most: read, command, configure, admin; several with commas
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', default_value = "read")]
        scope: Vec<Scope>,
        #[command(flatten)]
        place: Place,
        /// After how long it ends; never, unless it is said
        #[arg(long, value_name = "LENGTH")]
        expires: Option<Span>,
    },
    /// End an API token
    Revoke {
        /// Its id in the list
        id: String,
    },
}

/// At which operators.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// At that operator; all of them, unless it is said
    #[arg(long, value_name = "OPERATOR", value_parser = Name::new)]
    operator: Vec<Name>,
}

/// A role, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted(Option<Role>);

fn role_or_none(text: &str) -> Result<Wanted> {
    if text == "none" { Ok(Wanted(None)) } else { text.parse().map(|role| Wanted(Some(role))) }
}

/// The accounts of a site, and where what is done is said.
struct Site {
    config: Config,
    records: Records,
    accounts: Accounts,
}

impl Site {
    async fn open(common: &Common) -> Result<Self> {
        let config = common.config(None)?;
        let records = Records::open(&config.path, config.records.url.as_deref()).await?;
        let options = config.accounts.options(config.http.public_url.as_deref())?;
        let accounts = Accounts::open(records.clone(), Arc::new(SystemClock::default()), options).await?;
        Ok(Self { config, records, accounts })
    }

    fn say(&self, act: Act) -> Result<()> {
        let (path, most, now) = (&self.config.path, self.config.audit.max_size, SystemClock::default().now());
        let said = say_once(path, most, now, vec![act]);
        said.map_err(|e| e.context("it is done, but does not stand in the audit trail"))
    }

    /// The link is the result; what it is goes beside it.
    fn hand_out(&self, invited: &Invited, note: &str) -> Result<()> {
        let page = match (&self.config.http.public_url, self.config.http.listen) {
            (Some(url), _) => url.clone(),
            (None, Some(address)) if self.config.http.is_tls(address) => format!("https://{address}"),
            (None, Some(address)) => format!("http://{address}"),
            (None, None) => String::new(),
        };
        format::print(&invited.at(&page))?;
        format::note(&format!("{note}; the link is good once, until {}", invited.expires));
        Ok(())
    }
}

impl Users {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let site = Site::open(common).await?;
        let done = self.act(&site).await;
        site.records.close().await;
        done.map(|()| 0)
    }

    async fn act(&self, site: &Site) -> Result<()> {
        let accounts = &site.accounts;
        match self {
            Self::List { json } => list(accounts, *json).await,
            Self::Invite { name, display_name, role, place } => {
                let grants = granted(*role, &place.operator)?;
                let invited = accounts.invite(name, display_name.as_deref(), &grants).await?;
                let roles = grants.iter().map(|(operator, role)| (operator.to_owned(), role.to_string())).collect();
                site.say(Act::UserInvited { user: name.to_string(), roles })?;
                site.hand_out(&invited, &format!("{name} is invited"))
            }
            Self::Grant { name, role: Wanted(role), place } => {
                let places: Vec<_> =
                    if place.operator.is_empty() { vec![None] } else { place.operator.iter().map(Some).collect() };
                for operator in places {
                    accounts.set_role(name, operator, *role).await?;
                    let operator = operator.map_or(EVERYWHERE, Name::as_str).to_owned();
                    let (user, role) = (name.to_string(), role.map(|role| role.to_string()));
                    site.say(Act::RoleSet { user, operator, role })?;
                }
                format::note(&format!("{name} is now {}", roles_of(&accounts.user(name).await?)));
                Ok(())
            }
            Self::Reset { name } => {
                let wanted = UserChange { reset: true, ..UserChange::default() };
                let invited = accounts.change_user(name, &wanted).await?;
                let invited = invited.ok_or_else(|| Error::not_found(format!("user {name} is not known")))?;
                site.say(Act::LinkMade { user: name.to_string(), link: "reset".into() })?;
                site.hand_out(&invited, &format!("the password of {name}, and all sessions, have ended"))
            }
            Self::Link { name } => {
                let invited = accounts.sign_in_link(name, None).await?;
                site.say(Act::LinkMade { user: name.to_string(), link: "sign_in".into() })?;
                site.hand_out(&invited, &format!("who has the link is {name}"))
            }
            Self::Disable { name } => shut_out(site, name, true).await,
            Self::Enable { name } => shut_out(site, name, false).await,
            Self::Remove { name } => {
                accounts.remove_user(name).await?;
                site.say(Act::UserRemoved { user: name.to_string() })?;
                format::note(&format!("{name} is no longer a user"));
                Ok(())
            }
        }
    }
}

impl Tokens {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let site = Site::open(common).await?;
        let done = self.act(&site).await;
        site.records.close().await;
        done.map(|()| 0)
    }

    async fn act(&self, site: &Site) -> Result<()> {
        match self {
            Self::List { user, json } => list_tokens(&site.accounts.tokens(user.as_ref()).await?, *json),
            Self::Create { user, name, scope, place, expires } => {
                let operators = (!place.operator.is_empty()).then(|| place.operator.iter().cloned().collect());
                let scopes = scope.iter().copied().collect();
                let request = TokenRequest { name: name.clone(), scopes, operators, lasts: *expires };
                let (token, secret) = site.accounts.create_token(user, request).await?;
                let scopes = token.scopes.iter().map(ToString::to_string).collect();
                site.say(Act::TokenCreated { user: user.to_string(), token: token.id.clone(), scopes })?;
                format::print(&secret)?;
                format::note(&format!("token {} of {user}; this is shown only once", token.id));
                Ok(())
            }
            Self::Revoke { id } => {
                let user = site.accounts.revoke_token(None, id).await?;
                site.say(Act::TokenRevoked { user: user.to_string(), token: id.clone() })?;
                format::note(&format!("token {id} of {user} is good for nothing from now on"));
                Ok(())
            }
        }
    }
}

async fn shut_out(site: &Site, name: &UserName, disabled: bool) -> Result<()> {
    let wanted = UserChange { disabled: Some(disabled), ..UserChange::default() };
    site.accounts.change_user(name, &wanted).await?;
    site.say(Act::UserChanged { user: name.to_string(), roles: None, disabled: Some(disabled) })?;
    format::note(&format!("{name} {}", if disabled { "is shut out" } else { "may sign in again" }));
    Ok(())
}

fn granted(role: Option<Role>, operators: &[Name]) -> Result<Grants> {
    match role {
        None if operators.is_empty() => Ok(Grants::default()),
        None => Err(Error::invalid("--role is missing, expected what the user is to be at --operator")),
        Some(role) if operators.is_empty() => Ok(Grants::of_all(role)),
        Some(role) => {
            let mut grants = Grants::default();
            operators.iter().try_for_each(|operator| grants.grant(operator.as_str(), role))?;
            Ok(grants)
        }
    }
}

async fn list(accounts: &Accounts, json: bool) -> Result<()> {
    let users = accounts.users(None, usize::MAX).await?;
    if json {
        for user in &users {
            let listed = json!({
                "user": user.name, "display_name": user.display_name, "roles": user.grants, "disabled": user.disabled,
                "oidc": user.oidc, "password": user.password, "created_us": user.created.as_micros(),
                "last_seen_us": user.last_seen.map(Timestamp::as_micros),
            });
            format::print(&listed.to_string())?;
        }
        return Ok(());
    }
    let mut table = format::table(&["user", "name", "roles", "signs in by", "last seen"]);
    for user in &users {
        let by = match (user.disabled, user.password, user.oidc) {
            (true, ..) => "shut out",
            (_, true, true) => "password, OpenID Connect",
            (_, true, false) => "password",
            (_, false, true) => "OpenID Connect",
            (_, false, false) => "invited",
        };
        let seen = user.last_seen.map_or_else(|| "-".to_owned(), |seen| seen.to_string());
        table.add_row([user.name.to_string(), user.display_name.clone(), roles_of(user), by.to_owned(), seen]);
    }
    format::print(&table.to_string()).map(drop)
}

fn roles_of(user: &User) -> String {
    let roles: Vec<_> = user.grants.iter().map(|(operator, role)| format!("{role} at {operator}")).collect();
    if roles.is_empty() { "nothing".to_owned() } else { roles.join(", ") }
}

fn list_tokens(tokens: &[Token], json: bool) -> Result<()> {
    let mut table = format::table(&["id", "user", "name", "scopes", "operators", "ends", "last used"]);
    for token in tokens {
        let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        let operators: Option<Vec<_>> = token.operators.as_ref().map(|names| names.iter().map(Name::as_str).collect());
        if json {
            let listed = json!({
                "id": token.id, "user": token.user, "name": token.name, "scopes": scopes, "operators": operators,
                "created_us": token.created.as_micros(), "expires_us": token.expires.map(Timestamp::as_micros),
                "last_used_us": token.last_used.map(Timestamp::as_micros),
            });
            format::print(&listed.to_string())?;
            continue;
        }
        let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        let operators = operators.map_or_else(|| "all".to_owned(), |names| names.join(", "));
        let (id, user) = (token.id.clone(), token.user.to_string());
        let row = [id, user, token.name.clone(), scopes.join(", "), operators, time(token.expires), time(token.last_used)];
        table.add_row(row);
    }
    if json { Ok(()) } else { format::print(&table.to_string()).map(drop) }
}
