//! Polling one board: what is asked when, which datagram answers it, and what became of a switch. Pure: time is an argument.
//!
//! ```text
//!  Idle --due--> Asked --reply of its TYPE and NODE----------------------> Idle
//!                  \--timeout--> Settling --the late reply, or silence--> Idle
//! ```
//!
//! A reply says nothing of its request, so at most one request is on its way at a time, and after a lost one the poller waits
//! as long again before it asks anything: a reply that was only late comes within that pause, and is taken for what it is, the
//! answer to the one question that was open. A reply that nobody waits for is counted and dropped.
//!
//! What cannot be told apart: a copy of an earlier answer of the same type and nodes that the network held back until the next
//! question of that type was open, half a second or more. Then a value is one poll old. A switch is read back by a question
//! for its one node, which polls never ask, so that no copy of a polled status can confirm it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::message::{HemQuantity, NodeValues, Nodes, Reply, Request};
use crate::error::{Error, Result};
use crate::model::Span;

/// Switches that wait for their turn. Full-policy: refuse the next.
pub const SWITCHES: usize = 16;

/// Boards are small: apps ask them each 0.5 to 5 s.
const EVERY_LEAST: Duration = Duration::from_millis(100);
const EVERY_MOST: Duration = Duration::from_secs(3600);

/// How a board is polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollSettings {
    /// What is asked for, in this order.
    pub quantities: Vec<HemQuantity>,
    /// From the start of one round to that of the next.
    pub every: Duration,
    /// How long a reply may take; after a lost one as long again passes in silence.
    pub timeout: Duration,
    /// How often a question is asked in one round before it is left out.
    pub tries: u32,
    /// How often a switch is read back before its outcome is unknown.
    pub read_backs: u32,
    /// How many questions in a row go unanswered until the board is away.
    pub away_after: u32,
    /// The longest pause between two tries to reach a board that is away; they grow from `every`.
    pub away_most: Duration,
}

impl Default for PollSettings {
    fn default() -> Self {
        Self {
            quantities: HemQuantity::ALL.to_vec(),
            every: Duration::from_secs(1),
            timeout: Duration::from_millis(250),
            tries: 2,
            read_backs: 4,
            away_after: 4,
            away_most: Duration::from_secs(30),
        }
    }
}

impl PollSettings {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the field: something is asked, no more often than a board can bear, and a
    /// reply may take no longer than a round.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: String| Err(Error::invalid(format!("hem board: {what}")));
        if self.quantities.is_empty() {
            return refuse("quantities is empty, expected what is to be asked for".into());
        }
        if self.every < EVERY_LEAST || self.every > EVERY_MOST {
            return refuse(format!("every is {}, expected 100ms to 1h", Span::from(self.every)));
        }
        if self.timeout.is_zero() || self.timeout > self.every {
            let (timeout, every) = (Span::from(self.timeout), Span::from(self.every));
            return refuse(format!("timeout is {timeout}, expected more than zero and at most every, {every}"));
        }
        match [self.tries, self.read_backs, self.away_after].contains(&0) {
            true => refuse("tries, read_backs or away_after is 0, expected 1 at least".into()),
            false => Ok(()),
        }
    }
}

/// What a poller has to tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PollEvent {
    /// A question was answered.
    Values(HemQuantity, NodeValues),
    /// All that this round asks for was asked.
    RoundEnded,
    /// The board does not answer any more: what is known of it is stale. Told once, until it is back.
    Away,
    /// It answers again.
    Back,
    /// A switch has come to its end.
    Switched {
        /// As it was [ordered](Poller::switch).
        order: u64,
        /// What became of it.
        outcome: SwitchOutcome,
    },
}

/// What became of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchOutcome {
    /// The board reads back what was ordered.
    Confirmed,
    /// It may or may not have happened; what was read back, where anything was.
    Unknown {
        /// Whether the node is on.
        seen: Option<bool>,
    },
}

/// What a poller has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PollCounts {
    /// Datagrams sent.
    pub sent: u64,
    /// Questions that were answered, in time or late.
    pub answered: u64,
    /// Of these, the late ones.
    pub late: u64,
    /// Questions without an answer.
    pub lost: u64,
    /// Replies that nobody waited for: copies, and answers to somebody else's question.
    pub stray: u64,
    /// Datagrams that are no reply.
    pub unreadable: u64,
}

/// A switch on its way.
#[derive(Debug)]
struct Order {
    number: u64,
    node: u8,
    on: bool,
    /// Orders sent, and questions asked afterwards.
    sent: u32,
    read: u32,
    seen: Option<bool>,
    /// The next thing to do is to send the order, not to read it back.
    sending: bool,
    /// The next thing is not done before.
    not_before: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Asked { request: Request, until: Duration },
    Settling { request: Request, until: Duration },
}

/// A round of questions: which is next, and how often it was asked.
#[derive(Debug, Clone, Copy)]
struct Round {
    place: usize,
    tried: u32,
}

/// See the module's text.
#[derive(Debug)]
pub struct Poller {
    settings: PollSettings,
    state: State,
    round: Option<Round>,
    next_round: Duration,
    orders: VecDeque<Order>,
    ordered: u64,
    /// Questions in a row without an answer.
    unanswered: u32,
    /// While the board is away: the pause before the next try.
    away: Option<Duration>,
    /// Which question is tried at a board that is away: each in turn, since it may not know all of them.
    probe: usize,
    events: VecDeque<PollEvent>,
    counts: PollCounts,
}

impl Poller {
    /// A poller whose first round is due at `now`. The settings were [checked](PollSettings::check).
    #[must_use]
    pub fn new(settings: PollSettings, now: Duration) -> Self {
        Self {
            settings,
            state: State::Idle,
            round: None,
            next_round: now,
            orders: VecDeque::new(),
            ordered: 0,
            unanswered: 0,
            away: None,
            probe: 0,
            events: VecDeque::new(),
            counts: PollCounts::default(),
        }
    }

    /// Orders a node on or off; what becomes of it is told by [`PollEvent::Switched`] with the number returned here. None
    /// where too many wait.
    pub fn switch(&mut self, now: Duration, node: u8, on: bool) -> Option<u64> {
        if self.orders.len() >= SWITCHES {
            return None;
        }
        self.ordered += 1;
        let (number, not_before) = (self.ordered, now);
        self.orders.push_back(Order { number, node, on, sent: 0, read: 0, seen: None, sending: true, not_before });
        Some(number)
    }

    /// The datagram to send now, where there is one. What lies unread in the socket is to be [received](Self::receive)
    /// first: it answers no question that is still to be asked.
    pub fn transmit(&mut self, now: Duration) -> Option<Request> {
        if self.state != State::Idle {
            return None;
        }
        let request = self.next_of_order(now).or_else(|| self.next_of_round(now))?;
        self.state = State::Asked { request, until: now + self.settings.timeout };
        self.counts.sent += 1;
        Some(request)
    }

    fn next_of_order(&mut self, now: Duration) -> Option<Request> {
        let order = self.orders.front_mut().filter(|order| order.not_before <= now)?;
        if order.sending {
            order.sent += 1;
            return Some(Request::Switch { nodes: Nodes::One(order.node), on: order.on });
        }
        order.read += 1;
        Some(Request::Read(HemQuantity::NodeStatus, Nodes::One(order.node)))
    }

    fn next_of_round(&mut self, now: Duration) -> Option<Request> {
        if self.round.is_none() && now < self.next_round {
            return None;
        }
        if self.round.is_none() {
            // Rounds keep their grid; those that were missed are not made up for.
            let behind = now.saturating_sub(self.next_round).as_nanos() / self.settings.every.as_nanos().max(1);
            let missed = u32::try_from(behind).unwrap_or(u32::MAX);
            self.next_round += self.settings.every.saturating_mul(missed.saturating_add(1));
            self.round = Some(Round { place: if self.away.is_some() { self.probe } else { 0 }, tried: 0 });
        }
        let round = self.round.as_mut()?;
        let quantity = *self.settings.quantities.get(round.place)?;
        round.tried += 1;
        Some(Request::Read(quantity, Nodes::All))
    }

    /// A datagram came from the board's address.
    pub fn receive(&mut self, now: Duration, bytes: &[u8]) {
        let reply = Reply::parse(bytes);
        let (request, late) = match self.state {
            State::Idle => (None, false),
            State::Asked { request, .. } => (Some(request), false),
            State::Settling { request, .. } => (Some(request), true),
        };
        match (request, reply) {
            (Some(request @ Request::Read(..)), Ok(reply)) if reply.answers(request) => {
                // It was given up when its time was over, and is here all the same.
                self.counts.late += u64::from(late);
                self.counts.lost -= u64::from(late);
                self.heard();
                self.answered(now, &reply);
            }
            // Boards answer an order each in its own way: whatever is said of that node, and what is no reply at all.
            (Some(Request::Switch { nodes, .. }), Ok(reply)) if reply.nodes == nodes => {
                self.heard();
                self.order_heard(now);
            }
            (Some(Request::Switch { .. }), Err(_)) => {
                self.counts.unreadable += 1;
                self.order_heard(now);
            }
            (_, Ok(_)) => self.counts.stray += 1,
            (_, Err(_)) => self.counts.unreadable += 1,
        }
    }

    /// The board answers.
    fn heard(&mut self) {
        self.counts.answered += 1;
        self.unanswered = 0;
        if self.away.take().is_some() {
            self.events.push_back(PollEvent::Back);
            // A whole round, from its start.
            self.round = self.round.map(|_| Round { place: 0, tried: 0 });
        }
    }

    fn answered(&mut self, now: Duration, reply: &Reply) {
        self.state = State::Idle;
        match reply.nodes {
            Nodes::All => {
                self.events.push_back(PollEvent::Values(reply.quantity, reply.values));
                // After an absence the round begins anew, with this question in its turn.
                if self.round.is_some_and(|round| round.tried > 0) {
                    self.next_question();
                }
            }
            Nodes::One(node) => self.read_back(now, reply.values[usize::from(node)].map(|value| value == 1.0)),
        }
    }

    fn next_question(&mut self) {
        let Some(round) = &mut self.round else { return };
        *round = Round { place: round.place + 1, tried: 0 };
        if round.place >= self.settings.quantities.len() || self.away.is_some() {
            self.round = None;
            self.events.push_back(PollEvent::RoundEnded);
        }
    }

    /// An order was sent, and its own reply has come or will not: it is read back now.
    fn order_heard(&mut self, now: Duration) {
        self.state = State::Idle;
        if let Some(order) = self.orders.front_mut() {
            (order.sending, order.not_before) = (false, now);
        }
    }

    fn read_back(&mut self, now: Duration, seen: Option<bool>) {
        let Some(order) = self.orders.front_mut() else { return };
        order.seen = seen.or(order.seen);
        if seen == Some(order.on) {
            return self.end_order(SwitchOutcome::Confirmed);
        }
        if order.read >= self.settings.read_backs {
            let seen = order.seen;
            return self.end_order(SwitchOutcome::Unknown { seen });
        }
        // Seen to have had no effect, so that to send it again is no blind repetition. A board may take a moment, too: the
        // first look that finds the node as it was only leads to a second one.
        order.sending = seen.is_some() && order.read >= 2 && order.sent < 2;
        order.not_before = now + self.settings.timeout;
    }

    fn end_order(&mut self, outcome: SwitchOutcome) {
        if let Some(order) = self.orders.pop_front() {
            self.events.push_back(PollEvent::Switched { order: order.number, outcome });
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) or [`transmit`](Self::transmit) has something to do next.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        match self.state {
            State::Asked { until, .. } | State::Settling { until, .. } => until,
            State::Idle => {
                let round = if self.round.is_some() { Duration::ZERO } else { self.next_round };
                self.orders.front().map_or(round, |order| order.not_before.min(round))
            }
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        match self.state {
            State::Asked { request, until } if now >= until => {
                self.counts.lost += u64::from(matches!(request, Request::Read(..)));
                self.unanswered = self.unanswered.saturating_add(1);
                match request {
                    // Not every board answers an order; what counts is what it reads back.
                    Request::Switch { .. } => self.order_heard(now),
                    Request::Read(..) => self.state = State::Settling { request, until: now + self.settings.timeout },
                }
            }
            State::Settling { request, until } if now >= until => {
                self.state = State::Idle;
                match request.nodes() {
                    Nodes::All => self.question_lost(now),
                    Nodes::One(_) => self.read_back(now, None),
                }
            }
            _ => {}
        }
    }

    fn question_lost(&mut self, now: Duration) {
        if self.unanswered >= self.settings.away_after {
            return self.still_away(now);
        }
        if self.round.is_some_and(|round| round.tried >= self.settings.tries) {
            self.next_question();
        }
    }

    /// Nothing is heard: the round ends, and the next try comes after a pause that grows.
    fn still_away(&mut self, now: Duration) {
        let pause = self
            .away
            .map_or(self.settings.every, |pause| (pause * 2).min(self.settings.away_most.max(self.settings.every)));
        if self.away.replace(pause).is_none() {
            self.events.push_back(PollEvent::Away);
        }
        self.probe = (self.probe + 1) % self.settings.quantities.len().max(1);
        self.next_round = now + pause;
        if self.round.take().is_some() {
            self.events.push_back(PollEvent::RoundEnded);
        }
    }

    /// What there is to tell.
    pub fn event(&mut self) -> Option<PollEvent> {
        self.events.pop_front()
    }

    /// Whether the board is away.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counts(&self) -> PollCounts {
        self.counts
    }
}

/// Finds out what a board answers: each question once a round, three times, until a round had an answer.
#[derive(Debug)]
pub struct Discovery {
    poller: Poller,
    answered: BTreeMap<HemQuantity, NodeValues>,
}

impl Discovery {
    /// Asks for everything, whatever `settings` names.
    #[must_use]
    pub fn new(settings: &PollSettings, now: Duration) -> Self {
        let quantities = HemQuantity::ALL.to_vec();
        // A board that knows little leaves many questions in a row open and is not away for it.
        let poller = Poller::new(PollSettings { quantities, tries: 3, away_after: u32::MAX, ..settings.clone() }, now);
        Self { poller, answered: BTreeMap::new() }
    }

    /// The exchange itself.
    pub fn poller(&mut self) -> &mut Poller {
        &mut self.poller
    }

    /// What the board answers, in the order of polling, at the end of a round; nothing where it has not answered at all, and
    /// then it is asked on. None while a round goes on.
    pub fn found(&mut self) -> Option<Vec<(HemQuantity, NodeValues)>> {
        while let Some(event) = self.poller.event() {
            match event {
                PollEvent::Values(quantity, values) => drop(self.answered.insert(quantity, values)),
                PollEvent::RoundEnded => {
                    return Some(self.answered.iter().map(|(quantity, values)| (*quantity, *values)).collect());
                }
                _ => {}
            }
        }
        None
    }
}
