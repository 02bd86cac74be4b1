//! Test databases, fault-injecting stores and fixtures for Stonekeep's own tests.
