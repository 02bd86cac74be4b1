//! Asks a store which region a bucket is in, where no setting says so.

use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use object_store::signer::Method;
use object_store::{ClientConfigKey, ClientOptions};
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::said::element;

/// Where any bucket of AWS is known.
const OF_AWS: &str = "https://s3.amazonaws.com";

/// How long it may take: without an answer, the client's default is tried.
const LIMIT: Duration = Duration::from_secs(5);

/// The settings with the region of the bucket. A bucket tells it to everybody, in a header, or with its refusal.
pub(super) fn discovered(settings: AmazonS3Builder, bucket: &str, client: &ClientOptions) -> AmazonS3Builder {
    if settings.get_config_value(&Key::Region).is_some() {
        return settings;
    }
    match ask(&settings, bucket, client) {
        Some(region) => settings.with_region(region),
        None => settings,
    }
}

fn ask(settings: &AmazonS3Builder, bucket: &str, client: &ClientOptions) -> Option<String> {
    let endpoint = settings.get_config_value(&Key::S3Endpoint);
    let endpoint = endpoint.or_else(|| settings.get_config_value(&Key::Endpoint));
    let is_virtual = settings.get_config_value(&Key::VirtualHostedStyleRequest);
    let url = match &endpoint {
        // It has the name of the bucket in it.
        Some(endpoint) if is_virtual.is_some_and(|is| is == "true") => endpoint.clone(),
        Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
        None => format!("{OF_AWS}/{bucket}"),
    };
    let mut options = client.clone();
    for key in [ClientConfigKey::AllowHttp, ClientConfigKey::ProxyUrl] {
        if let Some(value) = settings.get_config_value(&Key::Client(key)) {
            options = options.with_config(key, value);
        }
    }
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let http = ReqwestConnector::default().connect(&options).ok()?;
        timeout(LIMIT, region(&http, &url)).await.ok()?
    })
}

async fn region(http: &HttpClient, url: &str) -> Option<String> {
    for method in [Method::HEAD, Method::GET] {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = url.parse().ok()?;
        *request.method_mut() = method;
        let answer = http.execute(request).await.ok()?;
        let header = answer.headers().get("x-amz-bucket-region");
        if let Some(region) = header.and_then(|region| region.to_str().ok()) {
            return Some(region.to_owned());
        }
        let body = answer.into_body().bytes().await.ok()?;
        if let Some(region) = element(&String::from_utf8_lossy(&body), "Region") {
            return Some(region.to_owned());
        }
    }
    None
}
