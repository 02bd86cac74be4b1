//! How S3 is to encrypt objects, as headers of a put: those that the client sends by itself with its own puts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::signer::{HeaderMap, HeaderName, HeaderValue};
use object_store::{Error, Result};

/// The names of the settings.
const KIND: &str = "aws_server_side_encryption";
const KMS_KEY: &str = "aws_sse_kms_key_id";
const BUCKET_KEY: &str = "aws_sse_bucket_key_enabled";
const CUSTOMER_KEY: &str = "aws_sse_customer_key_base64";

/// The kind for which the caller keeps the key, and sends it with each request.
const CUSTOMER: &str = "sse-c";

/// The headers for the settings of a client; none where the bucket decides.
pub(super) fn put_headers(client: &AmazonS3Builder) -> Result<HeaderMap> {
    let setting = |name: &str| {
        let key: AmazonS3ConfigKey = name.parse().ok()?;
        client.get_config_value(&key)
    };
    let mut headers = HeaderMap::new();
    let mut add = |name: &'static str, text: &str| -> Result<()> {
        let mut value = HeaderValue::from_str(text).map_err(unusable)?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
        Ok(())
    };
    let Some(kind) = setting(KIND) else {
        return Ok(headers);
    };
    if kind == CUSTOMER {
        let key = setting(CUSTOMER_KEY).unwrap_or_default();
        let bytes = STANDARD.decode(&key).map_err(unusable)?;
        add("x-amz-server-side-encryption-customer-algorithm", "AES256")?;
        add("x-amz-server-side-encryption-customer-key", &key)?;
        let md5 = STANDARD.encode(Md5::digest(&bytes));
        add("x-amz-server-side-encryption-customer-key-md5", &md5)?;
        return Ok(headers);
    }
    add("x-amz-server-side-encryption", &kind)?;
    if let Some(id) = setting(KMS_KEY) {
        add("x-amz-server-side-encryption-aws-kms-key-id", &id)?;
    }
    if let Some(enabled) = setting(BUCKET_KEY) {
        add("x-amz-server-side-encryption-bucket-key-enabled", &enabled)?;
    }
    Ok(headers)
}

/// The value is left out: it may be a key.
fn unusable(_: impl std::error::Error) -> Error {
    Error::Generic {
        store: "encryption",
        source: "a setting of the encryption cannot be sent".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use bytes::Bytes;
    use futures_util::FutureExt;
    use object_store::ClientOptions;
    use object_store::client::{HttpConnector, ReqwestConnector};
    use object_store::path::Path;

    use super::super::signed::{SignedClient, SignedRequests};
    use super::*;

    fn client(settings: &[(&str, &str)]) -> AmazonS3Builder {
        let client = AmazonS3Builder::new()
            .with_bucket_name("bucket")
            .with_region("eu-west-1")
            .with_access_key_id("id")
            .with_secret_access_key("secret");
        settings.iter().fold(client, |client, (key, value)| {
            client.with_config(key.parse().unwrap(), *value)
        })
    }

    fn shown(headers: &HeaderMap) -> Vec<String> {
        let mut shown: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        shown.sort();
        shown
    }

    #[test]
    fn settings_become_headers() {
        let of = |settings: &[(&str, &str)]| shown(&put_headers(&client(settings)).unwrap());
        assert_eq!(of(&[]), [""; 0]);
        assert_eq!(of(&[(KIND, "AES256")]), ["x-amz-server-side-encryption: AES256"]);
        assert_eq!(
            of(&[(KIND, "aws:kms"), (KMS_KEY, "arn:key"), (BUCKET_KEY, "true")]),
            [
                "x-amz-server-side-encryption-aws-kms-key-id: arn:key",
                "x-amz-server-side-encryption-bucket-key-enabled: true",
                "x-amz-server-side-encryption: aws:kms",
            ]
        );
        let customers = of(&[
            (KIND, "sse-c"),
            (CUSTOMER_KEY, "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        ]);
        assert_eq!(customers.len(), 3);
        assert!(
            customers[1].ends_with("-customer-key-md5: KYvwGXoFFJ42a2u2GDWhwQ=="),
            "{customers:?}"
        );
        let error = put_headers(&client(&[(KIND, "sse-c"), (CUSTOMER_KEY, "secret!")])).unwrap_err();
        assert!(!format!("{error:?}").contains("secret!"));
    }

    #[test]
    fn a_signed_put_says_how_to_encrypt_and_signs_that() {
        let client = client(&[(KIND, "AES256")]);
        let headers = put_headers(&client).unwrap();
        let http = ReqwestConnector::default()
            .connect(&ClientOptions::new())
            .unwrap();
        let signer = Arc::new(client.build().unwrap());
        let signed = SignedClient::new(signer, SignedRequests::S3, http).with_put_headers(headers);
        let (life, path) = (Duration::from_secs(60), Path::from("a"));
        let metadata = object_store::Attributes::new();
        let put = signed.put(&path, Bytes::from_static(b"1"), &metadata, false, life);
        let put = format!("{:?}", put.now_or_never().unwrap().unwrap().parts());
        assert!(put.contains("x-amz-server-side-encryption"), "{put}");
        let signed_headers = put.split("SignedHeaders=").nth(1).unwrap_or_default();
        assert!(signed_headers.contains("x-amz-server-side-encryption"), "{put}");
        // A deletion says nothing of it.
        let deletion = signed.delete(&path, life).now_or_never().unwrap().unwrap();
        assert!(!format!("{:?}", deletion.parts()).contains("encryption"));
    }
}
