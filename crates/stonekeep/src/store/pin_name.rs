//! Names for pins, which say where their holder runs.
//!
//! A pin's holder is dead when nobody holds the pin's `flock`. That is certain only where both processes see each
//! other's locks: under one kernel, or on a network file system that forwards them. So the name of a pin carries the
//! boot id of its holder's kernel (the same in every container of a machine, another one on every other machine), and
//! a store takes a pin from elsewhere for alive until it has not been touched for an hour. After a restart of the
//! machine its own old pins are from elsewhere, too, and stay for that hour.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The file that Linux shows the boot id in.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const BOOT_ID_DIGITS: usize = 32;

/// A name that no other pin has: `<boot id>-<random>`, in lower case hexadecimal.
pub(crate) fn new_pin_name() -> String {
    format!("{}-{:016x}", boot_id().unwrap_or("elsewhere"), random())
}

/// A number that no other call yields, here or elsewhere.
pub(crate) fn random() -> u64 {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // The operating system seeds RandomState once a thread; process and serial tell a forked child's numbers apart.
    let serial = COUNTER.fetch_add(1, Ordering::Relaxed);
    RandomState::new().hash_one((std::process::id(), serial))
}

/// Whether the pin of this name was made under this kernel.
pub(super) fn is_from_here(name: &str) -> bool {
    let made_at = name.split_once('-').map(|(boot_id, _)| boot_id);
    made_at.is_some() && made_at == boot_id()
}

/// The id of the running kernel's start, the same in every container of the machine.
pub(super) fn boot_id() -> Option<&'static str> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    BOOT.get_or_init(|| {
        let text = fs::read_to_string(BOOT_ID).ok()?;
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        (digits.len() == BOOT_ID_DIGITS).then_some(digits)
    })
    .as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_name_contains_its_host_and_process() {
        let name = new_pin_name();
        assert!(is_from_here(&name), "{name}");
        assert_ne!(name, new_pin_name());
        assert!(!is_from_here("0123456789abcdef0123456789abcdef-0123456789abcdef"));
        assert!(!is_from_here("elsewhere-0123456789abcdef"));
        assert!(!is_from_here("x"));
    }
}
