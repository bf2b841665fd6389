//! Configuration: one TOML file, then the environment, then flags; checked once, with errors that name the key.
//!
//! ```toml
//! path = "site"
//! [gateway]
//! listen = "0.0.0.0:23123"
//! names = ["energy.example"]
//! # In place of names: a certificate of the operator's own, and the CA by which devices are to know it.
//! # certificate = "/etc/memcore/server.pem"
//! # key = "/etc/memcore/server.key"
//! # ca = "/etc/memcore/ca.pem"
//! ```

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::control::ControlConfig;
use super::store_config::StoreConfig;
use super::{secrets, sizes};
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{GatewayOptions, Identity};
use crate::model::{PointRate, Span, written};
use crate::protocol::Limits;

/// Environment variables that set a key: `MEMCORE__GATEWAY__LISTEN=127.0.0.1:0` is `gateway.listen`.
const ENVIRONMENT: &str = "MEMCORE__";

/// A hello with its credential and a channel or two fits.
const HELLO_BYTES_MIN: usize = 1024;

/// Some thousand lines.
const AUDIT_BYTES_MIN: u64 = 1_000_000;
/// A reservation below which messages would be lost within seconds while the recorder is away.
const BUS_BYTES_MIN: u64 = 16_000_000;

/// How a server runs. Every key has a default; an unknown key is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The folder of the site: store, keys, device registry.
    pub path: PathBuf,
    /// The device gateway.
    pub gateway: GatewayConfig,
    /// The store.
    pub store: StoreConfig,
    /// The bus.
    pub bus: BusConfig,
    /// The audit trail.
    pub audit: AuditConfig,
    /// Control of the site.
    pub control: ControlConfig,
    /// HEM boards.
    #[cfg(feature = "adapters")]
    pub hem: super::hem::HemConfig,
    /// REST and the page.
    #[cfg(feature = "rest")]
    pub http: super::http_config::HttpConfig,
    /// Users, their sessions and how they sign in.
    #[cfg(feature = "rest")]
    pub accounts: super::accounts_config::AccountsConfig,
    /// Where users, alarms and plans are kept.
    #[cfg(feature = "rest")]
    pub records: super::accounts_config::RecordsConfig,
    /// Alarms.
    #[cfg(feature = "rest")]
    pub alarms: super::alarms::AlarmsConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::from("site"),
            gateway: GatewayConfig::default(),
            store: StoreConfig::default(),
            bus: BusConfig::default(),
            audit: AuditConfig::default(),
            control: ControlConfig::default(),
            #[cfg(feature = "adapters")]
            hem: super::hem::HemConfig::default(),
            #[cfg(feature = "rest")]
            http: super::http_config::HttpConfig::default(),
            #[cfg(feature = "rest")]
            accounts: super::accounts_config::AccountsConfig::default(),
            #[cfg(feature = "rest")]
            records: super::accounts_config::RecordsConfig::default(),
            #[cfg(feature = "rest")]
            alarms: super::alarms::AlarmsConfig::default(),
        }
    }
}

/// The `[gateway]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GatewayConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Names and addresses under which devices reach the server, beside `localhost`.
    pub names: Vec<String>,
    /// A certificate of the operator's own, in PEM, with [`key`](Self::key).
    pub certificate: Option<PathBuf>,
    /// The private key of [`certificate`](Self::certificate), in PEM.
    pub key: Option<PathBuf>,
    /// The CA that [`certificate`](Self::certificate) comes from, in PEM, for devices to know the server by; without one,
    /// the last certificate of its file.
    pub ca: Option<PathBuf>,
    /// Takes TLS 1.2 beside 1.3.
    pub tls12: bool,
    /// The most connections at a time.
    pub connections: usize,
    /// The most connections that have not proved themselves.
    pub unproved: usize,
    /// How many devices log in at a time; others wait in line.
    pub logins: usize,
    /// The largest message of a device that has not proved itself, its hello, in bytes; 1024 at least.
    pub hello_bytes: usize,
    /// The largest message afterwards, in bytes; no less than `hello_bytes`.
    pub message_bytes: usize,
    /// The most channels that one device may describe; 1 at least.
    pub channels: usize,
    /// How far in the future a measurement's time may lie: `5m`.
    #[serde(deserialize_with = "span", serialize_with = "written::length::serialize")]
    pub time_ahead: Span,
    /// How many points a second a device may send, sustained; as many as it likes where it is absent. Beyond it a device is read
    /// more slowly, and nothing is lost. `memcore devices limit` sets it for one.
    pub device_points_per_s: Option<f64>,
    /// How many points a device may send at once; ten seconds' worth where it is absent.
    pub device_burst: Option<f64>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        let options = GatewayOptions::default();
        Self {
            listen: options.listen,
            names: Vec::new(),
            certificate: None,
            key: None,
            ca: None,
            tls12: false,
            connections: options.connections,
            unproved: options.unproved,
            logins: options.logins,
            hello_bytes: options.limits.hello_bytes,
            message_bytes: options.limits.message_bytes,
            channels: options.limits.channels,
            time_ahead: options.limits.time_ahead,
            device_points_per_s: None,
            device_burst: None,
        }
    }
}

impl GatewayConfig {
    pub(crate) fn options(&self) -> GatewayOptions {
        let Self { hello_bytes, message_bytes, channels, time_ahead, .. } = *self;
        let limits = Limits { hello_bytes, message_bytes, channels, time_ahead, ..Limits::default() };
        let Self { listen, connections, unproved, logins, .. } = *self;
        GatewayOptions { listen, connections, unproved, logins, limits }
    }

    /// How many points a device may send, unless it is set for it.
    pub(crate) fn device_rate(&self) -> Result<Option<PointRate>> {
        match (self.device_points_per_s, self.device_burst) {
            (None, Some(_)) => Err(Error::invalid(
                "gateway.device_points_per_s is missing: gateway.device_burst is how far a device may run ahead of it",
            )),
            (per_second, burst) => {
                let rate = per_second.map(|per_second| PointRate::new(per_second, burst)).transpose();
                rate.map_err(|e| Error::invalid(format!("gateway.device_{}", e.message())))
            }
        }
    }

    /// What no device could keep is refused.
    fn check_limits(&self) -> Result<()> {
        for (key, value, least) in [
            ("hello_bytes", self.hello_bytes, HELLO_BYTES_MIN),
            ("message_bytes", self.message_bytes, self.hello_bytes),
            ("channels", self.channels, 1),
            ("logins", self.logins, 1),
        ] {
            if value < least {
                return Err(Error::invalid(format!("gateway.{key} is {value}, expected {least} at least")));
            }
        }
        Ok(())
    }

    pub(crate) fn identity(&self) -> Result<Identity> {
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let (certificate, key, ca) = (certificate.clone(), key.clone(), self.ca.clone());
                Ok(Identity::Brought { certificate, key, ca })
            }
            (None, None) if self.ca.is_some() => {
                Err(Error::invalid("gateway.certificate is missing: gateway.ca is the CA that it comes from"))
            }
            (None, None) => Ok(Identity::OwnAuthority { names: self.names.clone() }),
            (Some(_), None) => Err(Error::invalid("gateway.key is missing: gateway.certificate needs its private key")),
            (None, Some(_)) => Err(Error::invalid("gateway.certificate is missing: gateway.key needs its certificate")),
        }
    }
}

/// The `[bus]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BusConfig {
    /// A NATS server with JetStream, such as `nats://127.0.0.1:4222`; without one the bus is embedded.
    #[serde(serialize_with = "secrets::address")]
    pub nats: Option<String>,
    /// What the bus reserves of the NATS server's disk, `4GB`; beyond it the oldest messages go. At least `16MB`.
    #[serde(deserialize_with = "bus_size", serialize_with = "sizes::serialize")]
    pub max_size: u64,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self { nats: None, max_size: 4_000_000_000 }
    }
}

/// The `[audit]` section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AuditConfig {
    /// The most that the audit trail takes of the disk, `256MB`; beyond it the oldest lines go. At least `1MB`.
    #[serde(deserialize_with = "audit_size", serialize_with = "sizes::serialize")]
    pub max_size: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { max_size: 256_000_000 }
    }
}

impl Config {
    /// The defaults, for the site in that folder.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// Reads the file, or the site's own `memcore.toml` where there is one, then `environment`, then `overrides`
    /// (`gateway.listen=127.0.0.1:0`). Variables that are none of memcore's may hold anything.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid), naming where the value came from, the key, and what was expected.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        overrides: &[(&str, String)],
    ) -> Result<Self> {
        let mut layers = Vec::new();
        for (name, value) in environment {
            let Some((name, key)) = name.to_str().and_then(|name| Some((name, name.strip_prefix(ENVIRONMENT)?))) else {
                continue;
            };
            let source = format!("environment variable {name}");
            let value = value.into_string().map_err(|value| Error::invalid(format!("{source}: {value:?} is no UTF-8")))?;
            layers.push((source, key.to_lowercase().replace("__", "."), value));
        }
        for (key, value) in overrides {
            layers.push((format!("flag for {key}"), (*key).to_owned(), value.clone()));
        }
        let own = || {
            let given = layers.iter().rev().find(|(_, key, _)| key == "path").map(|(_, _, value)| read_value(value));
            let path = given.as_ref().and_then(Value::as_str).unwrap_or("site");
            Some(Path::new(path).join("memcore.toml")).filter(|own| own.exists())
        };
        let file = file.map(Path::to_owned).or_else(own);
        let mut table = match &file {
            Some(file) => read(file)?,
            None => Table::new(),
        };
        let source = file.map_or("configuration".into(), |file| file.display().to_string());
        parse(table.clone(), &source)?;
        for (source, key, value) in layers {
            set(&mut table, &key, &value).map_err(|e| e.context(&source))?;
            parse(table.clone(), &source)?;
        }
        let config = parse(table, "configuration")?;
        config.gateway.identity()?;
        config.gateway.check_limits()?;
        config.gateway.device_rate()?;
        #[cfg(feature = "rest")]
        config.http.check()?;
        #[cfg(feature = "rest")]
        config.alarms.check()?;
        #[cfg(feature = "adapters")]
        config.hem.check()?;
        #[cfg(feature = "rest")]
        config.accounts.options(config.http.public_url.as_deref())?;
        Ok(config)
    }
}

fn read(file: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(file).map_err(|e| Error::io(format!("read {}", file.display()), e))?;
    text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start].lines().count().max(1));
        Error::invalid(format!("{}, line {line}: {}", file.display(), e.message())).caused_by(e)
    })
}

fn parse(table: Table, source: &str) -> Result<Config> {
    serde_path_to_error::deserialize(table).map_err(|e| {
        let (key, inner) = (e.path().to_string(), e.into_inner());
        let key = if key == "." { String::new() } else { format!("{key}: ") };
        Error::new(ErrorKind::Invalid, format!("{source}: {key}{}", inner.message()))
    })
}

/// The value is TOML where it can be read as such, else text.
fn read_value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Sets a dotted key.
fn set(table: &mut Table, key: &str, value: &str) -> Result<()> {
    let (section, leaf) = key.rsplit_once('.').map_or((None, key), |(section, leaf)| (Some(section), leaf));
    let mut target = table;
    for part in section.into_iter().flat_map(|section| section.split('.')) {
        let entry = target.entry(part).or_insert_with(|| Value::Table(Table::new()));
        target = entry.as_table_mut().ok_or_else(|| Error::invalid(format!("{part} is a value, expected a section")))?;
    }
    target.insert(leaf.to_owned(), read_value(value));
    Ok(())
}

fn audit_size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<u64, D::Error> {
    sizes::at_least(deserializer, AUDIT_BYTES_MIN)
}

fn bus_size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<u64, D::Error> {
    sizes::at_least(deserializer, BUS_BYTES_MIN)
}

pub(super) fn span<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Span, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)], overrides: &[(&str, String)]) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memcore.toml");
        std::fs::write(&file, text).unwrap();
        let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Config::load(Some(&file), environment, overrides)
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let text = "path = \"a\"\n[gateway]\nlisten = \"127.0.0.1:1\"\ntime_ahead = \"1h\"";
        let config = load(text, &[("MEMCORE__GATEWAY__LISTEN", "127.0.0.1:2")], &[]).unwrap();
        assert_eq!((config.gateway.listen.port(), config.gateway.time_ahead), (2, Span::from_seconds(3600)));
        let flags = [("gateway.listen", "127.0.0.1:3".to_owned()), ("path", "b".to_owned())];
        let config = load(text, &[("MEMCORE__GATEWAY__LISTEN", "127.0.0.1:2"), ("HOME", "x")], &flags).unwrap();
        assert_eq!((config.gateway.listen.port(), config.path), (3, PathBuf::from("b")));
    }

    #[test]
    fn the_sites_own_file_is_found_however_its_folder_is_given() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("memcore.toml"), "[gateway]\nlisten = \"127.0.0.1:9\"").unwrap();
        let plain = folder.path().display().to_string();
        for path in [format!("{plain:?}"), plain] {
            let config = Config::load(None, [], &[("path", path)]).unwrap();
            assert_eq!((config.gateway.listen.port(), config.path.as_path()), (9, folder.path()));
        }
    }

    #[test]
    fn only_memcores_own_variables_must_be_text() {
        use std::os::unix::ffi::OsStringExt;
        let broken = || OsString::from_vec(vec![b'a', 0xff]);
        let config = Config::load(None, [("HOME".into(), broken()), (broken(), broken())], &[]).unwrap();
        assert_eq!(config, Config::default());
        let e = Config::load(None, [("MEMCORE__PATH".into(), broken())], &[]).unwrap_err();
        assert!(e.message().contains("MEMCORE__PATH") && e.message().contains("UTF-8"), "{e}");
    }

    #[test]
    fn what_is_written_out_reads_as_it_was() {
        let text = "[store]\nkeep = \"90d\"\nmax_size = \"10GB\"\nreserve = \"1MiB\"\n\
            [[store.retention]]\ndevices = \"home1.*\"\nkeep = \"36h\"\n[bus]\nmax_size = \"64MB\"\n\
            [gateway]\ntime_ahead = \"90s\"\n[control]\nlog_size = \"2MB\"";
        let config = load(text, &[], &[]).unwrap();
        let written = toml::to_string(&config).unwrap();
        for part in ["\"90d\"", "\"10GB\"", "\"1MiB\"", "\"36h\"", "\"64MB\"", "\"90s\"", "\"2MB\"", "\"256MB\""] {
            assert!(written.contains(part), "{part} in {written}");
        }
        assert_eq!(load(&written, &[], &[]).unwrap(), config);
        assert_eq!(load(&toml::to_string(&Config::default()).unwrap(), &[], &[]).unwrap(), Config::default());
    }

    #[cfg(feature = "rest")]
    #[test]
    fn every_section_is_written_out_and_no_secret() {
        let text = "[bus]\nnats = \"nats://s3cret@127.0.0.1:4222\"\n[http]\npublic_url = \"https://energy.example\"\n\
            [records]\nurl = \"postgres://anna:s3cret@db.example/memcore\"\n\
            [accounts]\nsession_idle = \"2h\"\n[accounts.oidc]\nissuer = \"https://id.example/realm\"\nclient_id = \"memcore\"\n\
            client_secret = \"s3cret\"\nroles = { staff = { \"*\" = \"viewer\" } }\n\
            [alarms]\nkeep = \"30d\"\n[alarms.smtp]\nserver = \"mail.example\"\nuser = \"memcore\"\npassword = \"s3cret\"\n\
            from = \"memcore <alarms@energy.example>\"";
        let written = serde_json::to_value(load(text, &[], &[]).unwrap()).unwrap();
        let at = |pointer: &str| {
            written.pointer(pointer).and_then(|value| value.as_str()).unwrap_or_else(|| panic!("{pointer} in {written:#}"))
        };
        assert_eq!(at("/bus/nats"), "nats://***@127.0.0.1:4222");
        assert_eq!(at("/records/url"), "postgres://***@db.example/memcore");
        assert_eq!((at("/accounts/session_idle"), at("/alarms/keep")), ("2h", "30d"));
        assert_eq!((at("/accounts/oidc/client_secret"), at("/alarms/smtp/password")), ("***", "***"));
        assert_eq!((at("/accounts/oidc/roles/staff/*"), at("/alarms/smtp/tls")), ("viewer", "starttls"));
        assert!(!written.to_string().contains("s3cret"), "{written:#}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_source_and_key() {
        for (text, environment, words) in [
            ("[gateway]\nlissten = 1", vec![], vec!["memcore.toml", "gateway", "lissten"]),
            ("[gateway]\nlisten = \"nowhere\"", vec![], vec!["memcore.toml", "gateway.listen"]),
            ("[gateway]\ntime_ahead = \"soon\"", vec![], vec!["gateway.time_ahead", "soon", "15m"]),
            ("path = ", vec![], vec!["memcore.toml, line 1"]),
            ("[gateway]\nkey = \"k.pem\"", vec![], vec!["gateway.certificate is missing"]),
            ("[gateway]\nhello_bytes = 10", vec![], vec!["gateway.hello_bytes is 10", "1024"]),
            ("[gateway]\nmessage_bytes = 1024", vec![], vec!["gateway.message_bytes is 1024", "65536"]),
            ("[gateway]\nchannels = 0", vec![], vec!["gateway.channels is 0"]),
            ("[gateway]\nca = \"ca.pem\"", vec![], vec!["gateway.certificate is missing", "gateway.ca"]),
            ("[gateway]\ndevice_points_per_s = 0", vec![], vec!["gateway.device_points_per_s is 0"]),
            ("[gateway]\ndevice_points_per_s = 9\ndevice_burst = 0", vec![], vec!["gateway.device_burst is 0"]),
            ("[gateway]\ndevice_burst = 9", vec![], vec!["gateway.device_points_per_s is missing"]),
            ("[audit]\nmax_size = \"1kB\"", vec![], vec!["audit.max_size", "1kB", "1MB"]),
            ("[bus]\nmax_size = \"1MB\"", vec![], vec!["bus.max_size", "1MB", "16MB"]),
            ("[control]\nmodle = \"a\"", vec![], vec!["control", "modle", "model"]),
            ("[control]\non_stop = \"never\"", vec![], vec!["control.on_stop", "never", "lease", "safe"]),
            ("[control]\nlog_size = \"1kB\"", vec![], vec!["control.log_size", "1kB", "1MB"]),
            ("[store]\nkeep = \"2 years\"", vec![], vec!["store.keep", "2 years", "90d", "2y"]),
            ("[store]\nkeep = \"0d\"", vec![], vec!["store.keep", "0d", "more than nothing"]),
            ("[store]\nmax_size = \"10 apples\"", vec![], vec!["store.max_size", "10 apples", "10GB"]),
            ("[store]\nmax_size = \"1MB\"", vec![], vec!["store.max_size", "1MB", "16MB"]),
            ("[store]\nreserve = \"-1\"", vec![], vec!["store.reserve", "-1", "256MB"]),
            (
                "[[store.retention]]\ndevices = \"home1\"\nkeep = \"1d\"",
                vec![],
                vec!["store.retention[0].devices", "home1", "home1.*"],
            ),
            ("[[store.retention]]\ndevices = \"home1.*\"", vec![], vec!["store.retention[0]", "keep"]),
            ("", vec![("MEMCORE__STORE__SYNC", "never")], vec!["MEMCORE__STORE__SYNC", "store.sync", "never"]),
            ("", vec![("MEMCORE__STROE__SYNC", "each")], vec!["MEMCORE__STROE__SYNC", "stroe"]),
        ] {
            let message = load(text, &environment, &[]).unwrap_err().to_string();
            for word in words {
                assert!(message.contains(word), "{message:?} should name {word:?}");
            }
        }
    }
}
