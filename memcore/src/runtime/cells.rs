//! Columns of Arrow as instants, numbers and texts, whatever type they are of.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};

use crate::error::{Error, Result};
use crate::model::Timestamp;

/// Instants of timestamps with a zone, or of microseconds. What is finer than a microsecond is cut off towards the past.
/// `name` is how messages call the column, and `first` is the number of its first row.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid), naming column, row and value.
pub fn times(name: &str, first: usize, column: &dyn Array) -> Result<Vec<Timestamp>> {
    match column.data_type() {
        DataType::Timestamp(_, None) => {
            Err(Error::invalid(format!("{name}: without a zone, expected instants with one, such as timestamp[us, UTC]")))
        }
        DataType::Timestamp(TimeUnit::Second, _) => scaled::<TimestampSecondType>(name, first, column, 1_000_000, 1),
        DataType::Timestamp(TimeUnit::Millisecond, _) => scaled::<TimestampMillisecondType>(name, first, column, 1_000, 1),
        DataType::Timestamp(TimeUnit::Microsecond, _) => scaled::<TimestampMicrosecondType>(name, first, column, 1, 1),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => scaled::<TimestampNanosecondType>(name, first, column, 1, 1_000),
        DataType::Int64 => scaled::<Int64Type>(name, first, column, 1, 1),
        other => Err(Error::invalid(format!(
            "{name}: of type {other}, expected instants with a zone, such as timestamp[us, UTC]"
        ))),
    }
}

fn scaled<T: ArrowPrimitiveType<Native = i64>>(
    name: &str,
    first: usize,
    column: &dyn Array,
    times: i64,
    divided: i64,
) -> Result<Vec<Timestamp>> {
    let array: &PrimitiveArray<T> = column.as_primitive();
    let instant = |(row, time): (usize, Option<i64>)| {
        let row = first + row;
        let time = time.ok_or_else(|| Error::invalid(format!("{name}[{row}] is null, expected an instant")))?;
        let micros = time.checked_mul(times).ok_or_else(|| {
            let kind = column.data_type();
            Error::invalid(format!("{name}[{row}] is {time} in {kind}, expected what fits 64 bits of microseconds"))
        })?;
        Ok(Timestamp::from_micros(micros.div_euclid(divided)))
    };
    array.iter().enumerate().map(instant).collect()
}

/// Numbers; null is absent.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for a column of another type, and for whole numbers that a float of 64 bits cannot
/// hold exactly, but for all ones of 64 bits, which no channel takes for a value.
pub fn numbers(name: &str, first: usize, column: &dyn Array) -> Result<Vec<Option<f64>>> {
    /// Of a type that every float can hold.
    macro_rules! plain {
        ($type:ty) => {
            Ok(column.as_primitive::<$type>().iter().map(|value| value.map(f64::from)).collect())
        };
    }
    /// Of a type that reaches further.
    macro_rules! exact {
        ($type:ty) => {{
            let number = |(row, value): (usize, Option<<$type as ArrowPrimitiveType>::Native>)| match value {
                // All ones of 64 bits are a register's "not implemented": the edge sets the float that they become aside.
                Some(value) if value as f64 as i128 != i128::from(value) && i128::from(value) != i128::from(u64::MAX) => {
                    let row = first + row;
                    Err(Error::invalid(format!("{name}[{row}] is {value}, expected what a float of 64 bits holds exactly")))
                }
                value => Ok(value.map(|value| value as f64)),
            };
            column.as_primitive::<$type>().iter().enumerate().map(number).collect()
        }};
    }
    match column.data_type() {
        DataType::Float64 => Ok(column.as_primitive::<arrow_array::types::Float64Type>().iter().collect()),
        DataType::Float32 => plain!(arrow_array::types::Float32Type),
        DataType::Int8 => plain!(Int8Type),
        DataType::Int16 => plain!(Int16Type),
        DataType::Int32 => plain!(Int32Type),
        DataType::Int64 => exact!(Int64Type),
        DataType::UInt8 => plain!(UInt8Type),
        DataType::UInt16 => plain!(UInt16Type),
        DataType::UInt32 => plain!(UInt32Type),
        DataType::UInt64 => exact!(UInt64Type),
        DataType::Boolean => Ok(column.as_boolean().iter().map(|value| value.map(|on| f64::from(u8::from(on)))).collect()),
        DataType::Null => Ok(vec![None; column.len()]),
        other => Err(Error::invalid(format!("{name}: of type {other}, expected numbers such as float64"))),
    }
}

/// Texts, plain or by a dictionary, as places in a list of the distinct ones.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for a column of another type, or a null.
pub(super) fn texts(name: &str, first: usize, column: &dyn Array) -> Result<(Vec<String>, Vec<usize>)> {
    if let Some(dictionary) = column.as_any_dictionary_opt() {
        let (values, places) = texts(name, first, dictionary.values().as_ref())?;
        let keys = dictionary.normalized_keys();
        if let Some(row) = (0..column.len()).find(|row| column.is_null(*row)) {
            return Err(is_null(name, first + row));
        }
        return Ok((values, keys.into_iter().map(|key| places[key]).collect()));
    }
    match column.data_type() {
        DataType::Utf8 => distinct(name, first, column.as_string::<i32>().iter()),
        DataType::LargeUtf8 => distinct(name, first, column.as_string::<i64>().iter()),
        DataType::Utf8View => distinct(name, first, column.as_string_view().iter()),
        other => Err(Error::invalid(format!("{name}: of type {other}, expected text"))),
    }
}

fn distinct<'a>(
    name: &str,
    first: usize,
    texts: impl Iterator<Item = Option<&'a str>>,
) -> Result<(Vec<String>, Vec<usize>)> {
    let mut known: Vec<String> = Vec::new();
    let mut by_text = std::collections::HashMap::new();
    let mut places: Vec<usize> = Vec::new();
    let mut before: Option<(&str, usize)> = None;
    for (row, text) in texts.enumerate() {
        let text = text.ok_or_else(|| is_null(name, first + row))?;
        let place = match before {
            Some((same, place)) if same == text => place,
            _ => *by_text.entry(text).or_insert_with(|| {
                known.push(text.to_owned());
                known.len() - 1
            }),
        };
        before = Some((text, place));
        places.push(place);
    }
    Ok((known, places))
}

fn is_null(name: &str, row: usize) -> Error {
    Error::invalid(format!("{name}[{row}] is null, expected text"))
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        BooleanArray, DictionaryArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
        TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
    };

    use super::*;

    #[test]
    fn instants_of_every_unit_are_microseconds_and_those_beyond_are_named() {
        let nanos = TimestampNanosecondArray::from(vec![-1, 1_999]).with_timezone("UTC");
        assert_eq!(times("time", 0, &nanos).unwrap(), [-1, 1].map(Timestamp::from_micros));
        let seconds = TimestampSecondArray::from(vec![1, i64::MAX]).with_timezone("Europe/Berlin");
        let e = times("time", 10, &seconds).unwrap_err();
        assert!(e.message().contains("time[11] is 9223372036854775807"), "{e}");
        let e = times("t", 0, &TimestampMicrosecondArray::from(vec![1])).unwrap_err();
        assert!(e.message().starts_with("t: without a zone"), "{e}");
        let e = times("t", 5, &Int64Array::from(vec![Some(1), None])).unwrap_err();
        assert_eq!(e.message(), "t[6] is null, expected an instant");
    }

    #[test]
    fn numbers_of_every_type_are_floats_and_what_none_holds_is_named() {
        let floats = Float64Array::from(vec![Some(-0.0), None, Some(f64::INFINITY)]);
        let values = numbers("p", 0, &floats).unwrap();
        assert!(values[0].unwrap().is_sign_negative() && values[1].is_none());
        assert_eq!(numbers("p", 0, &BooleanArray::from(vec![true, false])).unwrap(), [Some(1.0), Some(0.0)]);
        assert_eq!(numbers("p", 0, &Int64Array::from(vec![i64::MIN])).unwrap(), [Some(-(2f64.powi(63)))]);
        let e = numbers("p", 2, &UInt64Array::from(vec![1, (1 << 53) + 1])).unwrap_err();
        assert!(e.message().contains("p[3] is 9007199254740993"), "{e}");
        assert_eq!(numbers("p", 0, &UInt64Array::from(vec![u64::MAX])).unwrap(), [Some(u64::MAX as f64)]);
        let e = numbers("p", 0, &StringArray::from(vec!["1"])).unwrap_err();
        assert_eq!(e.message(), "p: of type Utf8, expected numbers such as float64");
    }

    #[test]
    fn texts_are_the_same_with_and_without_a_dictionary() {
        let plain = StringArray::from(vec!["b", "a", "b"]);
        let coded: DictionaryArray<Int32Type> = ["b", "a", "b"].into_iter().collect();
        assert_eq!(texts("s", 0, &plain).unwrap(), texts("s", 0, &coded).unwrap());
        assert_eq!(texts("s", 0, &plain).unwrap(), (vec!["b".to_owned(), "a".to_owned()], vec![0, 1, 0]));
        assert!(texts("s", 3, &StringArray::from(vec![Some("a"), None])).unwrap_err().message().contains("s[4] is null"));
    }
}
