//! Control of a site: wishes, actors that are callables of Python, how it is, and why.

use memcore::control::{Priority, Proposal, Role, SiteModel, Target};
use memcore::model::{Name, Span, Timestamp};
use memcore::{Error, ErrorKind, Explanation, ServerHandle, Snapshot};
use pyo3::prelude::*;

use crate::errors::{invalid, json, raised};
use crate::live::{Feed, Source, opened};
use crate::runtime::{enter, work};
use crate::server::Server;

/// For whom something is wished: exactly one of them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Wanted {
    asset: Option<String>,
    role: Option<String>,
    group: Option<String>,
}

impl Wanted {
    fn target(self) -> memcore::Result<Target> {
        let Self { asset, role, group } = self;
        match (asset, role, group) {
            (Some(asset), None, None) => Ok(Target::Asset(Name::new(&asset).map_err(|e| e.context("asset"))?)),
            (None, Some(role), None) => role_of(&role).map(Target::Role),
            (None, None, Some(group)) => Ok(Target::Group(Name::new(&group).map_err(|e| e.context("group"))?)),
            _ => Err(Error::invalid("a target is an asset, or role=..., or group=..., expected exactly one of them")),
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

/// A wish, but for whose it is.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Wished {
    target: Wanted,
    power_w: Option<f64>,
    low_w: Option<f64>,
    high_w: Option<f64>,
    priority: i64,
    reason: String,
    valid_us: i64,
}

impl Wished {
    fn proposal(self, actor: &Name) -> memcore::Result<Proposal> {
        let Self { target, power_w, low_w, high_w, priority, reason, valid_us } = self;
        let priority = u8::try_from(priority)
            .map_err(|_| Error::invalid(format!("priority is {priority}, expected 1 to 100")))
            .and_then(Priority::new)?;
        let bounds = Proposal::bounds(actor.clone(), target.target()?, low_w, high_w, priority, reason);
        Ok(Proposal { power_w, ..bounds.valid_for(Span::from_micros(valid_us)) })
    }
}

/// What an actor of Python is called with, and gives back: the site as JSON, and its wishes.
pub(crate) struct Thinking {
    pub(crate) name: Name,
    pub(crate) callable: Py<PyAny>,
}

impl Thinking {
    pub(crate) fn propose(&self, snapshot: &Snapshot) -> Result<Vec<Proposal>, Raised> {
        let shown =
            serde_json::to_string(snapshot).map_err(|e| Raised::of(Error::new(ErrorKind::Internal, e.to_string())))?;
        let called = enter(|py| {
            let told = self.callable.call1(py, (shown,)).and_then(|told| told.extract::<Vec<Wished>>(py));
            told.map_err(|exception| Raised::by(py, exception))
        });
        let wishes =
            called.unwrap_or_else(|| Err(Raised::of(Error::new(ErrorKind::Closed, "the interpreter is ending"))))?;
        wishes.into_iter().map(|wish| wish.proposal(&self.name)).collect::<memcore::Result<_>>().map_err(Raised::of)
    }
}

/// Why an actor has no answer.
pub(crate) struct Raised {
    pub(crate) error: Error,
    /// What it raised itself.
    pub(crate) exception: Option<PyErr>,
}

impl Raised {
    fn of(error: Error) -> Self {
        Self { error, exception: None }
    }

    fn by(py: Python<'_>, exception: PyErr) -> Self {
        let kind = exception.get_type(py).name().map_or_else(|_| "exception".to_owned(), |name| name.to_string());
        let error = Error::invalid(format!("{kind}: {}", exception.value(py)));
        Self { error, exception: Some(exception) }
    }
}

/// Control of a running server.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Control(Py<Server>);

impl Control {
    fn handle(&self) -> PyResult<ServerHandle> {
        self.0.get().handle()
    }
}

#[pymethods]
impl Control {
    #[new]
    fn new(server: Py<Server>) -> Self {
        Self(server)
    }

    /// Takes a wish in, and gives its number.
    fn propose(&self, py: Python<'_>, actor: &str, wish: Wished) -> PyResult<u64> {
        let actor = named("actor", actor)?;
        let proposal = wish.proposal(&actor).map_err(raised)?;
        let handle = self.handle()?;
        let id = py.detach(|| handle.propose(proposal)).map_err(raised)?;
        id.to_string().parse().map_err(|_| raised(Error::new(ErrorKind::Internal, format!("{id} is no number"))))
    }

    /// Takes back what an actor wished for a target, or for all; how many wishes stood.
    fn withdraw(&self, py: Python<'_>, actor: &str, target: Option<Wanted>) -> PyResult<usize> {
        let actor = named("actor", actor)?;
        let target = target.map(Wanted::target).transpose().map_err(raised)?;
        let handle = self.handle()?;
        py.detach(|| handle.withdraw(&actor, target.as_ref())).map_err(raised)
    }

    /// `callable` takes the site as JSON and gives a list of wishes.
    fn add_actor(&self, py: Python<'_>, name: &str, every_us: i64, budget_us: i64, callable: Py<PyAny>) -> PyResult<()> {
        let (name, every, budget) = (named("actor", name)?, Span::from_micros(every_us), Span::from_micros(budget_us));
        let thinking = Thinking { name: name.clone(), callable };
        let think = move |snapshot| thinking.propose(&snapshot).map_err(|raised| raised.error);
        let handle = self.handle()?;
        py.detach(|| handle.add_actor(&name, every, budget, think)).map_err(raised)
    }

    fn remove_actor(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        let (name, handle) = (named("actor", name)?, self.handle()?);
        py.detach(|| handle.remove_actor(&name)).map_err(raised)
    }

    /// JSON.
    fn status(&self, py: Python<'_>) -> PyResult<String> {
        let handle = self.handle()?;
        json(&py.detach(|| handle.control_status()).map_err(raised)?)
    }

    /// JSON. The time is in microseconds, or as people of the site say it; now where there is none.
    fn why(&self, py: Python<'_>, asked: String, at_us: Option<i64>, said: Option<String>) -> PyResult<String> {
        let handle = self.handle()?;
        explained(py, at_us, said, move |at| match at {
            At::Instant(at) => handle.why(&asked, at),
            At::Said(text) => handle.why_at(&asked, &text),
        })
    }

    /// Whether that changed anything.
    fn enable(&self, py: Python<'_>, enabled: bool) -> PyResult<bool> {
        let handle = self.handle()?;
        work(py, move || handle.set_control_enabled(enabled))
    }

    fn events(&self) -> PyResult<Feed> {
        opened(self.handle()?.control_events().map(Source::Control))
    }
}

/// When something is asked about.
pub(crate) enum At {
    Instant(Timestamp),
    Said(String),
}

/// JSON of an explanation.
pub(crate) fn explained(
    py: Python<'_>,
    at_us: Option<i64>,
    said: Option<String>,
    explain: impl FnOnce(At) -> memcore::Result<Explanation> + Send + 'static,
) -> PyResult<String> {
    let at = match (at_us, said) {
        (Some(at), _) => At::Instant(Timestamp::from_micros(at)),
        (None, said) => At::Said(said.unwrap_or_else(|| "0s".to_owned())),
    };
    json(&work(py, move || explain(at))?)
}

/// A name, told apart from others by what it is of.
pub(crate) fn named(field: &str, name: &str) -> PyResult<Name> {
    Name::new(name).map_err(|e| raised(e.context(field)))
}

/// A site model out of JSON.
pub(crate) fn site_model(json: &str) -> PyResult<SiteModel> {
    serde_json::from_str(json).map_err(|e| invalid(format!("control is no site model: {e}")))
}
