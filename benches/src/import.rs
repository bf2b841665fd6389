//! Figures of imports: rows of CSV into a store, by the CPU time of the whole process.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};

use memcore::{ImportRequest, Memcore, StoreOptions, import_file};

use crate::Figure;
use crate::store::{cpu, device};

const HEADER: &str = "ts_local_naive,p_kw,q_kvar,u_v,i_a,sub1_wh,sub2_wh,sub3_wh\n";
/// Years of the quarter that the real file holds: the size of the four whole years.
const YEARS: i32 = 16;

/// Measures everything; takes about half a minute.
pub(crate) fn figures() -> Vec<Figure> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let generated = folder.path().join("generated.csv");
    std::fs::write(&generated, stand_in((2_000_000.0 * crate::scale()) as usize)).expect("a written file");
    let mut figures = measured("a generated household", &generated, folder.path());
    let real = folder.path().join("household.csv");
    match household(&real) {
        Some(()) => figures.extend(measured("a real household", &real, folder.path())),
        None => eprintln!("no household data beside the workspace: figures are of a generated stand-in"),
    }
    figures
}

fn measured(of: &str, file: &Path, folder: &Path) -> Vec<Figure> {
    let name = |what: &str| format!("import, CSV of {of}, 7 channels, {what}");
    let figure =
        |what, value| Figure { name: name(what), value, unit: "M rows/s/core", better: "higher", target: Some(1.0) };
    let site = folder.join(format!("site-{}", of.len()));
    let on_disk = Memcore::open(&site, StoreOptions::default()).expect("a store");
    let figures = vec![
        figure("read and checked", rate(&Memcore::in_memory(), file, true)),
        figure("into memory", rate(&Memcore::in_memory(), file, false)),
        figure("onto disk", rate(&on_disk, file, false)),
        figure("again, all there already", rate(&on_disk, file, false)),
    ];
    on_disk.close().expect("a closed store");
    figures
}

/// Rows a second of CPU time, sealing of all that was written included.
fn rate(memcore: &Memcore, file: &Path, dry_run: bool) -> f64 {
    let mut request = ImportRequest::new(file);
    request.frame.device = Some(device());
    request.zone = Some("Europe/Paris".into());
    request.dry_run = dry_run;
    let before = cpu();
    let report = import_file(memcore, &request, &mut |_| Ok(())).expect("an import");
    let took = cpu() - before;
    report.rows as f64 / took.as_secs_f64() / 1e6
}

/// Minutes of something like a household.
fn stand_in(rows: usize) -> String {
    let mut text = String::with_capacity(rows * 64);
    text.push_str(HEADER);
    for row in 0..rows {
        let (day, minute) = (row / 1440, row % 1440);
        let (year, month, date) = (2000 + day / 336, 1 + day / 28 % 12, 1 + day % 28);
        let _ = write!(text, "{year}-{month:02}-{date:02} {:02}:{:02}", minute / 60, minute % 60);
        let noise = |channel: usize| (row.wrapping_mul(2_654_435_761) >> 7) % (10 + 30 * channel);
        let base = (minute / 60) * 100;
        let value = |channel: usize, scale: f64| (base + noise(channel)) as f64 / scale;
        let (p, q, u, i) = (value(0, 1000.0), value(1, 1000.0), 230.0 + value(2, 1000.0), value(3, 100.0));
        let _ = writeln!(text, ",{p:.3},{q:.3},{u:.2},{i:.1},{}.0,{}.0,{}.0", noise(0), noise(1), noise(2));
    }
    text
}

/// The real quarter, once for each of many years.
fn household(to: &Path) -> Option<()> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let folder = std::env::var_os("MEMCORE_TEST_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let file = std::fs::File::open(folder.join("telemetry/uci_household_1min_2007Q2.csv.gz")).ok()?;
    let lines = BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines().skip(1);
    let lines: Vec<String> = lines.map_while(Result::ok).collect();
    let mut out = std::io::BufWriter::new(std::fs::File::create(to).expect("a file"));
    out.write_all(HEADER.as_bytes()).expect("a written file");
    for year in 2001..2001 + YEARS {
        for line in &lines {
            writeln!(out, "{year}{}", &line[4..]).expect("a written file");
        }
    }
    out.flush().expect("a written file");
    Some(())
}
