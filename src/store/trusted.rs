//! Certificates that the user trusts besides what the system trusts: a file of PEM, as companies with a proxy of their own hand
//! it out. Nothing in it is a secret.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// A bundle of everything that a system trusts has 250 KiB.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The certificates of the file, as DER. Links are followed: the file is the user's, wherever it lies.
///
/// # Errors
/// A sentence. A file of which one part cannot be used is refused as a whole: nobody should find out later which.
pub fn read(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let shown = path.display();
    let unreadable = |err: std::io::Error| format!("{shown} cannot be read: {err}");
    let file = File::open(path).map_err(unreadable)?;
    // Opening a pipe would have waited, and reading a device might.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(format!("{shown} is no ordinary file"));
    }
    let mut text = Vec::new();
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut text);
    read.map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("{shown} is larger than 4 MiB"));
    }
    certificates(&text).map_err(|why| format!("{shown} {why}"))
}

fn certificates(text: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut store = RootCertStore::empty();
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(|err| format!("is no PEM: {err}"))?;
        store
            .add(certificate.clone())
            .map_err(|err| format!("holds a certificate that cannot be used: {err}"))?;
        certificates.push(certificate.to_vec());
    }
    if certificates.is_empty() {
        return Err("holds no certificate".into());
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(name: &str) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![name.into()]).unwrap();
        certificate.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn every_certificate_of_the_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(
            &path,
            format!("A company\n{}{}", pem("a.test"), pem("b.test")),
        )
        .unwrap();
        assert_eq!(read(&path).unwrap().len(), 2);
    }

    #[test]
    fn a_broken_file_is_told_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path).unwrap_err()
        };
        let cut = pem("a.test").replace("-----END", "");
        let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, said) in [
            ("", "holds no certificate"),
            ("canary", "holds no certificate"),
            (cut.as_str(), "is no PEM"),
            (no_certificate, "cannot be used"),
        ] {
            let refused = refused(text);
            assert!(
                refused.contains(said) && !refused.contains("canary"),
                "{refused}"
            );
        }
        assert!(read(dir.path()).unwrap_err().contains("ordinary file"));
        let missing = read(&dir.path().join("none")).unwrap_err();
        assert!(missing.contains("cannot be read"), "{missing}");
    }
}
