//! The device's side of the link, for programs that are the device.

use std::path::PathBuf;
use std::sync::Arc;

use memcore::client::{self, Bundle, DeviceOptions, LinkState, Refused};
use memcore::model::{ChannelName, Timestamp};
use pyo3::prelude::*;

use crate::channel::Description;
use crate::columns;
use crate::errors::{invalid, raised};
use crate::owned::Owned;
use crate::runtime::{awaitable, call_back, wait};

/// How a device keeps what is not durable at the server; what is none is as the core has it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Keeping {
    buffer: Option<PathBuf>,
    buffer_bytes: Option<u64>,
    buffer_sync: Option<String>,
    when_full: Option<String>,
    backlog_rows: Option<usize>,
    state_folder: Option<PathBuf>,
}

impl Keeping {
    fn apply(self, options: &mut DeviceOptions) -> memcore::Result<()> {
        options.buffer = self.buffer;
        options.buffer_bytes = self.buffer_bytes.unwrap_or(options.buffer_bytes);
        options.backlog_rows = self.backlog_rows.unwrap_or(options.backlog_rows);
        options.when_full = self.when_full.map(|policy| policy.parse()).transpose()?;
        options.state_folder = self.state_folder;
        if let Some(sync) = self.buffer_sync {
            options.buffer_sync = sync.parse()?;
        }
        Ok(())
    }
}

/// Rows, bytes, dropped, damaged, and why the disk takes nothing.
type Status = (u64, u64, u64, u64, Option<String>);

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
    /// `bundle` is JSON; `on_command` takes a channel and a value and gives what it read back; `on_read` takes a channel and
    /// gives what it reads.
    #[staticmethod]
    fn connect(
        py: Python<'_>,
        bundle: &str,
        channels: Vec<Description>,
        on_command: Option<Py<PyAny>>,
        on_read: Option<Py<PyAny>>,
        keeping: Keeping,
        wait_open: bool,
    ) -> PyResult<Self> {
        let bundle: Bundle =
            serde_json::from_str(bundle).map_err(|e| invalid(format!("bundle is no device bundle: {e}")))?;
        let channels = channels.iter().map(Description::channel).collect::<PyResult<Vec<_>>>()?;
        let mut options = DeviceOptions::new(bundle, channels);
        if let Some(callable) = on_command {
            options = options.on_command(handler(callable));
        }
        if let Some(callable) = on_read {
            options = options.on_read(reader(callable));
        }
        keeping.apply(&mut options).map_err(raised)?;
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

    /// An awaitable of the row's number.
    fn send_now<'py>(&self, py: Python<'py>, values: Vec<Option<f64>>) -> PyResult<Bound<'py, PyAny>> {
        let device = self.device()?;
        awaitable(py, async move { device.send_now(&values).await.map_err(raised) })
    }

    fn send_now_sync(&self, py: Python<'_>, values: Vec<Option<f64>>) -> PyResult<u64> {
        let device = self.device()?;
        wait(py, async { device.send_now(&values).await })
    }

    /// An awaitable of the last row's number. A column that is none has no values.
    fn send_many<'py>(
        &self,
        py: Python<'py>,
        times: &Bound<'py, PyAny>,
        names: Vec<String>,
        columns: Vec<Option<Bound<'py, PyAny>>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (device, rows) = (self.device()?, Rows::read(times, &names, &columns)?);
        awaitable(py, async move { rows.send(&device).await.map_err(raised) })
    }

    fn send_many_sync(
        &self,
        py: Python<'_>,
        times: &Bound<'_, PyAny>,
        names: Vec<String>,
        columns: Vec<Option<Bound<'_, PyAny>>>,
    ) -> PyResult<Option<u64>> {
        let (device, rows) = (self.device()?, Rows::read(times, &names, &columns)?);
        wait(py, async { rows.send(&device).await })
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

    /// The highest number that is durable at the server.
    fn durable(&self, py: Python<'_>) -> PyResult<u64> {
        let device = self.device()?;
        Ok(py.detach(|| device.durable()))
    }

    fn status(&self, py: Python<'_>) -> PyResult<Status> {
        let device = self.device()?;
        let status = py.detach(|| device.buffer_status());
        Ok((status.rows, status.bytes, status.dropped, status.damaged, status.fault))
    }

    /// How many parts of messages were refused, and the last reason.
    fn rejected(&self, py: Python<'_>) -> PyResult<(u64, Option<String>)> {
        let device = self.device()?;
        Ok(py.detach(|| device.rejected()))
    }

    /// Microseconds: the offset and how far it may be off.
    fn clock_offset(&self, py: Python<'_>) -> PyResult<Option<(i64, i64)>> {
        let device = self.device()?;
        let offset = py.detach(|| device.clock_offset());
        Ok(offset.map(|(offset, uncertainty)| (offset.as_micros(), uncertainty.as_micros())))
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

/// Many rows, column by column.
struct Rows {
    times: Vec<Timestamp>,
    columns: Vec<Vec<Option<f64>>>,
}

impl Rows {
    fn read(times: &Bound<'_, PyAny>, names: &[String], columns: &[Option<Bound<'_, PyAny>>]) -> PyResult<Self> {
        let times = columns::times("times", times)?;
        let column = |(name, column): (&String, &Option<Bound<'_, PyAny>>)| match column {
            Some(column) => columns::values(name, column, true),
            None => Ok(vec![None; times.len()]),
        };
        let columns = names.iter().zip(columns).map(column).collect::<PyResult<_>>()?;
        Ok(Self { times, columns })
    }

    async fn send(&self, device: &client::Device) -> memcore::Result<Option<u64>> {
        let columns: Vec<&[Option<f64>]> = self.columns.iter().map(Vec::as_slice).collect();
        device.send_many(&self.times, &columns).await
    }
}

/// An exception in the callable, or `None` from it, says that the channel cannot be read.
fn reader(callable: Py<PyAny>) -> impl FnMut(&ChannelName) -> Option<f64> + Send + 'static {
    move |channel| {
        let read = call_back(|py| {
            callable.call1(py, (channel.as_str(),)).and_then(|back| back.extract::<Option<f64>>(py)).unwrap_or_else(|e| {
                tracing::warn!(target: "memcore::device", channel = channel.as_str(), error = %e, "on_read raised");
                None
            })
        });
        read.flatten()
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
