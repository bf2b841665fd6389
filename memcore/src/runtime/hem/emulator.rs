//! An emulated board on a UDP port: the simulator's HEM board, for tests and for people who have none.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::task::JoinHandle;

use crate::adapters::hem::{BoardView, EndpointHost, EndpointOptions, HemEndpoint, HemQuantity, NODES, NodeValues};
use crate::error::{Error, Result};
use crate::model::{ChannelName, Span, Timestamp};
use crate::sim::{EmulatedDevice, HemBoard, Location, RandomStream, World};

/// Nobody is kept from asking an emulated board as often as he likes.
const REQUESTS_PER_SECOND: u32 = 10_000;

const HOUR: f64 = 3600.0;

/// Where an emulated board listens, and how it behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmulatorOptions {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Takes an address that others can reach.
    pub allow_network: bool,
    /// The same seed gives the same board.
    pub seed: u64,
    /// How often it measures.
    pub step: Span,
}

impl Default for EmulatorOptions {
    /// Port 9931 of the loopback interface, a measurement a second.
    fn default() -> Self {
        let EndpointOptions { listen, allow_network, .. } = EndpointOptions::default();
        Self { listen, allow_network, seed: 1, step: Span::from_seconds(1) }
    }
}

/// An emulated board that answers. Dropping it is pulling its plug; [`close`](HemEmulator::close) waits until it is silent.
#[derive(Debug)]
pub struct HemEmulator {
    endpoint: Option<HemEndpoint>,
    address: SocketAddr,
    measuring: JoinHandle<()>,
}

impl HemEmulator {
    /// Starts a board. Its time is the present.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) for a step that is not positive, or an address that others can reach and no word
    /// that they may; [`Io`](crate::ErrorKind::Io) where the address is in use.
    pub async fn start(options: EmulatorOptions) -> Result<Self> {
        let EmulatorOptions { listen, allow_network, seed, step } = options;
        if step.as_micros() <= 0 {
            return Err(Error::invalid(format!("hem emulator: step is {step}, expected more than zero")));
        }
        let board = Arc::new(Emulated(Mutex::new(State::new(seed)?)));
        board.lock().measure(step);
        let endpoint = EndpointOptions { listen, allow_network, requests_per_second: REQUESTS_PER_SECOND };
        let endpoint = HemEndpoint::listen(endpoint, Host(board.clone())).await?;
        let address = endpoint.address();
        let measuring = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(step.to_duration());
            loop {
                ticks.tick().await;
                board.lock().measure(step);
            }
        });
        Ok(Self { endpoint: Some(endpoint), address, measuring })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Pulls its plug. When this returns nothing answers any more, and the address is free.
    pub async fn close(mut self) {
        if let Some(endpoint) = self.endpoint.take() {
            endpoint.close().await;
        }
    }
}

impl Drop for HemEmulator {
    fn drop(&mut self) {
        self.measuring.abort();
    }
}

struct Emulated(Mutex<State>);

impl Emulated {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

struct State {
    world: World,
    board: HemBoard,
    /// What the board measured last: eight powers, eight currents, eight switches, the voltage of the bus.
    row: Vec<Option<f64>>,
    energy: NodeValues,
    charge: NodeValues,
}

impl State {
    fn new(seed: u64) -> Result<Self> {
        let world = World::new(seed, Timestamp::default(), Location::default());
        let board = HemBoard::new(RandomStream::new(seed, "hem board"))?;
        Ok(Self { world, board, row: Vec::new(), energy: [Some(0.0); NODES], charge: [Some(0.0); NODES] })
    }

    fn measure(&mut self, step: Span) {
        self.world.advance(step);
        self.row.clear();
        self.board.step(&self.world, &mut self.row);
        let hours = step.as_seconds() / HOUR;
        let (power, current) = (self.part(0), self.part(1));
        for (counter, measured) in [(&mut self.energy, power), (&mut self.charge, current)] {
            for (total, value) in counter.iter_mut().zip(measured) {
                *total = total.zip(value).map(|(total, value)| total + value * hours);
            }
        }
    }

    /// The eight values of the row at that place.
    fn part(&self, place: usize) -> NodeValues {
        std::array::from_fn(|node| self.row.get(place * NODES + node).copied().flatten())
    }
}

struct Host(Arc<Emulated>);

impl BoardView for Host {
    fn values(&self, quantity: HemQuantity) -> Option<NodeValues> {
        let state = self.0.lock();
        match quantity {
            HemQuantity::DcPower => Some(state.part(0)),
            HemQuantity::DcCurrent => Some(state.part(1)),
            HemQuantity::NodeStatus => Some(state.part(2)),
            HemQuantity::DcVoltage => Some([state.row.last().copied().flatten(); NODES]),
            HemQuantity::DcEnergy => Some(state.energy),
            HemQuantity::DcCharge => Some(state.charge),
            // It is a DC board.
            HemQuantity::AcPowerActive | HemQuantity::AcVoltage => None,
        }
    }
}

impl EndpointHost for Host {
    async fn switch(&self, node: u8, on: bool) {
        let mut state = self.0.lock();
        let value = f64::from(u8::from(on));
        let Ok(channel) = ChannelName::new(&format!("node{node}.switch")) else { return };
        if state.board.command(&channel, value).is_ok()
            && let Some(status) = state.row.get_mut(2 * NODES + usize::from(node))
        {
            *status = Some(value);
        }
    }
}
