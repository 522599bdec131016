//! TLS for clients that insist on it: a given certificate, or one made for this run.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

/// Which certificate is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// One for `localhost`, the address that is listened on and the names of ECS and STS endpoints, new at every start.
    SelfMade,
    /// One in PEM files, the whole chain in the first.
    Files {
        /// Certificate chain.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// A certificate in use.
pub(super) struct Identity {
    pub(super) acceptor: TlsAcceptor,
    /// PEM of a self-made certificate, for those who shall trust it.
    pub(super) certificate: Option<String>,
}

impl Tls {
    /// Reads or makes the certificate.
    pub(super) fn identity(&self, listen: SocketAddr) -> io::Result<Identity> {
        let (chain, key, certificate) = match self {
            Self::SelfMade => {
                let names = vec![
                    "localhost".to_owned(),
                    listen.ip().to_string(),
                    "*.aliyuncs.com".to_owned(),
                    "*.localhost".to_owned(),
                ];
                let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
                let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
                    .map_err(io::Error::other)?;
                (vec![made.cert.der().clone()], key, Some(made.cert.pem()))
            }
            Self::Files { certificate, key } => {
                let named = |path: &PathBuf, error: &dyn std::fmt::Display| {
                    io::Error::other(format!("{}: {error}", path.display()))
                };
                let chain = CertificateDer::pem_file_iter(certificate)
                    .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                    .map_err(|error| named(certificate, &error))?;
                if chain.is_empty() {
                    return Err(named(certificate, &"there is no certificate in it"));
                }
                let key = PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, &error))?;
                (chain, key, None)
            }
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Identity {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate,
        })
    }
}
