//! What a command line means: which databases it names, and where the values of options come from.
//!
//! The parser of the command line is asked twice. First leniently ([`typed`]): which command, which options, which other words are
//! there? Options that were not typed get the value of their environment variable ([`variables`]). A word that names a database of the
//! configuration file stands for its directory, its repository and its options there ([`databases`]). So each database gives a
//! [`Job`]: a complete command line, which the parser then checks like one that was typed. An option of a command needs nothing but its
//! declaration to be a variable and a key of the file.
//!
//! The command line counts before variables, those before the file, and that before what is built in. A value that contradicts one
//! which counts before it (by `conflicts_with`) is left out.

mod databases;
mod job;
mod layers;
pub(crate) mod plan;
mod secrets;
mod typed;
mod unusable;
pub(crate) mod variables;

pub(crate) use job::{Job, Place};
pub(crate) use layers::{Origin, Setting, effective};
pub(crate) use plan::{Plan, understand};
pub(crate) use secrets::Secrets;
pub(crate) use unusable::Unusable;
