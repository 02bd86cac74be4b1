//! Golden texts: annotated bytes, then what a parser makes of them.

use std::path::PathBuf;

/// Between the bytes and the dump.
const RULE: &str = "----\n";

/// Reads `tests/golden/<name>`: hex with `#` comments, a line of four hyphens, the expected dump. Compares the
/// dump with what `dump` makes of the bytes, or writes it there when `STONEKEEP_GOLDEN=rewrite` is set.
pub(crate) fn check(name: &str, dump: impl Fn(&[u8]) -> String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let (annotated, expected) = text.split_once(RULE).unwrap();
    let found = dump(&bytes(annotated));
    if std::env::var_os("STONEKEEP_GOLDEN").is_some_and(|value| value == "rewrite") {
        std::fs::write(&path, format!("{annotated}{RULE}{found}")).unwrap();
    } else {
        assert_eq!(found, expected, "{name}");
    }
}

/// The bytes of hex digits in pairs, spaces and `#` comments apart. `00*5` stands for five zero bytes.
fn bytes(annotated: &str) -> Vec<u8> {
    let words = annotated.lines().flat_map(|line| {
        let code = line.split('#').next().unwrap_or_default();
        code.split_whitespace()
    });
    let mut bytes = Vec::new();
    for word in words {
        let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
        for _ in 0..times.parse().unwrap() {
            let pairs = (0..digits.len()).step_by(2);
            bytes.extend(pairs.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()));
        }
    }
    bytes
}
