//! Columns of values from one unit into another.

use crate::error::{Error, Result};
use crate::model::Unit;

/// The values in another unit of the same quantity: through its base unit, as values are stored. Base units change no bit, and
/// decimals stay decimals: 1.001 kW is 1001 W. NaN stays NaN.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) where the units measure different quantities, or prices in different currencies.
pub fn convert(values: &[f64], from: Unit, to: Unit) -> Result<Vec<f64>> {
    if from.base() != to.base() {
        return Err(Error::invalid(format!("unit is {from}, expected one of the quantity that {to} measures")));
    }
    if from == to {
        return Ok(values.to_vec());
    }
    let (from, to) = (from.conversion(), to.conversion());
    Ok(values.iter().map(|value| to.invert(from.apply(*value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_decimals() {
        assert_eq!(convert(&[2.5, 1.001, -0.1], Unit::Kilowatt, Unit::Watt).unwrap(), [2500.0, 1001.0, -100.0]);
        assert_eq!(convert(&[1.001], Unit::MegawattHour, Unit::KilowattHour).unwrap(), [1001.0]);
        assert_eq!(convert(&[3.6], Unit::Megajoule, Unit::KilowattHour).unwrap(), [1.0]);
        assert!(convert(&[f64::NAN], Unit::Percent, Unit::Fraction).unwrap()[0].is_nan());
        let odd = [0.1, -0.0, 1.0 / 3.0, 5e-324];
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&convert(&odd, Unit::Kelvin, Unit::Kelvin).unwrap()), bits(&odd));
    }

    #[test]
    fn other_quantities_are_refused() {
        let e = convert(&[1.0], Unit::Kilowatt, Unit::KilowattHour).unwrap_err();
        assert_eq!(e.message(), "unit is kW, expected one of the quantity that kWh measures");
        let unit = |text: &str| text.parse::<Unit>().unwrap();
        assert_eq!(convert(&[82.5], unit("EUR/MWh"), unit("EUR/kWh")).unwrap(), [0.0825]);
        assert!(convert(&[0.0825], unit("EUR/kWh"), unit("SEK/kWh")).is_err());
    }
}
