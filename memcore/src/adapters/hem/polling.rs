//! The task behind a board: a socket around a [`Poller`], rows for the device, and switches for the board.

use std::collections::HashMap;
use std::sync::mpsc as answers;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::board::{BoardOptions, BoardState, Told};
use super::message::{HemQuantity, NODES, NodeValues, Request};
use super::poll::{Discovery, PollEvent, PollSettings, Poller, SWITCHES, SwitchOutcome};
use crate::client::{Device, DeviceOptions, Refused};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ChannelName, Clock, Span};
use crate::protocol::Code;

/// Between two tries to find the board's name.
const RESOLVE_EVERY: Duration = Duration::from_secs(5);

/// A switch takes at most an order and four read-backs of twice the timeout each, and the pauses between; then something is
/// wrong with the poller.
const SWITCH_WITHIN: Duration = Duration::from_secs(15);

/// Rows that wait for the device to keep them. Full-policy: the newest is dropped and counted, since the device's own
/// backlog is full already.
const ROWS: usize = 64;

/// Answers that come so close together make one row, with the time of the first.
const ROW_SPAN: Duration = Duration::from_millis(250);

/// Longer than what any board sends; what is longer still is cut, and refused as such.
const REPLY_BUFFER: usize = 2048;

/// A command on its way from the link to the board; who gave it waits for the outcome.
struct Order {
    node: u8,
    on: bool,
    outcome: answers::SyncSender<SwitchOutcome>,
}

pub(super) struct Task {
    pub(super) options: BoardOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tell: watch::Sender<Told>,
    pub(super) closed: watch::Receiver<bool>,
}

impl Task {
    pub(super) async fn run(self) {
        let mut closed = self.closed.clone();
        let found = tokio::select! {
            found = self.find() => Some(found),
            _ = closed.wait_for(|closed| *closed) => None,
        };
        let ended = match found {
            Some((socket, found)) => self.serve(socket, &found).await,
            None => Ok(()),
        };
        let state = ended.map_or_else(|e| BoardState::Failed(e.to_string()), |()| BoardState::Closed);
        self.tell.send_modify(|told| told.state = state);
    }

    /// A socket to the board, and what it answers.
    async fn find(&self) -> (UdpSocket, Vec<(HemQuantity, NodeValues)>) {
        let target = self.options.target();
        let mut socket = loop {
            match open(&target).await {
                Ok(socket) => break socket,
                Err(error) => tracing::warn!(board = %target, %error, "the hem board cannot be reached"),
            }
            sleep(RESOLVE_EVERY).await;
        };
        if let Some(quantities) = &self.options.quantities {
            return (socket, quantities.iter().map(|quantity| (*quantity, [None; NODES])).collect());
        }
        let mut discovery = Discovery::new(&self.options.poll, self.clock.monotonic());
        let mut said = false;
        loop {
            exchange(&socket, discovery.poller(), &*self.clock).await;
            match discovery.found() {
                Some(found) if found.is_empty() => {
                    if !std::mem::replace(&mut said, true) {
                        tracing::warn!(board = %target, "the hem board does not answer; it is asked on");
                    }
                    socket = open(&target).await.unwrap_or(socket);
                }
                Some(found) => return (socket, found),
                None => {}
            }
        }
    }

    async fn serve(&self, socket: UdpSocket, found: &[(HemQuantity, NodeValues)]) -> Result<()> {
        let quantities: Vec<HemQuantity> = found.iter().map(|(quantity, _)| *quantity).collect();
        let (ordering, orders) = mpsc::channel(SWITCHES);
        let status = found.iter().find(|(quantity, _)| *quantity == HemQuantity::NodeStatus);
        let status = Status::new(Mutex::new(status.map_or([None; NODES], |(_, values)| *values)));
        let channels = self.options.channels(&quantities)?;
        let options = DeviceOptions::new(self.options.bundle.clone(), channels).on_command(handler(ordering));
        let mut options = options.on_read(reader(status.clone()));
        options.state_folder.clone_from(&self.options.state_folder);
        options.buffer.clone_from(&self.options.buffer);
        options.clock = self.clock.clone();
        let device = Arc::new(Device::start(options)?);
        self.tell.send_modify(|told| told.device = Some(device.clone()));
        let (rows, kept) = mpsc::channel(ROWS);
        let sending = tokio::spawn(send_rows(device.clone(), self.clock.clone(), kept));
        let settings = PollSettings { quantities: quantities.clone(), ..self.options.poll.clone() };
        let polling = Polling {
            task: self,
            socket,
            poller: Poller::new(settings, self.clock.monotonic()),
            row: Row::new(quantities),
            status,
            rows,
            dropped: 0,
            waiting: HashMap::new(),
        };
        polling.run(orders, device).await;
        let _ = sending.await;
        Ok(())
    }
}

/// When a row was begun, by the monotonic clock, and one value a channel.
type Measured = (Duration, Vec<Option<f64>>);

/// Rows on their way to a device whose backlog may be full for a while: polling and switching go on meanwhile. Their times are
/// the server's, as well as its clock is known here: the wall clock of a gateway in a cellar may be wrong.
async fn send_rows(device: Arc<Device>, clock: Arc<dyn Clock>, mut kept: mpsc::Receiver<Measured>) {
    while let Some((begun, values)) = kept.recv().await {
        let sent = match device.clock_offset() {
            Some((ahead, _)) => {
                let since = Span::from(clock.monotonic().saturating_sub(begun)).as_micros();
                device.send(clock.now().saturating_add(Span::from_micros(ahead.as_micros() - since)), &values).await
            }
            None => device.send_now(&values).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

struct Polling<'a> {
    task: &'a Task,
    socket: UdpSocket,
    poller: Poller,
    row: Row,
    status: Status,
    rows: mpsc::Sender<Measured>,
    dropped: u64,
    /// Who waits for the outcome of which order.
    waiting: HashMap<u64, answers::SyncSender<SwitchOutcome>>,
}

impl Polling<'_> {
    /// Until the device has let go of its handler: until then a lease may end, and its fallback is to reach the board.
    async fn run(mut self, mut orders: mpsc::Receiver<Order>, device: Arc<Device>) {
        let mut closed = self.task.closed.clone();
        let mut leaving = None;
        loop {
            let away = self.heed_events();
            if away && let Ok(socket) = open(&self.task.options.target()).await {
                // Its name may stand for another address by now.
                self.socket = socket;
            }
            tokio::select! {
                () = exchange(&self.socket, &mut self.poller, &*self.task.clock) => {}
                order = orders.recv() => match order {
                    Some(order) => self.order(order),
                    None => return,
                },
                _ = closed.wait_for(|closed| *closed), if leaving.is_none() => {
                    let device = device.clone();
                    leaving = Some(tokio::spawn(async move { device.close().await }));
                }
            }
        }
    }

    fn order(&mut self, order: Order) {
        match self.poller.switch(self.task.clock.monotonic(), order.node, order.on) {
            Some(number) => drop(self.waiting.insert(number, order.outcome)),
            // It was never sent: whoever waits sees that nobody will answer.
            None => tracing::warn!(board = %self.task.options.address, "a switch was refused: {SWITCHES} wait already"),
        }
    }

    /// Whether the board has gone away just now.
    fn heed_events(&mut self) -> bool {
        let (mut away, now) = (false, self.task.clock.monotonic());
        while let Some(event) = self.poller.event() {
            match event {
                PollEvent::Values(quantity, values) => {
                    if self.row.is_over(now) {
                        self.finish_row();
                    }
                    self.row.take(quantity, &values, now);
                    if quantity == HemQuantity::NodeStatus {
                        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = values;
                    }
                    self.tell(BoardState::Answering);
                }
                PollEvent::RoundEnded => self.finish_row(),
                PollEvent::Away => {
                    tracing::warn!(board = %self.task.options.address, "the hem board does not answer: its values are stale");
                    *self.status.lock().unwrap_or_else(PoisonError::into_inner) = [None; NODES];
                    self.tell(BoardState::Away);
                    away = true;
                }
                PollEvent::Back => {
                    tracing::info!(board = %self.task.options.address, "the hem board answers again");
                    self.tell(BoardState::Answering);
                }
                PollEvent::Switched { order, outcome } => {
                    if let Some(waiting) = self.waiting.remove(&order) {
                        // Whoever waited may have given up.
                        let _ = waiting.try_send(outcome);
                    }
                }
            }
        }
        away
    }

    fn finish_row(&mut self) {
        let Some(row) = self.row.finish() else { return };
        if self.rows.try_send(row).is_err() {
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                tracing::warn!(board = %self.task.options.address, dropped = self.dropped, "rows are dropped: the backlog is full");
            }
        }
    }

    fn tell(&self, state: BoardState) {
        let counts = self.poller.counts();
        self.task.tell.send_if_modified(|told| {
            told.counts = counts;
            let other = told.state != state;
            told.state = state;
            other
        });
    }
}

/// The answers of a round that came close together, one value a channel.
struct Row {
    quantities: Vec<HemQuantity>,
    values: Vec<Option<f64>>,
    begun: Option<Duration>,
}

impl Row {
    fn new(quantities: Vec<HemQuantity>) -> Self {
        let values = vec![None; quantities.len() * NODES];
        Self { quantities, values, begun: None }
    }

    /// Whether what comes now is too late for it.
    fn is_over(&self, now: Duration) -> bool {
        self.begun.is_some_and(|begun| now.saturating_sub(begun) > ROW_SPAN)
    }

    fn take(&mut self, quantity: HemQuantity, values: &NodeValues, now: Duration) {
        let Some(place) = self.quantities.iter().position(|known| *known == quantity) else { return };
        self.values[place * NODES..][..NODES].copy_from_slice(values);
        self.begun.get_or_insert(now);
    }

    /// When it was begun and its values; none where nothing was measured.
    fn finish(&mut self) -> Option<Measured> {
        let begun = self.begun.take()?;
        let empty = vec![None; self.values.len()];
        let values = std::mem::replace(&mut self.values, empty);
        values.iter().any(Option::is_some).then_some((begun, values))
    }
}

/// One round of questions for everything.
pub(super) async fn ask_once(options: &BoardOptions, clock: &dyn Clock) -> Result<Vec<(HemQuantity, NodeValues)>> {
    let target = options.target();
    let socket = open(&target).await.map_err(|e| {
        Error::new(ErrorKind::Connection, format!("hem board {target} cannot be reached: {e}")).caused_by(e)
    })?;
    let mut discovery = Discovery::new(&options.poll, clock.monotonic());
    loop {
        exchange(&socket, discovery.poller(), clock).await;
        match discovery.found() {
            Some(found) if found.is_empty() => {
                return Err(Error::new(ErrorKind::Timeout, format!("hem board {target} does not answer")));
            }
            Some(found) => return Ok(found),
            None => {}
        }
    }
}

/// A socket that takes datagrams from the board alone.
async fn open(target: &str) -> std::io::Result<UdpSocket> {
    let addresses = tokio::net::lookup_host(target).await?;
    let mut failed = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let opened = async {
            let socket = UdpSocket::bind(any).await?;
            socket.connect(address).await?;
            Ok(socket)
        };
        match opened.await {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// One turn of the exchange: what has come, what is due, and then whatever happens first. Cancel-safe.
async fn exchange(socket: &UdpSocket, poller: &mut Poller, clock: &dyn Clock) {
    let mut buffer = [0; REPLY_BUFFER];
    // What lies here answers no question that is still to be asked.
    while let Ok(length) = socket.try_recv(&mut buffer) {
        poller.receive(clock.monotonic(), &buffer[..length]);
    }
    poller.handle_timeout(clock.monotonic());
    if let Some(request) = poller.transmit(clock.monotonic()) {
        send(socket, request);
    }
    let pause = poller.deadline().saturating_sub(clock.monotonic());
    tokio::select! {
        received = socket.recv(&mut buffer) => match received {
            Ok(length) => poller.receive(clock.monotonic(), &buffer[..length]),
            // The word that nobody listens there. It comes once a datagram; the timeout says the same.
            Err(_) => sleep(Duration::from_millis(10)).await,
        },
        () = sleep(pause) => poller.handle_timeout(clock.monotonic()),
    }
}

/// What cannot be sent is lost, and is treated as any lost datagram.
fn send(socket: &UdpSocket, request: Request) {
    if let Err(error) = socket.try_send(request.to_string().as_bytes()) {
        tracing::debug!(%request, %error, "a hem request was not sent");
    }
}

/// Carries out commands for switches: hands each to the poller and waits for what the board reads back.
fn handler(orders: mpsc::Sender<Order>) -> impl FnMut(&ChannelName, f64) -> Result<f64, Refused> + Send + 'static {
    move |channel, value| {
        let refused = |code: Code, reason: String| Refused { code: code.to_string(), reason };
        let node = node_of(channel).ok_or_else(|| refused(Code::NotWritable, format!("{channel} takes no commands")))?;
        if value != 0.0 && value != 1.0 {
            return Err(refused(Code::OutOfRange, format!("{channel} is {value}, expected 0 (off) or 1 (on)")));
        }
        let (outcome, answered) = answers::sync_channel(1);
        orders.try_send(Order { node, on: value == 1.0, outcome }).map_err(|_| {
            refused(Code::Overloaded, format!("{SWITCHES} switches of this board wait already, or it was closed"))
        })?;
        match tokio::task::block_in_place(|| answered.recv_timeout(SWITCH_WITHIN)) {
            Ok(SwitchOutcome::Confirmed) => Ok(value),
            Ok(SwitchOutcome::Unknown { seen: Some(on) }) => {
                Err(Refused::unknown(format!("the board reads back {}", if on { "on" } else { "off" })))
            }
            Ok(SwitchOutcome::Unknown { seen: None }) => Err(Refused::unknown("the board does not answer")),
            Err(answers::RecvTimeoutError::Disconnected) => {
                Err(refused(Code::Overloaded, format!("{SWITCHES} switches of this board wait already")))
            }
            Err(answers::RecvTimeoutError::Timeout) => Err(Refused::unknown("the board was not heard in time")),
        }
    }
}

/// Which nodes are on, as the board said last; nothing while it is away.
type Status = Arc<Mutex<NodeValues>>;

fn reader(status: Status) -> impl FnMut(&ChannelName) -> Option<f64> + Send + 'static {
    move |channel| status.lock().unwrap_or_else(PoisonError::into_inner)[usize::from(node_of(channel)?)]
}

/// The node of `node3.switch`.
fn node_of(channel: &ChannelName) -> Option<u8> {
    let node = channel.as_str().strip_prefix("node")?.strip_suffix(".switch")?;
    node.parse::<u8>().ok().filter(|number| usize::from(*number) < NODES && node.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_what_came_together_and_begins_anew_after_a_pause() {
        let mut row = Row::new(vec![HemQuantity::DcPower, HemQuantity::DcVoltage]);
        let at = Duration::from_millis;
        row.take(HemQuantity::DcPower, &[Some(1.0); NODES], at(0));
        row.take(HemQuantity::DcVoltage, &[None; NODES], at(20));
        assert!(!row.is_over(at(250)) && row.is_over(at(251)));
        let (begun, values) = row.finish().unwrap();
        assert_eq!((begun, values.iter().flatten().count()), (at(0), NODES));
        assert!(row.finish().is_none());
        row.take(HemQuantity::DcPower, &[None; NODES], at(500));
        assert!(row.finish().is_none(), "a round in which nothing was measured is no row");
    }

    #[test]
    fn only_switches_name_a_node_to_switch() {
        let node = |name: &str| node_of(&ChannelName::new(name).unwrap());
        assert_eq!((node("node3.switch"), node("node8.switch"), node("node3.power")), (Some(3), None, None));
        assert_eq!((node("node03.switch"), node("switch")), (None, None));
    }
}
