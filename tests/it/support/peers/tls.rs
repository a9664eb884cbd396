//! A certificate authority for one test, and a server certificate for `localhost` and `127.0.0.1`.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// The paths of the PEM files.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    /// What a client has to trust, for example by `SSL_CERT_FILE`.
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    /// Makes keys and certificates and writes them into `dir`.
    pub(crate) fn create(dir: &Path) -> Self {
        let mut params =
            CertificateParams::new(Vec::<String>::new()).expect("no name is a wrong name");
        params.distinguished_name.push(DnType::CommonName, "mailbatch test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let ca_key = KeyPair::generate().expect("ring makes keys");
        let ca = params.self_signed(&ca_key).expect("the authority signs itself");
        let issuer = Issuer::new(params, ca_key);

        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .expect("both are names");
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("ring makes keys");
        let certificate = params.signed_by(&key, &issuer).expect("the authority signs");

        let files = Self {
            ca: dir.join("ca.pem"),
            certificate: dir.join("cert.pem"),
            key: dir.join("key.pem"),
        };
        super::write(&files.ca, ca.pem());
        super::write(&files.certificate, certificate.pem());
        super::write(&files.key, key.serialize_pem());
        super::mode(&files.key, 0o600);
        files
    }
}
