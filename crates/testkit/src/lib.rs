//! Test databases, fault-injecting stores and fixtures for Stonekeep's own tests.

pub mod database;
pub mod store_conformance;
