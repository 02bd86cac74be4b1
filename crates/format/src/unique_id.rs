//! Session ids and the unique ids of table files.
//!
//! RocksDB gives each opening of a database a session id of 20 characters, `[0-9A-Z]`, and writes it into every table
//! file together with the database id and the file's number. From the three it computes 128 bits that are in
//! the MANIFEST for each table file (`table/unique_id.cc`, "internal" form). The session id cannot be read back
//! from them, but a candidate can be proven. The values must never change, neither in RocksDB nor here.

use std::fmt;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::FileNumber;

/// Characters in a session id (`EncodeSessionId`).
const SESSION_LEN: usize = 20;
/// How many of them, at the end, hold the low 62 bits of the lower half.
const TAIL_LEN: usize = 12;
/// How many bits of the lower half are in the tail; the other two are at the bottom of the head.
const TAIL_BITS: u32 = 62;
const TAIL_MASK: u64 = (1 << TAIL_BITS) - 1;
const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The name of one opening of a database: `rocksdb.creating.session.identity` in a table file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; SESSION_LEN]);

impl SessionId {
    /// The session id that this text spells: exactly 20 of `[0-9A-Z]`, the only form that RocksDB writes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; SESSION_LEN] = text.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
            .then_some(SessionId(bytes))
    }

    /// The session id with these halves. All of `lower` is in it, but of `upper` no more than 39 bits come back:
    /// the first eight characters hold 41 bits, two of them `lower`'s.
    pub fn from_halves(upper: u64, lower: u64) -> Self {
        let mut text = [b'0'; SESSION_LEN];
        let (head, tail) = text.split_at_mut(SESSION_LEN - TAIL_LEN);
        put_base36(head, (upper << 2) | (lower >> TAIL_BITS));
        put_base36(tail, lower & TAIL_MASK);
        SessionId(text)
    }

    /// The upper half: some 39 bits that differ from process to process.
    pub fn upper(&self) -> u64 {
        self.head() >> 2
    }

    /// The lower half, 64 bits: the low half of the [`UniqueId`] of every file of this session.
    pub fn lower(&self) -> u64 {
        (base36(&self.0[SESSION_LEN - TAIL_LEN..]) & TAIL_MASK) | (self.head() << TAIL_BITS)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn head(&self) -> u64 {
        base36(&self.0[..SESSION_LEN - TAIL_LEN])
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

fn put_base36(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(value % 36) as usize];
        value /= 36;
    }
}

/// The value of at most 12 digits, which is below 2^63.
fn base36(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| {
        let place = match digit {
            b'0'..=b'9' => digit - b'0',
            // A session id has nothing else.
            letter => letter.saturating_sub(b'A') + 10,
        };
        value * 36 + u64::from(place)
    })
}

/// The unique id of a table file as the MANIFEST keeps it: custom tag 12 of a new file (`db/version_edit.cc`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UniqueId {
    /// The lower half of the session id.
    pub low: u64,
    /// A hash of database id and session, mixed with the file's original number.
    pub high: u64,
}

impl UniqueId {
    /// The id that means "unknown". RocksDB leaves it out of the MANIFEST.
    pub const NULL: UniqueId = UniqueId { low: 0, high: 0 };

    /// The id in these 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let value = u128::from_le_bytes(bytes);
        UniqueId {
            low: value as u64,
            high: (value >> 64) as u64,
        }
    }

    /// The 16 bytes of this id.
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.low) | (u128::from(self.high) << 64)).to_le_bytes()
    }

    /// Whether this means "unknown".
    pub fn is_null(self) -> bool {
        self == Self::NULL
    }

    /// The id of the file that this session of this database made under this number. Imported files keep the id that
    /// they were made with, so `original` need not be the number in today's name. `None` if database id or number
    /// are unknown (empty or zero): RocksDB gives such files no id (`GetSstInternalUniqueId`).
    pub fn compute(database_id: &str, session: &SessionId, original: FileNumber) -> Option<Self> {
        if database_id.is_empty() || original.0 == 0 {
            return None;
        }
        let hash = xxh3_128_with_seed(database_id.as_bytes(), session.upper());
        Some(UniqueId {
            low: session.lower(),
            high: (hash >> 64) as u64 ^ original.0,
        })
    }

    /// Whether this is the id of the file that this session of this database made under this number. A null id
    /// proves nothing.
    pub fn proves(&self, database_id: &str, session: &SessionId, original: FileNumber) -> bool {
        !self.is_null() && Self::compute(database_id, session, original) == Some(*self)
    }
}

impl fmt::Display for UniqueId {
    /// As `ldb manifest_dump` shows it: both halves in decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{},{}}}", self.low, self.high)
    }
}
