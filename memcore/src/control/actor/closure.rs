//! An actor out of a function.

use super::{Actor, View};
use crate::control::Proposal;
use crate::model::{Name, Span};

/// An actor that is a name, a period and a function.
///
/// ```
/// use memcore::control::{Actor, FnActor, Priority, Proposal, Target};
/// use memcore::model::{Name, Span};
///
/// let name = Name::new("night_rest").unwrap();
/// let pump = Target::Asset(Name::new("pump").unwrap());
/// let actor = FnActor::new(name.clone(), Span::from_seconds(60), move |view| {
///     let night = view.now.wall.as_micros().rem_euclid(86_400_000_000) < 6 * 3_600_000_000;
///     let rest = Proposal::power(name.clone(), pump.clone(), 0.0, Priority::new(45).unwrap(), "it is night");
///     night.then(|| rest.valid_for(Span::from_seconds(180))).into_iter().collect()
/// });
/// assert_eq!(actor.name().as_str(), "night_rest");
/// ```
pub struct FnActor<F> {
    name: Name,
    every: Span,
    propose: F,
}

impl<F: FnMut(&View<'_>) -> Vec<Proposal> + Send> FnActor<F> {
    /// An actor of that name that is asked so often; at every decision where `every` is zero.
    pub fn new(name: Name, every: Span, propose: F) -> Self {
        Self { name, every, propose }
    }
}

impl<F: FnMut(&View<'_>) -> Vec<Proposal> + Send> Actor for FnActor<F> {
    fn name(&self) -> &Name {
        &self.name
    }

    fn every(&self) -> Span {
        self.every
    }

    fn propose(&mut self, view: &View<'_>) -> Vec<Proposal> {
        (self.propose)(view)
    }
}

impl<F> std::fmt::Debug for FnActor<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FnActor").field("name", &self.name).field("every", &self.every).finish_non_exhaustive()
    }
}
