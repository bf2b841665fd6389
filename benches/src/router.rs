//! Figures of the embedded bus: messages through it, one thread publishing and one recorder taking in groups.

use std::time::Instant;

use memcore::model::{DeviceName, Name, SequencePosition};
use memcore::router::{Attempt, Bus, Delivery, EmbeddedBus, Message, MessageId, Subject, SubjectPattern};

/// Name, value, unit, whether more is better (`higher` or `lower`), target.
pub(crate) type Figure = (String, f64, &'static str, &'static str, Option<f64>);

const MESSAGES: u64 = 2_000_000;
const DEVICES: u64 = 100;
const GROUP: usize = 1000;

/// Publishing and recording share one thread, so the figure is that of one core for both sides.
pub(crate) fn figures() -> Vec<Figure> {
    let target = Some(1e6);
    vec![
        ("router, embedded, 100-byte messages, one recorder".into(), rate(false, 0), "messages/s", "higher", target),
        ("the same with message ids".into(), rate(true, 0), "messages/s", "higher", None),
        ("the same with one slow viewer".into(), rate(false, 1), "messages/s", "higher", None),
    ]
}

fn rate(with_ids: bool, viewers: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let bus = EmbeddedBus::new();
        let history = Delivery::Recorder { name: Name::new("history").expect("a name"), capacity: 4 * GROUP };
        let mut history = bus.subscribe(SubjectPattern::all(), history).await.expect("a recorder");
        let mut slow = Vec::new();
        for _ in 0..viewers {
            slow.push(bus.subscribe(SubjectPattern::all(), Delivery::Viewer { capacity: 100 }).await.expect("a viewer"));
        }
        let devices: Vec<DeviceName> = (0..DEVICES).map(|n| format!("home{n}.hem").parse().expect("a device")).collect();
        let subjects: Vec<Subject> = devices.iter().map(Subject::data).collect();
        let payload = Message::new(subjects[0].clone(), vec![b'x'; 100]).payload;
        let mut group = Vec::with_capacity(GROUP);
        let started = Instant::now();
        for n in 0..MESSAGES {
            let which = (n % DEVICES) as usize;
            let mut message = Message::new(subjects[which].clone(), payload.clone());
            if with_ids {
                message = message.with_id(MessageId::of(&devices[which], SequencePosition { boot: 1, sequence: n }));
            }
            let attempt = bus.try_publish(message).expect("an open bus");
            assert!(matches!(attempt, Attempt::Accepted), "the recorder keeps up");
            if n as usize % GROUP == GROUP - 1 {
                history.recv_many(&mut group, GROUP).await;
                group.drain(..).for_each(|delivered| delivered.ack());
            }
        }
        MESSAGES as f64 / started.elapsed().as_secs_f64()
    })
}
