//! What a site remembers from step to step beside its energy: one automaton out of those of its members.
//!
//! A member is anything with a memory: a genset with its least times up and down, a load that must run, a charger whose starts
//! cost. Its state is the one *during* a step; its moves lead from the state during the step before. The states of the whole are all
//! combinations, numbered as digits of mixed radix; what members do in a state (run, stand, charge) is its *activity*, numbered
//! the same way, because many states do the same.

/// From one state to another, at a cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Move {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) cost: f64,
    /// How many things it starts.
    pub(super) starts: u32,
}

impl Move {
    pub(super) fn free(from: usize, to: usize) -> Self {
        Self { from, to, cost: 0.0, starts: 0 }
    }
}

/// One thing with a memory.
pub(super) trait Member: std::fmt::Debug {
    fn states(&self) -> usize;
    /// The state before the first step.
    fn initial(&self) -> usize;
    /// How many different things it may do.
    fn activities(&self) -> usize;
    fn activity(&self, state: usize) -> usize;
    /// The moves into a step from a state, the calmest first.
    fn moves(&self, step: usize, from: usize) -> Vec<Move>;
    /// What it costs whatever is done.
    fn standing_cost(&self) -> f64 {
        0.0
    }
}

/// All members together.
#[derive(Debug, Default)]
pub(super) struct Automaton<'a> {
    pub(super) members: Vec<Box<dyn Member + 'a>>,
}

impl Automaton<'_> {
    /// How many states; `usize::MAX` where that is more than can be counted.
    pub(super) fn states(&self) -> usize {
        self.members.iter().fold(1, |product, member| product.saturating_mul(member.states()))
    }

    pub(super) fn activities(&self) -> usize {
        self.members.iter().fold(1, |product, member| product.saturating_mul(member.activities()))
    }

    pub(super) fn initial(&self) -> usize {
        self.members.iter().fold(0, |state, member| state * member.states() + member.initial())
    }

    /// The activity of a state.
    pub(super) fn activity(&self, state: usize) -> usize {
        let states = self.split(state, |member| member.states());
        let each = self.members.iter().zip(&states);
        each.fold(0, |activity, (member, state)| activity * member.activities() + member.activity(*state))
    }

    /// What each member does in an activity.
    pub(super) fn activity_of_members(&self, activity: usize) -> Vec<usize> {
        self.split(activity, |member| member.activities())
    }

    /// What each member is in.
    pub(super) fn state_of_members(&self, state: usize) -> Vec<usize> {
        self.split(state, |member| member.states())
    }

    pub(super) fn standing_cost(&self) -> f64 {
        self.members.iter().map(|member| member.standing_cost()).sum()
    }

    /// What it costs to go from one state to another into a step.
    pub(super) fn cost(&self, step: usize, from: usize, to: usize) -> f64 {
        let (from, to) = (self.state_of_members(from), self.state_of_members(to));
        let cost = |member: &dyn Member, from: usize, to: usize| {
            let moves = member.moves(step, from);
            moves.iter().find(|own| own.to == to).map_or(f64::INFINITY, |own| own.cost)
        };
        self.members.iter().zip(from.iter().zip(&to)).map(|(member, (from, to))| cost(member.as_ref(), *from, *to)).sum()
    }

    /// All moves into a step, by the state that they lead from.
    pub(super) fn moves(&self, step: usize) -> Vec<Move> {
        let of_members: Vec<Vec<Vec<Move>>> = self.members.iter().map(|member| moves_of(member.as_ref(), step)).collect();
        let mut moves = vec![Move::free(0, 0)];
        for (member, by_state) in self.members.iter().zip(&of_members) {
            let each = moves.iter().flat_map(|so_far| by_state.iter().flatten().map(move |own| (so_far, own)));
            moves = each.map(|(so_far, own)| joined(*so_far, *own, member.states())).collect();
        }
        moves.sort_by_key(|step| step.from);
        moves
    }
}

fn moves_of(member: &dyn Member, step: usize) -> Vec<Vec<Move>> {
    (0..member.states()).map(|state| member.moves(step, state)).collect()
}

fn joined(so_far: Move, own: Move, states: usize) -> Move {
    Move {
        from: so_far.from * states + own.from,
        to: so_far.to * states + own.to,
        cost: so_far.cost + own.cost,
        starts: so_far.starts + own.starts,
    }
}

impl Automaton<'_> {
    fn split(&self, mut number: usize, radix: impl Fn(&dyn Member) -> usize) -> Vec<usize> {
        let mut digits = vec![0; self.members.len()];
        for (digit, member) in digits.iter_mut().zip(&self.members).rev() {
            *digit = number % radix(member.as_ref());
            number /= radix(member.as_ref());
        }
        digits
    }
}
