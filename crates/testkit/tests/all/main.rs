//! Tests of the test kit itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod circles;
mod database;
mod docs;
mod fixtures;
mod step_sample;
mod syscall_trace;
mod tidy;
