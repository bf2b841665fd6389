//! What holds for every input: rows cross the link bit for bit, and noise is answered in bounds.

#[path = "common/attack.rs"]
mod attack;

use std::time::Duration;

use memcore::model::{Channel, Quantity, SignConvention, Timestamp, Unit};
use memcore::protocol::{DeviceEvent, DeviceSession, Encoding, Hello, Limits, Moment, ServerEvent, ServerSession, Welcome};
use proptest::prelude::*;

const NOW: Moment = Moment { monotonic: Duration::ZERO, wall: Timestamp::from_seconds(1_763_000_000) };

type Row = (i64, Vec<Option<f64>>);

/// Finite numbers of every kind, with the awkward ones often.
fn value() -> impl Strategy<Value = Option<f64>> {
    let awkward = [0.0, -0.0, 5e-324, -5e-324, f64::MIN_POSITIVE, 1e308, f64::MAX, f64::MIN, 0.1, 9_007_199_254_740_993.0];
    prop_oneof![
        1 => Just(None),
        2 => prop::sample::select(awkward.to_vec()).prop_map(Some),
        6 => any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite()).prop_map(Some),
    ]
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((-2_000_000_000_000_000i64..1_763_000_000_000_000, prop::collection::vec(value(), 3)), 1..40)
}

fn channels() -> Vec<Channel> {
    let gauge = |name, unit| Channel::gauge(name, unit).unwrap().build().unwrap();
    vec![gauge("power", Unit::Watt), gauge("node3.voltage", Unit::Volt), gauge("temperature", Unit::Celsius)]
}

/// Both sessions, connected by nothing but bytes cut at `piece`; returns the rows that the server hands on. They are sent
/// one by one, or so many at a time as columns.
fn cross(encoding: Encoding, rows: &[Row], at_a_time: usize, piece: usize) -> Vec<Row> {
    let hello = Hello { version: 1, credential: None, device: None, boot: 1, channels: channels() };
    let mut device = DeviceSession::new(hello, encoding, Duration::ZERO);
    let mut server = ServerSession::new(Limits::default(), encoding, Duration::ZERO);
    let mut arrived = Vec::new();
    carry(&mut device, &mut server, piece, &mut arrived);
    assert!(matches!(device.poll(), Ok(Some(DeviceEvent::Welcome(_)))));
    for (at, rows) in rows.chunks(at_a_time).enumerate() {
        let times: Vec<_> = rows.iter().map(|(time, _)| Timestamp::from_micros(*time)).collect();
        let values: Vec<_> = rows.iter().flat_map(|(_, values)| values.clone()).collect();
        device.send_rows((at * at_a_time) as u64 + 1, &times, &values);
    }
    carry(&mut device, &mut server, piece, &mut arrived);
    arrived
}

fn carry(device: &mut DeviceSession, server: &mut ServerSession, piece: usize, arrived: &mut Vec<Row>) {
    for bytes in std::mem::take(device.transmit()).chunks(piece) {
        server.receive(Duration::ZERO, bytes);
        while let Some(event) = server.poll(NOW) {
            match event {
                ServerEvent::Hello(hello) => {
                    let device = "home1.hem".parse().unwrap();
                    let welcome = Welcome { device, epoch: 1, time: NOW.wall, durable: 0, message_bytes: 1 << 20 };
                    server.accept(welcome, hello.channels, 0);
                }
                ServerEvent::Data(batch) => arrived.extend(batch.times().iter().enumerate().map(|(row, time)| {
                    (time.as_micros(), (0..batch.channels().len()).map(|at| batch.column(at)[row]).collect())
                })),
                other => panic!("{other:?}"),
            }
        }
    }
    device.receive(Duration::ZERO, &std::mem::take(server.transmit()));
}

fn bits(rows: &[Row]) -> Vec<(i64, Vec<Option<u64>>)> {
    rows.iter().map(|(time, values)| (*time, values.iter().map(|value| value.map(f64::to_bits)).collect())).collect()
}

proptest! {
    #[test]
    fn rows_in_base_units_arrive_bit_for_bit(rows in rows(), at_a_time in 1usize..50, piece in 1usize..500) {
        for encoding in Encoding::ALL {
            prop_assert_eq!(bits(&cross(*encoding, &rows, at_a_time, piece)), bits(&rows));
        }
    }

    #[test]
    fn what_the_sdk_writes_is_one_line_of_json(rows in rows()) {
        for (time, values) in rows {
            let mut out = Vec::new();
            Encoding::JsonLines.encode_row(Some(1), Timestamp::from_micros(time), &channels(), &values, &mut out);
            prop_assert_eq!(out.pop(), Some(b'\n'));
            let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(json["values"].as_object().unwrap().len(), values.iter().flatten().count());
        }
    }

    #[test]
    fn a_unit_is_converted_once_and_back(value in -1e9f64..1e9, generator: bool) {
        for unit in Unit::ALL {
            let quantity = Quantity::ALL.iter().copied().find(|quantity| unit.measures(*quantity)).unwrap();
            let sign = if generator { SignConvention::Generator } else { SignConvention::Passive };
            let channel = Channel::of("x", quantity, *unit).unwrap().sign(sign).build().unwrap();
            let stored = channel.to_stored(value);
            let base = if generator { -stored } else { stored };
            prop_assert_eq!(base, unit.to_base(value));
            prop_assert!((channel.from_stored(stored) - value).abs() <= 1e-9 * value.abs().max(1e3), "{} {}", value, unit);
            if *unit == unit.base() {
                prop_assert_eq!(base.to_bits() << 1, value.to_bits() << 1, "{} is its own base", unit);
            }
        }
    }

    #[test]
    fn noise_is_answered_in_bounds(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        attack::decode(&bytes);
        attack::session(&bytes);
    }
}
