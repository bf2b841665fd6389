//! HEM boards: one that is polled as a device, an endpoint for apps that were written for one, and an emulated one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use memcore::adapters::hem::{self, BoardOptions, BoardState, HemQuantity};
use memcore::client::Bundle;
use memcore::model::Span;
use memcore::{EmulatorOptions, HemEmulator as Emulator, ServedHem};
use pyo3::prelude::*;

use crate::errors::{invalid, raised};
use crate::owned::Owned;
use crate::runtime::wait;

/// A board that is polled.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct HemBoard(Owned<Arc<hem::HemBoard>>);

#[pymethods]
impl HemBoard {
    /// `bundle` is JSON, `quantities` are names of channels such as `power`.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "one a word of the request")]
    fn connect(
        py: Python<'_>,
        address: &str,
        bundle: &str,
        every_us: i64,
        quantities: Option<Vec<String>>,
        energy_unit: &str,
        charge_unit: &str,
        buffer: Option<PathBuf>,
        wait_open: bool,
    ) -> PyResult<Self> {
        let bundle: Bundle =
            serde_json::from_str(bundle).map_err(|e| invalid(format!("bundle is no device bundle: {e}")))?;
        let mut options = BoardOptions::new(address, bundle).every(Span::from_micros(every_us));
        options.buffer = buffer;
        options.energy_unit = energy_unit.parse().map_err(raised)?;
        options.charge_unit = charge_unit.parse().map_err(raised)?;
        if let Some(names) = quantities {
            let known: memcore::Result<Vec<_>> = names.iter().map(|name| HemQuantity::parse(name)).collect();
            options.quantities = Some(known.map_err(raised)?);
        }
        let board = wait(py, async {
            if wait_open { hem::HemBoard::connect(options).await } else { hem::HemBoard::start(options) }
        });
        Ok(Self(Owned::new("board", Arc::new(board?))))
    }

    /// `seeking`, `answering`, `away`, `failed` with its reason, or `closed`.
    fn state(&self, py: Python<'_>) -> String {
        let Ok(board) = self.0.with(Arc::clone) else { return "closed".to_owned() };
        match py.detach(|| board.state()) {
            BoardState::Seeking => "seeking".to_owned(),
            BoardState::Answering => "answering".to_owned(),
            BoardState::Away => "away".to_owned(),
            BoardState::Failed(why) => format!("failed: {why}"),
            _ => "closed".to_owned(),
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(board) = self.0.take()? else { return Ok(()) };
        wait(py, async move {
            board.close().await;
            Ok(())
        })
    }
}

/// An endpoint that answers apps.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct HemEndpoint {
    served: Owned<ServedHem>,
    address: SocketAddr,
}

impl HemEndpoint {
    pub(crate) fn new(served: ServedHem) -> Self {
        Self { address: served.address(), served: Owned::new("endpoint", served) }
    }
}

#[pymethods]
impl HemEndpoint {
    fn address(&self) -> String {
        self.address.to_string()
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(served) = self.served.take()? else { return Ok(()) };
        wait(py, async move {
            served.close().await;
            Ok(())
        })
    }
}

/// An emulated board.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct HemEmulator {
    emulator: Owned<Emulator>,
    address: SocketAddr,
}

#[pymethods]
impl HemEmulator {
    #[staticmethod]
    fn start(py: Python<'_>, listen: &str, allow_network: bool, seed: u64, step_us: i64) -> PyResult<Self> {
        let mut options = EmulatorOptions::default();
        options.listen = listening(listen)?;
        (options.allow_network, options.seed, options.step) = (allow_network, seed, Span::from_micros(step_us));
        let emulator = wait(py, Emulator::start(options))?;
        Ok(Self { address: emulator.address(), emulator: Owned::new("emulator", emulator) })
    }

    fn address(&self) -> String {
        self.address.to_string()
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(emulator) = self.emulator.take()? else { return Ok(()) };
        wait(py, async move {
            emulator.close().await;
            Ok(())
        })
    }
}

/// An address to listen on.
pub(crate) fn listening(text: &str) -> PyResult<SocketAddr> {
    text.parse().map_err(|_| invalid(format!("listen is {text:?}, expected an address and port such as 127.0.0.1:9931")))
}
