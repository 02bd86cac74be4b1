//! The configuration file: databases, repositories, and the options of commands for them.
//!
//! ```toml
//! [repository.nas]
//! path = "/mnt/nas/backups"
//!
//! [database.app]
//! path = "/var/lib/app/db"
//! repository = "nas"
//!
//! [database.app.backup]
//! tag = ["nightly"]
//! ```
//!
//! [`place`] finds the file and refuses one that others could have written. [`parse()`] makes a [`Config`] of it, and reports
//! everything that is wrong with its line. Options are those of the commands, under their long names: the parser of the command
//! line checks them, so that each option exists once. [`Config::named`] and [`Config::all`] give an [`Entry`] for each database:
//! its directory, its repositories, its options, its hooks and its [`Schedule`]. `docs/configuration.md` describes the file.

mod database;
mod entry;
mod glob;
mod hooks;
mod names;
mod options;
mod parse;
pub(crate) mod place;
mod prefix;
pub(crate) mod problem;
mod read;
pub(crate) mod reference;
mod repository;
mod schedule;
mod table;

pub(crate) use entry::{Entry, Target};
pub(crate) use glob::is_database;
pub(crate) use hooks::Hooks;
pub(crate) use names::{is_bare_name, is_free};
pub(crate) use options::Given;
pub(crate) use parse::parse;
pub(crate) use problem::At;
pub(crate) use read::Config;
pub(crate) use repository::Setting as StoreSetting;
pub(crate) use schedule::Schedule;
