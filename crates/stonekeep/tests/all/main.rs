//! Tests of the library through its public face.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and a child process reports by printing"
)]

mod collect;
mod copy;
mod create;
mod drill;
mod follow;
mod handle;
mod hot;
mod image;
mod info;
mod repair;
mod restore;
mod store;
mod stream;
mod support;
mod verify;
