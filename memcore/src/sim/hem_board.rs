//! A HEM board: eight switchable, metered DC feeders on one bus.

use super::device::{EmulatedDevice, RefusedCommand};
use super::random::{Drift, RandomStream};
use super::world::World;
use crate::error::Result;
use crate::model::{Channel, ChannelName, Quantity, Unit, ValidRange};

const NODES: usize = 8;
/// The bus is measured in steps of 1/32 V.
const VOLTAGE_STEPS: f64 = 32.0;
const VOLTAGE_LOW: f64 = 15.6;
const VOLTAGE_HIGH: f64 = 17.8;
/// Currents are measured in steps of 1 mA, up to 2.5 A.
const CURRENT_STEPS: f64 = 1000.0;
const CURRENT_HIGH: f64 = 2.5;
/// What a node that is off seems to draw: below 1 W at the highest voltage.
const IDLE_CURRENT_HIGH: f64 = 0.05;

/// Which channels a board reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HemChannels {
    /// `node0.power` to `node7.power`, `node0.current` to, `node0.switch` to, and `bus.voltage`: 25 values.
    #[default]
    All,
    /// The eight powers and the eight switches.
    PowerAndSwitches,
    /// The eight powers; nothing is writable.
    Power,
}

/// Eight feeders on a DC bus. Power follows a switch one reading later, as on the real board.
#[derive(Debug)]
pub struct HemBoard {
    which: HemChannels,
    channels: Vec<Channel>,
    stream: RandomStream,
    bus: Drift,
    nodes: [Node; NODES],
    reported_power: f64,
}

#[derive(Debug)]
struct Node {
    on: bool,
    load: f64,
    drift: Drift,
    /// Computed at the last reading, reported at the next.
    power: f64,
}

impl HemBoard {
    /// A board that reports all its channels.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn new(stream: RandomStream) -> Result<Self> {
        Self::reporting(HemChannels::All, stream)
    }

    /// A board that reports its eight powers alone: readings of eight values.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn power_only(stream: RandomStream) -> Result<Self> {
        Self::reporting(HemChannels::Power, stream)
    }

    /// A board that reports those channels. What it reports does not change how it behaves.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn reporting(which: HemChannels, mut stream: RandomStream) -> Result<Self> {
        let bus = Drift::new(0.35, 1200.0, &mut stream);
        let nodes = std::array::from_fn(|index| {
            let load = stream.uniform(0.15, 2.2);
            let on = stream.happens(0.6) || index == 0;
            Node { on, load, drift: Drift::new(0.03, 120.0, &mut stream), power: 0.0 }
        });
        Ok(Self { which, channels: channels(which)?, stream, bus, nodes, reported_power: 0.0 })
    }
}

fn channels(which: HemChannels) -> Result<Vec<Channel>> {
    let nodes = || 0..NODES;
    let mut channels = Vec::new();
    for node in nodes() {
        channels.push(Channel::gauge(&format!("node{node}.power"), Unit::Watt)?.build()?);
    }
    if which == HemChannels::All {
        for node in nodes() {
            let range = ValidRange::new(0.0, CURRENT_HIGH)?;
            channels.push(Channel::gauge(&format!("node{node}.current"), Unit::Ampere)?.range(range).build()?);
        }
    }
    if which != HemChannels::Power {
        for node in nodes() {
            let switch = Channel::of(&format!("node{node}.switch"), Quantity::Switch, Unit::OnOff)?;
            channels.push(switch.range(ValidRange::new(0.0, 1.0)?).writable().build()?);
        }
    }
    if which == HemChannels::All {
        let range = ValidRange::new(15.0, 18.5)?;
        channels.push(Channel::gauge("bus.voltage", Unit::Volt)?.range(range).build()?);
    }
    Ok(channels)
}

impl EmulatedDevice for HemBoard {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn step(&mut self, world: &World, row: &mut Vec<Option<f64>>) {
        let wanted = 16.7 + self.bus.step(world.step(), &mut self.stream);
        // Both bounds lie between two steps of the converter: the nearest steps inside are 15.625 and 17.78125.
        let low = (VOLTAGE_LOW * VOLTAGE_STEPS).ceil();
        let high = (VOLTAGE_HIGH * VOLTAGE_STEPS).floor();
        let voltage = (wanted * VOLTAGE_STEPS).round().clamp(low, high) / VOLTAGE_STEPS;

        let mut currents = [0.0; NODES];
        self.reported_power = 0.0;
        for (node, current) in self.nodes.iter_mut().zip(&mut currents) {
            *current = node.current(world, &mut self.stream);
            row.push(Some(node.power));
            self.reported_power += node.power;
            node.power = (voltage * *current * 1000.0).round() / 1000.0;
        }
        if self.which == HemChannels::All {
            row.extend(currents.map(Some));
        }
        if self.which != HemChannels::Power {
            row.extend(self.nodes.iter().map(|node| Some(f64::from(u8::from(node.on)))));
        }
        if self.which == HemChannels::All {
            row.push(Some(voltage));
        }
    }

    fn power(&self) -> f64 {
        self.reported_power
    }

    fn command(&mut self, channel: &ChannelName, value: f64) -> Result<f64, RefusedCommand> {
        let writable = self.channels.iter().filter(|known| known.writable);
        let Some(node) = writable.zip(&mut self.nodes).find_map(|(known, node)| (known.name == *channel).then_some(node))
        else {
            return Err(RefusedCommand::not_writable(&self.channels, channel));
        };
        if value != 0.0 && value != 1.0 {
            return Err(RefusedCommand::out_of_range(channel, value, "0 (off) or 1 (on)"));
        }
        node.on = value == 1.0;
        Ok(value)
    }
}

impl Node {
    fn current(&mut self, world: &World, stream: &mut RandomStream) -> f64 {
        let drift = self.drift.step(world.step(), stream);
        let noise = stream.normal();
        let (current, high) = if self.on {
            (self.load * (1.0 + drift) + 0.002 * noise, CURRENT_HIGH)
        } else {
            (0.012 * noise.abs(), IDLE_CURRENT_HIGH)
        };
        (current * CURRENT_STEPS).round().clamp(0.0, high * CURRENT_STEPS) / CURRENT_STEPS
    }
}
