//! Over https, with a certificate authority of a school's own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::Shell;
use super::scripted::Scripted;

/// A server certificate for `names`, and the authority that signed it, in PEM.
fn certificate(names: &[&str]) -> (TlsAcceptor, String) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let params = CertificateParams::new(names).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), pem)
}

#[tokio::test]
async fn https_works_with_an_authority_that_is_trusted_and_not_without() {
    let (tls, authority) = certificate(&["localhost"]);
    let server = Scripted::start_tls(tls, |_| (200, json!({"workshops": []}))).await;
    let port = server.address.port();
    let mut shell = Shell::at_url(&format!("https://localhost:{port}"));
    shell
        .variables
        .push(("CLARATEACH_TOKEN", "ct_secret".to_owned()));
    let file = shell.file("ca.pem", &authority);

    let unknown = shell.run(&["workshop", "list"]).await;
    assert_eq!((unknown.code, server.heads().len()), (3, 0), "{unknown:?}");
    assert!(unknown.err.contains("--ca-file"), "{unknown:?}");
    let trusted = shell.run(&["--ca-file", &file, "workshop", "list"]).await;
    assert_eq!(
        (trusted.code, trusted.out.as_str()),
        (0, "no workshops\n"),
        "{trusted:?}"
    );
    assert!(server.heads()[0].contains("Bearer ct_secret"));
    // As this machine's own store would have it.
    shell.variables.push(("SSL_CERT_FILE", file.clone()));
    assert_eq!(shell.run(&["workshop", "list"]).await.code, 0);
    // The authority doesn't make up for another name.
    let by_address = format!("https://127.0.0.1:{port}");
    let wrong = shell
        .run(&["--server", &by_address, "workshop", "list"])
        .await;
    assert_eq!(wrong.code, 3, "{wrong:?}");

    let empty = shell.file("empty.pem", "");
    let ran = shell.run(&["--ca-file", &empty, "workshop", "list"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(server.heads().len(), 2);
}
