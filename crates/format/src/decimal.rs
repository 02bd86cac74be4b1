//! Decimal numbers in text that come back as the same text.

/// The number, if it is written without a sign and without leading zeros.
pub(crate) fn plain_decimal(text: &[u8]) -> Option<u64> {
    match text {
        [] => None,
        [b'0', _, ..] => None,
        _ => text.iter().try_fold(0u64, push_digit),
    }
}

/// Likewise, of at most 32 bits.
pub(crate) fn plain_decimal32(text: &[u8]) -> Option<u32> {
    u32::try_from(plain_decimal(text)?).ok()
}

/// The number with one more digit at its end.
fn push_digit(number: u64, digit: &u8) -> Option<u64> {
    let value = digit.wrapping_sub(b'0');
    if value > 9 {
        return None;
    }
    number.checked_mul(10)?.checked_add(u64::from(value))
}
