//! Headers with right checksums and any numbers in them: what makes sense is read, the rest refused, and nothing panics.

use proptest::prelude::*;
use stonekeep::ErrorKind;
use stonekeep::format::FileNumber;
use stonekeep::repo::stream::segment_header::ManifestPosition;
use stonekeep::repo::stream::segment_name::Ordinal;
use stonekeep::repo::stream::target::{Base, Target};

use super::maker::{Maker, at, sequence, store};
use super::points::find;
use super::stored::{put_bytes, read, rich, sealed, text_of};

/// The text with its `at`th number replaced.
fn with_number(text: &str, at: prop::sample::Index, number: &str) -> String {
    let is_digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let starts: Vec<usize> = (0..text.len())
        .filter(|start| is_digit(*start) && !start.checked_sub(1).is_some_and(is_digit))
        .collect();
    let start = starts[at.index(starts.len())];
    let end = (start..).find(|end| !is_digit(*end)).unwrap();
    [&text[..start], number, &text[end..]].concat()
}

/// Numbers that are none of the right ones, and things that are no numbers.
const WRONG: &[&str] = &[
    "0",
    "1",
    "2",
    "12",
    "4096",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "9223372036854775807",
    "null",
    "1e3",
    "\"x\"",
];

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(WRONG).prop_map(str::to_owned),
        any::<u64>().prop_map(|number| number.to_string()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_numbers_in_a_header_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), number()), 1..3),
        wanted: u64,
        time: i64,
    ) {
        let (header, raw) = rich();
        let segment = stonekeep::repo::stream::encode::encode(&header, &mut &*raw).unwrap();
        let (mut text, payload) = text_of(&segment);
        for (at, number) in changes {
            text = with_number(&text, at, &number);
        }
        let (store, mut maker) = (store(), Maker::new());
        put_bytes(&store, segment.name, &sealed(&text, &payload));
        maker.previous = Some(segment.crc32c);
        maker.next = 1;
        maker.write(1).put(&store);
        if let Err(error) = read(&store, segment.name) {
            prop_assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported), "{:?}", error);
        }
        for ordinal in [0, 1].map(Ordinal) {
            let base = Base {
                ordinal,
                end: at(12, 0),
                last_sequence: sequence(0),
                manifest: ManifestPosition { number: FileNumber(5), offset: 0 },
                lowest_log_number: FileNumber(12),
            };
            for target in [Target::Latest, Target::AtTime(time), Target::AtSequence(sequence(wanted))] {
                if let Err(error) = find(&store, &base, target) {
                    prop_assert_ne!(error.kind(), ErrorKind::Io, "{:?}", error);
                }
            }
        }
    }
}
