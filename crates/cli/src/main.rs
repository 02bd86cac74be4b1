//! The `stonekeep` command.
fn main() {}
