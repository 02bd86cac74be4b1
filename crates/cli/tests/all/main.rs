//! Tests of the real binary, as a shell runs it.

mod command;
mod exit_codes;
mod help;
mod inspect;
mod manual;
mod shape;
