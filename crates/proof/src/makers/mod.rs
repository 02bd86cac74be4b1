//! Databases of each kind, made by RocksDB, each with a model of its contents.

mod fill;
mod recipes;
mod workbench;

pub(crate) use self::fill::something_of_everything;
pub(crate) use self::recipes::ORDINARY;
pub use self::recipes::{all, by_name};
pub use self::workbench::{ClosedDatabase, Recipe, Workbench};
