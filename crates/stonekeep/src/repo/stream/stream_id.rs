//! What tells streams, and those who write them, apart.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::store::random;

const STREAM_DIGITS: usize = 32;
const TOKEN_DIGITS: usize = 16;

/// A stream: 128 random bits, as 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamId(u128);

impl StreamId {
    /// One that no other call yields, here or elsewhere.
    pub fn random() -> Self {
        StreamId(u128::from(random()) << 64 | u128::from(random()))
    }

    /// The stream of this name.
    pub fn parse(name: &str) -> Option<Self> {
        parse_hexadecimal(name, STREAM_DIGITS).map(StreamId)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl TryFrom<String> for StreamId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        StreamId::parse(&text).ok_or("a stream has 32 lower-case hexadecimal digits")
    }
}

impl From<StreamId> for String {
    fn from(stream: StreamId) -> Self {
        stream.to_string()
    }
}

/// Whoever wrote a segment: 64 random bits, as 16 lower-case hexadecimal digits. Each run of a follower has its own, so that
/// two of them never write the same name, also where a store replaces what it should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(u64);

impl Token {
    /// One that no other call yields, here or elsewhere.
    pub fn random() -> Self {
        Token(random())
    }

    /// The token that a part of a name spells.
    pub fn parse(text: &str) -> Option<Self> {
        let bits = parse_hexadecimal(text, TOKEN_DIGITS)?;
        u64::try_from(bits).ok().map(Token)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl TryFrom<String> for Token {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Token::parse(&text).ok_or("a token has 16 lower-case hexadecimal digits")
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.to_string()
    }
}

fn parse_hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let plain = text.len() == digits && text.bytes().all(is_digit);
    plain.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_tokens_parse_to_what_was_written() {
        let stream = StreamId::parse("00112233445566778899aabbccddeeff").unwrap();
        assert_eq!(stream.to_string(), "00112233445566778899aabbccddeeff");
        let random = StreamId::random();
        assert_ne!(random, StreamId::random());
        assert_eq!(StreamId::parse(&random.to_string()), Some(random));
        let token = Token::random();
        assert_eq!(Token::parse(&token.to_string()), Some(token));
        for bad in [
            "",
            "00112233445566778899aabbccddeef",
            "00112233445566778899aabbccddeeff0",
            "00112233445566778899AABBCCDDEEFF",
            "+0112233445566778899aabbccddeeff",
            "0011223344556677-899aabbccddeeff",
        ] {
            assert_eq!(StreamId::parse(bad), None, "{bad}");
        }
        for bad in ["", "0011223344556677a", "001122334455667", "+011223344556677"] {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
    }
}
