//! The bench as a whole.

mod growth;
mod help;
mod tiny;
