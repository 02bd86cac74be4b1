//! Numbers that overflow, and texts that are no numbers, where a number is expected.

use fastrand::Rng;

const NUMBERS: [&str; 26] = [
    "0",
    "-0",
    "-1",
    "1",
    "255",
    "65536",
    "2147483647",
    "2147483648",
    "4294967293",
    "4294967294",
    "4294967295",
    "4294967296",
    "5000000000",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "99999999999999999999999999999999999999999999999999",
    "1e9",
    "1e308",
    "1e999",
    "0x7fffffff",
    "007",
    "NaN",
];

/// One as a text.
pub(super) fn text(rng: &mut Rng) -> &'static str {
    NUMBERS[rng.usize(0..NUMBERS.len())]
}

/// One that fits.
pub(super) fn number(rng: &mut Rng) -> u64 {
    let shift = rng.u32(0..64);
    match rng.u8(0..6) {
        0 => u64::MAX,
        1 => i64::MAX as u64,
        2 => u64::from(u32::MAX),
        3 => 0,
        4 => 1 << shift,
        _ => (1 << shift) - 1,
    }
}
