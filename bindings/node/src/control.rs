//! Control of a site: wishes, actors that are functions of JavaScript, how it is, and why.
//!
//! An actor is asked as a device is: through [`Shown`], on Node's thread, and answers through [`NativeWishes`], while a thread of its
//! own waits. It may take its time; only its own wishes wait for it.

use std::time::Duration;

use futures_util::FutureExt;
use memcore::control::{Priority, Proposal, Role, SiteModel, Target};
use memcore::model::{Name, Span};
use memcore::{ControlEvent, ControlEvents, Error, ErrorKind, Explanation, Snapshot};
use napi::Status;
use napi::bindgen_prelude::{BigInt, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;

use crate::asking::Asking;
use crate::error::{Result, ToNode, on_disk};
use crate::history::NativeHistory;
use crate::live::{Feed, Source};
use crate::server::NativeServer;
use crate::time::instant;

/// For whom something is wished: exactly one of them.
#[napi(object)]
pub struct Wanted {
    /// An asset.
    pub asset: Option<String>,
    /// All assets of a role, together.
    pub role: Option<String>,
    /// A group, together.
    pub group: Option<String>,
}

impl Wanted {
    fn target(self) -> memcore::Result<Target> {
        let Self { asset, role, group } = self;
        match (asset, role, group) {
            (Some(asset), None, None) => Ok(Target::Asset(named("asset", &asset)?)),
            (None, Some(role), None) => role_of(&role).map(Target::Role),
            (None, None, Some(group)) => Ok(Target::Group(named("group", &group)?)),
            _ => Err(Error::invalid("a target is an asset, a role or a group, expected exactly one of them")),
        }
    }
}

fn role_of(name: &str) -> memcore::Result<Role> {
    let found = Role::ALL.into_iter().find(|role| role.name() == name);
    found.ok_or_else(|| {
        let known = Role::ALL.map(Role::name).join(", ");
        Error::invalid(format!("role is {name:?}, expected one of {known}"))
    })
}

/// A name, told apart from others by what it is of.
pub(crate) fn named(field: &str, name: &str) -> memcore::Result<Name> {
    Name::new(name).map_err(|e| e.context(field))
}

/// A wish, but for whose it is.
#[napi(object)]
pub struct Wished {
    /// For whom.
    pub target: Wanted,
    /// The power, in W.
    pub power: Option<f64>,
    /// The least power, in W.
    pub low: Option<f64>,
    /// The most power, in W.
    pub high: Option<f64>,
    /// How urgent it is.
    pub priority: u32,
    /// Why.
    pub reason: String,
    /// For how long it stands.
    pub valid_for: String,
}

impl Wished {
    fn proposal(self, actor: &Name) -> memcore::Result<Proposal> {
        let Self { target, power, low, high, priority, reason, valid_for } = self;
        let priority = u8::try_from(priority)
            .map_err(|_| Error::invalid(format!("priority is {priority}, expected 1 to 100")))
            .and_then(Priority::new)?;
        let bounds = Proposal::bounds(actor.clone(), target.target()?, low, high, priority, reason);
        let valid_for: Span = valid_for.parse().map_err(|e: Error| e.context("validFor"))?;
        Ok(Proposal { power_w: power, ..bounds.valid_for(valid_for) })
    }
}

/// The site at one moment, as an actor is shown it.
#[napi(object)]
pub struct Shown {
    /// Under which it answers.
    pub number: u32,
    /// JSON.
    pub view: String,
}

/// Asks an actor; it keeps no process alive. At most so many questions wait for a busy event loop, more are not asked.
pub(crate) type Asks = ThreadsafeFunction<Shown, (), Shown, Status, false, true, 8>;

type Answer = memcore::Result<Vec<Wished>>;

/// What an actor answers to what it was shown.
#[napi]
pub struct NativeWishes(Asking<Answer>);

#[napi]
impl NativeWishes {
    /// Nothing was asked yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self(Asking::default())
    }

    /// What it wishes for.
    #[napi(catch_unwind)]
    pub fn answer(&self, number: u32, wishes: Vec<Wished>) {
        self.0.settle(number, Ok(wishes));
    }

    /// It failed.
    #[napi(catch_unwind)]
    pub fn fail(&self, number: u32, reason: String) {
        self.0.settle(number, Err(Error::invalid(reason)));
    }

    /// It is asked no more: what it is thinking about is dropped.
    #[napi(catch_unwind)]
    pub fn drop_all(&self) {
        self.0.forget_all();
    }
}

/// An actor of JavaScript.
pub(crate) struct Thinking {
    name: Name,
    asks: Asks,
    open: Asking<Answer>,
    patience: Duration,
}

impl Thinking {
    /// `patience` is how long an answer is waited for at all.
    pub(crate) fn new(
        name: Name,
        wishes: &NativeWishes,
        asks: Function<'_, Shown, ()>,
        patience: Duration,
    ) -> Result<Self> {
        let asks = asks.build_threadsafe_function::<Shown>().weak::<true>().max_queue_size::<8>().build()?;
        Ok(Self { name, asks, open: wishes.0.clone(), patience })
    }

    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    pub(crate) fn propose(&self, snapshot: &Snapshot) -> memcore::Result<Vec<Proposal>> {
        let view = serde_json::to_string(snapshot).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
        let (number, answer) = self.open.begin();
        let asked = self.asks.call(Shown { number, view }, ThreadsafeFunctionCallMode::NonBlocking);
        let answered = match asked {
            Status::Ok => answer.recv_timeout(self.patience).ok(),
            _ => None,
        };
        self.open.forget(number);
        let wishes = answered.unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Timeout, format!("it did not answer within {} s", self.patience.as_secs())))
        })?;
        wishes.into_iter().map(|wish| wish.proposal(&self.name)).collect()
    }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}

fn span(field: &str, text: &str) -> memcore::Result<Span> {
    text.parse().map_err(|e: Error| e.context(field))
}

/// One that has not answered for so long after its budget is asked anew.
fn patience(budget: Span) -> Duration {
    budget.to_duration().saturating_mul(10).clamp(Duration::from_secs(60), Duration::from_secs(3_600))
}

/// Takes a wish in, and gives its number.
#[napi(catch_unwind)]
pub(crate) fn propose(server: &NativeServer, actor: String, wish: Wished) -> Result<f64> {
    let take = || server.control_handle()?.propose(wish.proposal(&named("actor", &actor)?)?);
    let id = take().to_node()?;
    Ok(id.to_string().parse().unwrap_or(f64::NAN))
}

/// Takes back what an actor wished for a target, or for all; how many wishes stood.
#[napi(catch_unwind)]
pub(crate) fn withdraw(server: &NativeServer, actor: String, target: Option<Wanted>) -> Result<u32> {
    let take = || {
        let target = target.map(Wanted::target).transpose()?;
        server.control_handle()?.withdraw(&named("actor", &actor)?, target.as_ref())
    };
    take().to_node().map(|count| count as u32)
}

/// Adds an actor.
#[napi(catch_unwind)]
pub(crate) fn add_actor(
    server: &NativeServer,
    name: String,
    every: String,
    budget: String,
    wishes: &NativeWishes,
    asks: Function<'_, Shown, ()>,
) -> Result<()> {
    let name = named("actor", &name).to_node()?;
    let (every, budget) = (span("every", &every).to_node()?, span("budget", &budget).to_node()?);
    let handle = server.control_handle().to_node()?;
    let thinking = Thinking::new(name.clone(), wishes, asks, patience(budget))?;
    handle.add_actor(&name, every, budget, move |snapshot| thinking.propose(&snapshot)).to_node()
}

/// Ends an actor, with its wishes.
#[napi(catch_unwind)]
pub(crate) fn remove_actor(server: &NativeServer, name: String) -> Result<()> {
    server.control_handle().and_then(|handle| handle.remove_actor(&named("actor", &name)?)).to_node()
}

/// How control is, as JSON.
#[napi(catch_unwind)]
pub(crate) fn control_status(server: &NativeServer) -> Result<String> {
    json(&server.control_handle().and_then(|handle| handle.control_status()).to_node()?)
}

/// Follows what control does.
#[napi(catch_unwind)]
pub(crate) fn control_events(server: &NativeServer) -> Result<NativeControlEvents> {
    let handle = server.control_handle().to_node()?;
    Feed::start(async move { handle.control_events() }).map(NativeControlEvents)
}

/// JSON. At an instant, or at a time as people of the site say it; now where there is none.
async fn explained(
    at: Option<BigInt>,
    said: Option<String>,
    explain: impl FnOnce(std::result::Result<memcore::model::Timestamp, String>) -> memcore::Result<Explanation>
    + Send
    + 'static,
) -> Result<String> {
    let at = match at {
        Some(at) => Ok(instant(&at).to_node()?),
        None => Err(said.unwrap_or_else(|| "0s".to_owned())),
    };
    json(&on_disk(move || explain(at)).await?)
}

#[napi]
impl NativeServer {
    /// What was decided of an asset at a time, and why, as JSON.
    #[napi]
    pub async fn why(&self, asked: String, at: Option<BigInt>, said: Option<String>) -> Result<String> {
        let handle = self.control_handle().to_node()?;
        explained(at, said, move |at| match at {
            Ok(at) => handle.why(&asked, at),
            Err(said) => handle.why_at(&asked, &said),
        })
        .await
    }

    /// Pauses control, or lets it go on; whether that changed anything.
    #[napi]
    pub async fn enable_control(&self, enabled: bool) -> Result<bool> {
        let handle = self.control_handle().to_node()?;
        on_disk(move || handle.set_control_enabled(enabled)).await
    }
}

#[napi]
impl NativeHistory {
    /// What control decided of an asset at a time, and why, as JSON.
    #[napi]
    pub async fn why(&self, asked: String, at: Option<BigInt>, said: Option<String>) -> Result<String> {
        let memcore = self.0.clone();
        explained(at, said, move |at| match at {
            Ok(at) => memcore.why(&asked, at),
            Err(said) => memcore.why_at(&asked, &said),
        })
        .await
    }
}

impl Source for ControlEvents {
    type Item = ControlEvent;
    fn next(&mut self) -> impl Future<Output = Option<ControlEvent>> + Send {
        Self::next(self)
    }
    fn try_next(&mut self) -> Option<ControlEvent> {
        Self::next(self).now_or_never().flatten()
    }
    fn lost(&self) -> u64 {
        Self::lost(self)
    }
}

/// What control does, each as its JSON.
#[napi]
pub struct NativeControlEvents(pub(crate) Feed<ControlEvents>);

#[napi]
impl NativeControlEvents {
    /// What is there, or the first that comes; nothing once there will be none.
    #[napi]
    pub async fn take(&self) -> Result<Vec<String>> {
        let events = self.0.take().await?;
        events.iter().map(json).collect()
    }

    /// How many events were dropped because they were not taken in time.
    #[napi(getter, catch_unwind)]
    pub fn lost(&self) -> i64 {
        self.0.lost() as i64
    }

    /// Ends it. Doing it again does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}

/// A site model out of JSON.
pub(crate) fn site_model(json: &str) -> memcore::Result<SiteModel> {
    serde_json::from_str(json).map_err(|e| Error::invalid(format!("control is no site model: {e}")))
}
