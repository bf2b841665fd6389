//! Currencies, by their codes of ISO 4217, with the symbols of prices in them.

use std::fmt;
use std::str::FromStr;

use super::name::shorten;
use super::unit::PricePer;
use crate::error::{Error, Result};

macro_rules! currencies {
    ($($code:ident)*) => {
        /// A currency by its code of ISO 4217.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[allow(missing_docs, clippy::upper_case_acronyms, reason = "codes of ISO 4217, as they are written")]
        pub enum Currency { $($code,)* }

        impl Currency {
            /// Every currency, in order of the codes.
            #[must_use]
            pub const fn all() -> &'static [Self] {
                &[$(Self::$code,)*]
            }
            /// The code: `EUR`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }
            /// The symbol of a price in it: `EUR/kWh`.
            pub(super) const fn price(self, per: PricePer) -> &'static str {
                match (self, per) {
                    $((Self::$code, PricePer::KilowattHour) => concat!(stringify!($code), "/kWh"),
                    (Self::$code, PricePer::MegawattHour) => concat!(stringify!($code), "/MWh"),)*
                }
            }
        }
    };
}

currencies! {
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR
    IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR
    MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
    SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XCG
    XOF XPF YER ZAR ZMW ZWG
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = Error;
    /// By code, or by a sign that is of one currency only: `€` and `£`.
    fn from_str(text: &str) -> Result<Self> {
        let by_sign = match text {
            "€" => Some(Self::EUR),
            "£" => Some(Self::GBP),
            _ => None,
        };
        let by_code = || Self::all().iter().copied().find(|currency| currency.code() == text);
        by_sign.or_else(by_code).ok_or_else(|| {
            Error::invalid(format!("currency is {:?}, expected a code of ISO 4217 such as EUR, or € or £", shorten(text)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_currency_is_found_by_its_code() {
        assert!(Currency::all().is_sorted_by(|a, b| a.code() < b.code()));
        for currency in Currency::all() {
            assert_eq!(currency.code().len(), 3);
            assert_eq!(currency.code().parse::<Currency>().unwrap(), *currency);
        }
        assert_eq!("€".parse::<Currency>().unwrap(), Currency::EUR);
        // `$` is the sign of twenty currencies.
        for text in ["$", "eur", "EURO", "XXX", ""] {
            assert!(text.parse::<Currency>().unwrap_err().message().contains("ISO 4217"), "{text}");
        }
    }
}
