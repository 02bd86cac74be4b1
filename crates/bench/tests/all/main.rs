//! The bench as a whole.

mod help;
mod tiny;
