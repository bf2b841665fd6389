//! Where webhooks may go: not to what only this machine, or the network it stands in, can reach.
//!
//! Whoever may set up a webhook makes the server send a request. So it is looked at where the connection goes, not at what the name
//! said when the webhook was set up: names are resolved by [`Guarded`], which hands on only addresses that may be reached, and those
//! are what is connected to. Addresses in place of names are looked at before each message.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

use crate::error::{Error, Result};
use crate::model::shorten;
use crate::router::BoxFuture;

/// The longest address of a webhook.
const URL_MAX: usize = 2000;

/// What may be reached beyond public addresses over `https`.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    networks: Vec<(IpAddr, u8)>,
    /// `http://host:port` that take plain HTTP.
    plain: Vec<String>,
}

impl Allowed {
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming the entry.
    pub(super) fn new(entries: &[String]) -> Result<Self> {
        let mut allowed = Self::default();
        for entry in entries {
            match (network(entry), Url::parse(entry)) {
                (Some(network), _) => allowed.networks.push(network),
                (None, Ok(url)) if url.scheme() == "http" && url.path() == "/" && url.query().is_none() => {
                    // The address that is named is meant.
                    match url.host() {
                        Some(Host::Ipv4(address)) => allowed.networks.push((address.into(), 32)),
                        Some(Host::Ipv6(address)) => allowed.networks.push((address.into(), 128)),
                        _ => {}
                    }
                    allowed.plain.push(url.origin().ascii_serialization());
                }
                _ => {
                    let entry = shorten(entry);
                    let message = format!(
                        "alarms.webhook_allow holds {entry:?}, expected a network such as 10.1.0.0/16 or an origin such as http://10.1.2.3:9000"
                    );
                    return Err(Error::invalid(message));
                }
            }
        }
        Ok(allowed)
    }

    /// Why an address must not be reached.
    pub(super) fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        let address = address.to_canonical();
        let inside = |(network, bits): &(IpAddr, u8)| is_inside(address, *network, *bits);
        if self.networks.iter().any(inside) { None } else { not_public(address) }
    }

    /// Checks the address of a webhook, as far as it can be told without a name being resolved.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid), naming what is wrong with it.
    pub(super) fn check(&self, text: &str) -> Result<Url> {
        let refuse = |what: &str| Err(Error::invalid(format!("url is {:?}: {what}", shorten(text))));
        if text.len() > URL_MAX || text.chars().any(char::is_control) {
            return refuse("expected at most 2000 characters, none of them a control character");
        }
        let Ok(url) = Url::parse(text) else { return refuse("expected such as https://hooks.example/memcore") };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("expected no user and no password in it: messages are signed with `secret`");
        }
        let plain = url.scheme() == "http" && self.plain.contains(&url.origin().ascii_serialization());
        if url.scheme() != "https" && !plain {
            return refuse("expected https://, or an origin that alarms.webhook_allow names");
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(name)) if !name.is_empty() => None,
            _ => return refuse("expected a host"),
        };
        match literal.and_then(|address| self.refuses(address)) {
            Some(why) => {
                refuse(&format!("its address is {why}, expected a public one or one that alarms.webhook_allow names"))
            }
            None => Ok(url),
        }
    }
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some((address, bits))
}

fn is_inside(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

/// What an address is, where it is not one of the public internet (IANA's registries of special addresses).
fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    let network =
        |a: u8, b: u8, c: u8, d: u8, bits: u8| is_inside(IpAddr::V4(address), IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits);
    match () {
        () if network(0, 0, 0, 0, 8) => Some("unspecified"),
        () if address.is_loopback() => Some("this machine's own"),
        () if address.is_private() => Some("private"),
        () if address.is_link_local() => Some("link-local, as cloud metadata is"),
        () if network(100, 64, 0, 0, 10) => Some("shared behind a carrier's NAT"),
        // 192.0.0.0/24 protocol assignments, 192.88.99.0/24 6to4 relays, and those of documentation and benchmarks.
        () if network(192, 0, 0, 0, 24) || network(192, 88, 99, 0, 24) || network(198, 18, 0, 0, 15) => Some("reserved"),
        () if address.is_documentation() => Some("reserved"),
        () if address.is_multicast() => Some("multicast"),
        () if network(240, 0, 0, 0, 4) => Some("reserved"),
        // Azure's way to its platform.
        () if address == Ipv4Addr::new(168, 63, 129, 16) => Some("cloud metadata"),
        () => None,
    }
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let parts = address.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match parts {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("this machine's own"),
        // IPv4 in other clothes: mapped, compatible and translated ones, NAT64 and 6to4. Behind a public one there is nothing to fear,
        // and nothing to gain.
        [0, 0, 0, 0, 0, 0xffff, high, low] => not_public_v4(embedded(high, low)),
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Some("an IPv4 address in disguise"),
        [0x64, 0xff9b, ..] => Some("behind NAT64"),
        [0x2002, ..] | [0x2001, 0, ..] => Some("an IPv4 address in disguise"),
        [first, ..] if first & 0xffc0 == 0xfe80 => Some("link-local"),
        [first, ..] if first & 0xffc0 == 0xfec0 || first & 0xfe00 == 0xfc00 => Some("private"),
        [first, ..] if first & 0xff00 == 0xff00 => Some("multicast"),
        [0x2001, 0xdb8, ..] | [0x100, 0, 0, 0, ..] | [0x3fff, ..] | [0x5f00, ..] => Some("reserved"),
        [first, ..] if first & 0xe000 == 0x2000 => None,
        _ => Some("reserved"),
    }
}

/// Finds the addresses of a name.
pub(super) trait Lookup: Send + Sync + std::fmt::Debug {
    fn lookup(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>>;
}

/// As the system does.
#[derive(Debug)]
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}

/// Resolves names to what may be reached.
#[derive(Debug, Clone)]
pub(super) struct Guarded {
    pub(super) allowed: Arc<Allowed>,
    pub(super) lookup: Arc<dyn Lookup>,
}

/// A name leads where it must not.
#[derive(Debug)]
pub(super) struct Forbidden(pub(super) &'static str);

impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the name leads to an address that is {}", self.0)
    }
}

impl std::error::Error for Forbidden {}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { allowed, lookup } = self.clone();
        Box::pin(async move {
            let found = lookup.lookup(name.as_str().to_owned()).await?;
            // One address that must not be reached spoils the others: such a name is not one for us.
            if let Some(why) = found.iter().find_map(|address| allowed.refuses(address.ip())) {
                return Err(Box::new(Forbidden(why)) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
