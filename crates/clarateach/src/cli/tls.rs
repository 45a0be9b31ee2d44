//! Whom https connections trust: this machine's certificate authorities, and those of `--ca-file`.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::failure::Failure;

/// Trusts what this machine trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured), and `ca_file`.
pub(super) fn trusting(ca_file: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = ca_file {
        let cannot = || format!("cannot use the certificates in {}", path.display());
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(cannot)?;
        if certificates.is_empty() {
            let problem = format!("{} holds no certificate in PEM", path.display());
            return Err(Failure::usage(problem).into());
        }
        for certificate in certificates {
            roots.add(certificate).with_context(cannot)?;
        }
    }
    Ok(config(roots))
}

/// For plain http, where nothing has to be read for it.
pub(super) fn trusting_nobody() -> ClientConfig {
    config(RootCertStore::empty())
}

fn config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
