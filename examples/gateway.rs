//! An edge gateway in one program: devices over TLS, live readings, a command that comes back confirmed.
//!
//! `cargo run -p memcore-examples --example gateway`

use memcore::{CommandRequest, Config, SimulationRequest};

#[tokio::main]
async fn main() -> memcore::Result<()> {
    let folder = std::env::temp_dir().join(format!("memcore-gateway-{}", std::process::id()));
    let mut config = Config::at(&folder);
    config.gateway.listen = ([127, 0, 0, 1], 0).into();
    let server = memcore::serve(config).await?;
    let handle = server.handle();

    // Emulated devices, in place of real ones: each is enrolled and connects through the device SDK.
    let mut live = handle.subscribe(&"*.*.power".parse()?).await?;
    let devices = memcore::simulate(&SimulationRequest::default(), |device| handle.enroll_simulated(device)).await?;
    if let Some(reading) = live.next().await {
        println!("{}.{} is at {} W", reading.device, reading.channel, reading.sample.value);
    }

    let switch = CommandRequest::new("home1.hem.node3.switch".parse()?, 0.0);
    println!("the switch: {:?}", handle.command(switch)?.finished().await);

    println!("{:?}", devices.stop(std::time::Duration::from_secs(5)).await?);
    server.shutdown().await?;
    std::fs::remove_dir_all(&folder).map_err(|e| memcore::Error::io("clean up", e))
}
