//! A home on the loopback interface: a server that controls it, a grid meter and a battery that speak through the SDK.

#[path = "../common/until.rs"]
mod until;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use memcore::client::{Device, DeviceOptions, Refused};
use memcore::model::{Channel, ChannelName, Clock, CommandRules, Quantity, SystemClock, Unit};
use memcore::{AssetStatus, Config, ControlStatus, Enrolment, ProofKind, Server, ServerHandle};
pub(crate) use until::until;

/// A battery that keeps the grid near zero, decided ten times a second, with leases of two seconds.
pub(crate) const MODEL: &str = r#"
site = "home1"
zone = "Europe/Berlin"
tick = "100ms"
lease = "2s"

[[asset]]
name = "grid"
role = "grid_meter"
period = "1s"

[[asset]]
name = "battery"
role = "battery"
setpoint = "setpoint"
soc = "soc"
range_w = [-3000, 3000]
period = "1s"
storage = { capacity_wh = 10000 }

[[strategy]]
kind = "self_consumption"
meter_delay = "200ms"
settle = "1s"
"#;

/// What the home does beside its battery, and how its devices behave.
#[derive(Debug)]
pub(crate) struct World {
    /// What everything but the battery draws, in W.
    pub(crate) load_w: f64,
    /// What the battery does, in W.
    pub(crate) battery_w: f64,
    /// Each value that the battery was told, or fell back to, and when.
    pub(crate) told: Vec<(f64, Instant)>,
    pub(crate) grid_is_silent: bool,
    pub(crate) battery_refuses: bool,
}

pub(crate) struct Home {
    pub(crate) world: Arc<Mutex<World>>,
    pub(crate) config: Config,
    server: Option<Server>,
    devices: Vec<Arc<Device>>,
    folder: tempfile::TempDir,
    clock: Arc<dyn Clock>,
}

impl Home {
    /// A home that draws so much.
    pub(crate) async fn drawing(load_w: f64) -> Self {
        Self::with(load_w, MODEL).await
    }

    pub(crate) async fn with(load_w: f64, model: &str) -> Self {
        Self::by(load_w, model, Arc::new(SystemClock::default())).await
    }

    /// A home whose server goes by that clock.
    pub(crate) async fn by(load_w: f64, model: &str, clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::at(folder.path().join("site"));
        // The same port after a restart: devices find their server again.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        config.gateway.listen = format!("127.0.0.1:{port}").parse().unwrap();
        std::fs::create_dir_all(&config.path).unwrap();
        std::fs::write(config.path.join("control.toml"), model).unwrap();
        let world = World { load_w, battery_w: 0.0, told: Vec::new(), grid_is_silent: false, battery_refuses: false };
        let world = Arc::new(Mutex::new(world));
        let mut home = Self { world, config, server: None, devices: Vec::new(), folder, clock };
        home.start().await;
        home.connect(&format!("localhost:{port}")).await;
        home
    }

    pub(crate) async fn start(&mut self) {
        self.server = Some(Server::start_with(self.config.clone(), self.clock.clone()).await.unwrap());
    }

    pub(crate) async fn shut_down(&mut self) {
        self.server.take().unwrap().shutdown().await.unwrap();
    }

    /// Pulls the plug.
    pub(crate) fn kill(&mut self) {
        drop(self.server.take());
    }

    pub(crate) fn handle(&self) -> ServerHandle {
        self.server.as_ref().unwrap().handle()
    }

    pub(crate) fn site(&self) -> PathBuf {
        self.config.path.clone()
    }

    async fn connect(&mut self, address: &str) {
        let enrolment = Enrolment::open(&self.config).unwrap();
        let enroll = |device: &str| enrolment.enroll(&device.parse().unwrap(), ProofKind::Secret, Some(address)).unwrap();
        let power = || Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
        let soc = Channel::of("soc", Quantity::StateOfCharge, Unit::Fraction).unwrap().build().unwrap();
        let rules = CommandRules::default().fallback(0.0);
        let setpoint = Channel::gauge("setpoint", Unit::Watt).unwrap().rules(rules).build().unwrap();
        let grid = Device::connect(DeviceOptions::new(enroll("home1.grid"), vec![power()])).await.unwrap();
        let world = self.world.clone();
        let obey = move |_: &ChannelName, value: f64| {
            let mut world = world.lock().unwrap();
            if world.battery_refuses && value != 0.0 {
                return Err(Refused { code: "contactor_open".into(), reason: "the contactor is open".into() });
            }
            world.battery_w = value;
            world.told.push((value, Instant::now()));
            Ok(value)
        };
        let mut options = DeviceOptions::new(enroll("home1.battery"), vec![power(), soc, setpoint]).on_command(obey);
        options.state_folder = Some(self.folder.path().join("state"));
        let battery = Device::connect(options).await.unwrap();
        self.devices = vec![Arc::new(grid), Arc::new(battery)];
        tokio::spawn(measure(self.world.clone(), self.devices.clone()));
    }

    pub(crate) fn status(&self) -> ControlStatus {
        self.handle().control_status().unwrap()
    }

    pub(crate) fn battery(&self) -> AssetStatus {
        self.status().assets.into_iter().find(|asset| asset.asset.as_str() == "battery").unwrap()
    }

    /// Waits until the battery itself does about that.
    pub(crate) async fn battery_does(&self, power_w: f64) {
        let what = format!("a battery at {power_w} W");
        until(&what, || (self.world.lock().unwrap().battery_w - power_w).abs() < 60.0).await;
    }

    pub(crate) async fn has_fault(&self, words: &str) {
        until(words, || self.status().faults.iter().any(|fault| fault.contains(words))).await;
    }

    pub(crate) async fn has_no_faults(&self) {
        until("no faults", || self.status().faults.is_empty()).await;
    }
}

/// Both meters report ten times a second.
async fn measure(world: Arc<Mutex<World>>, devices: Vec<Arc<Device>>) {
    let mut soc = 0.5;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (grid_w, battery_w, silent) = {
            let world = world.lock().unwrap();
            (world.load_w + world.battery_w, world.battery_w, world.grid_is_silent)
        };
        soc += battery_w / 1e4 / 36_000.0;
        if !silent {
            let _ = devices[0].send_now(&[Some(grid_w)]).await;
        }
        let _ = devices[1].send_now(&[Some(battery_w), Some(soc), None]).await;
    }
}
