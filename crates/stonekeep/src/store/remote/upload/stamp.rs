//! What each object that this store writes has in its metadata: whose it is, and a checksum.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

use object_store::{Attribute, Attributes, GetResult};
use stonekeep_format::Crc32c;

/// The names of the metadata; Azure allows only those that are an identifier of C#.
const TOKEN: &str = "stonekeeptoken";
const CRC32C: &str = "stonekeepcrc32c";

/// A random name, which no other attempt at the same key has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    pub(super) fn new() -> Self {
        // The operating system seeds RandomState once a thread.
        let random = |of: u32| RandomState::new().hash_one((std::process::id(), of));
        let mut digits = String::with_capacity(32);
        for part in 0..2 {
            // Writing to a string cannot fail.
            let _ = write!(digits, "{:016x}", random(part));
        }
        Token(digits)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The metadata of an object; the checksum is that of its content, where that is known before.
    pub(super) fn stamp(&self, crc32c: Option<Crc32c>) -> Attributes {
        let named = |name: &'static str| Attribute::Metadata(Cow::Borrowed(name));
        let mut attributes = Attributes::new();
        attributes.insert(named(TOKEN), self.0.clone().into());
        if let Some(crc32c) = crc32c {
            attributes.insert(named(CRC32C), crc32c.to_string().into());
        }
        attributes
    }
}

/// The checksum that the metadata of an object has, as its text.
pub(in super::super) fn checksum_in(metadata: &Attributes) -> Option<String> {
    let value = metadata.get(&Attribute::Metadata(Cow::Borrowed(CRC32C)))?;
    Some(value.as_ref().to_owned())
}

/// An object that is there.
#[derive(Debug, Clone)]
pub(super) struct There {
    pub(super) size_bytes: u64,
    pub(super) modified: SystemTime,
    pub(super) e_tag: Option<String>,
    token: Option<String>,
    crc32c: Option<String>,
}

impl There {
    pub(super) fn new(found: &GetResult) -> Self {
        let metadata = |name: &'static str| {
            let value = found.attributes.get(&Attribute::Metadata(Cow::Borrowed(name)));
            value.map(|value| value.as_ref().to_owned())
        };
        There {
            size_bytes: found.meta.size,
            modified: SystemTime::from(found.meta.last_modified),
            e_tag: found.meta.e_tag.clone(),
            token: metadata(TOKEN),
            crc32c: metadata(CRC32C),
        }
    }

    /// Whether it is what the attempt with this token has written.
    pub(super) fn is_of(&self, token: &Token, size_bytes: u64) -> bool {
        self.token.as_deref() == Some(token.as_str()) && self.size_bytes == size_bytes
    }

    /// Whether its metadata says that it has this content.
    pub(super) fn has_content(&self, size_bytes: u64, crc32c: Crc32c) -> bool {
        self.size_bytes == size_bytes && self.crc32c == Some(crc32c.to_string())
    }
}
