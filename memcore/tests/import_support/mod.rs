//! Files to import, and what history has of them afterwards.

use std::io::Write;

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
