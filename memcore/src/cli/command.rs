//! `memcore command`.

use clap::Subcommand;

use super::{Common, format, interrupted};
use crate::error::{Error, Result};
use crate::model::{Clock, CommandId, CommandState, SeriesName, Span, SystemClock, Unit};
use crate::runtime::{CommandRequest, LocalClient, Memcore, StoreOptions};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Command a channel and wait for its end; fails unless it is done
    Set {
        /// `site.device.channel`, such as home1.battery.power
        series: SeriesName,
        /// In base units and passive sign (-2000 discharges with 2 kW), or in --unit
        #[arg(allow_hyphen_values = true)]
        value: f64,
        /// The unit of value and fallback
        #[arg(long)]
        unit: Option<Unit>,
        /// How long the value holds at the device, such as 15m
        #[arg(long)]
        lease: Option<Span>,
        /// What holds after the lease; what the channel's rules declare, where they do
        #[arg(long, allow_hyphen_values = true, requires = "lease")]
        fallback: Option<f64>,
        /// How long it may wait for its device
        #[arg(long, default_value = "60s")]
        expires: Span,
        /// Its identity: asking again with the same one has no second effect
        #[arg(long)]
        id: Option<CommandId>,
        /// For safety: minimum times and ramps do not hold it back; only for 0 and the channel's declared fallback
        #[arg(long)]
        safety: bool,
        /// JSON lines instead of text
        #[arg(long)]
        json: bool,
    },
    /// Read the newest value of a channel
    Get {
        /// `site.device.channel`
        series: SeriesName,
    },
    /// Follow a command to its end
    Watch {
        /// Its id
        id: CommandId,
        /// JSON lines instead of text
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let client = LocalClient::of(&config.path);
        let (followed, json) = match self {
            Self::Get { series } => {
                let memcore = Memcore::open_read_only(&config.path, StoreOptions::default())?;
                return get(&memcore, series);
            }
            Self::Set { series, value, unit, lease, fallback, expires, id, safety, json } => {
                let base = |value: f64| unit.map_or(value, |unit| unit.to_base(value));
                let mut request = CommandRequest::new(series.clone(), base(*value)).expires_in(*expires);
                (request.lease, request.fallback) = (*lease, fallback.map(base));
                (request.id, request.safety) = (id.clone(), *safety);
                check_unit(&config.path, series, *unit)?;
                let mut told = Told::default();
                (
                    until_interrupted(client.command_noted(request, |id, state, note| told.say(*json, id, state, note)))
                        .await?,
                    *json,
                )
            }
            Self::Watch { id, json } => {
                (until_interrupted(client.follow(id.clone(), |id, state| say(*json, id, state))).await?, *json)
            }
        };
        let ended = match followed {
            Followed::ToItsEnd(state) => state,
            Followed::UntilInterrupted(code) => {
                format::note("memcore: interrupted; the command goes on without you");
                return Ok(code);
            }
        };
        if !json && matches!(ended, CommandState::Unknown { .. }) {
            format::note("memcore: nobody knows whether it had its effect: read the channel before you repeat the command");
        }
        Ok(u8::from(!matches!(ended, CommandState::Done { .. })))
    }
}

/// A value in kW for a channel of volts is a mistake, not a value.
fn check_unit(site: &std::path::Path, series: &SeriesName, unit: Option<Unit>) -> Result<()> {
    let Some(unit) = unit else { return Ok(()) };
    let memcore = Memcore::open_read_only(site, StoreOptions::default())?;
    let Some(channel) = memcore.store().channel(series) else { return Ok(()) };
    if unit.measures(channel.quantity) {
        return Ok(());
    }
    Err(Error::invalid(format!("--unit is {unit}, which does not measure {}, the quantity of {series}", channel.quantity)))
}

/// What control has to say to a command, said once.
#[derive(Default)]
struct Told {
    noted: bool,
}

impl Told {
    fn say(&mut self, json: bool, id: &CommandId, state: &CommandState, note: Option<&str>) {
        if let Some(note) = note.filter(|_| !std::mem::replace(&mut self.noted, true)) {
            format::note(&format!("memcore: control steers this channel: {note}"));
        }
        say(json, id, state);
    }
}

/// How far a command was followed.
enum Followed {
    ToItsEnd(CommandState),
    UntilInterrupted(u8),
}

async fn until_interrupted(command: impl Future<Output = Result<CommandState>>) -> Result<Followed> {
    tokio::select! {
        ended = command => ended.map(Followed::ToItsEnd),
        code = interrupted() => code.map(Followed::UntilInterrupted),
    }
}

fn say(json: bool, id: &CommandId, state: &CommandState) {
    #[derive(serde::Serialize)]
    struct Line<'a> {
        id: &'a CommandId,
        #[serde(flatten)]
        state: &'a CommandState,
    }
    let line = if json {
        format::json(&Line { id, state }).unwrap_or_default()
    } else {
        match state {
            CommandState::Done { read_back: Some(value) } => format!("{id}  done, reads back {}", format::number(*value)),
            CommandState::Unknown { read_back: Some(value) } => {
                format!("{id}  unknown, the device reads back {}", format::number(*value))
            }
            CommandState::Refused { code, reason } => format!("{id}  refused: {code}: {reason}"),
            state => format!("{id}  {}", state.name()),
        }
    };
    let _ = format::print(&line);
}

fn get(memcore: &Memcore, series: &SeriesName) -> Result<u8> {
    let channel = memcore.store().channel(series);
    let channel = channel.ok_or_else(|| Error::not_found(format!("series {series} is not registered")))?;
    let latest = memcore.latest(series)?;
    let (_, sample) = latest.first().ok_or_else(|| Error::not_found(format!("series {series} has no sample yet")))?;
    let (value, unit) = (format::number(sample.value), channel.base_unit());
    let age = format::ago(SystemClock::default().now(), sample.time);
    format::print(&format!("{value} {unit}  {}  ({age} ago)", sample.time))?;
    Ok(0)
}
