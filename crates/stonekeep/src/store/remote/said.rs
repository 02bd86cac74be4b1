//! What the answer of a store says: its status, its code, its words, and what a user can do about it.

use std::io;

/// An answer that is an error, as the client tells it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said<'a> {
    status: Option<u16>,
    code: Option<&'a str>,
    message: Option<&'a str>,
    body: &'a str,
    text: &'a str,
    is_refusal: bool,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Bucket,
    Key,
    Signature,
    Ended,
    Clock,
    Region,
    Permission,
    Archived,
    NoCredentials,
    Refused,
    Name,
    Certificate,
    Plain,
    Silent,
    Network,
}

/// The words of stores and of the client, the first that fits first.
const SIGNS: [(Wrong, &[&str]); 13] = [
    (
        Wrong::NoCredentials,
        &[
            "/latest/api/token",
            "/latest/meta-data/",
            "/computeMetadata/",
            "/metadata/identity/",
        ],
    ),
    (
        Wrong::Bucket,
        &[
            "NoSuchBucket",
            "ContainerNotFound",
            "InvalidBucketName",
            "bucket does not exist",
        ],
    ),
    (
        Wrong::Ended,
        &[
            "ExpiredToken",
            "TokenRefreshRequired",
            "InvalidToken",
            "The security token included in the request",
        ],
    ),
    (
        Wrong::Clock,
        &[
            "RequestTimeTooSkewed",
            "RequestExpired",
            "Date is too old",
            "difference between the request time",
        ],
    ),
    (
        Wrong::Region,
        &[
            "PermanentRedirect",
            "TemporaryRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraint",
            "incorrectly configured region",
        ],
    ),
    (Wrong::Key, &["InvalidAccessKeyId", "No such key:"]),
    (
        Wrong::Signature,
        &[
            "SignatureDoesNotMatch",
            "Invalid signature",
            "AuthenticationFailed",
            "InvalidAuthenticationInfo",
        ],
    ),
    (
        Wrong::Archived,
        &[
            "InvalidObjectState",
            "BlobArchived",
            "not valid for the object's storage class",
        ],
    ),
    (Wrong::Plain, &["URL scheme is not allowed"]),
    (Wrong::Certificate, &["certificate"]),
    (Wrong::Name, &["dns error", "failed to lookup address"]),
    (Wrong::Refused, &["Connection refused"]),
    (Wrong::Silent, &["operation timed out", "no answer within"]),
];

impl<'a> Said<'a> {
    /// Of the client's text with all causes.
    pub(super) fn of(text: &'a str) -> Self {
        let mut said = Said {
            text,
            ..Said::default()
        };
        if let Some((_, answer)) = text.split_once("status code: ") {
            let (status, body) = answer.split_once(": ").unwrap_or((answer, ""));
            said.status = status.get(..3).and_then(|status| status.parse().ok());
            said.body = body;
            said.code = element(body, "Code").or_else(|| json(body, "status"));
            said.message = element(body, "Message").or_else(|| json(body, "message"));
        }
        said
    }

    /// The client counts it as a refusal, whatever its text.
    pub(super) fn counted_as_refusal(self, is_refusal: bool) -> Self {
        Said { is_refusal, ..self }
    }

    pub(super) fn wrong(&self) -> Wrong {
        let has = |words: &[&str]| words.iter().any(|word| self.text.contains(word));
        let found = SIGNS
            .iter()
            .find(|(_, words)| has(words))
            .map(|(wrong, _)| *wrong);
        match (found, self.status) {
            (Some(wrong), _) => wrong,
            (None, Some(401 | 403)) => Wrong::Permission,
            (None, _) if self.is_refusal => Wrong::Permission,
            (None, _) => Wrong::Network,
        }
    }

    /// The client's text, with the store's words instead of its XML.
    pub(super) fn words(&self) -> String {
        let (Some(status), Some(code)) = (self.status, self.code) else {
            return self.text.to_owned();
        };
        let before = self
            .text
            .split_once("Server returned")
            .map_or("", |(before, _)| before);
        let before = before.trim_end_matches(" - ").trim_end();
        let colon = if before.is_empty() { "" } else { ": " };
        let mut words = format!("{before}{colon}{status} {code}");
        if let Some(message) = self.message {
            words.push_str(": ");
            words.push_str(&plain(message));
        }
        if let Some(times) = self.times() {
            words.push_str(" (");
            words.push_str(&times);
            words.push(')');
        }
        words
    }

    /// Both clocks, where the answer names them.
    fn times(&self) -> Option<String> {
        let there = element(self.body, "ServerTime")?;
        Some(match element(self.body, "RequestTime") {
            Some(here) => format!("the request was signed at {here}, and the store's clock shows {there}"),
            None => format!("the store's clock shows {there}"),
        })
    }

    pub(super) fn hint(&self) -> String {
        match self.wrong() {
            Wrong::Bucket => "check the name of the bucket, the endpoint and the region; a bucket is not created by this program".to_owned(),
            Wrong::Key => "the store does not know this access key: check AWS_ACCESS_KEY_ID or the profile, and whether the endpoint is the one that the key is for".to_owned(),
            Wrong::Signature => "the secret key does not belong to the access key, or the clock of this machine is wrong: check both".to_owned(),
            Wrong::Ended => "the credentials have ended: log in again (aws sso login), or set AWS_SESSION_TOKEN and its key anew; those of a profile are fetched again by themselves".to_owned(),
            Wrong::Clock => "the clock of this machine differs too much from the store's: set it (timedatectl set-ntp true)".to_owned(),
            Wrong::Region => match self.region() {
                Some(region) => format!("the bucket is in the region {region}: set AWS_REGION={region} or --store-option aws_region={region}"),
                None => "the bucket is in another region: set AWS_REGION or --store-option aws_region=REGION".to_owned(),
            },
            Wrong::Permission => "check the permissions of the credentials for this bucket and prefix; without the permission to list (s3:ListBucket) a store says so of absent objects, too".to_owned(),
            Wrong::Archived => "the object is in an archive storage class: make it available first (restore-object), and have no rule that archives objects of the repository".to_owned(),
            Wrong::NoCredentials => "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (Google: GOOGLE_SERVICE_ACCOUNT; Azure: AZURE_STORAGE_ACCOUNT_KEY); for a public bucket --store-option skip_signature=true".to_owned(),
            Wrong::Refused => "nothing listens there: check host and port of the endpoint, and whether the server runs".to_owned(),
            Wrong::Name => "the host of the endpoint is not known: check its name, the region and the network".to_owned(),
            Wrong::Certificate => "the certificate of the server is not trusted: name that of its authority with --store-option ca_bundle=FILE or AWS_CA_BUNDLE, and check the host's name".to_owned(),
            Wrong::Plain => "nothing protects what is sent over http: use https, or accept it with --store-option allow_http=true".to_owned(),
            Wrong::Silent => "the server does not answer: check the endpoint, the network, and a firewall or proxy between".to_owned(),
            Wrong::Network => "check the endpoint and the network".to_owned(),
        }
    }

    /// The region that the answer names as the right one.
    fn region(&self) -> Option<&'a str> {
        element(self.body, "Region").filter(|region| {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            !region.is_empty() && region.len() < 40 && region.chars().all(is_name)
        })
    }
}

impl Wrong {
    pub(super) fn io_kind(self) -> io::ErrorKind {
        match self {
            Wrong::Bucket => io::ErrorKind::NotFound,
            Wrong::Key
            | Wrong::Signature
            | Wrong::Ended
            | Wrong::Clock
            | Wrong::Permission
            | Wrong::NoCredentials => io::ErrorKind::PermissionDenied,
            Wrong::Refused => io::ErrorKind::ConnectionRefused,
            Wrong::Silent => io::ErrorKind::TimedOut,
            Wrong::Region
            | Wrong::Archived
            | Wrong::Name
            | Wrong::Certificate
            | Wrong::Plain
            | Wrong::Network => io::ErrorKind::Other,
        }
    }
}

/// The text of the first element of this name.
pub(super) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text.trim())
}

/// The text of the first member of this name in Google's errors.
fn json<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = body.split_once(&format!("\"{name}\":"))?;
    let rest = rest.trim_start().strip_prefix('"')?;
    rest.split_once('"').map(|(text, _)| text)
}

fn plain(text: &str) -> String {
    let entities = [
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    let text = entities
        .iter()
        .fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind as Kind;

    use super::*;

    fn answered(status: &str, body: &str) -> String {
        format!(
            "Generic S3 error: Error performing GET http://h/b?… in 1ms - Server returned non-2xx status code: {status}: {body}"
        )
    }

    #[test]
    fn words_have_no_entities() {
        let found = plain("the server&#39;s &quot;clock&quot; &amp;\n its client&apos;s &#34;clock&#34;");
        assert_eq!(found, "the server's \"clock\" & its client's \"clock\"");
    }

    #[test]
    fn a_code_says_what_is_wrong() {
        let xml = |code: &str| format!("<Error><Code>{code}</Code><Message>it&apos;s so</Message></Error>");
        for (status, code, wrong) in [
            ("404 Not Found", "NoSuchBucket", Wrong::Bucket),
            ("403 Forbidden", "InvalidAccessKeyId", Wrong::Key),
            ("403 Forbidden", "SignatureDoesNotMatch", Wrong::Signature),
            ("400 Bad Request", "ExpiredToken", Wrong::Ended),
            ("403 Forbidden", "RequestTimeTooSkewed", Wrong::Clock),
            ("400 Bad Request", "AuthorizationHeaderMalformed", Wrong::Region),
            ("403 Forbidden", "AccessDenied", Wrong::Permission),
            ("403 Forbidden", "InvalidObjectState", Wrong::Archived),
        ] {
            assert_eq!(Said::of(&answered(status, &xml(code))).wrong(), wrong, "{code}");
        }
        for (text, wrong) in [
            (&*answered("403 Forbidden", ""), Wrong::Permission),
            (&*answered("500 Internal Server Error", ""), Wrong::Network),
            (
                "tcp connect error: Connection refused (os error 111)",
                Wrong::Refused,
            ),
            ("dns error: failed to lookup address information", Wrong::Name),
            ("builder error: URL scheme is not allowed", Wrong::Plain),
            ("invalid peer certificate: UnknownIssuer", Wrong::Certificate),
            (
                "PUT http://169.254.169.254/latest/api/token in 1 s",
                Wrong::NoCredentials,
            ),
        ] {
            assert_eq!(Said::of(text).wrong(), wrong, "{text}");
        }
    }

    /// Each cause with words that stores use for it, what its hint must name, and the kind of the I/O error.
    const CAUSES: [(&str, &str, Kind); 14] = [
        ("NoSuchBucket", "the name of the bucket", Kind::NotFound),
        ("InvalidAccessKeyId", "AWS_ACCESS_KEY_ID", Kind::PermissionDenied),
        ("SignatureDoesNotMatch", "secret key", Kind::PermissionDenied),
        ("ExpiredToken", "AWS_SESSION_TOKEN", Kind::PermissionDenied),
        ("RequestTimeTooSkewed", "timedatectl", Kind::PermissionDenied),
        ("PermanentRedirect", "AWS_REGION", Kind::Other),
        ("BlobArchived", "restore-object", Kind::Other),
        ("/latest/api/token", "AWS_PROFILE", Kind::PermissionDenied),
        ("Connection refused", "host and port", Kind::ConnectionRefused),
        ("dns error", "host of the endpoint", Kind::Other),
        ("invalid peer certificate", "ca_bundle=FILE", Kind::Other),
        ("URL scheme is not allowed", "allow_http=true", Kind::Other),
        ("no answer within 30 s", "firewall", Kind::TimedOut),
        (
            "connection reset by peer",
            "the endpoint and the network",
            Kind::Other,
        ),
    ];

    #[test]
    fn each_cause_has_a_kind_and_a_hint_that_names_what_to_change() {
        for (words, named, kind) in CAUSES {
            let said = Said::of(words);
            assert!(said.hint().contains(named), "{words}: {}", said.hint());
            assert_eq!(said.wrong().io_kind(), kind, "{words}");
        }
        // No two causes have one hint.
        let mut hints = CAUSES.map(|(words, ..)| Said::of(words).hint()).to_vec();
        hints.sort();
        hints.dedup();
        assert_eq!(hints.len(), CAUSES.len());
        let refused = Said::of("whatever a store says").counted_as_refusal(true);
        assert!(refused.hint().contains("s3:ListBucket"), "{}", refused.hint());
        assert_eq!(refused.wrong().io_kind(), Kind::PermissionDenied);
    }

    #[test]
    fn the_store_s_words_are_shown_without_its_xml() {
        let body = "<?xml version=\"1.0\"?><Error><Code>RequestTimeTooSkewed</Code><Message>The difference\n is too large.</Message><RequestTime>20261130T000000Z</RequestTime><ServerTime>2026-11-30T01:00:00Z</ServerTime></Error>";
        let text = answered("403 Forbidden", body);
        assert_eq!(
            Said::of(&text).words(),
            "Generic S3 error: Error performing GET http://h/b?… in 1ms: 403 RequestTimeTooSkewed: The difference is too large. \
             (the request was signed at 20261130T000000Z, and the store's clock shows 2026-11-30T01:00:00Z)"
        );
        let one_clock = text.replace("<RequestTime>20261130T000000Z</RequestTime>", "");
        let words = Said::of(&one_clock).words();
        assert!(
            words.ends_with(" (the store's clock shows 2026-11-30T01:00:00Z)"),
            "{words}"
        );
        let google = answered(
            "403 Forbidden",
            "{\"error\": {\"message\": \"no access\", \"status\": \"PERMISSION_DENIED\"}}",
        );
        assert!(
            Said::of(&google)
                .words()
                .ends_with("403 PERMISSION_DENIED: no access")
        );
        let other = answered("502 Bad Gateway", "<html>");
        assert_eq!(Said::of(&other).words(), other);
    }

    #[test]
    fn the_right_region_is_named_if_it_looks_like_one() {
        let error = |region: &str| {
            let body = format!("<Error><Code>PermanentRedirect</Code><Region>{region}</Region></Error>");
            Said::of(&answered("400 Bad Request", &body)).hint()
        };
        assert!(error("eu-central-1").contains("aws_region=eu-central-1"));
        for region in ["", "a b", "$(x)"] {
            assert!(error(region).contains("aws_region=REGION"), "{region}");
        }
    }
}
