//! The device's side of the link, for programs that are the device.
//!
//! Commands are carried out by a JavaScript function, which may take its time: it is asked through [`Asked`], and answers
//! through [`NativeAnswers`], while the link waits on a thread of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use memcore::client::{BufferStatus, Bundle, Device, DeviceOptions, LinkState, Refused};
use memcore::model::{Channel, ChannelName, Timestamp};
use napi::bindgen_prelude::{BigInt, Float64Array, Function, PromiseRaw};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;

use crate::asking::Asking;
use crate::channel::ChannelOptions;
use crate::error::{Result, ToNode, on_disk};
use crate::time::instant;

/// After this time the server calls the outcome of a command unknown (P30), and so does the device.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Something that the program is asked to do.
#[napi(object)]
pub(crate) struct Asked {
    /// Under which it is answered.
    pub number: u32,
    /// Which channel.
    pub channel: String,
    /// What it shall be set to; none where it shall only be read.
    pub value: Option<f64>,
}

/// Asks the program; it keeps no process alive. At most so many questions wait for a busy event loop, more are not asked.
type Asks = ThreadsafeFunction<Asked, (), Asked, Status, false, true, 64>;

type Answer = std::result::Result<Option<f64>, Refused>;

/// The program's answers to what it was asked.
#[napi]
pub struct NativeAnswers(Asking<Answer>);

#[napi]
impl NativeAnswers {
    /// Nothing was asked yet.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self(Asking::default())
    }

    /// Done; what was read back, where something was.
    #[napi(catch_unwind)]
    pub fn done(&self, number: u32, read_back: Option<f64>) {
        self.0.settle(number, Ok(read_back));
    }

    /// Not done, and nothing was changed.
    #[napi(catch_unwind)]
    pub fn refuse(&self, number: u32, code: String, reason: String) {
        self.0.settle(number, Err(Refused { code, reason }));
    }
}

/// The program, as the device asks it.
struct Program {
    asks: Arc<Asks>,
    open: Asking<Answer>,
}

impl Program {
    /// None where no answer came.
    fn ask(&self, channel: &ChannelName, value: Option<f64>) -> Option<Answer> {
        let (number, answer) = self.open.begin();
        let asked = Asked { number, channel: channel.to_string(), value };
        let answered = match self.asks.call(asked, ThreadsafeFunctionCallMode::NonBlocking) {
            Status::Ok => tokio::task::block_in_place(|| answer.recv_timeout(ANSWER_WITHIN).ok()),
            _ => None,
        };
        self.open.forget(number);
        answered
    }

    fn set(&self, channel: &ChannelName, value: f64) -> std::result::Result<f64, Refused> {
        match self.ask(channel, Some(value)) {
            Some(answer) => answer.map(|read_back| read_back.unwrap_or(value)),
            // Whether it had its effect nobody knows: the core calls a handler that broke off unknown.
            None => std::panic::resume_unwind(Box::new("the program did not answer")),
        }
    }
}

/// How a device keeps what is not durable at the server; what is none is as the core has it.
#[napi(object)]
pub(crate) struct DeviceSettings {
    /// The folder of its buffer.
    pub buffer: Option<String>,
    /// How large the buffer may become.
    pub buffer_bytes: Option<i64>,
    /// `each`, `never` or a length of time.
    pub buffer_sync: Option<String>,
    /// `wait`, `refuse` or `drop_oldest`.
    pub when_full: Option<String>,
    /// How many rows a backlog in memory has.
    pub backlog_rows: Option<u32>,
    /// Where it remembers the commands that it has begun.
    pub state_folder: Option<String>,
    /// Whether channels can be read back.
    pub reads: bool,
    /// Whether commands are carried out.
    pub obeys: bool,
}

impl DeviceSettings {
    fn apply(self, options: &mut DeviceOptions) -> memcore::Result<()> {
        options.buffer = self.buffer.map(PathBuf::from);
        options.state_folder = self.state_folder.map(PathBuf::from);
        options.when_full = self.when_full.map(|policy| policy.parse()).transpose()?;
        if let Some(sync) = self.buffer_sync {
            options.buffer_sync = sync.parse()?;
        }
        if let Some(bytes) = self.buffer_bytes {
            options.buffer_bytes = bytes.unsigned_abs();
        }
        if let Some(rows) = self.backlog_rows {
            options.backlog_rows = rows as usize;
        }
        Ok(())
    }
}

fn options(bundle: &str, names: &[String], channels: &[ChannelOptions]) -> memcore::Result<DeviceOptions> {
    let bundle: Bundle =
        serde_json::from_str(bundle).map_err(|e| memcore::Error::invalid(format!("bundle is no device bundle: {e}")))?;
    let channel = |(name, channel): (&String, &ChannelOptions)| channel.channel(name).map_err(|e| e.context(name));
    let channels = names.iter().zip(channels).map(channel).collect::<memcore::Result<Vec<Channel>>>()?;
    Ok(DeviceOptions::new(bundle, channels))
}

/// Starts the link of a device; `bundle` is JSON, and each channel has its name at the same place.
#[napi(catch_unwind, ts_return_type = "Promise<NativeDevice>")]
pub(crate) fn start_device<'env>(
    env: &'env Env,
    bundle: String,
    names: Vec<String>,
    channels: Vec<ChannelOptions>,
    settings: DeviceSettings,
    answers: &NativeAnswers,
    asks: Function<'_, Asked, ()>,
) -> Result<PromiseRaw<'env, NativeDevice>> {
    let asks = asks.build_threadsafe_function::<Asked>().weak::<true>().max_queue_size::<64>().build()?;
    let (asks, open) = (Arc::new(asks), answers.0.clone());
    env.spawn_future(async move {
        let start = move || {
            let mut options = options(&bundle, &names, &channels)?;
            let (obeys, reads) = (settings.obeys, settings.reads);
            settings.apply(&mut options)?;
            if obeys {
                let program = Program { asks: Arc::clone(&asks), open: open.clone() };
                options = options.on_command(move |channel, value| program.set(channel, value));
            }
            if reads {
                let program = Program { asks, open };
                options = options.on_read(move |channel| program.ask(channel, None)?.ok().flatten());
            }
            Device::start(options)
        };
        Ok(NativeDevice(Arc::new(on_disk(start).await?)))
    })
}

/// Where the link stands.
#[napi(object)]
pub struct LinkStanding {
    /// `connecting`, `open`, `refused` or `closed`.
    pub state: String,
    /// The number of the session, where it is open.
    pub epoch: Option<i64>,
    /// Why it is refused, as a code.
    pub code: Option<String>,
    /// Why it is refused, for a person.
    pub detail: Option<String>,
}

/// How full a backlog is, and what it could not keep.
#[napi(object)]
pub struct BufferStanding {
    /// Rows that are not durable at the server.
    pub rows: i64,
    /// Bytes that they take up on disk.
    pub bytes: i64,
    /// Rows dropped because there was no room.
    pub dropped: i64,
    /// Rows found damaged.
    pub damaged: i64,
    /// Why the disk takes nothing at the moment.
    pub fault: Option<String>,
}

/// What the server refused for good.
#[napi(object)]
pub struct Rejections {
    /// How many parts of messages.
    pub count: i64,
    /// The last reason.
    pub last: Option<String>,
}

/// What is known of the server's clock, in microseconds.
#[napi(object)]
pub struct ClockDifference {
    /// How far it is ahead.
    pub offset: i64,
    /// How far that may be off.
    pub uncertainty: i64,
}

/// A device on the link.
#[napi]
pub struct NativeDevice(Arc<Device>);

#[napi]
impl NativeDevice {
    /// Waits until the server has taken the device in.
    #[napi]
    pub async fn opened(&self) -> Result<()> {
        self.0.opened().await.to_node()
    }

    /// Keeps a row and sends it; gives its number.
    #[napi]
    pub async fn send(&self, time: BigInt, values: Vec<Option<f64>>) -> Result<i64> {
        let time = instant(&time).to_node()?;
        self.0.send(time, &values).await.map(|sequence| sequence as i64).to_node()
    }

    /// As `send`, measured now.
    #[napi]
    pub async fn send_now(&self, values: Vec<Option<f64>>) -> Result<i64> {
        self.0.send_now(&values).await.map(|sequence| sequence as i64).to_node()
    }

    /// As `send`, many rows, one column a channel: NaN is no value. What is given is copied before this returns.
    #[napi(catch_unwind, ts_return_type = "Promise<number | null>")]
    pub fn send_many<'env>(
        &self,
        env: &'env Env,
        times: &[i64],
        columns: Vec<Float64Array>,
    ) -> Result<PromiseRaw<'env, Option<i64>>> {
        let times: Vec<Timestamp> = times.iter().copied().map(Timestamp::from_micros).collect();
        let known = |value: &f64| Some(*value).filter(|value| !value.is_nan());
        let columns: Vec<Vec<Option<f64>>> = columns.iter().map(|column| column.iter().map(known).collect()).collect();
        let device = Arc::clone(&self.0);
        env.spawn_future(async move {
            let columns: Vec<&[Option<f64>]> = columns.iter().map(Vec::as_slice).collect();
            device.send_many(&times, &columns).await.map(|last| last.map(|sequence| sequence as i64)).to_node()
        })
    }

    /// Waits until everything sent so far is durable at the server, or was rejected.
    #[napi]
    pub async fn flush(&self) -> Result<()> {
        self.0.flush().await.to_node()
    }

    /// Where the link stands.
    #[napi(catch_unwind)]
    pub fn standing(&self) -> LinkStanding {
        let standing = |state: &str| LinkStanding { state: state.to_owned(), epoch: None, code: None, detail: None };
        match self.0.state() {
            LinkState::Connecting => standing("connecting"),
            LinkState::Open { epoch } => LinkStanding { epoch: Some(epoch as i64), ..standing("open") },
            LinkState::Refused { code, detail } => {
                LinkStanding { code: Some(code), detail: Some(detail), ..standing("refused") }
            }
            _ => standing("closed"),
        }
    }

    /// The highest number that is durable at the server.
    #[napi(getter, catch_unwind)]
    pub fn durable(&self) -> i64 {
        self.0.durable() as i64
    }

    /// How full the backlog is.
    #[napi(catch_unwind)]
    pub fn buffer(&self) -> BufferStanding {
        let BufferStatus { rows, bytes, dropped, damaged, fault, .. } = self.0.buffer_status();
        BufferStanding { rows: rows as i64, bytes: bytes as i64, dropped: dropped as i64, damaged: damaged as i64, fault }
    }

    /// What the server refused.
    #[napi(catch_unwind)]
    pub fn rejected(&self) -> Rejections {
        let (count, last) = self.0.rejected();
        Rejections { count: count as i64, last }
    }

    /// What is known of the server's clock; none before the first contact.
    #[napi(catch_unwind)]
    pub fn clock_offset(&self) -> Option<ClockDifference> {
        let (offset, uncertainty) = self.0.clock_offset()?;
        Some(ClockDifference { offset: offset.as_micros(), uncertainty: uncertainty.as_micros() })
    }

    /// Takes leave. Doing it again does nothing.
    #[napi]
    pub async fn close(&self) {
        self.0.close().await;
    }
}
