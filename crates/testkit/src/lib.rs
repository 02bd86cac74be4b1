//! Test databases, fault-injecting stores and fixtures for Stonekeep's own tests.

pub mod store_conformance;
