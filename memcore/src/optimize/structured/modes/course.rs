//! What runs when: the backward pass over states of the automaton and pieces of value functions.
//!
//! `V(t, s, e)` is the least cost from the start of step t on, having been in state s, with energy e. Where F is V of the next step with
//! what the energy at the end of step t costs, and g the convex cost of a mode by what it draws from the store,
//!
//! `V(t, s, e) = min over moves s -> s' and modes of s': cost of the move + min over draw: g(draw) + F(s', kept * e - draw)`
//!
//! The inner minimum is an inf-convolution, which is exact piece by piece: the pieces of F stand for convex functions, and the least of
//! them is convolved by convolving each. So every piece stands for *one* sequence of states and modes up to the end. Those sequences are
//! kept as a tree of decisions, twelve bytes each; the functions themselves are forgotten as soon as the step before has been built
//! from them. What is charged when follows from the sequence by a convex problem: see `dispatch`.

use super::automaton::Move;
use super::envelope::Envelope;
use super::pieces::{Origin, Pieces};
use super::problem::{Problem, Stage};

/// What is in force during a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) state: usize,
    /// The place among the stages of the state's activity.
    pub(super) mode: usize,
}

/// The best sequence of decisions.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) decisions: Vec<Decision>,
    /// What it costs, as far as the pieces tell: no schedule costs less, but for their tolerance.
    pub(super) value: f64,
    /// How many convolutions it took.
    pub(super) convolutions: u64,
}

/// A decision and the one after it.
#[derive(Debug, Clone, Copy)]
struct Link {
    state: u32,
    mode: u32,
    next: u32,
}

/// After the last decision.
const END: u32 = u32::MAX;

/// The best course; None where no course keeps all hard limits.
pub(super) fn best(problem: &Problem<'_>) -> Option<Course> {
    let mut pass = Pass::new(problem);
    for step in (0..problem.steps()).rev() {
        pass.step_back(step);
    }
    pass.course()
}

struct Pass<'a> {
    problem: &'a Problem<'a>,
    /// By state: V of the step that was reached.
    value: Vec<Pieces>,
    /// By state: from the start of a step, with the state given during it.
    within: Vec<Pieces>,
    /// What was taken out of all values, to keep them near zero.
    taken_out: f64,
    links: Vec<Link>,
    candidates: Pieces,
    envelope: Envelope,
    convolutions: u64,
}

impl<'a> Pass<'a> {
    fn new(problem: &'a Problem<'a>) -> Self {
        let states = problem.automaton.states();
        let mut ended = Pieces::default();
        ended.push_flat((0.0, 0.0), 0.0, Origin { trail: END, ..Origin::default() });
        Self {
            problem,
            value: vec![ended; states],
            within: vec![Pieces::default(); states],
            taken_out: 0.0,
            links: Vec::new(),
            candidates: Pieces::default(),
            envelope: Envelope::default(),
            convolutions: 0,
        }
    }

    fn step_back(&mut self, step: usize) {
        let moves = self.problem.automaton.moves(step);
        let stages: Vec<Vec<Stage>> =
            (0..self.problem.activities()).map(|activity| self.problem.stages(step, activity)).collect();
        let mut entered = vec![false; self.value.len()];
        for step in &moves {
            entered[step.to] = true;
        }
        for state in 0..self.value.len() {
            self.within[state].clear();
            if entered[state] && !self.value[state].is_empty() {
                self.end_step(step, state);
                self.spend_step(step, state, &stages[self.problem.activity(state)]);
            }
        }
        self.enter_step(&moves);
        self.take_out_common();
    }

    /// From the value of what comes after a step to that of the energy at its end.
    fn end_step(&mut self, step: usize, state: usize) {
        let store = &self.problem.store.steps[step];
        let value = &mut self.value[state];
        if !self.problem.store.carries(step) {
            value.spread(store.range);
        }
        for hinge in &store.hinges {
            value.bend(*hinge);
        }
    }

    /// Every piece with every mode, and the lower envelope of what comes out.
    fn spend_step(&mut self, step: usize, state: usize, stages: &[Stage]) {
        let kept = self.problem.store.steps[step].kept;
        let opening = self.problem.store.opening(step);
        let within = (opening.0 * kept, opening.1 * kept);
        let later = &self.value[state];
        self.candidates.clear();
        for (mode, stage) in stages.iter().enumerate() {
            for piece in 0..later.len() {
                let origin = Origin { mode: mode as u32, ..later.origin(piece) };
                self.candidates.push_convolved(later.get(piece), stage.curve.get(), within, origin);
            }
        }
        self.convolutions += (stages.len() * later.len()) as u64;
        self.candidates.stretch(kept, opening);
        let pieces = &mut self.within[state];
        self.envelope.of(&self.candidates, pieces);
        for piece in 0..pieces.len() {
            let origin = pieces.origin_mut(piece);
            self.links.push(Link { state: state as u32, mode: origin.mode, next: origin.trail });
            origin.trail = (self.links.len() - 1) as u32;
        }
    }

    /// The best move into the step from every state before it.
    fn enter_step(&mut self, moves: &[Move]) {
        self.value.iter_mut().for_each(Pieces::clear);
        for from_one in moves.chunk_by(|one, other| one.from == other.from) {
            self.candidates.clear();
            for step in from_one {
                self.candidates.append_raised(&self.within[step.to], step.cost, step.starts);
            }
            self.envelope.of(&self.candidates, &mut self.value[from_one[0].from]);
        }
    }

    fn take_out_common(&mut self) {
        let lowest = self.value.iter().map(Pieces::lowest_beginning).fold(f64::INFINITY, f64::min);
        if lowest.is_finite() {
            self.value.iter_mut().for_each(|pieces| pieces.raise(-lowest));
            self.taken_out += lowest;
        }
    }

    /// The way from the initial state. There the energy is one number, so that each piece is a point.
    fn course(self) -> Option<Course> {
        let start = &self.value[self.problem.automaton.initial()];
        let first = (0..start.len()).min_by(|one, other| start.get(*one).value.total_cmp(&start.get(*other).value))?;
        let mut decisions = Vec::with_capacity(self.problem.steps());
        let mut next = start.origin(first).trail;
        while next != END {
            let link = self.links[next as usize];
            decisions.push(Decision { state: link.state as usize, mode: link.mode as usize });
            next = link.next;
        }
        let value = self.taken_out + start.get(first).value + self.problem.automaton.standing_cost();
        Some(Course { decisions, value, convolutions: self.convolutions })
    }
}
