//! Developer commands that need no C++.
fn main() {}
