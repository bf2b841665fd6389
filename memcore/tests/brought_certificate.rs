//! A server with a certificate of the operator's own: the bundles of its devices name the CA that it comes from.
#![cfg(all(feature = "gateway", feature = "client"))]

use std::path::{Path, PathBuf};
use std::time::Duration;

use memcore::client::{Device, DeviceOptions};
use memcore::model::{Channel, Timestamp, Unit};
use memcore::{Config, ErrorKind, ProofKind, serve};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// An operator's CA with an intermediate one, and a server certificate for `localhost`.
struct Operator {
    root_pem: String,
    middle_pem: String,
    leaf_pem: String,
    key_pem: String,
}

impl Operator {
    fn new() -> Self {
        let (root_key, middle_key, key) = (key(), key(), key());
        let (root, middle) = (ca("Operator root"), ca("Operator intermediate"));
        let root_pem = root.self_signed(&root_key).unwrap().pem();
        let middle_pem = middle.signed_by(&middle_key, &Issuer::new(root, root_key)).unwrap().pem();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf_pem = leaf.signed_by(&key, &Issuer::new(middle, middle_key)).unwrap().pem();
        Self { root_pem, middle_pem, leaf_pem, key_pem: key.serialize_pem() }
    }

    /// The configuration of a server with that certificate file.
    fn config(&self, folder: &Path, certificates: &[&str], ca: Option<&str>) -> Config {
        let write = |name: &str, text: &str| -> PathBuf {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut config = Config::at(folder.join("site"));
        config.gateway.listen = "127.0.0.1:0".parse().unwrap();
        config.gateway.certificate = Some(write("chain.pem", &certificates.concat()));
        config.gateway.key = Some(write("server.key", &self.key_pem));
        config.gateway.ca = ca.map(|ca| write("operator.pem", ca));
        config
    }
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

#[tokio::test]
async fn a_device_knows_the_server_by_its_bundle_alone() {
    let operator = Operator::new();
    let Operator { root_pem, middle_pem, leaf_pem, .. } = &operator;
    // A key that somebody left in the file of the CA stays there.
    let untidy = format!("The operator's CA\n{root_pem}{}", operator.key_pem);
    for (chain, ca, anchor) in [
        (vec![leaf_pem.as_str(), middle_pem, root_pem], None, root_pem),
        (vec![leaf_pem, middle_pem], None, middle_pem),
        (vec![leaf_pem, middle_pem], Some(untidy.as_str()), root_pem),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(operator.config(folder.path(), &chain, ca)).await.unwrap();
        for proof in [ProofKind::Secret, ProofKind::Certificate] {
            let bundle = server.handle().enroll(&"home1.pv".parse().unwrap(), proof).unwrap();
            assert_eq!(bundle.ca_pem.split_whitespace().collect::<String>(), anchor.split_whitespace().collect::<String>());
            let power = Channel::gauge("power", Unit::Watt).unwrap().build().unwrap();
            let connecting = Device::connect(DeviceOptions::new(bundle, vec![power]));
            let device = tokio::time::timeout(Duration::from_secs(10), connecting).await.expect("connected").unwrap();
            device.send(Timestamp::from_seconds(1_763_000_000), &[Some(1.0)]).await.unwrap();
            tokio::time::timeout(Duration::from_secs(10), device.flush()).await.expect("durable in time").unwrap();
            device.close().await;
        }
        server.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_that_no_device_could_verify_is_refused() {
    let operator = Operator::new();
    let Operator { leaf_pem, middle_pem, .. } = &operator;
    let folder = tempfile::tempdir().unwrap();
    let e = serve(operator.config(folder.path(), &[leaf_pem], None)).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Invalid);
    assert!(e.message().contains("chain.pem") && e.message().contains("gateway.ca"), "{e}");

    let stranger = Operator::new().root_pem;
    let e = serve(operator.config(folder.path(), &[leaf_pem, middle_pem], Some(&stranger))).await.unwrap_err();
    assert!(e.message().contains("no device could verify") && e.message().contains("operator.pem"), "{e}");
    let e = serve(operator.config(folder.path(), &[leaf_pem, middle_pem], Some("no PEM"))).await.unwrap_err();
    assert!(e.message().contains("operator.pem holds no certificate"), "{e}");
}
