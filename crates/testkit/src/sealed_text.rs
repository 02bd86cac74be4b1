//! Gives texts of `stonekeep/` that were changed the checksums that they end with, as whoever wants to be believed would.

use crc32c::crc32c;

/// How the last line of facts, journals and stamps begins.
const END: &[u8] = b"{\"end\":";
/// What stands before the checksum of a hold or a deadline.
const SEAL: &[u8] = b",\"crc32c\":";

/// The text with the right last line, or the right checksum in its only one. A text without either is as it was.
///
/// ```
/// let changed = b"{\"stonekeep_facts\":2}\n{\"end\":{\"lines\":9,\"crc32c\":0}}\n";
/// let sealed = stonekeep_testkit::sealed_text::seal(changed);
/// assert!(sealed.starts_with(b"{\"stonekeep_facts\":2}\n{\"end\":{\"lines\":1,\"crc32c\":"));
/// ```
pub fn seal(text: &[u8]) -> Vec<u8> {
    if let Some(at) = last(text, END)
        && (at == 0 || text[at - 1] == b'\n')
    {
        let before = &text[..at];
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let end = format!(
            "{{\"end\":{{\"lines\":{lines},\"crc32c\":{}}}}}\n",
            crc32c(before)
        );
        return [before, end.as_bytes()].concat();
    }
    match last(text, SEAL) {
        // A line of facts has such a field, too, but is not the only one.
        Some(at) if !text[..at].contains(&b'\n') => {
            let before = &text[..at];
            let end = format!(",\"crc32c\":{}}}\n", crc32c(before));
            [before, end.as_bytes()].concat()
        }
        _ => text.to_vec(),
    }
}

fn last(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).rposition(|window| window == part)
}
