//! The names of settings of S3.

/// A setting: name and value.
pub(crate) type Setting = (String, String);

/// Which profile, and where it is: as the variables of the AWS tools.
pub(super) const PROFILE: &str = "aws_profile";
pub(super) const CONFIG_FILE: &str = "aws_config_file";
pub(super) const CREDENTIALS_FILE: &str = "aws_shared_credentials_file";

pub(super) const KEY_ID: &str = "aws_access_key_id";
pub(super) const SECRET_KEY: &str = "aws_secret_access_key";
pub(super) const TOKEN: &str = "aws_session_token";

/// The names of keys, with the other names that the library has for them.
const KEYS: [&str; 8] = [
    KEY_ID,
    "access_key_id",
    SECRET_KEY,
    "secret_access_key",
    TOKEN,
    "aws_token",
    "session_token",
    "token",
];

/// Whether it is a part of a key, or its token.
pub(super) fn is_key(name: &str) -> bool {
    KEYS.iter().any(|key| key.eq_ignore_ascii_case(name))
}
