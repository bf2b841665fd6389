//! `memcore hem`: a gateway near a board, an endpoint for apps that were written for one, and a board for who has none.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use comfy_table::Table;

use super::{Common, format, interrupted};
use crate::error::{Error, Result};
use crate::model::{DeviceName, Span, Unit};
use crate::runtime::{
    BoardOptions, BoardState, Bundle, EmulatorOptions, HemBoard, HemEmulator, HemQuantity, LocalClient, NODES, NodeValues,
};

#[derive(Debug, Subcommand)]
pub(super) enum Hem {
    /// Poll a board and send what it reads, as the device of a bundle; --once shows what it answers
    Poll(Poll),
    /// Answer HEM apps on behalf of a device of the server that runs on the site
    Serve(Serve),
    /// Be a board: eight feeders that behave like real ones
    Emulate(Emulate),
}

#[derive(Debug, Args)]
pub(super) struct Poll {
    /// The board; port 9931 unless said otherwise
    #[arg(long, value_name = "HOST[:PORT]")]
    board: String,
    /// What `memcore devices enroll` printed for the device that the board is
    #[arg(long, value_name = "FILE", required_unless_present = "once")]
    bundle: Option<PathBuf>,
    /// From one round of questions to the next
    #[arg(long, default_value = "1s")]
    every: Span,
    /// What it is asked for, such as power,switch; found out by default
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = HemQuantity::parse)]
    quantities: Option<Vec<HemQuantity>>,
    /// The unit of its energy counters, which boards do not tell
    #[arg(long, default_value = "Wh")]
    energy_unit: Unit,
    /// The unit of its charge counters, which boards do not tell
    #[arg(long, default_value = "Ah")]
    charge_unit: Unit,
    /// Keeps in this folder, across restarts, what the server does not have yet, and which commands were begun
    #[arg(long, value_name = "FOLDER")]
    buffer: Option<PathBuf>,
    /// Asks the board once, shows what it answers, and ends
    #[arg(long, conflicts_with_all = ["bundle", "buffer"])]
    once: bool,
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Whose readings are given and whose nodes are switched
    #[arg(long, value_name = "SITE.DEVICE")]
    device: DeviceName,
    /// The UDP address to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9931")]
    listen: SocketAddr,
    /// Takes an address that others can reach: whoever reaches it can switch, the protocol has no passwords
    #[arg(long)]
    allow_network: bool,
}

#[derive(Debug, Args)]
pub(super) struct Emulate {
    /// The UDP address to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9931")]
    listen: SocketAddr,
    /// Takes an address that others can reach
    #[arg(long)]
    allow_network: bool,
    /// The same seed gives the same board
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often it measures
    #[arg(long, default_value = "1s")]
    step: Span,
}

impl Hem {
    pub(super) async fn run(&self, common: &Common) -> Result<u8> {
        match self {
            Self::Poll(poll) => poll.run().await,
            Self::Serve(serve) => serve.run(common).await,
            Self::Emulate(emulate) => emulate.run().await,
        }
    }
}

impl Poll {
    async fn run(&self) -> Result<u8> {
        let Some(bundle) = &self.bundle else { return self.show().await };
        let bundle = Bundle::read(bundle)?;
        let device = bundle.device.clone();
        let board = HemBoard::start(self.options(bundle))?;
        format::note(&format!("memcore polls the hem board {} as {device}", self.board));
        let ended = tokio::select! {
            signal = interrupted() => signal.map(|_| 0),
            failed = follow(&board, &self.board) => Err(failed),
        };
        board.close().await;
        ended
    }

    fn options(&self, bundle: Bundle) -> BoardOptions {
        let mut options = BoardOptions::new(&self.board, bundle).every(self.every);
        options.quantities.clone_from(&self.quantities);
        options.buffer.clone_from(&self.buffer);
        (options.energy_unit, options.charge_unit) = (self.energy_unit, self.charge_unit);
        options
    }

    async fn show(&self) -> Result<u8> {
        let nobody = DeviceName::new(crate::model::OPERATOR_DEFAULT, "nobody", "nobody")?;
        let found = HemBoard::ask(&self.options(Bundle::nowhere(&nobody))).await?;
        format::print(&table(&found))?;
        Ok(0)
    }
}

/// Says how it stands with the board, until it cannot be polled at all.
async fn follow(board: &HemBoard, name: &str) -> Error {
    let mut state = board.state();
    loop {
        state = board.changed(&state).await;
        match &state {
            BoardState::Answering => format::note(&format!("the hem board {name} answers")),
            BoardState::Away => format::note(&format!("the hem board {name} does not answer; it is asked on")),
            BoardState::Failed(why) => return Error::invalid(why.clone()),
            BoardState::Closed => return Error::invalid("the board was closed"),
            _ => {}
        }
    }
}

/// A line a node, a column a quantity.
fn table(found: &[(HemQuantity, NodeValues)]) -> String {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    let titles = found.iter().map(|(quantity, _)| match quantity {
        // Boards do not tell in which unit they count.
        HemQuantity::DcEnergy | HemQuantity::DcCharge => quantity.channel().to_owned(),
        _ => format!("{} {}", quantity.channel(), quantity.unit().1),
    });
    table.set_header(std::iter::once("node".to_owned()).chain(titles));
    for node in 0..NODES {
        let cells = found.iter().map(|(_, values)| values[node].map_or_else(|| "-".to_owned(), format::number));
        table.add_row(std::iter::once(node.to_string()).chain(cells));
    }
    table.to_string()
}

impl Serve {
    async fn run(&self, common: &Common) -> Result<u8> {
        let config = common.config(None)?;
        let client = LocalClient::of(&config.path);
        let mut served = client.serve_hem(self.device.clone(), self.listen, self.allow_network).await?;
        format::note(&format!("memcore answers hem apps on {} for {}", served.address(), self.device));
        tokio::select! {
            signal = interrupted() => signal.map(|_| 0),
            () = served.ended() => Err(Error::new(crate::error::ErrorKind::Connection, "the server went away")),
        }
    }
}

impl Emulate {
    async fn run(&self) -> Result<u8> {
        let mut options = EmulatorOptions::default();
        (options.listen, options.allow_network) = (self.listen, self.allow_network);
        (options.seed, options.step) = (self.seed, self.step);
        let emulator = HemEmulator::start(options).await?;
        format::note(&format!("memcore emulates a hem board on {}", emulator.address()));
        interrupted().await.map(|_| 0)
    }
}
