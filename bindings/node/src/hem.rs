//! HEM boards: one that is polled as a device, an endpoint for apps that were written for one, and an emulated one.

use std::net::SocketAddr;
use std::sync::Arc;

use memcore::adapters::hem::{BoardOptions, BoardState, EndpointOptions, HemBoard, HemQuantity};
use memcore::model::DeviceName;
use memcore::protocol::Bundle;
use memcore::{EmulatorOptions, Error, HemEmulator, ServedHem, ServerHandle};
use napi_derive::napi;
use tokio::sync::Mutex;

use crate::channel::span;
use crate::error::{Result, ToNode};
use crate::server::{DeviceBundle, NativeServer};

/// How a board is polled.
#[napi(object)]
pub(crate) struct HemBoardOptions {
    /// From one round of questions to the next.
    pub every: Option<String>,
    /// What it is asked for, by the names of its channels.
    pub quantities: Option<Vec<String>>,
    /// The unit of its energy counters.
    pub energy_unit: Option<String>,
    /// The unit of its charge counters.
    pub charge_unit: Option<String>,
    /// The folder in which it keeps what the server does not have yet.
    pub buffer: Option<String>,
    /// Does not wait for the board and the server.
    pub at_once: Option<bool>,
}

/// Where something listens, and whether others may reach it.
#[napi(object)]
pub(crate) struct HemListenOptions {
    /// The address and port.
    pub listen: Option<String>,
    /// Takes an address that others can reach.
    pub allow_network: Option<bool>,
    /// Of an emulated board: the same seed gives the same board.
    pub seed: Option<i64>,
    /// Of an emulated board: how often it measures.
    pub step: Option<String>,
}

fn board_options(address: &str, bundle: Bundle, asked: HemBoardOptions) -> memcore::Result<BoardOptions> {
    let mut options = BoardOptions::new(address, bundle);
    if let Some(every) = &asked.every {
        options = options.every(span("every", every)?);
    }
    if let Some(names) = &asked.quantities {
        options.quantities = Some(names.iter().map(|name| HemQuantity::parse(name)).collect::<memcore::Result<_>>()?);
    }
    options.buffer = asked.buffer.map(Into::into);
    if let Some(unit) = &asked.energy_unit {
        options.energy_unit = unit.parse()?;
    }
    if let Some(unit) = &asked.charge_unit {
        options.charge_unit = unit.parse()?;
    }
    Ok(options)
}

/// The bundle as its file would hold it.
fn bundle_of(given: DeviceBundle) -> memcore::Result<Bundle> {
    let fields = [
        ("device", Some(given.device)),
        ("server", Some(given.server)),
        ("ca_pem", Some(given.ca_pem)),
        ("credential", given.credential),
        ("certificate_pem", given.certificate_pem),
        ("key_pem", given.key_pem),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
    let object = serde_json::Value::Object(fields.collect());
    serde_json::from_value(object).map_err(|e| Error::invalid(format!("bundle is no device bundle: {e}")))
}

fn listening(text: &str) -> memcore::Result<SocketAddr> {
    text.parse()
        .map_err(|_| Error::invalid(format!("listen is {text:?}, expected an address and port such as 127.0.0.1:9931")))
}

/// Polls a board as the device of a bundle.
#[napi]
pub(crate) async fn connect_hem(address: String, bundle: DeviceBundle, options: HemBoardOptions) -> Result<NativeHemBoard> {
    let at_once = options.at_once.unwrap_or(false);
    let options = bundle_of(bundle).and_then(|bundle| board_options(&address, bundle, options)).to_node()?;
    let board = if at_once { HemBoard::start(options) } else { HemBoard::connect(options).await };
    Ok(NativeHemBoard(Arc::new(board.to_node()?)))
}

/// A board that is polled.
#[napi]
pub struct NativeHemBoard(Arc<HemBoard>);

#[napi]
impl NativeHemBoard {
    /// `seeking`, `answering`, `away`, `failed` with its reason, or `closed`.
    #[napi(getter, catch_unwind)]
    pub fn state(&self) -> String {
        match self.0.state() {
            BoardState::Seeking => "seeking".to_owned(),
            BoardState::Answering => "answering".to_owned(),
            BoardState::Away => "away".to_owned(),
            BoardState::Failed(why) => format!("failed: {why}"),
            _ => "closed".to_owned(),
        }
    }

    /// Takes leased nodes to their fallback, takes leave, and stops polling.
    #[napi]
    pub async fn close(&self) -> Result<()> {
        self.0.clone().close().await;
        Ok(())
    }
}

/// Starts an emulated board.
#[napi]
pub(crate) async fn emulate_hem(asked: HemListenOptions) -> Result<NativeHemEmulator> {
    let options = || {
        let mut options = EmulatorOptions::default();
        if let Some(listen) = &asked.listen {
            options.listen = listening(listen)?;
        }
        if let Some(step) = &asked.step {
            options.step = span("step", step)?;
        }
        options.allow_network = asked.allow_network.unwrap_or(false);
        options.seed = asked.seed.map_or(options.seed, |seed| seed as u64);
        Ok(options)
    };
    let emulator = HemEmulator::start(options().to_node()?).await.to_node()?;
    Ok(NativeHemEmulator { address: emulator.address(), emulator: Mutex::new(Some(emulator)) })
}

/// An emulated board.
#[napi]
pub struct NativeHemEmulator {
    address: SocketAddr,
    emulator: Mutex<Option<HemEmulator>>,
}

#[napi]
impl NativeHemEmulator {
    /// Where it listens.
    #[napi(getter, catch_unwind)]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Pulls its plug.
    #[napi]
    pub async fn close(&self) -> Result<()> {
        if let Some(emulator) = self.emulator.lock().await.take() {
            emulator.close().await;
        }
        Ok(())
    }
}

async fn serve(handle: ServerHandle, device: String, asked: HemListenOptions) -> Result<NativeHemEndpoint> {
    let mut options = EndpointOptions::default();
    if let Some(listen) = &asked.listen {
        options.listen = listening(listen).to_node()?;
    }
    options.allow_network = asked.allow_network.unwrap_or(false);
    let device = device.parse::<DeviceName>().to_node()?;
    let served = handle.serve_hem(&device, options).await.to_node()?;
    Ok(NativeHemEndpoint { address: served.address(), served: Mutex::new(Some(served)) })
}

/// Answers apps that were written for a HEM board.
#[napi(catch_unwind, ts_return_type = "Promise<NativeHemEndpoint>")]
pub(crate) fn serve_hem<'env>(
    env: &'env napi::Env,
    server: &NativeServer,
    device: String,
    options: HemListenOptions,
) -> Result<napi::bindgen_prelude::PromiseRaw<'env, NativeHemEndpoint>> {
    env.spawn_future(serve(server.handle.clone(), device, options))
}

/// An endpoint that answers apps.
#[napi]
pub struct NativeHemEndpoint {
    address: SocketAddr,
    served: Mutex<Option<ServedHem>>,
}

#[napi]
impl NativeHemEndpoint {
    /// Where it listens.
    #[napi(getter, catch_unwind)]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Stops answering.
    #[napi]
    pub async fn close(&self) -> Result<()> {
        if let Some(served) = self.served.lock().await.take() {
            served.close().await;
        }
        Ok(())
    }
}
