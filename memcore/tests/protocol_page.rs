//! `docs/protocol.md` is the contract: its tables and examples are held against the code.

#[path = "common/transcript.rs"]
mod transcript;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use memcore::protocol::{Code, Encoding, Limits, PORT, VERSION};
use transcript::cbor::hex;
use transcript::{Played, Step};

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md")).unwrap()
}

/// The cells of the table below a heading, without its head.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The lines of the code blocks with that label.
fn examples(page: &str, label: &str) -> Vec<String> {
    let fence = format!("\n```{label}\n");
    let blocks = page.split(&fence).skip(1);
    let lines: Vec<_> = blocks.flat_map(|block| block.split("\n```").next().unwrap().lines().map(str::to_owned)).collect();
    assert!(!lines.is_empty(), "no examples {label}");
    lines
}

#[test]
fn the_table_of_codes_is_the_list_in_the_code() {
    let listed: Vec<_> = table(&page(), "Codes").iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(listed, Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>());
}

#[test]
fn the_table_of_limits_has_the_values_of_the_code() {
    let limits = Limits::default();
    let seconds = |duration: std::time::Duration| format!("{} s", duration.as_secs());
    let expected = [
        ("message before the welcome", format!("{} bytes", limits.hello_bytes)),
        ("message afterwards", format!("{} bytes", limits.message_bytes)),
        ("rows times channels of a data message", limits.message_values.to_string()),
        ("channels of a device", limits.channels.to_string()),
        ("malformed messages in a session", limits.errors.to_string()),
        (
            "refusals told at once, and then one each",
            format!("{}, {} ms", limits.refusals, limits.refusal_every.as_millis()),
        ),
        ("live rows shown at once, and then one each", format!("{}, {} ms", limits.live, limits.live_every.as_millis())),
        ("handshake and hello", seconds(limits.hello_timeout)),
        ("one message", seconds(limits.frame_timeout)),
        ("silence until a ping", seconds(limits.ping_after)),
        ("silence", seconds(limits.idle_timeout)),
        ("device that does not read", seconds(limits.write_timeout)),
        ("time ahead of the server", format!("{} s", limits.time_ahead.as_seconds())),
    ];
    let table = table(&page(), "Limits");
    for (limit, value) in expected {
        let row = table.iter().find(|row| row[0] == limit).unwrap_or_else(|| panic!("{limit} is not in the table"));
        assert_eq!(row[1], value, "{limit}");
    }
    #[cfg(feature = "gateway")]
    for (limit, value) in [
        ("connections", memcore::gateway::GatewayOptions::default().connections),
        ("connections without proof", memcore::gateway::GatewayOptions::default().unproved),
        ("logins at a time, in each line", memcore::gateway::GatewayOptions::default().logins),
    ] {
        assert_eq!(table.iter().find(|row| row[0] == limit).unwrap()[1], value.to_string());
    }
}

#[test]
fn every_example_is_what_it_says() {
    let page = page();
    for line in examples(&page, "json down") {
        Encoding::JsonLines.decode_down(line.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
    let mut played = Played::new(Limits::default(), 0, 0);
    examples(&page, "json up").iter().for_each(|line| played.receive(format!("{line}\n").as_bytes()));
    for id in ["c1", "c2", "c3"] {
        let id = memcore::model::CommandId::new(id).unwrap();
        let command = Step::Command { id, channel: "relay".into(), value: 1.0, lease: None, safety: false };
        played.step(&command, |bytes| vec![bytes]);
    }
    examples(&page, "json answers").iter().for_each(|line| played.receive(format!("{line}\n").as_bytes()));
    assert!(!played.text().contains("\"reject\"") && !played.session.is_closed(), "{}", played.text());
    assert!(page.contains(&PORT.to_string()) && page.contains(&format!("`version` is {VERSION}.")));
    for encoding in Encoding::ALL {
        assert!(page.contains(std::str::from_utf8(encoding.alpn()).unwrap()));
    }
}

#[test]
fn every_example_in_cbor_says_what_stands_beside_it_in_json() {
    let page = page();
    let (bytes, lines) = (examples(&page, "cbor up"), examples(&page, "json cbor"));
    assert_eq!(bytes.len(), lines.len());
    let mut cbor = Played::speaking(Encoding::Cbor, Limits::default(), 0, 0);
    let mut json = Played::new(Limits::default(), 0, 0);
    for (bytes, line) in bytes.iter().zip(lines) {
        cbor.receive(&hex(bytes));
        json.receive(format!("{line}\n").as_bytes());
        assert_eq!((&cbor.events, cbor.lines()), (&json.events, json.lines()), "{line}");
    }
    assert!(json.events.len() > 4 && !json.text().contains("\"reject\""), "{}", json.text());
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] }).collect()
}

#[test]
fn every_rule_that_the_code_cites_stands_on_the_page_once() {
    let page = page();
    let stated: Vec<u32> = page.split("**P").skip(1).filter_map(|rest| rest.split('.').next()?.parse().ok()).collect();
    let distinct: BTreeSet<_> = stated.iter().copied().collect();
    assert_eq!(distinct.len(), stated.len(), "a rule is stated twice: {stated:?}");
    assert_eq!(distinct, (1..=stated.len() as u32).collect(), "rules are numbered without gaps");
    for folder in ["protocol", "gateway", "client"] {
        for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder)) {
            let source = std::fs::read_to_string(file).unwrap();
            for cited in source.split("(P").skip(1).filter_map(|rest| rest.split([')', ',']).next()?.parse::<u32>().ok()) {
                assert!(distinct.contains(&cited), "{folder} cites P{cited}");
            }
        }
    }
}
