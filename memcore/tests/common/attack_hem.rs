//! What must hold of HEM datagrams whatever bytes come: shared by the fuzz target and by a bounded run in the tests.
#![allow(dead_code, reason = "each user has its own part")]

use std::time::Duration;

use memcore::adapters::hem::message::REPLY_BYTES;
use memcore::adapters::hem::{
    BoardView, HemQuantity, NODES, NodeValues, PollEvent, PollSettings, Poller, Reply, Request, answer,
};

/// Requests, replies and the exchange of a poller.
pub(crate) fn hem(bytes: &[u8]) {
    request(bytes);
    reply(bytes);
    exchange(bytes);
}

struct Board;

impl BoardView for Board {
    fn values(&self, quantity: HemQuantity) -> Option<NodeValues> {
        (quantity != HemQuantity::AcVoltage).then_some([Some(-123_456.789_012); NODES])
    }
}

/// What was taken for a request is written as it is read, and its answer is bounded and answers it.
fn request(bytes: &[u8]) {
    let Some(request) = Request::parse(bytes) else { return };
    assert_eq!(Request::parse(request.to_string().as_bytes()), Some(request));
    let Some(reply) = answer(request, &Board) else { return };
    assert_eq!(reply.nodes, request.nodes());
    assert!(reply.to_text().len() <= REPLY_BYTES);
    assert!(matches!(request, Request::Switch { .. }) || reply.answers(request));
}

/// What was taken for a reply has finite values of its own nodes alone, and is written so that it is read again.
fn reply(bytes: &[u8]) {
    let Ok(reply) = Reply::parse(bytes) else { return };
    for (node, value) in reply.values.iter().enumerate() {
        assert!(value.is_none_or(f64::is_finite));
        assert!(value.is_none() || reply.nodes.contains(node), "a value of node {node} in {reply:?}");
    }
    let text = reply.to_text();
    assert!(text.len() <= REPLY_BYTES, "{text}");
    let again = Reply::parse(text.as_bytes()).expect("what is written is read");
    assert_eq!((again.quantity, again.nodes), (reply.quantity, reply.nodes));
    assert_eq!(again.to_text(), text);
    // What follows the last brace changes nothing.
    assert_eq!(Reply::parse(&[bytes, b"\0}"].concat()), Ok(reply));
}

/// Each line is a datagram that comes some time after the one before; now and then somebody switches.
fn exchange(bytes: &[u8]) {
    let mut poller = Poller::new(PollSettings::default(), Duration::ZERO);
    let (mut now, mut open) = (Duration::ZERO, None);
    for datagram in bytes.split(|byte| *byte == b'\n').take(200) {
        now += Duration::from_millis(datagram.iter().map(|byte| u64::from(*byte)).sum::<u64>() % 400);
        poller.handle_timeout(now);
        if datagram.len() % 7 == 3 {
            poller.switch(now, (datagram.len() % NODES) as u8, datagram.len() % 2 == 0);
        }
        if let Some(request) = poller.transmit(now) {
            open = Some(request);
            assert_eq!(poller.transmit(now), None, "one request is on its way at a time");
            assert!(poller.deadline() > now, "it waits for an answer");
        }
        poller.receive(now, datagram);
        while let Some(event) = poller.event() {
            if let PollEvent::Values(quantity, _) = event {
                let Some(Request::Read(asked, _)) = open else { panic!("values that nobody asked for") };
                assert_eq!(quantity, asked, "the answer to another question");
            }
        }
    }
    let counts = poller.counts();
    assert!(counts.answered + counts.lost <= counts.sent, "{counts:?}");
}
