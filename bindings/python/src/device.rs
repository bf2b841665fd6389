//! The device's side of the link, for programs that are the device.

use std::sync::Arc;

use memcore::client::{self, Bundle, DeviceOptions, LinkState, Refused};
use memcore::model::{ChannelName, Timestamp};
use pyo3::prelude::*;

use crate::channel::Description;
use crate::errors::{invalid, raised};
use crate::owned::Owned;
use crate::runtime::{awaitable, call_back, wait};

/// A device on the link.
#[pyclass(frozen, module = "memcore._memcore")]
pub(crate) struct Device(Owned<Arc<client::Device>>);

impl Device {
    fn device(&self) -> PyResult<Arc<client::Device>> {
        self.0.with(Arc::clone)
    }
}

#[pymethods]
impl Device {
    /// `bundle` is JSON; `on_command` takes a channel and a value and gives what it read back.
    #[staticmethod]
    fn connect(
        py: Python<'_>,
        bundle: &str,
        channels: Vec<Description>,
        on_command: Option<Py<PyAny>>,
        wait_open: bool,
    ) -> PyResult<Self> {
        let bundle: Bundle =
            serde_json::from_str(bundle).map_err(|e| invalid(format!("bundle is no device bundle: {e}")))?;
        let channels = channels.iter().map(Description::channel).collect::<PyResult<Vec<_>>>()?;
        let mut options = DeviceOptions::new(bundle, channels);
        if let Some(callable) = on_command {
            options = options.on_command(handler(callable));
        }
        let started = wait(py, async {
            let device = client::Device::start(options)?;
            if wait_open {
                device.opened().await?;
            }
            Ok(device)
        });
        Ok(Self(Owned::new("device", Arc::new(started?))))
    }

    /// An awaitable of the row's number.
    fn send<'py>(&self, py: Python<'py>, time: i64, values: Vec<Option<f64>>) -> PyResult<Bound<'py, PyAny>> {
        let device = self.device()?;
        let time = Timestamp::from_micros(time);
        awaitable(py, async move { device.send(time, &values).await.map_err(raised) })
    }

    fn send_sync(&self, py: Python<'_>, time: i64, values: Vec<Option<f64>>) -> PyResult<u64> {
        let device = self.device()?;
        wait(py, async { device.send(Timestamp::from_micros(time), &values).await })
    }

    /// An awaitable.
    fn flush<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let device = self.device()?;
        awaitable(py, async move { device.flush().await.map_err(raised) })
    }

    fn flush_sync(&self, py: Python<'_>) -> PyResult<()> {
        let device = self.device()?;
        wait(py, async { device.flush().await })
    }

    /// `connecting`, `open`, `refused` with its reason, or `closed`.
    fn state(&self, py: Python<'_>) -> String {
        let Ok(device) = self.device() else { return "closed".to_owned() };
        match py.detach(|| device.state()) {
            LinkState::Connecting => "connecting".to_owned(),
            LinkState::Open { .. } => "open".to_owned(),
            LinkState::Refused { code, detail } => format!("refused: {code}: {detail}"),
            _ => "closed".to_owned(),
        }
    }

    /// Rows that are not durable at the server yet.
    fn backlog(&self, py: Python<'_>) -> PyResult<usize> {
        let device = self.device()?;
        Ok(py.detach(|| device.backlog()))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(device) = self.0.take()? else { return Ok(()) };
        wait(py, async {
            // Where a call of another thread still holds it, the link ends with that call.
            if let Ok(device) = Arc::try_unwrap(device) {
                device.close().await;
            }
            Ok(())
        })
    }
}

/// An exception in the callable is the refusal's reason; while it runs the device answers nothing else.
fn handler(callable: Py<PyAny>) -> impl FnMut(&ChannelName, f64) -> Result<f64, Refused> + Send + 'static {
    move |channel, value| {
        let refused = |code: &str, reason: String| Refused { code: code.into(), reason };
        let called = call_back(|py| {
            let done = callable.call1(py, (channel.as_str(), value)).and_then(|back| match back.is_none(py) {
                true => Ok(value),
                false => back.extract::<f64>(py),
            });
            done.map_err(|e| {
                tracing::warn!(target: "memcore::device", channel = channel.as_str(), value, error = %e, "on_command raised");
                refused("failed", e.value(py).to_string())
            })
        });
        called.unwrap_or_else(|| Err(refused("failed", "the program is ending".into())))
    }
}
