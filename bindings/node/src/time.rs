//! Instants as Node has them: `bigint` microseconds since 1970, exact over the whole range.

use memcore::Error;
use memcore::model::Timestamp;
use napi::bindgen_prelude::BigInt;
use napi_derive::napi;

use crate::error::{Result, ToNode};

/// Checked by the TypeScript layer too, which names the argument.
pub(crate) fn instant(micros: &BigInt) -> memcore::Result<Timestamp> {
    match micros.get_i64() {
        (micros, true) => Ok(Timestamp::from_micros(micros)),
        _ => Err(Error::invalid("time is out of range, expected microseconds in 64 bits")),
    }
}

/// Reads RFC 3339 with a zone as microseconds since 1970.
#[napi(catch_unwind)]
pub(crate) fn parse_time(text: String) -> Result<BigInt> {
    let time: Timestamp = text.parse().to_node()?;
    Ok(BigInt::from(time.as_micros()))
}
