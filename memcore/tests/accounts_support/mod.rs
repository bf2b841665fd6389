//! What the tests of accounts share: a world with its own records and a clock that it moves.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod api;
pub(crate) mod postgres;

use std::sync::Arc;

use memcore::accounts::{
    Accepted, Accounts, AccountsOptions, Answer, Caller, Grants, NewSession, Records, Role, SignIn, UserName, Visitor,
};
use memcore::model::{ManualClock, Span, Timestamp};
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const ANOTHER: &str = "staple at the window";

/// Records of a test's own, in a folder or in a database.
pub(crate) struct World {
    pub(crate) site: TempDir,
    pub(crate) url: Option<String>,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) fn new(url: Option<String>) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_800_000_000)));
        Self { site: tempfile::tempdir().unwrap(), url, clock }
    }

    /// The accounts as one process sees them; called again, as another does.
    pub(crate) async fn process(&self) -> Accounts {
        self.process_with(AccountsOptions::default()).await
    }

    pub(crate) async fn process_with(&self, options: AccountsOptions) -> Accounts {
        let records = Records::open(self.site.path(), self.url.as_deref()).await.unwrap();
        Accounts::open(records, self.clock.clone(), options).await.unwrap()
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(Span::from_seconds(seconds));
    }
}

pub(crate) fn name(text: &str) -> UserName {
    UserName::new(text).unwrap()
}

pub(crate) fn home() -> Visitor {
    Visitor { address: Some([192, 0, 2, 1].into()), agent: Some("a browser".into()) }
}

pub(crate) fn elsewhere(n: u8) -> Visitor {
    Visitor { address: Some([198, 51, 100, n].into()), agent: None }
}

pub(crate) fn at(operator: &str, role: Role) -> Grants {
    Grants::only(operator.parse().unwrap(), role)
}

/// The first user, who is admin everywhere.
pub(crate) async fn first(accounts: &Accounts) -> NewSession {
    let link = accounts.first_link().await.unwrap().expect("nobody is here yet");
    let answer = Answer { user: Some(name("ada")), display_name: None, password: Some(PASSWORD.into()) };
    accounts.accept(&link.secret, &answer, &home()).await.unwrap().session
}

/// One who was invited and has chosen the password.
pub(crate) async fn joined(accounts: &Accounts, user: &str, grants: &Grants) -> NewSession {
    let link = accounts.invite(&name(user), None, grants).await.unwrap();
    accept(accounts, &link.secret, Some(PASSWORD)).await.unwrap().session
}

pub(crate) async fn accept(accounts: &Accounts, secret: &str, password: Option<&str>) -> memcore::Result<Accepted> {
    let answer = Answer { password: password.map(str::to_owned), ..Answer::default() };
    accounts.accept(secret, &answer, &home()).await
}

pub(crate) async fn sign_in(accounts: &Accounts, user: &str, password: &str) -> Option<NewSession> {
    match accounts.sign_in(user, password, &home()).await.unwrap() {
        SignIn::Begun(session) => Some(session),
        SignIn::Refused { .. } => None,
        SignIn::Later(wait) => panic!("told to wait for {wait:?}"),
    }
}

pub(crate) async fn caller(accounts: &Accounts, session: &NewSession) -> Option<Arc<Caller>> {
    accounts.session(&session.secret).await.unwrap()
}
