//! The `[http]` section.
//!
//! ```toml
//! [http]
//! listen = "0.0.0.0:8443"
//! public_url = "https://energy.example"
//! trusted_proxies = ["10.0.0.0/8"]
//! ```

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::model::shorten;

/// The `[http]` section: REST and the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HttpConfig {
    /// The address to listen on, `127.0.0.1:8080` unless told; `off` for none.
    #[serde(deserialize_with = "read_listen", serialize_with = "say_listen")]
    pub listen: Option<SocketAddr>,
    /// Whether it speaks TLS, with the certificate of the gateway.
    pub tls: HttpTls,
    /// Where people reach it, where that is not the address that it listens on: `https://energy.example`. Links begin with it.
    pub public_url: Option<String>,
    /// Proxies that say from where a request comes, in `X-Forwarded-For`: addresses, or networks such as `10.0.0.0/8`.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// Other sites whose pages may use the API with a token: `https://dash.example`.
    pub origins: Vec<String>,
    /// How many requests a second a user or token may make, sustained; ten seconds' worth at once. As many as it likes where it is 0.
    pub rate: f64,
    /// The most connections at a time; one more is closed at once.
    pub connections: usize,
    /// The largest file that is taken in by an import, in bytes. It is kept in the site's folder meanwhile.
    pub import_bytes: u64,
}

/// Whether HTTP is under TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpTls {
    /// Everywhere but on a loopback address.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never: a proxy in front does it, or nobody is to be kept from reading along.
    Off,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 8080))),
            tls: HttpTls::Auto,
            public_url: None,
            trusted_proxies: Vec::new(),
            origins: Vec::new(),
            rate: 500.0,
            connections: 4096,
            import_bytes: 4 << 30,
        }
    }
}

impl HttpConfig {
    /// Whether it speaks TLS on that address.
    #[must_use]
    pub fn is_tls(&self, address: SocketAddr) -> bool {
        match self.tls {
            HttpTls::Auto => !address.ip().is_loopback(),
            HttpTls::On => true,
            HttpTls::Off => false,
        }
    }

    /// Whether a proxy of that address is believed.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(address))
    }

    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the key.
    pub(crate) fn check(&self) -> Result<()> {
        let sites = self.origins.iter().map(|origin| ("origins", origin));
        for (key, url) in sites.chain(self.public_url.iter().map(|url| ("public_url", url))) {
            let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
            let plain = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/?#@\\\"'<>*".contains(c));
            if !plain {
                let url = shorten(url);
                return Err(Error::invalid(format!(
                    "http.{key} has {url:?}, expected such as https://energy.example, without a path"
                )));
            }
        }
        if !(self.rate.is_finite() && self.rate >= 0.0) {
            return Err(Error::invalid(format!(
                "http.rate is {}, expected requests a second, or 0 for no limit",
                self.rate
            )));
        }
        if self.connections == 0 {
            return Err(Error::invalid("http.connections is 0, expected 1 at least"));
        }
        Ok(())
    }
}

/// `off`, or an address.
fn read_listen<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<SocketAddr>, D::Error> {
    match String::deserialize(from)?.as_str() {
        "off" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            let text = shorten(text);
            serde::de::Error::custom(format!("address is {text:?}, expected such as 127.0.0.1:8080, or off"))
        }),
    }
}

fn say_listen<S: Serializer>(listen: &Option<SocketAddr>, to: S) -> std::result::Result<S::Ok, S::Error> {
    match listen {
        Some(address) => to.collect_str(address),
        None => to.serialize_str("off"),
    }
}

/// Addresses that begin alike: `10.0.0.0/8`, or one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProxyNetwork {
    address: IpAddr,
    bits: u8,
}

impl ProxyNetwork {
    /// Whether an address is one of them. One of IPv4 that is written as IPv6 is what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same(u128::from(own.to_bits()), u128::from(other.to_bits()), self.bits, 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), self.bits, 128),
            _ => false,
        }
    }
}

fn same(own: u128, other: u128, bits: u8, of: u8) -> bool {
    let free = u32::from(of - bits);
    own.checked_shr(free).unwrap_or(0) == other.checked_shr(free).unwrap_or(0)
}

impl FromStr for ProxyNetwork {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let network = || {
            let address: IpAddr = address.parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(most), |bits| bits.parse().ok()).filter(|bits| *bits <= most)?;
            Some(Self { address, bits })
        };
        network().ok_or_else(|| {
            Error::invalid(format!("network is {:?}, expected such as 10.0.0.0/8 or 127.0.0.1", shorten(text)))
        })
    }
}

impl TryFrom<String> for ProxyNetwork {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ProxyNetwork> for String {
    fn from(network: ProxyNetwork) -> Self {
        format!("{}/{}", network.address, network.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_that_begin_like_it() {
        for (network, address, within) in [
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
            ("2001:db8::/32", "2001:db8:9::1", true),
        ] {
            let network: ProxyNetwork = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), within, "{network:?} {address}");
        }
        for text in ["", "10.0.0.0/33", "10.0.0/8", "proxy.example", "10.0.0.0/-1", "10.0.0.0/"] {
            assert!(text.parse::<ProxyNetwork>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_names_its_key() {
        let of = |text: &str| {
            toml::from_str::<HttpConfig>(text)
                .map_err(|e| e.to_string())
                .and_then(|config| config.check().map(|()| config).map_err(|e| e.to_string()))
        };
        assert_eq!(of("listen = \"off\"").unwrap().listen, None);
        assert_eq!(of("listen = \"[::1]:0\"").unwrap().listen.unwrap().port(), 0);
        assert!(of("public_url = \"https://energy.example:8443\"").is_ok());
        for (text, words) in [
            ("listen = \"nowhere\"", ["127.0.0.1:8080", "off"]),
            ("public_url = \"energy.example\"", ["http.public_url", "https://"]),
            ("origins = [\"https://a/b\"]", ["http.origins", "without a path"]),
            ("origins = [\"*\"]", ["http.origins", "https://"]),
            ("rate = -1", ["http.rate", "0 for no limit"]),
            ("connections = 0", ["http.connections", "1 at least"]),
            ("trusted_proxies = [\"x\"]", ["network", "10.0.0.0/8"]),
        ] {
            let message = of(text).unwrap_err();
            assert!(words.iter().all(|word| message.contains(word)), "{text}: {message}");
        }
        assert!(!HttpConfig::default().is_tls(([127, 0, 0, 1], 1).into()));
        assert!(HttpConfig::default().is_tls(([0, 0, 0, 0], 1).into()));
    }
}
