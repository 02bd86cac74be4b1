//! The option that names certificates to trust besides the system's.

use object_store::{Certificate, ClientOptions};

use crate::{Error, Result};

/// The option: a file of certificates in PEM.
const NAME: &str = "ca_bundle";

/// The option under the name of the variable of the AWS tools.
const NAME_OF_AWS: &str = "aws_ca_bundle";

/// The other options, and the settings of a client that trusts the certificates.
///
/// # Errors
/// `InvalidArgument` for a file without certificates, an I/O error for one that cannot be read.
pub(super) fn take(options: &[(String, String)]) -> Result<(Vec<(String, String)>, ClientOptions)> {
    let (mut others, mut client) = (Vec::new(), ClientOptions::new());
    for (name, value) in options {
        if !is_name(name) {
            others.push((name.clone(), value.clone()));
            continue;
        }
        let pem = std::fs::read(value).map_err(|error| {
            Error::io(
                format!("reading the certificates in {value} (option {name})"),
                error,
            )
        })?;
        let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if certificates.is_empty() {
            let message = format!("there is no certificate in {value} (option {name})");
            return Err(Error::invalid(message).with_hint("name a file of certificates in PEM"));
        }
        for certificate in certificates {
            client = client.with_root_certificate(certificate);
        }
    }
    Ok((others, client))
}

/// Whether it is the name of this option.
pub(super) fn is_name(name: &str) -> bool {
    [NAME, NAME_OF_AWS]
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, "no certificate").unwrap();
        for (name, path, reason) in [
            (
                "ca_bundle",
                "/no/such/file",
                "reading the certificates in /no/such/file",
            ),
            (
                "AWS_CA_BUNDLE",
                file.to_str().unwrap(),
                "there is no certificate in",
            ),
        ] {
            let options = [(name.to_owned(), path.to_owned())];
            let error = take(&options).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        let others = [("aws_region".to_owned(), "r".to_owned())];
        assert_eq!(take(&others).unwrap().0, others);
    }
}
