//! Decimal numbers in text that come back as the same text.

/// The number, if it is written without a sign and without leading zeros.
pub(crate) fn plain_decimal(text: &[u8]) -> Option<u64> {
    let padded = text.len() > 1 && text.starts_with(b"0");
    if padded || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Likewise, of at most 32 bits.
pub(crate) fn plain_decimal32(text: &[u8]) -> Option<u32> {
    u32::try_from(plain_decimal(text)?).ok()
}
