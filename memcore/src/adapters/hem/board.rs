//! A real board as a device of the link: a UDP socket around a poller, and a [`Device`] that sends what it reads.
//!
//! Every node has a channel a quantity that the board answers: `node0.power` to `node7.power`, `.voltage`, `.current`,
//! `.energy`, `.charge`, `.ac_power`, `.ac_voltage`, and `.switch`, which takes commands (0 off, 1 on).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::message::{HemQuantity, NODES, NodeValues, PORT};
use super::poll::{PollCounts, PollSettings};
use super::polling::{Task, ask_once};
use crate::client::{Bundle, Device};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Channel, Clock, Kind, Span, SystemClock, Unit, ValidRange};

/// Values are stale after five rounds, but not before: a round or two may be lost.
const STALE_AFTER_LEAST: Span = Span::from_seconds(10);

/// How a board is polled and as which device.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BoardOptions {
    /// `host` or `host:port`; port 9931 without one.
    pub address: String,
    /// What the device was given at its enrolment.
    pub bundle: Bundle,
    /// What the board answers; without it, that is found out, which takes as long as the board is away.
    pub quantities: Option<Vec<HemQuantity>>,
    /// Cadence and patience; its `quantities` are not used.
    pub poll: PollSettings,
    /// The unit of the board's energy counters, which boards do not tell.
    pub energy_unit: Unit,
    /// The unit of the board's charge counters, which boards do not tell.
    pub charge_unit: Unit,
    /// A folder of its own in which the device keeps, across restarts, what is not durable at the server, and which commands
    /// it has begun; none keeps both in memory.
    pub buffer: Option<PathBuf>,
    /// Where it remembers the commands alone, without a buffer.
    pub state_folder: Option<PathBuf>,
}

impl BoardOptions {
    /// A board that is asked each second for whatever it answers; energy in Wh, charge in Ah.
    #[must_use]
    pub fn new(address: &str, bundle: Bundle) -> Self {
        Self {
            address: address.to_owned(),
            bundle,
            quantities: None,
            poll: PollSettings::default(),
            energy_unit: Unit::WattHour,
            charge_unit: Unit::AmpereHour,
            buffer: None,
            state_folder: None,
        }
    }

    /// From one round of questions to the next: 0.1 s to 1 h.
    #[must_use]
    pub fn every(mut self, every: Span) -> Self {
        self.poll.every = every.to_duration();
        self.poll.timeout = self.poll.timeout.min(self.poll.every);
        self
    }

    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid), naming the field.
    pub fn check(&self) -> Result<()> {
        let quantities = self.quantities.clone().unwrap_or_else(|| HemQuantity::ALL.to_vec());
        PollSettings { quantities, ..self.poll.clone() }.check()?;
        for (field, unit, quantity) in [
            ("energy_unit", self.energy_unit, HemQuantity::DcEnergy),
            ("charge_unit", self.charge_unit, HemQuantity::DcCharge),
        ] {
            let (measured, _) = quantity.unit();
            if !unit.measures(measured) {
                return Err(Error::invalid(format!("hem board: {field} is {unit}, expected a unit of {measured}")));
            }
        }
        match self.address.is_empty() {
            true => Err(Error::invalid("hem board: address is empty, expected host or host:port")),
            false => Ok(()),
        }
    }

    /// `host:port`.
    pub(super) fn target(&self) -> String {
        let bare = self.address.matches(':').count() > 1 && !self.address.starts_with('[');
        let has_port = !bare && self.address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        match (has_port, bare) {
            (true, _) => self.address.clone(),
            (false, true) => format!("[{}]:{PORT}", self.address),
            (false, false) => format!("{}:{PORT}", self.address),
        }
    }

    /// The channels of a board that answers those, quantity by quantity, node by node.
    ///
    /// # Errors
    /// None that a caller could cause once the options were checked.
    pub(super) fn channels(&self, quantities: &[HemQuantity]) -> Result<Vec<Channel>> {
        let places = quantities.iter().flat_map(|quantity| (0..NODES).map(move |node| (*quantity, node)));
        places.map(|(quantity, node)| self.channel(quantity, node)).collect()
    }

    fn channel(&self, quantity: HemQuantity, node: usize) -> Result<Channel> {
        let (measured, usual) = quantity.unit();
        let unit = match quantity {
            HemQuantity::DcEnergy => self.energy_unit,
            HemQuantity::DcCharge => self.charge_unit,
            _ => usual,
        };
        let every = Span::from(self.poll.every);
        let max_age = Span::from_micros(every.as_micros().saturating_mul(5)).max(STALE_AFTER_LEAST);
        let name = format!("node{node}.{}", quantity.channel());
        let mut channel = Channel::of(&name, measured, unit)?.cadence(every).max_age(max_age);
        if matches!(quantity, HemQuantity::DcEnergy | HemQuantity::DcCharge) {
            channel = channel.kind(Kind::Counter);
        }
        if quantity == HemQuantity::NodeStatus {
            channel = channel.range(ValidRange::new(0.0, 1.0)?).writable();
        }
        channel.build()
    }
}

/// How it stands between a board and its poller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BoardState {
    /// It has not answered yet.
    Seeking,
    /// It answers.
    Answering,
    /// It has stopped to answer: what is known of it is stale.
    Away,
    /// It will not be polled: why.
    Failed(String),
    /// The poller was closed.
    Closed,
}

/// A board that is polled and is a device on the link. Dropping it ends both.
#[derive(Debug)]
pub struct HemBoard {
    closing: watch::Sender<bool>,
    told: watch::Receiver<Told>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the poller's task tells of itself.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) state: BoardState,
    pub(super) device: Option<Arc<Device>>,
    pub(super) counts: PollCounts,
}

impl HemBoard {
    /// Starts polling without waiting: board and server may still be away.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) for options that do not fit themselves; [`Unsupported`](ErrorKind::Unsupported) outside
    /// of a multi-threaded tokio runtime: a command waits for the board without holding up anything else.
    pub fn start(options: BoardOptions) -> Result<Self> {
        Self::start_with(options, Arc::new(SystemClock::default()))
    }

    /// As [`start`](Self::start), with clocks of the caller's.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(options: BoardOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        options.check()?;
        if !Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread) {
            let message = "a hem board needs a multi-threaded tokio runtime around it";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let (closing, closed) = watch::channel(false);
        let (tell, told) = watch::channel(Told { state: BoardState::Seeking, device: None, counts: PollCounts::default() });
        let task = tokio::spawn(Task { options, clock, tell, closed }.run());
        Ok(Self { closing, told, task: Mutex::new(Some(task)) })
    }

    /// Starts polling, and waits until the board has answered and the server has taken the device in.
    ///
    /// # Errors
    /// As [`start`](Self::start) and [`Device::connect`].
    pub async fn connect(options: BoardOptions) -> Result<Self> {
        let board = Self::start(options)?;
        let mut told = board.told.clone();
        let known = |told: &Told| told.device.is_some() && told.state != BoardState::Seeking;
        let over = |told: &Told| matches!(told.state, BoardState::Failed(_) | BoardState::Closed);
        let device = match told.wait_for(|told| known(told) || over(told)).await.as_deref() {
            Ok(Told { state: BoardState::Failed(why), .. }) => return Err(Error::invalid(why.clone())),
            Ok(Told { device: Some(device), .. }) => device.clone(),
            _ => return Err(Error::new(ErrorKind::Closed, "the board was closed")),
        };
        device.opened().await?;
        Ok(board)
    }

    /// Asks a board once for everything that it knows, without being a device of any server.
    ///
    /// # Errors
    /// [`Timeout`](ErrorKind::Timeout) where it answers nothing, [`Connection`](ErrorKind::Connection) where its name has no
    /// address; else as [`start`](Self::start).
    pub async fn ask(options: &BoardOptions) -> Result<Vec<(HemQuantity, NodeValues)>> {
        options.check()?;
        ask_once(options, &SystemClock::default()).await
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> BoardState {
        self.told.borrow().state.clone()
    }

    /// The device that the board is on the link, once it is known what the board answers.
    #[must_use]
    pub fn device(&self) -> Option<Arc<Device>> {
        self.told.borrow().device.clone()
    }

    /// Datagrams sent, answered and lost since the start.
    #[must_use]
    pub fn counts(&self) -> PollCounts {
        self.told.borrow().counts
    }

    /// Waits until the state is another than `than`.
    pub async fn changed(&self, than: &BoardState) -> BoardState {
        let mut told = self.told.clone();
        told.wait_for(|told| told.state != *than).await.map_or(BoardState::Closed, |told| told.state.clone())
    }

    /// Takes leased nodes to their fallback, takes leave, and stops polling. Closing again does nothing.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

impl Drop for HemBoard {
    fn drop(&mut self) {
        self.closing.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(address: &str) -> BoardOptions {
        let bundle = Bundle {
            device: "home1.hem".parse().unwrap(),
            server: "localhost:23123".into(),
            ca_pem: String::new(),
            credential: None,
            certificate_pem: None,
            key_pem: None,
        };
        BoardOptions::new(address, bundle)
    }

    #[test]
    fn a_board_is_found_on_its_usual_port_unless_another_is_named() {
        for (address, target) in [
            ("192.168.1.10", "192.168.1.10:9931"),
            ("192.168.1.10:99", "192.168.1.10:99"),
            ("board.local", "board.local:9931"),
            ("fe80::1", "[fe80::1]:9931"),
            ("[fe80::1]:99", "[fe80::1]:99"),
            ("[fe80::1]", "[fe80::1]:9931"),
        ] {
            assert_eq!(options(address).target(), target);
        }
    }

    #[test]
    fn a_node_has_a_channel_a_quantity_and_only_switches_take_commands() {
        let channels = options("board").channels(&[HemQuantity::DcPower, HemQuantity::DcEnergy, HemQuantity::NodeStatus]);
        let channels = channels.unwrap();
        assert_eq!(channels.len(), 3 * NODES);
        let named = |name: &str| channels.iter().find(|channel| channel.name.as_str() == name).unwrap();
        assert_eq!(named("node0.power").unit, Unit::Watt);
        assert_eq!((named("node7.energy").unit, named("node7.energy").kind), (Unit::WattHour, Kind::Counter));
        assert!(named("node3.switch").writable && named("node3.switch").range.is_some());
        assert_eq!(channels.iter().filter(|channel| channel.writable).count(), NODES);
    }

    #[test]
    fn what_fits_no_board_is_refused_by_name() {
        let energy = BoardOptions { energy_unit: Unit::Watt, ..options("board") };
        assert!(energy.check().unwrap_err().message().contains("energy_unit is W, expected a unit of energy"));
        assert!(options("").check().unwrap_err().message().contains("address is empty"));
        assert!(options("board").every(Span::from_millis(10)).check().unwrap_err().message().contains("every is 10ms"));
    }
}
