//! Files to import, and what history has of them afterwards.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::io::Write;
use std::path::{Path, PathBuf};

use memcore::model::{Channel, DeviceName, Selection, Timestamp};
use memcore::{ImportReport, ImportRequest, Memcore, Query, Result, import_file};

/// A folder for files.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn import(
        &self,
        mem: &Memcore,
        name: &str,
        content: impl AsRef<[u8]>,
        adjust: impl FnOnce(&mut ImportRequest),
    ) -> Result<ImportReport> {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        let mut request = ImportRequest::new(path);
        adjust(&mut request);
        import_file(mem, &request, &mut |_| Ok(()))
    }
}

pub(crate) fn imported(
    name: &str,
    content: impl AsRef<[u8]>,
    adjust: impl FnOnce(&mut ImportRequest),
) -> (Memcore, ImportReport) {
    let mem = Memcore::in_memory();
    let report = Files::new().import(&mem, name, content, adjust).unwrap();
    (mem, report)
}

/// The message of an import that cannot be.
pub(crate) fn refused(name: &str, content: impl AsRef<[u8]>, adjust: impl FnOnce(&mut ImportRequest)) -> String {
    Files::new().import(&Memcore::in_memory(), name, content, adjust).unwrap_err().to_string()
}

pub(crate) fn from(device: &str) -> Option<DeviceName> {
    Some(device.parse().unwrap())
}

/// How a series is registered.
pub(crate) fn channel(mem: &Memcore, series: &str) -> Channel {
    mem.series(series.parse::<Selection>().unwrap()).pop().unwrap().1
}

/// Times and values of a series, in its base unit.
pub(crate) fn values(mem: &Memcore, series: &str) -> Vec<(String, f64)> {
    let result = mem.query(&Query::of(series).unwrap()).unwrap();
    let of = |series: &memcore::SeriesResult| {
        let times = series.times().values().iter().map(|micros| Timestamp::from_micros(*micros).to_string());
        times.zip(series.values().unwrap().values().iter().copied()).collect::<Vec<_>>()
    };
    result.series().iter().flat_map(of).collect()
}

/// Rows as [`values`] has them.
pub(crate) fn rows(told: &[(&str, f64)]) -> Vec<(String, f64)> {
    told.iter().map(|(time, value)| ((*time).to_owned(), *value)).collect()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

pub(crate) fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

pub(crate) fn of_device(file: &Path) -> ImportRequest {
    let mut request = ImportRequest::new(file);
    request.frame.device = Some("home1.meter".parse().unwrap());
    request
}

pub(crate) fn run(mem: &Memcore, request: &ImportRequest) -> Result<ImportReport> {
    import_file(mem, request, &mut |_| Ok(()))
}

/// Every stored sample as `series time value`, in base unit and passive sign.
pub(crate) fn samples(mem: &Memcore) -> Vec<String> {
    let result = mem.query(&Query::new(Selection::all())).unwrap();
    let of = |series: &memcore::SeriesResult| {
        let name = series.series().to_string();
        let pairs = std::iter::zip(series.times().values().to_vec(), series.values().unwrap().values().to_vec());
        pairs.map(move |(time, value)| format!("{name} {} {value}", Timestamp::from_micros(time))).collect()
    };
    result.series().iter().flat_map(of as fn(&_) -> Vec<String>).collect()
}
