//! Credentials for S3 that run out while they are used.
//!
//! | what happens | what is done |
//! |---|---|
//! | they end in less than five minutes | they are fetched again before the next request; where that fails, the old ones are used to their end |
//! | the store answers `ExpiredToken`, since a clock is wrong or they were withdrawn | they are fetched again, and the request is signed and sent again, once ([`signed_again`]) |
//! | the fetched ones are those that were refused | the answer is the error of the request |
//!
//! All clients of a store have the same ones.

mod renewing;
mod signed_again;

use std::fmt;
use std::time::SystemTime;

pub(super) use self::renewing::Renewing;
pub(super) use self::signed_again::{SignedAgain, names_expired_token, signed_region};

/// Credentials for S3.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The id of the access key.
    pub key_id: String,
    /// The secret access key.
    pub secret_key: String,
    /// What comes with a key that ends.
    pub session_token: Option<String>,
    /// When they end; `None` if that is not known, or they do not.
    pub expires: Option<SystemTime>,
}

impl Credentials {
    /// A key that does not end.
    pub fn new(key_id: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Credentials {
            key_id: key_id.into(),
            secret_key: secret_key.into(),
            session_token: None,
            expires: None,
        }
    }

    /// Adds the token of a session.
    #[must_use]
    pub fn with_session_token(self, token: impl Into<String>) -> Self {
        Credentials {
            session_token: Some(token.into()),
            ..self
        }
    }

    /// Adds when they end.
    #[must_use]
    pub fn with_expiry(self, expires: SystemTime) -> Self {
        Credentials {
            expires: Some(expires),
            ..self
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Where credentials for S3 come from: a file, or a program that prints them.
pub trait CredentialSource: fmt::Debug + Send + Sync {
    /// Fetches them. It may block. It is asked again before they end, and when the store says that they have ended.
    ///
    /// # Errors
    /// Why there are none. The text is shown, and has no secret in it.
    fn fetch(&self) -> std::result::Result<Credentials, String>;
}
