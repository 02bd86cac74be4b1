//! The names in the directory of a stream.

use std::fmt;

use super::stream_id::Token;

const ORDINAL_DIGITS: usize = 16;
const OWNER: &str = "owner-";

/// The number of a segment in its stream; the first one is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ordinal(pub u64);

impl Ordinal {
    /// The first one of a stream.
    pub const FIRST: Ordinal = Ordinal(0);
    /// The last one that a name has room for.
    pub const MAX: Ordinal = Ordinal(10u64.pow(ORDINAL_DIGITS as u32) - 1);

    /// The one after it, if there is one.
    pub fn next(self) -> Option<Self> {
        (self < Ordinal::MAX).then(|| Ordinal(self.0 + 1))
    }

    /// The one before it, if there is one.
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Ordinal)
    }

    fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == ORDINAL_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten().map(Ordinal)
    }
}

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The number of an owner of a stream: a larger one has taken the stream over from a smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Owner(pub u64);

impl Owner {
    /// The one that takes the stream over from this one.
    pub fn next(self) -> Self {
        Owner(self.0.saturating_add(1))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The name of a segment: `<ordinal>-<token>`, or `<first>-<last>-<token>` for a joined one. Ordinals have 16 decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    first: Ordinal,
    last: Ordinal,
    token: Token,
}

impl SegmentName {
    /// The name of the segment with these ordinals; `None` if there is none.
    pub fn new(first: Ordinal, last: Ordinal, token: Token) -> Option<Self> {
        (first <= last && last <= Ordinal::MAX).then_some(SegmentName { first, last, token })
    }

    /// The ordinal of the segment, or of the first one that was joined.
    pub fn first(&self) -> Ordinal {
        self.first
    }

    /// The ordinal of the segment, or of the last one that was joined.
    pub fn last(&self) -> Ordinal {
        self.last
    }

    /// Whoever wrote it.
    pub fn token(&self) -> Token {
        self.token
    }

    /// Whether it stands for several.
    pub fn is_joined(&self) -> bool {
        self.first < self.last
    }

    fn parse(name: &str) -> Option<Self> {
        let (ordinals, token) = name.rsplit_once('-')?;
        let token = Token::parse(token)?;
        let Some((first, last)) = ordinals.split_once('-') else {
            let ordinal = Ordinal::parse(ordinals)?;
            return SegmentName::new(ordinal, ordinal, token);
        };
        let name = SegmentName::new(Ordinal::parse(first)?, Ordinal::parse(last)?, token)?;
        name.is_joined().then_some(name)
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SegmentName { first, last, token } = self;
        if self.is_joined() {
            write!(f, "{first:016}-{last:016}-{token}")
        } else {
            write!(f, "{first:016}-{token}")
        }
    }
}

/// What a name in the directory of a stream stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEntry {
    /// A segment.
    Segment(SegmentName),
    /// The claim of an owner: `owner-<n>`, in plain decimal.
    Owner(Owner),
}

impl StreamEntry {
    /// What a name stands for; `None` for any other one, which is unknown and no error.
    pub fn parse(name: &str) -> Option<Self> {
        let Some(number) = name.strip_prefix(OWNER) else {
            return SegmentName::parse(name).map(StreamEntry::Segment);
        };
        let owner: Owner = number.parse().ok().map(Owner)?;
        (owner.to_string() == number).then_some(StreamEntry::Owner(owner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(first: u64, last: u64) -> SegmentName {
        let token = Token::parse("0123456789abcdef").unwrap();
        SegmentName::new(Ordinal(first), Ordinal(last), token).unwrap()
    }

    #[test]
    fn names_of_segments_parse_to_what_was_written() {
        for (name, text) in [
            (name(0, 0), "0000000000000000-0123456789abcdef"),
            (
                name(9_999_999_999_999_999, 9_999_999_999_999_999),
                "9999999999999999-0123456789abcdef",
            ),
            (
                name(72, 1071),
                "0000000000000072-0000000000001071-0123456789abcdef",
            ),
        ] {
            assert_eq!(name.to_string(), text);
            assert_eq!(StreamEntry::parse(text), Some(StreamEntry::Segment(name)));
        }
        assert_eq!(
            StreamEntry::parse("owner-12"),
            Some(StreamEntry::Owner(Owner(12)))
        );
    }

    #[test]
    fn any_other_name_is_unknown() {
        for bad in [
            "",
            "-",
            "72-0123456789abcdef",
            "0000000000000072",
            "0000000000000072-",
            "0000000000000072-0123456789ABCDEF",
            "0000000000000072-0123456789abcdef.tmp",
            "0000000000000072-0000000000000072-0123456789abcdef",
            "0000000000000073-0000000000000072-0123456789abcdef",
            "0000000000000072-0000000000000073-0000000000000074-0123456789abcdef",
            "+000000000000072-0123456789abcdef",
            "00000000000000072-0123456789abcdef",
            "owner-",
            "owner-01",
            "owner-+1",
            "owner-x",
            "owner-99999999999999999999",
        ] {
            assert_eq!(StreamEntry::parse(bad), None, "{bad}");
        }
        let token = Token::random();
        assert_eq!(SegmentName::new(Ordinal(2), Ordinal(1), token), None);
        assert_eq!(
            SegmentName::new(Ordinal(2), Ordinal(Ordinal::MAX.0 + 1), token),
            None
        );
        assert_eq!((Ordinal::MAX.next(), Ordinal::FIRST.previous()), (None, None));
    }
}
