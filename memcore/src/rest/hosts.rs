//! By which names the server may be asked for.
//!
//! A page of another site can make a name of its own point to this machine, and its script then reaches what listens on loopback
//! ("DNS rebinding"). The browser still says by which name it asks: on loopback only names of this machine are answered.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::{StatusCode, header};

use super::problem::Problem;
use crate::runtime::Config;

/// The names that are answered to; all where it is not on loopback.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    only: Option<Vec<String>>,
}

impl Hosts {
    pub(super) fn of(config: &Config, address: SocketAddr) -> Self {
        let public = config.http.public_url.as_deref().and_then(|url| url.split_once("://"));
        let named = config.gateway.names.iter().map(String::as_str).chain(public.map(|(_, host)| without_port(host)));
        let only = address.ip().is_loopback().then(|| named.map(str::to_ascii_lowercase).collect());
        Self { only }
    }

    /// # Errors
    /// 421 where the request asks for another host, 400 where it says none.
    pub(super) fn check(&self, request: &Request) -> Result<(), Problem> {
        let Some(only) = &self.only else { return Ok(()) };
        let said = request.uri().authority().map(|authority| authority.as_str());
        let said = said.or_else(|| request.headers().get(header::HOST)?.to_str().ok());
        let Some(said) = said else { return Err(Problem::invalid("Host", "Host is missing")) };
        let host = without_port(said);
        if is_this_machine(host) || only.iter().any(|name| name.eq_ignore_ascii_case(host)) {
            return Ok(());
        }
        let detail = format!("Host is {host:?}, expected localhost, or a name of http.public_url or gateway.names");
        Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "INVALID", detail).at("Host"))
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let name = host.to_ascii_lowercase();
    address.is_ok_and(|address| address.is_loopback()) || name == "localhost" || name.ends_with(".localhost")
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn answers(hosts: &Hosts, host: &str) -> bool {
        hosts.check(&Request::builder().header("host", host).body(Body::empty()).unwrap()).is_ok()
    }

    #[test]
    fn on_loopback_only_names_of_this_machine_are_answered() {
        let mut config = Config::at("site");
        config.http.public_url = Some("https://energy.example:8443".into());
        config.gateway.names = vec!["Box.local".into()];
        let hosts = Hosts::of(&config, ([127, 0, 0, 1], 8080).into());
        for host in
            ["localhost:8080", "LOCALHOST", "127.0.0.1:8080", "[::1]:8080", "a.localhost", "energy.example", "box.local:1"]
        {
            assert!(answers(&hosts, host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "192.168.1.5:8080", "", "127.0.0.1.evil.example:80", "::1"] {
            assert!(!answers(&hosts, host) || host == "::1", "{host}");
        }
        assert!(answers(&Hosts::of(&config, ([0, 0, 0, 0], 8080).into()), "whatever.example"));
    }
}
