//! The answer to a query, its columns as typed arrays.

use std::sync::Arc;

use arrow_array::{Array, Float64Array as ArrowFloats, RecordBatch, TimestampMicrosecondArray, UInt64Array};
use memcore::{Error, QueryResult};
use napi::bindgen_prelude::{BigInt64Array, Buffer, Float64Array};
use napi_derive::napi;

use crate::error::{Result, ToNode, on_disk};

/// A series of an answer, without its rows.
#[napi(object)]
pub struct AnsweredSeries {
    /// Its name.
    pub name: String,
    /// What is measured.
    pub quantity: String,
    /// The unit of its values: of an integral of power it is Wh.
    pub unit: String,
    /// How many rows it has.
    pub rows: u32,
}

/// The wide layout: one time a row, one column a series.
#[napi(object)]
pub struct WideColumns {
    /// Microseconds.
    pub times: BigInt64Array,
    /// What each column is of.
    pub names: Vec<String>,
    /// NaN where the series has no row at that time.
    pub columns: Vec<Float64Array>,
}

/// The answer to a query.
#[napi]
pub struct NativeResult(Arc<QueryResult>);

#[napi]
impl NativeResult {
    pub(crate) fn new(result: QueryResult) -> Self {
        Self(Arc::new(result))
    }

    /// The series, in order of their names.
    #[napi(catch_unwind)]
    pub fn series(&self) -> Vec<AnsweredSeries> {
        let of = |series: &memcore::store::SeriesResult| AnsweredSeries {
            name: series.series().to_string(),
            quantity: series.channel().quantity.to_string(),
            unit: self.0.column_names().next().and_then(|column| series.unit(column)).unwrap_or_default(),
            rows: series.times().len() as u32,
        };
        self.0.series().iter().map(of).collect()
    }

    /// The names of the columns beside series and time.
    #[napi(catch_unwind)]
    pub fn columns(&self) -> Vec<String> {
        self.0.column_names().map(str::to_owned).collect()
    }

    /// What the answer has cost, as lines.
    #[napi(catch_unwind)]
    pub fn explain(&self) -> String {
        self.0.cost().to_string()
    }

    /// The times of the series at that place, in microseconds.
    #[napi(catch_unwind)]
    pub fn times(&self, series: u32) -> Result<BigInt64Array> {
        Ok(BigInt64Array::new(self.at(series)?.times().values().to_vec()))
    }

    /// A column of the series at that place.
    #[napi(catch_unwind)]
    pub fn column(&self, series: u32, name: String) -> Result<Float64Array> {
        let array = self.at(series)?.array(&name).ok_or_else(|| {
            let have: Vec<_> = self.0.column_names().collect();
            Error::not_found(format!("column is {name:?}, expected one of {}", have.join(" ")))
        });
        Ok(Float64Array::new(numbers(array.to_node()?.as_ref())))
    }

    /// Times that all series share, and a column for each.
    #[napi(catch_unwind)]
    pub fn wide(&self) -> Result<WideColumns> {
        let batch = self.0.wide().to_node()?;
        let times = batch.column(0).as_any().downcast_ref::<TimestampMicrosecondArray>();
        Ok(WideColumns {
            times: BigInt64Array::new(times.map_or_else(Vec::new, |times| times.values().to_vec())),
            names: batch.schema().fields().iter().skip(1).map(|field| field.name().clone()).collect(),
            columns: batch.columns().iter().skip(1).map(|array| Float64Array::new(numbers(array))).collect(),
        })
    }

    /// An Arrow IPC stream in the long or the wide layout.
    #[napi]
    pub async fn to_ipc(&self, wide: bool) -> Result<Buffer> {
        let result = self.0.clone();
        let batches = move || -> memcore::Result<Vec<RecordBatch>> {
            if wide { Ok(vec![result.wide()?]) } else { result.to_batches() }
        };
        on_disk(move || QueryResult::write_ipc(&batches()?)).await.map(Buffer::from)
    }

    fn at(&self, series: u32) -> Result<&memcore::store::SeriesResult> {
        self.0
            .series()
            .get(series as usize)
            .ok_or_else(|| Error::not_found(format!("there is no series {series}")))
            .to_node()
    }
}

/// A typed array knows no null: NaN stands under it.
fn numbers(array: &dyn Array) -> Vec<f64> {
    if let Some(counts) = array.as_any().downcast_ref::<UInt64Array>() {
        return counts.iter().map(|count| count.map_or(f64::NAN, |count| count as f64)).collect();
    }
    match array.as_any().downcast_ref::<ArrowFloats>() {
        Some(floats) if floats.null_count() == 0 => floats.values().to_vec(),
        Some(floats) => floats.iter().map(|value| value.unwrap_or(f64::NAN)).collect(),
        None => vec![f64::NAN; array.len()],
    }
}
