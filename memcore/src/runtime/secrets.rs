//! How the configuration is written out where others see it: secrets are `***`.

use serde::Serializer;

/// In place of what is secret.
pub(super) const HIDDEN: &str = "***";

/// A secret that may be absent.
#[cfg(feature = "rest")]
pub(super) fn hidden<S: Serializer>(secret: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => to.serialize_some(HIDDEN),
        None => to.serialize_none(),
    }
}

/// An address that may be absent, without who logs in there.
pub(super) fn address<S: Serializer>(address: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => to.serialize_some(&without_login(address)),
        None => to.serialize_none(),
    }
}

/// Who an address of a database or bus logs in as, and by what, stands before its host; a key may stand behind it. There may be
/// several, joined by commas.
fn without_login(addresses: &str) -> String {
    addresses.split(',').map(of_one).collect::<Vec<_>>().join(",")
}

fn of_one(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.rsplit_once('@').map_or_else(|| address.to_owned(), |(_, host)| format!("{HIDDEN}@{host}"));
    };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or_else(|| authority.to_owned(), |(_, host)| format!("{HIDDEN}@{host}"));
    let tail = tail.split_once('?').map_or_else(|| tail.to_owned(), |(path, _)| format!("{path}?{HIDDEN}"));
    format!("{scheme}://{host}{tail}")
}

#[cfg(test)]
mod tests {
    use super::without_login;

    #[test]
    fn who_logs_in_is_not_shown() {
        for (address, shown) in [
            ("postgres://anna:s3cret@db.example:5432/memcore?sslpassword=x", "postgres://***@db.example:5432/memcore?***"),
            (
                "nats://s3cret@127.0.0.1:4222,nats://s3cret@10.0.0.1:4222",
                "nats://***@127.0.0.1:4222,nats://***@10.0.0.1:4222",
            ),
            ("anna:s3cret@127.0.0.1:4222", "***@127.0.0.1:4222"),
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ] {
            assert_eq!(without_login(address), shown);
        }
    }
}
