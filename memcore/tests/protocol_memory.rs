//! What a message may cost in memory, measured at the allocator: a short one must not ask for gigabytes.

#[path = "common/transcript.rs"]
mod transcript;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use memcore::protocol::{Decoder, Encoding, Limits};
use transcript::Played;
use transcript::cbor::framed;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is passed on to the system's allocator; only sizes are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that was held at a time beyond what was held before, in bytes.
fn cost(work: impl FnOnce()) -> usize {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

const MEGABYTE: usize = 1 << 20;

fn described(channels: usize, each: impl Fn(usize) -> String) -> Played {
    let mut played = Played::open(Limits::default());
    for part in (0..channels).collect::<Vec<_>>().chunks(500) {
        let list: Vec<_> = part.iter().map(|at| each(*at)).collect();
        played.receive(format!("{{\"type\":\"channels\",\"channels\":[{}]}}\n", list.join(",")).as_bytes());
    }
    assert!(!played.session.is_closed(), "{}", played.text());
    played
}

fn power(at: usize) -> String {
    format!(r#"{{"name":"p{at}","quantity":"power","unit":"W","range":[0,1]}}"#)
}

/// One test: the allocator is shared by all of a process.
#[test]
fn no_message_costs_more_than_a_few_times_its_limit() {
    let mut wide = described(4000, power);
    let times = vec!["1"; 500_000].join(",");
    let bomb = format!("{{\"type\":\"data\",\"seq\":1,\"times_us\":[{times}],\"columns\":{{}}}}\n");
    let used = cost(|| wide.receive(bomb.as_bytes()));
    assert!(wide.text().contains(r#""seq":1,"code":"too_large""#), "{}", wide.text());
    assert!(used < 16 * MEGABYTE, "many times of many channels cost {used} bytes");

    let mut flood = String::new();
    for seq in 2..2_000 {
        writeln!(flood, r#"{{"type":"data","seq":{seq},"time_us":1,"values":{{}}}}"#).unwrap();
    }
    let used = cost(|| wide.receive(flood.as_bytes()));
    assert!(used < 64 * MEGABYTE, "many empty rows of many channels cost {used} bytes");

    let mut narrow = described(1, power);
    let (ahead, high) = (vec!["9000000000000000000"; 40_000].join(","), vec!["5"; 100_000].join(","));
    let late = format!("{{\"type\":\"data\",\"seq\":1,\"times_us\":[{ahead}],\"columns\":{{}}}}\n");
    let times = vec!["1"; 60_000].join(",");
    let outside =
        format!("{{\"type\":\"data\",\"seq\":2,\"times_us\":[{times}],\"columns\":{{\"p0\":[{}]}}}}\n", &high[..119_999]);
    let used = cost(|| {
        narrow.receive(late.as_bytes());
        narrow.receive(outside.as_bytes());
    });
    let (answered, refused) = (narrow.out.len(), narrow.lines().len());
    assert!(refused <= 32 && answered < 16 << 10, "{refused} refusals of {answered} bytes");
    assert!(used < 64 * MEGABYTE, "messages of refused values cost {used} bytes");

    let mut binary = Played::opened(Encoding::Cbor, Limits::default());
    let typed = |bytes: usize| [&b"\xd8\x4f\x5a"[..], &(bytes as u32).to_be_bytes(), &vec![0; bytes]].concat();
    let head = [&b"\xa4\x64type\x64data\x63seq\x01\x68times_us"[..], &typed(8 << 16), b"\x67columns\xa1\x65power"].concat();
    for column in [&b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"\xd8\x56\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"] {
        let mut binary = Played::opened(Encoding::Cbor, Limits::default());
        let used = cost(|| binary.receive(&framed(&[&head[..], column].concat())));
        assert!(binary.lines().concat().contains("bad_frame"), "{:?}", binary.lines());
        assert!(used < 16 * MEGABYTE, "a claim of more items than there are bytes cost {used} bytes");
    }
    let used = cost(|| binary.receive(&((1 << 20) as u32).to_be_bytes()));
    assert!(used < 4096, "the length of a message cost {used} bytes");

    let mut decoder = Decoder::default();
    let used = cost(|| {
        let ended = (0..10_000).find(|_| {
            decoder.push(&[b'['; 16 << 10]);
            decoder.next(MEGABYTE).is_err()
        });
        assert_eq!(ended, Some(64));
    });
    assert!(used < 4 * MEGABYTE, "a line without an end cost {used} bytes");
}
