//! How late control's ticks begin while an actor blocks, the store is written to, and the store compacts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use memcore::model::{Clock, Pattern, Span, SystemClock, Timestamp, Unit};
use memcore::{CompactOptions, Config, ControlStatus, Memcore, Result, Server};

/// What was measured.
#[derive(Debug)]
pub(crate) struct Jitter {
    /// Ticks, how late they began and how long they took; and the actor that blocked.
    pub(crate) status: ControlStatus,
    /// How often the store was compacted meanwhile.
    pub(crate) compactions: u64,
    /// How many points were written meanwhile.
    pub(crate) written: u64,
}

/// Lets a server control a site of twenty devices for so long, deciding once in each `tick`.
///
/// # Errors
/// As a server's start and a store's compaction.
pub(crate) async fn measure(folder: &Path, tick: Span, lasting: Duration) -> Result<Jitter> {
    let mut config = Config::at(folder.join("site"));
    config.gateway.listen = "127.0.0.1:0".parse().expect("an address");
    std::fs::create_dir_all(&config.path)
        .and_then(|()| std::fs::write(config.path.join("control.toml"), model(tick)))
        .map_err(|e| memcore::Error::io("write the site model", e))?;
    let server = Server::start(config).await?;
    let handle = server.handle();
    // It never answers.
    let blocked = |_| loop {
        std::thread::park();
    };
    handle.add_actor(&"blocked".parse()?, Span::from_millis(10), Span::from_millis(50), blocked)?;
    let ended = Arc::new(AtomicBool::new(false));
    let written = Arc::new(AtomicU64::new(0));
    let busy = [
        std::thread::spawn({
            let (memcore, ended, written) = (handle.memcore().clone(), ended.clone(), written.clone());
            move || write(&memcore, &ended, &written).map(|()| 0)
        }),
        std::thread::spawn({
            let (memcore, ended) = (handle.memcore().clone(), ended.clone());
            move || compact(&memcore, &ended)
        }),
    ];
    tokio::time::sleep(lasting).await;
    let status = handle.control_status()?;
    ended.store(true, Ordering::Relaxed);
    let mut compactions = 0;
    for thread in busy {
        compactions += thread.join().expect("a thread that ends")?;
    }
    server.shutdown().await?;
    Ok(Jitter { status, compactions, written: written.load(Ordering::Relaxed) })
}

fn model(tick: Span) -> String {
    let mut model =
        format!("site = \"home1\"\ntick = {}\n[[asset]]\nname = \"grid\"\nrole = \"grid_meter\"\n", tick.as_micros());
    for number in 1..20 {
        model += &format!(
            "[[asset]]\nname = \"battery{number}\"\nrole = \"battery\"\nsetpoint = \"setpoint\"\nsoc = \"soc\"\n\
             range_w = [-3000, 3000]\nstorage = {{ capacity_wh = 10000 }}\n"
        );
    }
    model + "[[strategy]]\nkind = \"self_consumption\"\n"
}

/// History in small pieces, so that there is something to compact.
fn write(memcore: &Memcore, ended: &AtomicBool, written: &AtomicU64) -> Result<()> {
    let now = SystemClock::default().now();
    let series = "home1.load.power".parse()?;
    for round in 0.. {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let times: Vec<Timestamp> =
            (0..1000).map(|row| now.saturating_add(Span::from_millis(-(round % 100) * 1_000_000 - row * 1000))).collect();
        let values: Vec<Option<f64>> = (0..1000).map(|row| Some(f64::from(row) * 1.5)).collect();
        written.fetch_add(memcore.write(&series, &times, &values, Some(Unit::Watt))? as u64, Ordering::Relaxed);
    }
    Ok(())
}

fn compact(memcore: &Memcore, ended: &AtomicBool) -> Result<u64> {
    let mut compactions = 0;
    while !ended.load(Ordering::Relaxed) {
        memcore.compact(Pattern::all(), &CompactOptions::default(), &mut |_, _| Ok(()))?;
        compactions += 1;
    }
    Ok(compactions)
}
