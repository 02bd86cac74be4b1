//! Tests of the bench as a whole.
#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

mod daily;
mod growth;
mod help;
mod remote;
mod tiny;
