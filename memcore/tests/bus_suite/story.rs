//! The words of the stories: devices, messages, and waiting with an end.

use std::time::Duration;

use memcore::model::{DeviceName, Name, SequencePosition};
use memcore::router::{Bus, Delivered, Delivery, Message, MessageId, MessageKind, Subject, SubjectPattern, Subscription};

/// Long enough for a busy machine, short enough to fail within a minute.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn device(text: &str) -> DeviceName {
    text.parse().unwrap()
}

pub(crate) fn message(of: &str, kind: MessageKind, payload: impl ToString) -> Message {
    Message::new(Subject::new(&device(of), kind, None), payload.to_string())
}

pub(crate) fn data(of: &str, payload: impl ToString) -> Message {
    message(of, MessageKind::Data, payload)
}

pub(crate) fn numbered(of: &str, sequence: u64) -> Message {
    let id = MessageId::of(&device(of), SequencePosition { boot: 7, sequence });
    data(of, sequence).with_id(id)
}

pub(crate) fn recorder(name: &str, capacity: usize) -> Delivery {
    Delivery::Recorder { name: Name::new(name).unwrap(), capacity }
}

pub(crate) fn viewer(capacity: usize) -> Delivery {
    Delivery::Viewer { capacity }
}

pub(crate) async fn subscribe(bus: &dyn Bus, pattern: &str, delivery: Delivery) -> Subscription {
    let pattern: SubjectPattern = pattern.parse().unwrap();
    soon(bus.subscribe(pattern, delivery)).await.unwrap()
}

pub(crate) async fn publish(bus: &dyn Bus, message: Message) {
    soon(bus.publish(message)).await.unwrap();
}

/// What must come to an end does so in time.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("took too long")
}

/// Waits until it holds.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    soon(async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

pub(crate) fn text(delivered: &Delivered) -> String {
    String::from_utf8(delivered.message.payload.to_vec()).unwrap()
}

/// The next `count` messages, acknowledged.
pub(crate) async fn take(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let delivered = soon(subscription.next()).await.expect("the subscription ended early");
        texts.push(text(&delivered));
        delivered.ack();
    }
    texts
}

pub(crate) fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}
