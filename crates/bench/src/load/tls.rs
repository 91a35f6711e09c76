//! TLS for both sides of a gateway, with a certificate that is made for this run.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A certificate of `localhost`, its own root, and who shows or trusts it.
pub(crate) struct Identity {
    certificate: String,
    key: String,
    chain: Vec<CertificateDer<'static>>,
    private: PrivateKeyDer<'static>,
    client: Arc<ClientConfig>,
}

impl Identity {
    pub(crate) fn new() -> io::Result<Self> {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).map_err(io::Error::other)?;
        let private = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(io::Error::other)?;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).map_err(io::Error::other)?;
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            chain: vec![made.cert.der().clone()],
            private,
            client: Arc::new(client),
        })
    }

    /// For the configurations of those who show it, or trust it: `cert.pem` and `key.pem`.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::write(folder.join("cert.pem"), &self.certificate)?;
        std::fs::write(folder.join("key.pem"), &self.key)
    }

    /// A server that speaks `protocol` and nothing else.
    pub(crate) fn acceptor(&self, protocol: &str) -> io::Result<TlsAcceptor> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(self.chain.clone(), self.private.clone_key())
            })
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    pub(crate) fn connector(&self) -> TlsConnector {
        TlsConnector::from(self.client.clone())
    }

    /// Asks `request` and waits for the beginning of an answer.
    pub(crate) fn ask(&self, mut socket: TcpStream, request: &[u8]) -> io::Result<()> {
        let mut session = ClientConnection::new(self.client.clone(), name()?).map_err(io::Error::other)?;
        let mut stream = rustls::Stream::new(&mut session, &mut socket);
        stream.write_all(request)?;
        stream.read_exact(&mut [0; 12])
    }
}

/// Who everybody is.
pub(crate) fn name() -> io::Result<ServerName<'static>> {
    ServerName::try_from(HOST).map_err(io::Error::other)
}

const HOST: &str = "localhost";
