//! Replies of a server of objects, and those that an instance gets when it asks for credentials.

/// When everything was changed.
pub const DATE: &str = "Mon, 30 Nov 2026 00:53:20 GMT";

/// A reply.
#[derive(Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub fn attributes(bytes: &[u8]) -> Vec<(String, String)> {
    let attributes = [
        ("etag", format!("\"{}\"", bytes.len())),
        ("last-modified", DATE.to_owned()),
        ("date", DATE.to_owned()),
    ];
    attributes.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

pub fn status(status: u16) -> Reply {
    Reply {
        status,
        ..Reply::default()
    }
}

pub fn xml(text: String) -> Reply {
    Reply {
        status: 200,
        headers: vec![
            ("content-type".to_owned(), "application/xml".to_owned()),
            ("date".to_owned(), DATE.to_owned()),
        ],
        body: format!("<?xml version=\"1.0\"?>{text}").into_bytes(),
    }
}

/// Where an instance asks for its role.
pub const ROLE: &str = "latest/meta-data/iam/security-credentials/";

/// What an instance asks for to get credentials.
pub fn credentials(path: &str) -> Option<Reply> {
    let text = match path {
        "latest/api/token" => "token",
        ROLE => "role",
        "latest/meta-data/iam/security-credentials/role" => {
            r#"{"AccessKeyId":"id","SecretAccessKey":"key","Token":"token","Expiration":"2036-11-30T00:00:00Z"}"#
        }
        "computeMetadata/v1/instance/service-accounts/default/token" => {
            r#"{"access_token":"token","expires_in":3600,"token_type":"Bearer"}"#
        }
        "computeMetadata/v1/instance/service-accounts/default/email" => "robot@example.org",
        _ => return None,
    };
    let mut reply = status(200);
    reply.body = text.as_bytes().to_vec();
    Some(reply)
}
