//! Test databases, fault-injecting stores and fixtures for Stonekeep's own tests.

pub mod database;
pub mod fake_clock;
pub mod fake_s3;
pub mod fault_store;
pub mod faults;
pub mod faulty_proxy;
pub mod fixtures;
pub mod http_message;
pub mod http_server;
pub mod record_store;
pub mod sealed_text;
pub mod server;
pub mod skip;
pub mod step_sample;
pub mod store_conformance;
pub mod syscall_trace;

/// The examples of `docs/library.md`, which are compiled with the examples of this crate.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/library.md")]
mod library_guide {}
